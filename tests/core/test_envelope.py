"""Answers that come in parts."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.test_merge import ANY, STRICT, recorded, stands

from flyball.core.facts import AnswerGiven, Recorded
from flyball.core.ids import AnnotatorId, ItemId
from flyball.core.labels.envelope import late
from flyball.core.labels.merge import merge


def part(number: int, of: int = 2, label: str = "", who: str = "ann", **more: Any) -> AnswerGiven:
    return AnswerGiven(ItemId("i"), AnnotatorId(who), label, part=("e-1", number, of), **more)


def test_parts_wait_for_each_other_and_then_are_one_answer() -> None:
    first, second = part(1, label="fraud", fields={"amount": 5}), part(2, fields={"note": "x"})
    waiting = merge(recorded([first]), STRICT)
    assert (waiting.kind, stands(waiting)) == ("unfinished", "pe")
    whole = merge(recorded([first, second]), STRICT)
    assert (whole.label, stands(whole)) == ("fraud", "me me")
    assert whole.fields == {"amount": 5, "note": "x"}


def test_a_part_that_comes_again_replaces_itself() -> None:
    words = [part(1, label="cat", revision=1), part(2, revision=1), part(1, label="dog", revision=2)]
    outcome = merge(recorded(words), ANY)
    assert (outcome.label, stands(outcome)) == ("dog", "su me me")


@pytest.mark.parametrize(
    "words",
    [
        [part(1, of=2, label="cat"), part(2, of=3)],
        [part(1, label="cat"), part(2, label="dog")],
        [part(1, label="cat", fields={"a": 1}), part(2, fields={"a": 2})],
    ],
    ids=["in how many they are", "in the label", "in a field"],
)
def test_parts_that_contradict_each_other_are_parked_together(words: list[AnswerGiven]) -> None:
    outcome = merge(recorded(words), ANY)
    assert (outcome.kind, stands(outcome)) == ("empty", "pa pa")
    assert {each.code for each in outcome.standing.values()} == {"parts-disagree"}


def test_a_whole_that_the_contract_refuses_is_parked_with_all_its_parts() -> None:
    outcome = merge(recorded([part(1, label="fine"), part(2, fields={"note": "stolen"})]), STRICT)
    assert (outcome.kind, stands(outcome)) == ("empty", "pa pa")
    assert {each.code for each in outcome.standing.values()} == {"never-together"}


def test_parts_of_one_annotator_are_never_completed_by_another() -> None:
    outcome = merge(recorded([part(1, label="cat"), part(2, who="bob")]), ANY)
    assert (outcome.kind, stands(outcome)) == ("unfinished", "pe pe")


def test_an_answer_that_lacks_parts_for_too_long_is_listed_and_completed_when_they_come() -> None:
    answers = [Recorded(each.seq, 100.0, each.fact) for each in recorded([part(1, of=3), part(3, of=3)])]
    assert late(answers, 159.0, 60.0) == ()
    (listed,) = late(answers, 160.0, 60.0)
    assert (listed.envelope, listed.annotator, listed.have, listed.of) == ("e-1", "ann", (1, 3), 3)
    rest = recorded([part(1, of=3), part(3, of=3), part(2, of=3, label="cat")])
    assert late(rest, 1e9, 60.0) == ()
    assert merge(rest, ANY).label == "cat"
