"""How far features and class shares moved."""

from __future__ import annotations

import numpy as np
import pytest

from flyball.core.drift.features import MOVED, features_moved, prior_shift, stability_index
from flyball.core.table import Feature, Table, texts

FEATURES = (Feature("amount"), Feature("count"), Feature("gap"), Feature("shop", "category"))
SHOPS = [f"shop {n}" for n in range(40)]


def a_window(count: int, seed: int, shift: float = 0.0, missing: float = 0.1, new_shop: float = 0.0) -> Table:
    rng = np.random.default_rng(seed)
    gap = rng.exponential(size=count)
    gap[rng.random(count) < missing] = np.nan
    shops = [None if n == 0 else SHOPS[n] for n in rng.zipf(1.7, count) % len(SHOPS)]
    for row in np.flatnonzero(rng.random(count) < new_shop):
        shops[row] = "new"
    return Table(
        {
            "amount": rng.normal(shift, 1, count),
            "count": rng.poisson(0.3, count).astype(np.float64),
            "gap": gap,
            "shop": texts(shops),
        }
    )


@pytest.mark.parametrize(
    ("reference", "recent"), [(2000, 1000), (200, 100), (50, 50)], ids=["large", "small", "smallest"]
)
def test_windows_of_one_world_raise_hardly_an_alarm(reference: int, recent: int) -> None:
    shares = []
    for seed in range(60):
        moved = features_moved(a_window(reference, seed), a_window(recent, 1000 + seed), FEATURES)
        assert moved.share is not None
        shares.append(moved.share)
    assert np.mean(shares) < 0.03


def test_the_feature_that_moved_is_named_and_the_others_are_not() -> None:
    moved = features_moved(a_window(2000, 0), a_window(1000, 1, shift=0.7), FEATURES)
    assert [name for name, distance in moved.distances.items() if distance > MOVED] == ["amount"]
    assert moved.share == 0.25
    assert moved.score == moved.distances["amount"]
    assert tuple(moved.distances) == tuple(feature.name for feature in FEATURES)


@pytest.mark.parametrize(
    ("recent", "name"),
    [(a_window(1000, 1, missing=0.4), "gap"), (a_window(1000, 1, new_shop=0.3), "shop")],
    ids=["values went missing", "a value nobody had seen"],
)
def test_missing_and_new_values_count_as_moved(recent: Table, name: str) -> None:
    moved = features_moved(a_window(2000, 0), recent, FEATURES)
    assert [each for each, distance in moved.distances.items() if distance > MOVED] == [name]


def test_a_larger_shift_is_a_larger_distance() -> None:
    scores = [
        features_moved(a_window(2000, 0), a_window(1000, 1, shift=shift), FEATURES).distances["amount"]
        for shift in (0.0, 0.3, 0.6, 1.2)
    ]
    assert scores == sorted(scores)


@pytest.mark.parametrize("rows", [0, 49], ids=["none", "a few"])
def test_too_few_rows_say_nothing(rows: int) -> None:
    moved = features_moved(a_window(2000, 0), a_window(rows, 1), FEATURES)
    assert (dict(moved.distances), moved.share, moved.score) == ({}, None, None)


@pytest.mark.parametrize(
    ("before", "after", "far"),
    [
        (np.full(100, 3.0), np.full(100, 3.0), False),
        (np.full(100, np.nan), np.full(100, np.nan), False),
        (np.full(100, np.nan), np.zeros(100), True),
        (np.zeros(100), np.full(100, np.nan), True),
        (np.full(100, 3.0), np.full(100, 4.0), True),
        (np.arange(100.0), np.full(100, np.inf), True),
    ],
    ids=["constant", "never there", "it appeared", "it vanished", "another constant", "infinite"],
)
def test_odd_columns_are_compared_too(
    before: np.ndarray[tuple[int], np.dtype[np.float64]],
    after: np.ndarray[tuple[int], np.dtype[np.float64]],
    far: bool,
) -> None:
    moved = features_moved(Table({"x": before}), Table({"x": after}), [Feature("x")])
    assert (moved.score is not None and moved.score > MOVED) is far


def test_the_index_is_the_one_of_the_textbook_on_large_samples() -> None:
    before, after = np.array([5e6, 5e6]), np.array([7e6, 3e6])
    assert stability_index(before, after) == pytest.approx(0.2 * np.log(1.4) - 0.2 * np.log(0.6), abs=1e-4)


@pytest.mark.parametrize(
    ("before", "after", "shift"),
    [
        ({"no": 90, "yes": 10}, {"no": 80, "yes": 20}, 0.1),
        ({"no": 10}, {"yes": 10}, 1.0),
        ({"no": 10}, {"no": 99}, 0.0),
        ({}, {"no": 10}, None),
        ({"no": 10}, {}, None),
    ],
    ids=["a tenth", "another class altogether", "the same", "nothing before", "nothing after"],
)
def test_the_prior_shift_is_the_largest_change_of_a_share(
    before: dict[str, float], after: dict[str, float], shift: float | None
) -> None:
    assert prior_shift(before, after) == (None if shift is None else pytest.approx(shift))
