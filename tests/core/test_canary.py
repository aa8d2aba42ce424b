"""A canary governs exactly its share of the batches, and goes back only when it is clearly worse."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.canary import governs, judge, outcomes
from flyball.core.facts import BatchReleased, BatchSettled, CanaryBegan, Fact, Looked, Recorded
from flyball.core.ids import BatchId, Digest, Position

OLD, NEW = Digest("old"), Digest("new")


def began(share: float, first: int = 1) -> CanaryBegan:
    return CanaryBegan(NEW, "rules.yaml", "", share, "val.ap", "higher", 10, "ana", "to see", first)


@given(st.integers(1, 10), st.integers(2, 20), st.integers(0, 5), st.integers(0, 2**31))
def test_a_canary_governs_its_exact_share_of_every_block(
    over: int, under: int, block: int, seed: int
) -> None:
    share = min(Fraction(over, under), Fraction(1, 2))
    first = 1 + block * share.denominator
    numbers = range(first, first + share.denominator)
    assert sum(governs(began(float(share)), number, seed) for number in numbers) == share.numerator


def test_a_canary_governs_no_batch_that_was_released_before_it() -> None:
    assert not any(governs(began(0.5, first=9), number, 7) for number in range(1, 9))


def test_chance_spreads_the_canary_over_the_places_of_its_blocks() -> None:
    places = {n % 5 for n in range(1, 200) if governs(began(0.2), n, 7)}
    assert len(places) == 5


@pytest.mark.parametrize(("better", "worse"), [("higher", False), ("lower", True)])
def test_higher_is_worse_only_where_lower_is_better(better: str, worse: bool) -> None:
    canary, others = [2.0, 2.1, 2.2, 2.1, 2.0], [1.0, 1.1, 1.2, 1.0, 1.1, 1.2]
    verdict = judge(canary, others, better, np.random.default_rng(1))  # type: ignore[arg-type]
    assert verdict.worse is worse
    assert verdict.figures["low"] > 0


def test_a_harmless_file_is_called_worse_less_than_once_in_twenty_times() -> None:
    chance = np.random.default_rng(3)
    wrong = sum(
        judge(list(chance.normal(size=10)), list(chance.normal(size=40)), "lower", chance).worse is True
        for _ in range(300)
    )
    assert wrong <= 15


def test_what_a_canary_came_to_is_told_in_the_unit_of_its_signal() -> None:
    hours, shares = [38_000.0, 38_500.0, 39_000.0] * 2, [0.21, 0.22, 0.23] * 2
    slow = judge(hours, [3_000.0] * 6, "lower", np.random.default_rng(1), "seconds").because
    good = judge(shares, [0.11] * 6, "higher", np.random.default_rng(1), "share").because
    assert slow.startswith("10h 41m against 50m in the others (difference +9h 51m, interval +9h")
    assert good.startswith("22% against 11% in the others (difference +11%, interval +10")
    assert not any("e+" in each for each in (slow, good))


def test_with_fewer_than_five_batches_on_a_side_nothing_is_concluded() -> None:
    verdict = judge([9.0] * 4, [1.0] * 40, "lower", np.random.default_rng(1))
    assert verdict.worse is None
    assert "too few" in verdict.because


def test_a_batch_is_measured_by_the_looks_from_its_release_to_the_first_after_its_end() -> None:
    facts: list[Fact] = [
        look(100.0),
        released(1, OLD),
        look(1.0),
        released(2, NEW),
        look(3.0),
        settled(1),
        look(5.0),
        look(None),
        settled(2),
        look(7.0),
        look(100.0),
        released(3, NEW),
        look(50.0),
    ]
    means, rules = outcomes([Recorded(Position(n), float(n), fact) for n, fact in enumerate(facts)], "val.ap")
    assert means == {"batch-1": 3.0, "batch-2": 5.0}
    assert rules == {"batch-1": OLD, "batch-2": NEW}


def look(value: float | None) -> Looked:
    return Looked(0.0, 0, OLD, {"val.ap": value})


def released(number: int, rules: Digest) -> BatchReleased:
    return BatchReleased(BatchId(f"batch-{number}"), number, (), (), "random", 0, None, rules, 1, 0.0)


def settled(number: int) -> BatchSettled:
    return BatchSettled(BatchId(f"batch-{number}"), number, 40, 0, 60.0)
