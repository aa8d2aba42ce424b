"""Whether a model began to err more than it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.drift.detector import Cusum, surprises
from flyball.core.learning.metrics import Floats


def errors(before: float, after: float, seed: int, count: int = 1000) -> Floats:
    """Surprises of a model that expects an error of `before` and meets `after` from the middle on."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.random(count) < before, rng.random(count) < after]) - before


def fired(values: Floats, detector: Cusum | None = None) -> list[int]:
    detector = detector or Cusum()
    found = []
    for place, value in enumerate(values.tolist()):
        detector = detector.seen(value)
        if detector.changed:
            found.append(place)
    return found


def test_a_rise_of_the_error_is_seen_at_a_known_place() -> None:
    assert fired(errors(0.1, 0.4, seed=3))[0] == 1030


def test_the_beginning_of_the_rise_is_told() -> None:
    detector = Cusum()
    for place, value in enumerate(errors(0.1, 0.4, seed=3).tolist()):
        detector = detector.seen(value)
        if detector.changed:
            assert abs(place - detector.since - 1000) < 25
            return
    pytest.fail("the rise was not seen")


def test_a_rise_is_seen_within_two_hundred_labels_and_seldom_cried_before() -> None:
    first = [fired(errors(0.1, 0.25, seed))[0] for seed in range(30)]
    assert sum(place < 1000 for place in first) <= 2
    assert np.quantile(first, 0.9) < 1200


def test_labels_that_are_hard_by_choice_raise_no_alarm() -> None:
    rng = np.random.default_rng(0)
    expected = np.concatenate([rng.uniform(0.05, 0.25, 2000), rng.uniform(0.3, 0.5, 2000)])
    assert fired((rng.random(4000) < expected) - expected) == []


def test_a_fall_of_the_error_is_no_alarm() -> None:
    assert fired(errors(0.4, 0.05, seed=0)) == []


def test_one_error_after_a_long_row_without_any_is_no_alarm() -> None:
    assert fired(np.concatenate([np.zeros(5000), np.ones(1), np.zeros(100)])) == []
    assert fired(np.concatenate([np.zeros(5000), np.ones(5)])) != []


def test_after_an_alarm_the_detector_begins_anew() -> None:
    detector = Cusum()
    for value in errors(0.1, 0.9, seed=0, count=200).tolist():
        before, detector = detector, detector.seen(value)
        if before.changed:
            assert detector == Cusum().seen(value)
            return
    pytest.fail("the rise was not seen")


@given(values=st.lists(st.floats(-1, 1), max_size=60))
def test_the_same_values_always_give_the_same_detector(values: list[float]) -> None:
    def after() -> Cusum:
        detector = Cusum(threshold=3)
        for value in values:
            detector = detector.seen(value)
        return detector

    assert after() == after()
    assert after().since <= len(values)


@pytest.mark.parametrize("value", [float("nan"), float("inf")], ids=str)
def test_a_value_that_is_no_number_is_passed_over(value: float) -> None:
    detector = Cusum().seen(0.5)
    assert detector.seen(value) == detector
    alarmed = Cusum(threshold=0.1).seen(0.9)
    assert alarmed.changed and not alarmed.seen(value).changed


def test_a_surprise_is_the_error_less_the_error_that_was_expected() -> None:
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.5, 0.5]])
    assert surprises(np.array([0, 1, -1]), p).tolist() == pytest.approx([-0.1, 0.9, 0.5])
