"""A small world of cards and merchants, and what its people buy on ordinary days."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flyball.core.table import Column, Table, texts

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DAY = 86400.0
#: The home country comes first. Countries are invented.
COUNTRIES = texts(["AA", "BB", "CC", "DD", "EE"])
#: Category: share of merchants in person, share online, median amount.
CATEGORIES = {
    "grocery": (0.30, 0.0, 28.0),
    "restaurant": (0.20, 0.0, 24.0),
    "fuel": (0.12, 0.0, 45.0),
    "clothing": (0.11, 0.10, 60.0),
    "pharmacy": (0.10, 0.0, 17.0),
    "hardware": (0.06, 0.0, 50.0),
    "electronics": (0.05, 0.15, 170.0),
    "travel": (0.04, 0.10, 280.0),
    "jewellery": (0.02, 0.0, 240.0),
    "web-shop": (0.0, 0.40, 45.0),
    "subscription": (0.0, 0.15, 12.0),
    "streaming": (0.0, 0.10, 9.0),
    # Nobody sells these before the new pattern appears.
    "game-credits": (0.0, 0.0, 5.0),
    "gift-codes": (0.0, 0.0, 8.0),
}
NAMES = texts(CATEGORIES)
NEW = ("game-credits", "gift-codes")
CHANNELS = texts(["chip", "contactless", "stripe", "online"])
CHIP, CONTACTLESS, STRIPE, ONLINE = range(4)


@dataclass(frozen=True, slots=True)
class Customers:
    """Cards: where they live (km), how often and how much they buy, one journey each (NaN: none)."""

    x: Floats
    y: Floats
    activity: Floats
    spends: Floats
    online: Floats
    leaves: Floats
    returns: Floats
    #: The merchants around, the nearest first: shape (customers, near).
    near: Ints

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True, slots=True)
class Merchants:
    """Where things are bought. `new` ones sell in the categories that appear later."""

    x: Floats
    y: Floats
    category: Ints
    country: Ints
    online: npt.NDArray[np.bool_]
    new: npt.NDArray[np.bool_]

    def which(self, online: bool, categories: tuple[str, ...] = (), abroad: bool | None = None) -> Ints:
        """The merchants of a kind, new ones only where their category is named."""
        fits = (self.online == online) & (self.new == bool(set(categories) & set(NEW)))
        if categories:
            fits &= np.isin(NAMES[self.category], categories)
        if abroad is not None:
            fits &= (self.country > 0) == abroad
        return np.flatnonzero(fits)


@dataclass(frozen=True, slots=True)
class World:
    """Customers, merchants, and how long the world is looked at. `turns`: when the new pattern appears."""

    customers: Customers
    merchants: Merchants
    days: float
    turns: float


def make_world(rng: np.random.Generator, customers: int, terminals: int, days: float, turns: float) -> World:
    """A world of its own for each generator state."""
    merchants = _merchants(rng, terminals)
    return World(_customers(rng, customers, merchants, days), merchants, days, turns)


def purchases(rng: np.random.Generator, world: World, count: int) -> Table:
    """What people buy: `customer`, `merchant`, `time` (seconds from the start), `amount`, `channel`.

    More on Fridays and Saturdays and in one season, by day in shops and in the evening online; now and
    then several in a row; abroad on journeys.
    """
    people, shops = world.customers, world.merchants
    bursts = count // 40
    first = count - bursts
    customer = rng.choice(len(people), first, p=people.activity / people.activity.sum())
    online = rng.random(first) < people.online[customer]
    time = _days(rng, world, first) * DAY + _moments(rng, online)
    again = rng.integers(0, first, bursts)
    customer = np.concatenate([customer, customer[again]])
    online = np.concatenate([online, online[again]])
    time = np.concatenate([time, time[again] + rng.exponential(2400.0, bursts)])
    away = (time > people.leaves[customer]) & (time < people.returns[customer]) & ~online
    merchant = people.near[customer, np.minimum(rng.geometric(0.3, count) - 1, people.near.shape[1] - 1)]
    merchant = np.where(online, rng.choice(shops.which(online=True), count), merchant)
    merchant = np.where(away, rng.choice(shops.which(online=False, abroad=True), count), merchant)
    trying_new = online & (time > (world.turns - 10.0) * DAY) & (rng.random(count) < 0.08)
    merchant = np.where(trying_new, rng.choice(shops.which(online=True, categories=NEW), count), merchant)
    usual = medians()[shops.category[merchant]] * people.spends[customer] * np.where(away, 1.4, 1.0)
    amount = usual * rng.lognormal(0.0, 0.55, count)
    in_person = rng.choice([CHIP, CONTACTLESS, STRIPE], count, p=[0.35, 0.57, 0.08])
    return Table(
        {
            "customer": customer,
            "merchant": merchant,
            "time": time,
            "amount": amount,
            "channel": np.where(online, ONLINE, in_person),
        }
    )


def medians() -> Floats:
    """The median amount of each category."""
    return np.array([median for _, _, median in CATEGORIES.values()])


def _customers(rng: np.random.Generator, count: int, merchants: Merchants, days: float) -> Customers:
    x, y = rng.uniform(0.0, 300.0, (2, count))
    home = merchants.which(online=False, abroad=False)
    # The nearest of a random few: near enough, and it needs no table of all distances.
    few = rng.choice(home, (count, min(40, len(home))))
    distance = np.hypot(merchants.x[few] - x[:, None], merchants.y[few] - y[:, None])
    near = np.take_along_axis(few, np.argsort(distance, axis=1)[:, :8], axis=1)
    travels = rng.random(count) < 0.4
    leaves = np.where(travels, rng.uniform(0.0, days * DAY, count), np.nan)
    return Customers(
        x=x,
        y=y,
        activity=rng.gamma(2.0, 0.5, count),
        spends=rng.lognormal(0.0, 0.35, count),
        online=rng.beta(2.0, 5.0, count),
        leaves=leaves,
        returns=leaves + rng.uniform(3.0, 14.0, count) * DAY,
        near=near,
    )


def _merchants(rng: np.random.Generator, terminals: int) -> Merchants:
    online_count, new_count = max(20, terminals // 8), 6
    shares = np.array([(shop, web) for shop, web, _ in CATEGORIES.values()])
    category = np.concatenate(
        [
            rng.choice(len(NAMES), terminals, p=shares[:, 0] / shares[:, 0].sum()),
            rng.choice(len(NAMES), online_count, p=shares[:, 1] / shares[:, 1].sum()),
            np.flatnonzero(np.isin(NAMES, NEW))[np.arange(new_count) % len(NEW)],
        ]
    )
    count = len(category)
    online = np.arange(count) >= terminals
    new = np.arange(count) >= terminals + online_count
    abroad = rng.random(count) < np.where(online, 0.35, 0.12)
    # Whatever the draw, there is a shop at home and one abroad.
    abroad[:2] = False, True
    far = np.where(abroad, 900.0, 0.0)
    x, y = rng.uniform(0.0, 300.0, (2, count))
    return Merchants(
        x=x + far,
        y=y + far * rng.uniform(0.0, 1.5, count),
        category=category.astype(np.int64),
        country=np.where(abroad, rng.integers(1, len(COUNTRIES), count), 0),
        online=online,
        new=new,
    )


def _days(rng: np.random.Generator, world: World, count: int) -> Floats:
    day = np.arange(int(np.ceil(world.days)))
    weekly = np.array([0.93, 0.93, 0.98, 1.04, 1.22, 1.24, 0.78])[day % 7]
    weight = weekly * (1.0 + 0.18 * np.sin(2.0 * np.pi * day / 365.0)) * np.minimum(1.0, world.days - day)
    chosen: Column = rng.choice(len(day), count, p=weight / weight.sum())
    return chosen.astype(np.float64)


def _moments(rng: np.random.Generator, online: npt.NDArray[np.bool_]) -> Floats:
    count = len(online)
    hour = np.where(online, rng.normal(20.5, 3.4, count), rng.normal(14.5, 3.2, count))
    return np.mod(hour, 24.0) * 3600.0
