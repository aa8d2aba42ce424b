"""Which labels a model learns from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.learning.plan import DAY, hold_out, weights
from flyball.core.table import Table

NOW = 1000 * DAY


def days_old(*days: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return NOW - np.array(days) * DAY


def test_all_labels_count_alike_by_default() -> None:
    mask, weight = weights(days_old(900, 3, 0), NOW, "full", 30)
    assert mask.all()
    assert weight is None


def test_a_window_takes_the_newest_days() -> None:
    ages = np.linspace(100, 0, 1001)
    mask, weight = weights(days_old(*ages), NOW, "window", 30)
    assert mask.tolist() == (ages <= 30).tolist()
    assert weight is None


def test_a_window_never_has_fewer_than_the_newest_two_hundred() -> None:
    mask, _ = weights(days_old(*np.linspace(400, 100, 1000)), NOW, "window", 30)
    assert mask.sum() == 200
    assert mask[-200:].all()
    few, _ = weights(days_old(500, 400), NOW, "window", 30)
    assert few.all()


def test_recency_halves_a_weight_for_each_half_life() -> None:
    mask, weight = weights(days_old(60, 30, 0), NOW, "recency", 30)
    assert mask.all()
    assert weight is not None
    assert (weight / weight[2]).tolist() == pytest.approx([0.25, 0.5, 1])
    assert weight.mean() == pytest.approx(1)


def test_labels_that_come_late_weigh_no_less_for_it() -> None:
    _, early = weights(days_old(60, 30, 0), NOW, "recency", 30)
    _, late = weights(days_old(100, 70, 40), NOW, "recency", 30)
    assert early is not None and late is not None
    assert early.tolist() == pytest.approx(late.tolist())


def test_what_weighs_next_to_nothing_is_left_out() -> None:
    mask, weight = weights(days_old(301, 300, 0), NOW, "recency", 30)
    assert mask.tolist() == [False, True, True]
    assert weight is not None and len(weight) == 2


@pytest.mark.parametrize("mode", ["full", "window", "recency"])
def test_without_labels_there_is_nothing_to_choose(mode: str) -> None:
    mask, weight = weights(np.empty(0), NOW, mode, 30)
    assert len(mask) == 0
    assert weight is None or len(weight) == 0


def test_an_unknown_mode_is_named() -> None:
    with pytest.raises(ValueError, match="unknown mode of training `monthly`"):
        weights(days_old(1), NOW, "monthly", 30)


def rows(reserve: list[bool]) -> Table:
    return Table({"time": np.arange(len(reserve), dtype=np.float64), "reserve": np.array(reserve)})


def test_the_newest_of_the_reserve_are_held_out() -> None:
    held = hold_out(rows([True, False] * 500), newest=50)
    assert held.sum() == 50
    assert np.flatnonzero(held).tolist() == list(range(900, 1000, 2))


@given(reserve=st.lists(st.booleans(), max_size=60), newest=st.integers(0, 40))
def test_only_reserve_is_held_out_and_never_over_a_fifth_of_all(reserve: list[bool], newest: int) -> None:
    table = rows(reserve)
    held = hold_out(table, newest)
    assert held.sum() <= min(newest, len(reserve) // 5)
    assert not np.any(held & ~table["reserve"].astype(bool))
