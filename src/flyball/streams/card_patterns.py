"""How cards are misused: three patterns that go on all the time, and one that nobody has seen before."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from flyball.core.table import Table, stack
from flyball.streams.card_world import DAY, NEW, ONLINE, STRIPE, World, medians

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Pattern = Callable[[np.random.Generator, World, Ints, Floats], Table]

#: The share of the misuse that the new pattern takes from the day it appears.
NEW_SHARE = 0.6


def misuse(rng: np.random.Generator, world: World, count: int) -> Table:
    """`count` fraudulent transactions, in the columns of `purchases`, at a constant rate over time."""
    before = round(count * world.turns / world.days)
    new = round((count - before) * NEW_SHARE)
    shares = {skimmed: 0.34, stolen: 0.33, remote: 0.33}
    parts = [
        *(
            _episodes(rng, world, round(before * share), pattern, 0.0, world.turns)
            for pattern, share in shares.items()
        ),
        *(
            _episodes(rng, world, round((count - before - new) * share), pattern, world.turns, world.days)
            for pattern, share in shares.items()
        ),
        _episodes(rng, world, new, tested, world.turns, world.days),
    ]
    return stack([part for part in parts if len(part)])


def skimmed(rng: np.random.Generator, world: World, episode: Ints, begins: Floats) -> Table:
    """A terminal copies cards for two weeks: rather more than usual is paid there with the stripe."""
    count = len(episode)
    shops = world.merchants.which(online=False, abroad=False)
    merchant = rng.choice(shops, episode[-1] + 1)[episode]
    customer = rng.integers(0, len(world.customers), count)
    time = _at_hour(begins[episode] + rng.uniform(0.0, 14.0, count), rng.normal(17.0, 3.5, count))
    channel = np.where(rng.random(count) < 0.6, STRIPE, 1)
    return _transactions(rng, world, customer, merchant, time, channel, 1.5)


def stolen(rng: np.random.Generator, world: World, episode: Ints, begins: Floats) -> Table:
    """A card is used up within a day and a half, anywhere, for what can be sold again."""
    count = len(episode)
    shops = world.merchants.which(online=False, categories=("electronics", "jewellery", "clothing", "travel"))
    shops = shops if len(shops) else world.merchants.which(online=False)
    customer = rng.integers(0, len(world.customers), episode[-1] + 1)[episode]
    time = (begins[episode] + rng.exponential(0.5, count)) * DAY
    channel = rng.choice([1, 1, STRIPE], count)
    return _transactions(rng, world, customer, rng.choice(shops, count), time, channel, 1.6)


def remote(rng: np.random.Generator, world: World, episode: Ints, begins: Floats) -> Table:
    """A card's number is used online, mostly abroad, for rather large amounts."""
    count = len(episode)
    shops = world.merchants.which(online=True, categories=("electronics", "travel", "clothing", "web-shop"))
    abroad = shops[world.merchants.country[shops] > 0]
    anywhere = rng.choice(shops, count)
    merchant = (
        np.where(rng.random(count) < 0.7, rng.choice(abroad, count), anywhere) if len(abroad) else anywhere
    )
    customer = rng.integers(0, len(world.customers), episode[-1] + 1)[episode]
    time = (begins[episode] + rng.exponential(0.15, count)) * DAY
    return _transactions(rng, world, customer, merchant, time, np.full(count, ONLINE), 1.9)


def tested(rng: np.random.Generator, world: World, episode: Ints, begins: Floats) -> Table:
    """Many cards are tried at one new merchant in one night, each once, for very little."""
    count = len(episode)
    merchant = rng.choice(world.merchants.which(online=True, categories=NEW), episode[-1] + 1)[episode]
    customer = rng.integers(0, len(world.customers), count)
    hour = rng.uniform(0.5, 4.0, episode[-1] + 1)[episode] + rng.exponential(0.4, count)
    time = _at_hour(begins[episode], hour)
    return _transactions(rng, world, customer, merchant, time, np.full(count, ONLINE), 0.6)


#: How many transactions an episode has, from and to.
_SIZES: dict[Pattern, tuple[int, int]] = {skimmed: (8, 20), stolen: (2, 7), remote: (1, 4), tested: (4, 14)}


def _episodes(
    rng: np.random.Generator, world: World, count: int, pattern: Pattern, begin: float, end: float
) -> Table:
    """Episodes of a pattern with `count` transactions in all, beginning between two days."""
    if count <= 0:
        return Table({})
    low, high = _SIZES[pattern]
    sizes = rng.integers(low, high + 1, count)
    episode = np.repeat(np.arange(count), sizes)[:count]
    begins = rng.uniform(begin, end, count)
    made = pattern(rng, world, episode, begins)
    # An episode that would outlast the world is moved to before its end.
    last = world.days * DAY - 1.0
    late = made["time"] > last
    return made.having(time=np.where(late, last - np.mod(made["time"] - last, DAY), made["time"]))


def _transactions(
    rng: np.random.Generator,
    world: World,
    customer: Ints,
    merchant: Ints,
    time: Floats,
    channel: Ints,
    factor: float,
) -> Table:
    usual = medians()[world.merchants.category[merchant]] * world.customers.spends[customer]
    return Table(
        {
            "customer": customer,
            "merchant": merchant,
            "time": time,
            "amount": usual * factor * rng.lognormal(0.0, 0.5, len(customer)),
            "channel": channel,
        }
    )


def _at_hour(day: Floats, hour: Floats) -> Floats:
    return (np.floor(day) + np.mod(hour, 24.0) / 24.0) * DAY
