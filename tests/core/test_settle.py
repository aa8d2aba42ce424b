"""How answers become a label."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.facts import AlertCleared, AnswerGiven, Recorded
from flyball.core.ids import AnnotatorId, ItemId, Position
from flyball.core.labels.settle import Settled, Waiting, settle


def said(words: str) -> list[Recorded]:
    """Answers in order, each `annotator:label`, with `?` at its end for a draft."""
    return [
        Recorded(Position(seq), float(seq), answer(word)) for seq, word in enumerate(words.split(), start=1)
    ]


def answer(word: str) -> AnswerGiven:
    annotator, label = word.rstrip("?").split(":")
    return AnswerGiven(ItemId("i"), AnnotatorId(annotator), label, draft=word.endswith("?"))


@pytest.mark.parametrize(
    ("words", "needed", "label", "agreed", "counted"),
    [
        ("ann:cat", 1, "cat", 1.0, [1]),
        ("ann:cat bob:cat", 2, "cat", 1.0, [1, 2]),
        ("ann:cat bob:dog cem:cat", 3, "cat", 2 / 3, [1, 2, 3]),
        ("ann:cat bob:dog cem:dog ann:dog", 3, "dog", 1.0, [2, 3, 4]),
        ("ann:cat ann:dog?", 1, "cat", 1.0, [1]),
        ("ann:cat bob:dog cem:cat dan:dog eve:dog", 2, "dog", 0.6, [1, 2, 3, 4, 5]),
        ("ann:a bob:a cem:b dan:c", 3, "a", 0.5, [1, 2, 3, 4]),
    ],
    ids=[
        "one is enough",
        "two agree",
        "most of three",
        "a later answer replaces the earlier",
        "a draft does not",
        "more than were needed",
        "most, not half",
    ],
)
def test_answers_settle(words: str, needed: int, label: str, agreed: float, counted: list[int]) -> None:
    assert settle(said(words), needed) == Settled(label, agreed, tuple(map(Position, counted)))


@pytest.mark.parametrize(
    ("words", "needed", "why"),
    [
        ("", 1, "no answer yet"),
        ("ann:cat?", 1, "no answer yet"),
        ("ann:cat", 2, "1 of 2 answers"),
        ("ann:cat ann:cat", 2, "1 of 2 answers"),
        ("ann:cat bob:dog", 2, "a tie: 1 each for cat and dog; one more answer is needed"),
        ("ann:a bob:b cem:c", 3, "a tie: 1 each for a and b and c; one more answer is needed"),
    ],
    ids=["none", "only a draft", "one short", "one annotator twice is one", "a tie", "a tie of three"],
)
def test_answers_wait_and_say_why(words: str, needed: int, why: str) -> None:
    assert settle(said(words), needed) == Waiting(why)


@pytest.mark.parametrize(
    ("words", "label"),
    [("ann:cat", "cat"), ("ann:cat bob:dog", "dog"), ("ann:a bob:b cem:b dan:a eve:c", "a")],
    ids=["fewer than needed", "the newest breaks a tie", "the newest of those in the tie"],
)
def test_when_no_more_answers_come_what_there_is_settles(words: str, label: str) -> None:
    settled = settle(said(words), needed=5, final=True)
    assert isinstance(settled, Settled)
    assert settled.label == label


def test_with_no_answer_at_all_even_the_end_settles_nothing() -> None:
    assert settle([], 1, final=True) == Waiting("no answer yet")


def test_facts_that_are_no_answers_do_not_count() -> None:
    other = Recorded(Position(9), 9.0, AlertCleared("x"))
    assert settle([*said("ann:cat"), other], 1) == settle(said("ann:cat"), 1)


answers = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["x", "y", "z"])), max_size=10)


@given(answers=answers, needed=st.integers(1, 4), final=st.booleans(), data=st.data())
def test_the_order_in_which_answers_are_read_does_not_matter(
    answers: Sequence[tuple[str, str]], needed: int, final: bool, data: st.DataObject
) -> None:
    recorded = said(" ".join(f"{who}:{label}" for who, label in answers))
    shuffled = data.draw(st.permutations(recorded))
    assert settle(shuffled, needed, final=final) == settle(recorded, needed, final=final)


@given(
    labels=st.lists(st.sampled_from(["x", "y", "z"]), max_size=8), needed=st.integers(1, 4), data=st.data()
)
def test_the_order_in_which_annotators_answered_does_not_matter(
    labels: Sequence[str], needed: int, data: st.DataObject
) -> None:
    first = settle(
        said(" ".join(f"{who}:{label}" for who, label in zip("abcdefgh", labels, strict=False))), needed
    )
    order = data.draw(st.permutations(list(zip("abcdefgh", labels, strict=False))))
    again = settle(said(" ".join(f"{who}:{label}" for who, label in order)), needed)
    assert again == first
