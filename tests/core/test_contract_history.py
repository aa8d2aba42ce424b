"""Contracts that follow each other: what stays known, and what may not be broken unasked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.contracts_of import digest

from flyball.core.labels.contract import Approval, Compatibility, Contract, Label
from flyball.core.labels.contract_history import effective, lapses, other_meaning

FRAUD, FINE = Label("fraud", "Fraud", definition="Not authorised."), Label("fine", definition="Authorised.")
FIRST = Contract("pay", 1, (FRAUD, FINE))
RENAMED = replace(FIRST, version=2, labels=(replace(FRAUD, name="Scam"), FINE))
WIDER = replace(FIRST, version=3, labels=(*RENAMED.labels, Label("unclear")), compatibility="backward")
REDEFINED = replace(FIRST, version=4, labels=(replace(FRAUD, definition="Reported."), FINE))


def test_a_renamed_label_is_understood_by_its_earlier_name_for_good() -> None:
    now = effective(WIDER, [FIRST, RENAMED], [])
    assert [now.label_of(each) for each in ("Fraud", "Scam", "fraud")] == ["fraud"] * 3
    assert now.definitions == WIDER.definitions


def test_an_earlier_name_that_means_another_label_now_is_no_alias() -> None:
    moved = replace(RENAMED, labels=(*RENAMED.labels, Label("friendly", "Fraud")))
    assert effective(moved, [FIRST], []).label_of("Fraud") == "friendly"
    twice = replace(FIRST, labels=(Label("fine", "Fraud"), Label("fraud")))
    assert effective(RENAMED, [FIRST, twice], []).label_of("Fraud") is None


def test_earlier_definitions_are_let_in_where_they_are_still_read_and_only_there() -> None:
    assert effective(WIDER, [FIRST], []).knows(FIRST.definitions)
    assert not effective(REDEFINED, [FIRST], []).knows(FIRST.definitions)
    assert not effective(FIRST, [WIDER], []).knows(WIDER.definitions), "a label would be missing"


def test_what_a_person_said_of_earlier_definitions_stands_above_what_we_infer() -> None:
    told = Approval(FIRST.definitions, {"Fraud": "fine"}, "ana", "the words were mixed up")
    assert effective(WIDER, [FIRST], [told]).label_of("Fraud", FIRST.definitions) == "fine"
    assert effective(REDEFINED, [FIRST], [told]).knows(FIRST.definitions)
    assert not effective(WIDER, [FIRST], [told]).knows(digest("f"))


def test_one_version_stands_for_one_meaning() -> None:
    again = replace(REDEFINED, version=1)
    assert other_meaning(again, [FIRST]) is FIRST
    assert other_meaning(replace(again, name="other"), [FIRST]) is None
    assert other_meaning(replace(RENAMED, version=1), [FIRST]) is None


@pytest.mark.parametrize(
    ("asked", "versions"),
    [("full", [2, 1]), ("backward", []), ("forward", [2, 1]), ("none", [])],
)
def test_a_contract_is_held_against_all_before_it_by_what_it_says_itself(
    asked: Compatibility, versions: list[int]
) -> None:
    found = lapses(replace(WIDER, compatibility=asked), [FIRST, RENAMED])
    assert [each.version for each in found] == versions
    assert all("`unclear` is new" in change.sentence for each in found for change in each.changes)


def test_not_only_the_last_version_counts() -> None:
    """Each step is compatible with the one before it, and both together are not."""
    narrow, wide = replace(FIRST, labels=(FINE,), version=2, compatibility="forward"), FIRST
    third = replace(wide, version=3, labels=(replace(FRAUD, definition="Reported."), FINE))
    assert lapses(replace(third, compatibility="backward"), [narrow]) == []
    (lapse,) = lapses(replace(third, compatibility="full"), [wide])
    assert (lapse.version, lapse.asked, lapse.reads) == (1, "full", "none")
    assert lapses(replace(third, compatibility="backward"), [wide, replace(narrow, compatibility="full")])


def test_what_an_earlier_version_said_that_it_breaks_is_not_held_against_those_after_it() -> None:
    after = replace(REDEFINED, compatibility="none")
    renamed = replace(REDEFINED, version=5, labels=(replace(REDEFINED.labels[0], name="Scam"), FINE))
    assert lapses(renamed, [FIRST, after]) == []
    assert [each.version for each in lapses(renamed, [FIRST, replace(after, compatibility="full")])] == [1]
