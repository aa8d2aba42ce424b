"""What all that was said about an item comes to, and how each answer stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.core.facts import AnswerGiven, Recorded
from flyball.core.ids import AnnotatorId, Digest, ItemId, Position
from flyball.core.labels.contract import Approval, Contract, Field, Label, Never
from flyball.core.labels.merge import Outcome, merge

ANY = Contract.implied([])
STRICT = Contract(
    name="cards",
    labels=(Label("fraud", aliases=("bad",)), Label("fine"), Label("unsure", abstains=True)),
    fields=(Field("amount", "number", low=0.0), Field("note"), Field("card")),
    other_fields=False,
    identity=("card",),
    ambiguous=("note",),
    never_together=(Never({"label": ("fine",), "note": ("stolen",)}, "a stolen card is never fine"),),
)


def said(words: str, **more: Any) -> list[Recorded]:
    """Answers in order, each `annotator:label`; `?` at the end for a draft, `-` for what is taken back."""
    return recorded([_answer(word, **more) for word in words.split()])


def _answer(word: str, **more: Any) -> AnswerGiven:
    annotator, label = word.rstrip("?-").split(":")
    draft, withdrawn = word.endswith("?"), word.endswith("-")
    return AnswerGiven(ItemId("i"), AnnotatorId(annotator), label, draft=draft, withdrawn=withdrawn, **more)


def recorded(answers: Sequence[AnswerGiven]) -> list[Recorded]:
    """Answers as they stand in a log, one after the other."""
    return [Recorded(Position(seq), float(seq), each) for seq, each in enumerate(answers, start=1)]


def stands(outcome: Outcome) -> str:
    """How the answers stand, in order, by the first letters of it."""
    return " ".join(f"{each.status[:2]}" for _, each in sorted(outcome.standing.items()))


@pytest.mark.parametrize(
    ("words", "needed", "label", "standing"),
    [
        ("ann:cat", 1, "cat", "me"),
        ("ann:cat bob:dog cem:dog ann:dog", 3, "dog", "su me me me"),
        ("ann:cat ann:dog?", 1, "cat", "me pe"),
        ("ann:dog? ann:cat", 1, "cat", "su me"),
        ("ann:cat bob:dog bob:-", 1, "cat", "me su su"),
        ("ann:cat ann:- ann:dog", 1, "dog", "su su me"),
    ],
    ids=["one", "a later word", "a draft after", "a draft before", "taken back", "said again"],
)
def test_the_last_word_of_each_annotator_counts(words: str, needed: int, label: str, standing: str) -> None:
    outcome = merge(said(words), ANY, needed)
    assert (outcome.kind, outcome.label, stands(outcome)) == ("settled", label, standing)


@pytest.mark.parametrize(
    ("words", "kind", "standing"),
    [
        ("", "empty", ""),
        ("ann:what", "empty", "pa"),
        ("ann:fraud?", "unfinished", "pe"),
        ("ann:fraud ann:-", "withdrawn", "su su"),
        ("ann:unsure bob:unsure", "abstained", "pe pe"),
        ("ann:fraud", "few", "pe"),
        ("ann:fraud bob:fine", "tie", "pe pe"),
    ],
)
def test_items_without_a_label_are_never_taken_for_one_another(words: str, kind: str, standing: str) -> None:
    outcome = merge(said(words), STRICT, 2)
    assert (outcome.kind, outcome.label, stands(outcome)) == (kind, None, standing)


def test_words_of_people_who_are_trusted_for_nothing_wait_and_say_so() -> None:
    outcome = merge(said("ann:fraud bob:fraud"), STRICT, 2, trust={"*": 0.0})
    assert (outcome.kind, outcome.label, stands(outcome)) == ("uncounted", None, "pe pe")
    assert "counts for nothing" in outcome.why


@pytest.mark.parametrize(
    ("words", "ends"),
    [
        ("ann:fraud ann:-", True),
        ("ann:-", True),
        ("ann:fraud ann:fine", True),
        ("ann:fraud ann:unsure", True),
        ("ann:fraud ann:fine bob:fraud bob:-", True),
        ("ann:fraud ann:fine bob:fraud", False),
        ("ann:fraud ann:what", False),
        ("ann:fraud? bob:fine", False),
        ("bob:fine?", False),
        ("bob:what", False),
        ("bob:unsure", False),
        ("", False),
    ],
)
def test_a_label_ends_where_words_were_taken_back_or_changed_and_not_where_they_are_gone(
    words: str, ends: bool
) -> None:
    assert merge(said(words), STRICT, 9).ends("fraud") is ends


def test_a_word_that_waits_for_its_definitions_still_says_its_label() -> None:
    old = replace(_answer("ann:bad"), definitions=Digest("ab" * 32))
    assert not merge(recorded([old, _answer("bob:fine"), _answer("bob:-")]), STRICT, 9).ends("fraud")
    assert merge(recorded([old, _answer("ann:fine")]), STRICT, 9).ends("fraud")
    assert merge(recorded([old, _answer("ann:-")]), STRICT, 9).ends("fraud")


def test_one_who_does_not_decide_is_superseded_by_those_who_do() -> None:
    outcome = merge(said("ann:unsure bob:fraud"), STRICT, 1)
    assert (outcome.label, outcome.answers, outcome.superseded) == ("fraud", (2,), (1,))


def test_a_revision_stands_above_the_order_of_arrival() -> None:
    words = [replace(_answer("ann:cat"), revision=2.0), replace(_answer("ann:dog"), revision=1.0)]
    outcome = merge(recorded(words), ANY)
    assert (outcome.label, stands(outcome)) == ("cat", "me su")


def test_an_alias_is_the_label_that_it_stands_for() -> None:
    assert merge(said("ann:bad bob:fraud"), STRICT, 2).label == "fraud"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (_answer("ann:what"), "unknown-label"),
        (_answer("ann:fine", fields={"note": "stolen"}), "never-together"),
        (_answer("ann:fine", fields={"amount": None}), "null"),
        (_answer("ann:fine", fields={"amount": -1}), "out-of-range"),
        (_answer("ann:fine", fields={"other": 1}), "unknown-field"),
        (_answer("ann:fine", definitions=Digest("ab" * 32)), "unknown-definitions"),
        (_answer("ann:fine", fields={"card": "c-2"}), "identity"),
        (_answer("ann:fine", part=("e", 3, 2)), "bad-part"),
    ],
)
def test_what_the_contract_refuses_is_parked_and_holds_no_other_up(answer: AnswerGiven, code: str) -> None:
    outcome = merge(recorded([answer, _answer("bob:fraud")]), STRICT, known={"card": "c-1"})
    assert (outcome.label, outcome.answers) == ("fraud", (2,))
    assert (outcome.standing[Position(1)].status, outcome.standing[Position(1)].code) == ("parked", code)
    assert outcome.standing[Position(1)].reason


def test_definitions_that_a_person_let_in_are_read_in_their_own_words() -> None:
    theirs = Digest("ab" * 32)
    let_in = STRICT.with_approvals([Approval(theirs, {"good": "fine"})])
    answers = recorded([_answer("ann:good", definitions=theirs)])
    assert merge(answers, STRICT).kind == "empty"
    assert merge(answers, let_in).label == "fine"


def test_fields_in_which_answers_may_differ_are_kept_from_all_of_them() -> None:
    words = [_answer("ann:fraud", fields={"note": "a"}), _answer("bob:fraud", fields={"note": "b"})]
    assert merge(recorded(words), STRICT, 2).fields == {"note": {"said": {"ann": "a", "bob": "b"}}}
    words[0] = _answer("ann:fraud", fields={"note": "b", "amount": 5})
    assert merge(recorded(words), STRICT, 2).fields == {"note": "b"}


def test_a_class_that_is_held_back_parks_those_who_say_it() -> None:
    outcome = merge(said("ann:fraud bob:fraud cem:fine"), STRICT, 3, blocked={"fraud"})
    assert (outcome.kind, outcome.label, stands(outcome)) == ("blocked", None, "pa pa pe")
    assert {each.code for each in outcome.standing.values()} == {"class-blocked", ""}
    assert merge(said("ann:fine"), STRICT, blocked={"fraud"}).label == "fine"


_words = st.builds(
    lambda who, label, revision, extra: AnswerGiven(
        ItemId("i"), AnnotatorId(who), label, revision=revision, **extra
    ),
    st.sampled_from("abc"),
    st.sampled_from(["fraud", "fine", "unsure", "what"]),
    st.sampled_from([1.0, 2.0, 3.0]),
    st.sampled_from(
        [
            {},
            {"withdrawn": True},
            {"draft": True},
            {"part": ("e", 1, 2)},
            {"part": ("e", 2, 2)},
            {"fields": {"card": "c-1"}},
            {"fields": {"card": "c-2", "note": "x"}},
            {"definitions": Digest("cd" * 32)},
        ]
    ),
)
_policies = st.sampled_from(["majority", "weighted", "newest", "senior"])


@settings(max_examples=4, deadline=None)
@given(words=st.lists(_words, min_size=6, max_size=6), policy=_policies, final=st.booleans())
def test_six_words_come_to_the_same_in_all_orders(words: list[AnswerGiven], policy: Any, final: bool) -> None:
    contract = replace(STRICT, policy=policy, weights={"a": 2.0}, seniority=("b",))
    digests = set()
    for order in permutations(words):
        answers = recorded(order)
        digests.add(merge(answers, contract, 2, final=final).digest(answers))
    assert len(digests) == 1


def test_words_without_a_revision_go_by_their_order_so_the_law_above_can_fail() -> None:
    words = [_answer("ann:cat"), _answer("ann:dog")]
    orders = [recorded(order) for order in permutations(words)]
    assert len({merge(answers, ANY).digest(answers) for answers in orders}) == 2


@given(words=st.lists(_words, max_size=8), policy=_policies, needed=st.integers(1, 3), final=st.booleans())
def test_each_answer_stands_in_exactly_one_place_and_merging_again_changes_nothing(
    words: list[AnswerGiven], policy: Any, needed: int, final: bool
) -> None:
    contract = replace(STRICT, policy=policy, seniority=("b", "a"))
    answers = recorded(words)
    outcome = merge(answers, contract, needed, final=final)
    assert sorted(outcome.standing) == [each.seq for each in answers]
    assert bool(outcome.answers) == (outcome.kind == "settled")
    assert merge(answers[::-1], contract, needed, final=final) == outcome
    # What does not count is not needed for what counts.
    counts = [each for each in answers if outcome.standing[each.seq].status == "merged"]
    if outcome.kind == "settled" and not final:
        assert merge(counts, contract, needed).label == outcome.label
