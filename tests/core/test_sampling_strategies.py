"""What a batch is made of."""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.ids import ItemId
from flyball.core.sampling.scores import Floats, margin
from flyball.core.sampling.strategies import SAMPLERS, STRATEGIES, Pool, choose, rare_class


def two_classes(positive: Floats) -> Floats:
    return np.stack([1 - positive, positive], axis=1)


def a_pool(size: int, seed: int = 0, unscored: int = 0, rare: int | None = None) -> Pool:
    rng = np.random.default_rng(seed)
    scores = two_classes(rng.beta(1, 3, size))
    scores[:unscored] = np.nan
    return Pool([ItemId(f"i{n}") for n in range(size)], scores, np.sort(rng.random(size)), rare)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def unsure(pool: Pool) -> Floats:
    assert pool.scores is not None
    return margin(pool.scores)


def numbers(items: tuple[ItemId, ...]) -> list[int]:
    return [int(item[1:]) for item in items]


@given(
    size=st.integers(0, 60),
    pool_size=st.integers(0, 60),
    share=st.floats(0, 1),
    strategy=st.sampled_from(SAMPLERS),
    diversity=st.floats(0, 1),
    unscored=st.integers(0, 60),
    rare=st.sampled_from([None, 0, 1]),
    seed=st.integers(0, 9),
)
def test_a_batch_is_full_without_doubles_and_has_its_reserve(
    size: int,
    pool_size: int,
    share: float,
    strategy: str,
    diversity: float,
    unscored: int,
    rare: int | None,
    seed: int,
) -> None:
    pool = a_pool(pool_size, seed, unscored, rare)
    chosen = choose(pool, size, share, strategy, diversity, rng(seed))
    assert len(chosen.items) == min(size, pool_size)
    assert len(set(chosen.items)) == len(chosen.items)
    assert set(chosen.items) <= set(pool.items)
    assert set(chosen.reserve) <= set(chosen.items)
    assert len(chosen.reserve) >= ceil(share * len(chosen.items) - 1e-9)
    assert chosen == choose(pool, size, share, strategy, diversity, rng(seed))


@pytest.mark.parametrize("strategy", ["random", "margin", "hybrid"])
def test_each_item_is_as_likely_in_the_reserve_as_any_other(strategy: str) -> None:
    pool = a_pool(20)
    times = np.zeros(20)
    for seed in range(800):
        for row in numbers(choose(pool, 10, 0.2, strategy, 0.2, rng(seed)).reserve):
            times[row] += 1
    drawn = times / times.sum()
    assert np.abs(drawn - 1 / 20).max() < 0.015


@pytest.mark.parametrize(
    ("size", "share", "reserve"),
    [(10, 0.1, 1), (10, 0.01, 1), (10, 0.0, 0), (30, 0.1, 3), (25, 0.1, 3), (10, 1.0, 10)],
    ids=["a tenth", "one at least", "none wanted", "exact", "rounded up", "all"],
)
def test_the_reserve_has_its_share(size: int, share: float, reserve: int) -> None:
    assert len(choose(a_pool(100), size, share, "margin", 0.0, rng()).reserve) == reserve


@pytest.mark.parametrize("pool", [Pool([ItemId("a"), ItemId("b"), ItemId("c")]), a_pool(9, unscored=9)])
def test_without_scores_chance_chooses_and_all_is_reserve(pool: Pool) -> None:
    chosen = choose(pool, 2, 0.1, "entropy", 0.2, rng())
    assert chosen.items == chosen.reserve
    assert len(chosen.items) == 2


@pytest.mark.parametrize("strategy", ["entropy", "margin", "least_confidence"])
def test_outside_the_reserve_the_least_sure_go_first(strategy: str) -> None:
    pool = a_pool(200)
    chosen = choose(pool, 40, 0.25, strategy, 0.9, rng())
    picked = numbers(tuple(set(chosen.items) - set(chosen.reserve)))
    others = numbers(tuple(set(pool.items) - set(chosen.items)))
    assert len(picked) == 30
    assert unsure(pool)[picked].min() >= unsure(pool)[others].max()


def test_items_that_nobody_scored_come_only_by_chance() -> None:
    pool = a_pool(200, unscored=150)
    chosen = choose(pool, 40, 0.1, "margin", 0.0, rng())
    picked = numbers(tuple(set(chosen.items) - set(chosen.reserve)))
    assert all(row >= 150 for row in picked)
    assert len(choose(pool, 120, 0.1, "margin", 0.0, rng()).items) == 120


def test_for_a_rare_class_a_third_each_is_chance_top_score_and_margin() -> None:
    pool = a_pool(1000, rare=1)
    assert pool.scores is not None
    chosen = choose(pool, 90, 0.1, "hybrid", 0.2, rng())
    assert len(chosen.reserve) == 30
    picked = np.array(numbers(tuple(set(chosen.items) - set(chosen.reserve))))
    by_score = np.argsort(-pool.scores[:, 1])
    assert len(set(by_score[:30].tolist()) & set(numbers(chosen.items))) == 30
    assert unsure(pool)[picked].mean() > unsure(pool).mean()


def test_diversity_spreads_a_hybrid_batch_over_classes_and_times() -> None:
    pool = a_pool(2000)

    def sure_ones(diversity: float) -> int:
        chosen = choose(pool, 100, 0.0, "hybrid", diversity, rng())
        return int((unsure(pool)[numbers(chosen.items)] < 0.3).sum())

    assert sure_ones(0.0) == 0
    assert 0 < sure_ones(0.3) < sure_ones(1.0)
    spread = choose(pool, 64, 0.0, "hybrid", 1.0, rng())
    quarters = np.bincount(np.array(numbers(spread.items)) // 500, minlength=4)
    assert quarters.min() >= 12


def test_the_order_of_a_batch_does_not_betray_the_reserve() -> None:
    chosen = choose(a_pool(500), 100, 0.5, "margin", 0.0, rng())
    places = [chosen.items.index(item) for item in chosen.reserve]
    assert 30 < np.mean(places) < 70


def test_an_unknown_sampler_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown sampler `entropie`; known: random, entropy"):
        choose(a_pool(5), 2, 0.1, "entropie", 0.0, rng())
    assert set(STRATEGIES) < set(SAMPLERS)


@pytest.mark.parametrize(
    ("labels", "rare"),
    [
        (["no"] * 97 + ["yes"] * 3, 1),
        (["no"] * 100, 1),
        (["no"] * 94 + ["yes"] * 6, None),
        (["no"] * 59, None),
        (["yes"] * 98 + ["no"] * 2, 0),
    ],
    ids=["three in a hundred", "never seen yet", "six in a hundred", "too few to tell", "the first class"],
)
def test_a_class_under_five_in_a_hundred_is_rare(labels: list[str], rare: int | None) -> None:
    assert rare_class(np.array(labels, dtype=object), ("no", "yes")) == rare
