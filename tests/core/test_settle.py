"""How votes become a label, under each policy."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.labels.contract import POLICIES, Policy
from flyball.core.labels.settle import Settled, Vote, Waiting, settle

WEIGHTS = {"ann": 1.0, "bob": 0.5, "cem": 0.5, "dan": 3.0}
RANKS = {"dan": 0, "cem": 1, "bob": 1}


def votes(words: str) -> list[Vote]:
    """Votes, the oldest first, each `annotator:label`."""
    pairs = (word.split(":") for word in words.split())
    return [Vote(who, label, WEIGHTS.get(who, 1.0), RANKS.get(who, 2)) for who, label in pairs]


@pytest.mark.parametrize(
    ("words", "policy", "needed", "label", "agreed"),
    [
        ("ann:cat", "majority", 1, "cat", 1.0),
        ("ann:cat bob:cat", "majority", 2, "cat", 1.0),
        ("ann:cat bob:dog cem:cat", "majority", 3, "cat", 2 / 3),
        ("ann:cat bob:dog cem:cat dan:dog eve:dog", "majority", 2, "dog", 0.6),
        ("ann:a bob:a cem:b dan:c", "majority", 3, "a", 0.5),
        ("dan:dog ann:cat bob:cat cem:cat", "weighted", 4, "dog", 0.6),
        ("ann:cat bob:dog", "weighted", 2, "cat", 2 / 3),
        ("ann:cat bob:cat cem:dog", "newest", 1, "dog", 1 / 3),
        ("dan:cat ann:dog bob:dog", "senior", 1, "cat", 1 / 3),
        ("bob:dog cem:cat ann:cow", "senior", 1, "cat", 1 / 3),
    ],
    ids=[
        "one is enough",
        "two agree",
        "most of three",
        "more than were needed",
        "most, not half",
        "one weighs more than three",
        "no tie by weight",
        "the newest, alone",
        "the most senior, alone",
        "the newest of one rank",
    ],
)
def test_votes_settle(words: str, policy: Policy, needed: int, label: str, agreed: float) -> None:
    settled = settle(votes(words), needed, policy)
    assert isinstance(settled, Settled)
    assert (settled.label, round(settled.agreed, 9)) == (label, round(agreed, 9))
    assert settled.voice.label == label


@pytest.mark.parametrize(
    ("words", "policy", "needed", "told"),
    [
        ("", "majority", 1, Waiting("few", "no answer yet")),
        ("ann:cat", "senior", 2, Waiting("few", "1 of 2 answers")),
        (
            "ann:cat bob:dog",
            "majority",
            2,
            Waiting("tie", "a tie: 1 each for cat and dog; one more answer is needed"),
        ),
        (
            "ann:cat bob:dog cem:dog",
            "weighted",
            2,
            Waiting("tie", "a tie: 1 each for cat and dog; one more answer is needed"),
        ),
    ],
    ids=["none", "one short", "a tie", "a tie of weights"],
)
def test_votes_wait_and_say_why(words: str, policy: Policy, needed: int, told: Waiting) -> None:
    assert settle(votes(words), needed, policy) == told


@pytest.mark.parametrize(
    ("words", "label"),
    [("ann:cat", "cat"), ("ann:cat bob:dog", "dog"), ("ann:a bob:b cem:b dan:a eve:c", "a")],
    ids=["fewer than needed", "the newest breaks a tie", "the newest of those in the tie"],
)
def test_when_no_more_votes_come_what_there_is_settles(words: str, label: str) -> None:
    settled = settle(votes(words), needed=5, final=True)
    assert isinstance(settled, Settled)
    assert settled.label == label


@pytest.mark.parametrize("policy", POLICIES)
def test_with_no_vote_at_all_even_the_end_settles_nothing(policy: Policy) -> None:
    assert settle([], 1, policy, final=True) == Waiting("few", "no answer yet")


@pytest.mark.parametrize("final", [False, True])
@pytest.mark.parametrize("policy", ["majority", "weighted"])
def test_where_every_vote_counts_for_nothing_nothing_is_settled(policy: Policy, final: bool) -> None:
    none = [Vote("ann", "cat", trust=0.0), Vote("bob", "dog", trust=0.0)]
    told = Waiting("uncounted", "every vote counts for nothing; one that counts is needed")
    assert settle(none[:1], 1, policy, final) == settle(none, 1, policy, final) == told
    settled = settle([*none, Vote("cem", "dog", trust=0.1)], 1, policy, final)
    assert isinstance(settled, Settled) and (settled.label, settled.agreed) == ("dog", 1.0)


@given(
    labels=st.lists(st.sampled_from(["x", "y", "z"]), min_size=1, max_size=8),
    needed=st.integers(1, 4),
    policy=st.sampled_from(["majority", "weighted"]),
    data=st.data(),
)
def test_the_order_of_votes_decides_nothing_where_they_are_counted(
    labels: Sequence[str], needed: int, policy: Policy, data: st.DataObject
) -> None:
    said = [Vote(who, label, ord(who) % 3) for who, label in zip("abcdefgh", labels, strict=False)]
    first, again = (settle(each, needed, policy) for each in (said, data.draw(st.permutations(said))))
    assert isinstance(first, Waiting) == isinstance(again, Waiting)
    if isinstance(first, Settled) and isinstance(again, Settled):
        assert (first.label, first.agreed) == (again.label, again.agreed)
