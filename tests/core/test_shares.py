"""Shares of classes that move: by chance, by a known change, or by neither."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from flyball.core.labels.shares import Gold, Moved, Run, fisher, moved

MADE = {"sampler": "random", "model": 1, "contract": "c", "label.answers_needed": 1}


def runs(
    *fraud: int, of: int = 100, reserve: int | None = None, last: Mapping[str, Any] | None = None
) -> list[Run]:
    """Batches with so many frauds in each; `last`: what the last one was made with instead."""
    made: list[Mapping[str, Any]] = [MADE] * (len(fraud) - 1) + [{**MADE, **(last or {})}]
    return [
        Run(
            f"b-{number}",
            Counter(fraud=count, fine=of - count),
            _reserved(count, of, reserve),
            how,
        )
        for number, (count, how) in enumerate(zip(fraud, made, strict=True))
    ]


def _reserved(count: int, of: int, reserve: int | None) -> Counter[str]:
    if reserve is None:
        return Counter()
    return Counter(fraud=count * reserve // of, fine=reserve - count * reserve // of)


def names(found: tuple[Moved, ...]) -> list[str]:
    return [each.label for each in found if each.blocks]


def test_a_shift_that_nothing_explains_holds_both_classes_back() -> None:
    found = moved(runs(20, 22, 18, 20, 45))
    assert names(found) == ["fine", "fraud"]
    assert found[1].shares == (0.2, 0.22, 0.18, 0.2, 0.45)
    assert "from 20.0% to 45.0%" in str(found[1]) and "nothing known explains it" in str(found[1])


@pytest.mark.parametrize(
    "those",
    [
        runs(20, 22, 18, 45),
        runs(20, 22, 18, 20, 29),
        runs(2, 2, 2, 2, 4, of=10),
        runs(200, 220, 180, 200, 290, of=1000),
        runs(0, 0, 0, 0, 17, of=25, reserve=3, last={"model": 2}),
    ],
    ids=["four runs", "nine points", "twenty of ten items", "nine points of a thousand", "three by chance"],
)
def test_what_is_too_little_or_may_be_chance_counts_for_nothing(those: list[Run]) -> None:
    assert moved(those) == ()


def test_an_ordinary_loop_is_hardly_ever_stopped_by_chance() -> None:
    chance, stopped = Random(7), 0
    for _ in range(40):
        batches = [sum(chance.random() < 0.3 for _ in range(40)) for _ in range(50)]
        stopped += any(moved(runs(*batches[at - 5 : at], of=40)) for at in range(5, 51))
    assert stopped <= 2


@pytest.mark.parametrize("change", ["contract", "label.answers_needed"])
def test_a_known_change_explains_a_shift(change: str) -> None:
    found = moved(runs(20, 22, 18, 20, 45, last={change: "other"}))
    assert names(found) == []
    assert {each.explained for each in found} == {(change,)}


@pytest.mark.parametrize("change", ["sampler", "model"])
def test_another_choice_explains_the_chosen_items_and_not_those_of_chance(change: str) -> None:
    assert moved(runs(20, 22, 18, 20, 45, reserve=5, last={change: "other"})) == ()
    assert names(moved(runs(20, 22, 18, 20, 95, reserve=60, last={change: "other"}))) == ["fine", "fraud"]


def test_gold_items_tell_labels_that_drift_from_a_world_that_does() -> None:
    those = runs(20, 22, 18, 20, 45)
    (_, worse) = moved(those, gold=Gold(right=(95, 60), of=(100, 100)))
    (_, as_well) = moved(those, gold=Gold(right=(95, 93), of=(100, 100)))
    assert (worse.cause, worse.blocks) == ("labels", True)
    assert (as_well.cause, as_well.blocks) == ("data", False)


def test_the_exact_test_gives_what_the_tables_give() -> None:
    # The lady tasting tea: three of four cups right, and all four.
    assert fisher(3, 4, 1, 4) == pytest.approx(0.4857142857)
    assert fisher(4, 4, 0, 4) == pytest.approx(0.0285714286)
    assert fisher(0, 5, 0, 7) == 1.0
