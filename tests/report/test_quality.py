"""What the comparison with other loops claims, and what it leaves unsaid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.learning.metrics import Floats
from flyball.core.table import Table, texts
from flyball.report import words
from flyball.report.quality import LEAST, LOOP, RANDOM, Judged, bounds, cell_of, judged_of, quality_of

DAY = 86400.0


def judged(share: float, skill: float, rival: float, count: int = 3000, classes: int = 2) -> Judged:
    """A made-up stream of 30 days; `skill` is how far the loop's scores tell the classes apart."""
    rng = np.random.default_rng(3)
    truth = np.where(rng.random(count) < share, rng.integers(1, classes, count), 0)

    def scores(of: float) -> Floats:
        raw = rng.random((count, classes)) + of * np.eye(classes)[truth]
        shares: Floats = raw / raw.sum(axis=1, keepdims=True)
        return shares

    times = np.sort(rng.random(count)) * 30 * DAY
    named = tuple(f"c{number}" for number in range(classes))
    return Judged(times, truth, named, {LOOP: scores(skill), RANDOM: scores(rival)})


@pytest.mark.parametrize(
    ("share", "classes", "metric", "positive"),
    [
        (0.02, 2, "average precision", "c1"),
        (0.98, 2, "average precision", "c0"),
        (0.3, 2, "kappa", None),
        (0.02, 3, "kappa", None),
    ],
    ids=["a rare class", "the other one is rare", "no class is rare", "three classes"],
)
def test_a_rare_class_of_two_is_measured_by_ranking_and_all_else_by_kappa(
    share: float, classes: int, metric: str, positive: str | None
) -> None:
    found = quality_of(judged(share, 1.0, 0.5, classes=classes), 7)
    assert found is not None
    assert (found.metric, found.positive) == (metric, positive)


def test_a_clear_difference_is_claimed_and_none_is_claimed_between_equals() -> None:
    better, equal = (quality_of(judged(0.2, skill, 0.5), 7) for skill in (1.5, 0.5))
    assert better is not None
    assert equal is not None
    assert words.verdict(better.gains[RANDOM]) == "the loop was better"
    assert words.verdict(equal.gains[RANDOM]) == "no improvement is shown"
    value, low, high = better.gains[RANDOM]
    assert low < value < high
    assert value == pytest.approx(better.overall[LOOP][0] - better.overall[RANDOM][0])


def test_the_same_predictions_differ_by_nothing_at_all() -> None:
    given_once = judged(0.02, 1.0, 1.0)
    twice = Judged(
        given_once.times,
        given_once.truth,
        given_once.classes,
        dict.fromkeys((LOOP, RANDOM), given_once.scores[LOOP]),
    )
    found = quality_of(twice, 7)
    assert found is not None
    assert found.gains[RANDOM] == (0.0, 0.0, 0.0)


def test_one_class_alone_says_nothing() -> None:
    assert quality_of(judged(0.0, 1.0, 0.5), 7) is None


def test_the_same_seed_gives_the_same_intervals() -> None:
    stream = judged(0.02, 1.0, 0.5)
    assert quality_of(stream, 7) == quality_of(stream, 7)


def test_items_count_only_where_everybody_scored_them_and_the_label_is_known() -> None:
    def said(*items: str) -> Table:
        return Table({"item": texts(items), "p_no": np.zeros(len(items)), "p_yes": np.ones(len(items))})

    truth = Table(
        {
            "item": texts(["a", "b", "c", "d"]),
            "time": np.array([4.0, 3.0, 2.0, 1.0]),
            "label": texts(["yes", "no", None, "new"]),
        }
    )
    found = judged_of({LOOP: said("a", "b", "c", "d"), RANDOM: said("d", "c", "a")}, truth)
    assert found is not None
    assert found.times.tolist() == [1.0, 4.0]
    assert found.classes == ("new", "no", "yes")
    assert found.truth.tolist() == [0, 2]
    assert found.scores[RANDOM].tolist() == [[0, 0, 1], [0, 0, 1]]
    assert judged_of({LOOP: said("x")}, truth) is None


@given(
    st.lists(st.tuples(st.floats(0, 60 * DAY), st.booleans()), min_size=1, max_size=300),
    st.integers(1, 20),
)
def test_periods_hold_every_item_once_and_enough_of_what_counts(
    items: list[tuple[float, bool]], least: int
) -> None:
    items.sort()
    times, counted = np.array([at for at, _ in items]), np.array([count for _, count in items])
    found = bounds(times, counted, least)
    assert [row for begin, end in found for row in range(begin, end)] == list(range(len(items)))
    if counted.sum() >= least:
        assert all(counted[begin:end].sum() >= least for begin, end in found)
    else:
        assert len(found) == 1


def test_periods_end_where_a_person_would_end_them() -> None:
    times = np.arange(0, 28 * DAY, 600) + 5 * 3600
    found = bounds(times, np.ones(len(times), dtype=bool))
    assert cell_of(28 * DAY) == DAY
    assert all(times[begin] % DAY < 600 for begin, _ in found[1:])
    assert all(end - begin >= LEAST for begin, end in found)
