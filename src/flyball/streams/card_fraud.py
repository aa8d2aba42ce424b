"""A stream of card payments, some of them fraudulent, in a world that moves.

The model, all of it from one seed:

- **People.** One card for each hundred payments, each with a home, a way of spending and a share of
  online buying; four in ten go on one journey. One terminal for each two cards. Payments follow a
  daily and a weekly rhythm and a season; prices creep up by `inflation` a month.
- **Fraud** (`fraud`, 0.8% of payments): terminals that copy cards for two weeks, stolen cards that are
  used up within two days, card numbers used online. Victims and terminals rotate.
- **A new pattern** appears at `new_pattern_at` (a share of the time) and is 60% of the fraud from then
  on: many cards are tried at night for very small amounts, at merchants of categories that did not exist.
  Honest people buy there too.
- **Labels.** `fraud` is the truth. By itself a fraud becomes known when its victim reports it:
  lognormal, two weeks in the median; one in ten is never reported. What nobody reported within 45
  days counts as legitimate, the unreported and the late frauds too: `reported` is that label and
  `known_at` its time. Only an investigator learns the truth sooner.
- **Features** are as they were known at the moment of the payment: counts and means of the past
  only, and of a merchant's reports only those that had come in. Some countries are missing.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from flyball.core.chance import rng
from flyball.core.table import Column, Table, stack, texts
from flyball.streams.card_patterns import misuse
from flyball.streams.card_world import (
    CHANNELS,
    COUNTRIES,
    DAY,
    NAMES,
    ONLINE,
    Floats,
    World,
    make_world,
    purchases,
)
from flyball.streams.velocity import count_before, known_share, mean_before, seconds_since

HOUR = 3600.0
#: What nobody reported within so many days counts as legitimate.
MATURE = 45.0


def stream(
    seed: int,
    transactions: int = 100_000,
    days: float = 180.0,
    fraud: float = 0.008,
    new_pattern_at: float = 0.5,
    inflation: float = 0.02,
    report_days: float = 14.0,
    unreported: float = 0.1,
    begins: str = "2024-01-01",
) -> Table:
    """Payments in order of time: `id`, `time`, the features, `fraud`, `reported`, `known_at`.

    `new_pattern_at` 1: it never appears. `report_days` is the median. Raises ValueError for values out
    of bounds.
    """
    _check(transactions, days, fraud, new_pattern_at)
    start = datetime.fromisoformat(begins).replace(tzinfo=UTC).timestamp()
    terminals = max(40, transactions // 200)
    world = make_world(
        rng(seed, "card-fraud", "world"), max(50, transactions // 100), terminals, days, days * new_pattern_at
    )
    frauds = misuse(rng(seed, "card-fraud", "misuse"), world, round(transactions * fraud))
    honest = purchases(rng(seed, "card-fraud", "purchases"), world, transactions - len(frauds))
    both = stack([part for part in (honest, frauds) if len(part)])
    truth = np.arange(len(both)) >= len(honest)
    time = np.floor(np.clip(both["time"], 0.0, days * DAY - 1.0))
    order = np.argsort(time, kind="stable")
    both, truth, time = both.take(order), truth[order], time[order] + start
    price = (1.0 + inflation) ** ((time - start) / (30.0 * DAY))
    both = both.having(time=time, amount=np.round(np.maximum(0.5, both["amount"] * price), 2))
    reported, known_at = _reports(rng(seed, "card-fraud", "reports"), time, truth, report_days, unreported)
    features = _features(rng(seed, "card-fraud", "gaps"), both, world, np.where(reported, known_at, np.nan))
    named = texts(f"payment-{number:07d}" for number in range(len(both)))
    labels = {"fraud": truth.astype(np.int64), "reported": reported.astype(np.int64), "known_at": known_at}
    return Table({"id": named, "time": time, **features, **labels})


def _check(transactions: int, days: float, fraud: float, new_pattern_at: float) -> None:
    for name, value, low, high in (
        ("transactions", transactions, 1000, 5_000_000),
        ("days", days, 1.0, 3650.0),
        ("fraud", fraud, 0.0, 0.5),
        ("new_pattern_at", new_pattern_at, 0.0, 1.0),
    ):
        if not low <= value <= high:
            raise ValueError(f"`{name}` is a number from {low} to {high}, not {value}")


def _reports(
    chance: np.random.Generator, time: Floats, fraud: Column, median: float, unreported: float
) -> tuple[Column, Floats]:
    """Which payments are reported, and when the label of each becomes known by itself."""
    delay = median * chance.lognormal(0.0, 0.6, len(time))
    reported = fraud & (chance.random(len(time)) >= unreported) & (delay < MATURE)
    return reported, np.floor(time + np.where(reported, delay, MATURE) * DAY)


def _features(
    chance: np.random.Generator, both: Table, world: World, reported_at: Floats
) -> dict[str, Column]:
    customer, merchant, time, amount = (both[name] for name in ("customer", "merchant", "time", "amount"))
    people, shops = world.customers, world.merchants
    away = np.hypot(people.x[customer] - shops.x[merchant], people.y[customer] - shops.y[merchant])
    country = COUNTRIES[shops.country[merchant]]
    country[chance.random(len(both)) < 0.04] = None
    return {
        "amount": amount,
        "amount_vs_mean": np.round(amount / mean_before(customer, amount), 4),
        "hour": np.round(np.mod(time, DAY) / HOUR, 3),
        "weekday": np.mod(np.floor(time / DAY) + 3.0, 7.0),
        "hours_since_last": np.round(seconds_since(customer, time) / HOUR, 4),
        "count_1h": count_before(customer, time, HOUR),
        "count_24h": count_before(customer, time, DAY),
        "count_7d": count_before(customer, time, 7 * DAY),
        "merchant_count_1h": count_before(merchant, time, HOUR),
        "merchant_count_7d": count_before(merchant, time, 7 * DAY),
        "merchant_fraud_share": np.round(known_share(merchant, time, reported_at, 30 * DAY), 4),
        "distance": np.where(both["channel"] == ONLINE, np.nan, np.round(away, 1)),
        "category": NAMES[shops.category[merchant]],
        "country": country,
        "channel": CHANNELS[both["channel"]],
    }
