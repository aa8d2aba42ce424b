"""The budget of answers."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.sampling.budget import Budget


@pytest.mark.parametrize(
    ("budget", "arrived", "asked", "left"),
    [
        (Budget(share=0.05), 1000, 0, 50),
        (Budget(share=0.05), 1000, 30, 20),
        (Budget(share=0.05), 1000, 80, 0),
        (Budget(share=0.29), 100, 0, 29),
        (Budget(share=0.1), 9, 0, 0),
        (Budget(labels=300), 10, 299, 1),
        (Budget(share=0.5, labels=300), 1000, 0, 300),
        (Budget(share=0.5, labels=300), 100, 0, 50),
        (Budget(share=2.0), 100, 0, 200),
        (Budget(), 10, 10_000, None),
    ],
    ids=[
        "nothing asked",
        "what is in flight counts",
        "never below nothing",
        "a share is what was written, not its nearest float",
        "a part of an answer is none",
        "a number of answers",
        "the number is the tighter limit",
        "the share is the tighter limit",
        "two answers an item",
        "no limit",
    ],
)
def test_what_is_left_is_exact(budget: Budget, arrived: int, asked: int, left: int | None) -> None:
    assert budget.left(arrived, asked) == left


@dataclass(frozen=True)
class Step:
    arrive: int
    wanted: int
    needed: int


steps = st.lists(st.builds(Step, st.integers(0, 500), st.integers(0, 200), st.integers(1, 3)), max_size=30)


@given(steps=steps, share=st.floats(0, 1), labels=st.none() | st.integers(0, 1000))
def test_a_loop_that_keeps_to_what_is_left_never_exceeds_its_budget(
    steps: list[Step], share: float, labels: int | None
) -> None:
    budget, arrived, asked = Budget(share, labels), 0, 0
    for step in steps:
        arrived += step.arrive
        left = budget.left(arrived, asked)
        assert left is not None
        asked += min(step.wanted, left // step.needed) * step.needed
        assert asked <= share * arrived
        assert labels is None or asked <= labels


@pytest.mark.parametrize("wrong", [{"share": -0.1}, {"share": float("nan")}, {"labels": -1}], ids=str)
def test_a_budget_below_nothing_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="from 0 on"):
        Budget(**wrong)  # type: ignore[arg-type]
