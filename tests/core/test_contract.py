"""What a contract says of an answer, and what its definitions are named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from tests.contracts_of import contracts, digest, said

from flyball.core.ids import Digest
from flyball.core.labels.contract import UNSAID, UNSTATED, Approval, Contract, Field, Label, Never

CONTRACT = Contract(
    name="pay",
    version=1,
    labels=(
        Label("fraud", "Fraud", ("betrüger",), "Not authorised."),
        Label("fine", definition="Authorised."),
        Label("unclear", abstains=True),
    ),
    fields=(
        Field("reason", "word", words=("stolen", "none"), required=True),
        Field("loss", "number", low=0.0, null=True),
    ),
    other_fields=False,
    identity=("payment",),
    never_together=(
        Never({"label": ("fraud",), "reason": ("none",)}, "fraud has a reason"),
        Never({"label": ("fraud",), "loss": UNSAID}),
    ),
)
GOOD: dict[str, Any] = {"reason": "stolen", "loss": 7.0}


def _codes(label: str = "fraud", **fields: Any) -> list[str]:
    return [each.code for each in CONTRACT.problems(said(label, fields=fields))]


def test_a_good_answer_has_no_problems() -> None:
    assert _codes(**GOOD) == []
    assert _codes(**GOOD, payment="p-1") == []


@pytest.mark.parametrize(
    ("label", "fields", "codes"),
    [
        ("freud", GOOD, ["unknown-label"]),
        ("", GOOD, ["unknown-label"]),
        ("fraud", {"loss": 1.0}, ["missing"]),
        ("fraud", GOOD | {"colour": "red"}, ["unknown-field"]),
        ("fraud", GOOD | {"reason": "none"}, ["never-together"]),
        ("fine", {"reason": "none"}, []),
        ("fraud", {"reason": "stolen"}, ["never-together"]),
        ("fraud", GOOD | {"loss": None}, ["never-together"]),
        ("fine", {"reason": "none", "loss": None}, []),
        ("nobody", {"loss": -1, "colour": 1}, ["unknown-label", "out-of-range", "unknown-field", "missing"]),
    ],
)
def test_everything_that_is_wrong_with_an_answer_is_told_at_once(
    label: str, fields: dict[str, Any], codes: list[str]
) -> None:
    assert _codes(label, **fields) == codes


def test_a_part_is_not_asked_for_what_the_other_parts_hold() -> None:
    part = said("", fields={"loss": 1.0}, part=("e-1", 2, 2))
    assert CONTRACT.problems(part) == ()
    assert [each.code for each in CONTRACT.problems(replace(part, fields={"loss": "1"}))] == ["wrong-type"]
    assert CONTRACT.problems(said("nonsense", withdrawn=True)) == ()


def test_a_label_goes_by_its_id_its_name_and_its_aliases_however_they_are_encoded() -> None:
    decomposed = "betru\u0308ger"
    assert [CONTRACT.label_of(each) for each in ("fraud", "Fraud", "betrüger", decomposed)] == ["fraud"] * 4
    assert CONTRACT.label_of("FRAUD") is None
    assert CONTRACT.label_of("") is None


def test_other_definitions_are_parked_until_they_are_let_in_and_then_speak_their_own_words() -> None:
    strange = digest("a")
    assert CONTRACT.knows(None) and CONTRACT.knows(CONTRACT.definitions) and not CONTRACT.knows(strange)
    approved = CONTRACT.with_approvals([Approval(strange, {"1": "fraud", "fine": "fraud"})])
    assert approved.knows(strange) and not approved.knows(digest("b"))
    assert [approved.label_of(each, strange) for each in ("1", "fine", "Fraud")] == ["fraud"] * 3
    assert (approved.label_of("1"), approved.label_of("fine")) == (None, "fine")


def test_a_contract_may_ask_that_definitions_are_named() -> None:
    asked = replace(CONTRACT, definitions_required=True)
    assert not asked.knows(None)
    assert asked.with_approvals([Approval(UNSTATED)]).knows(None)


def test_the_same_name_with_another_id_is_another_definition() -> None:
    renamed = replace(CONTRACT, labels=(replace(CONTRACT.labels[0], name="Scam"), *CONTRACT.labels[1:]))
    again = replace(CONTRACT, labels=(replace(CONTRACT.labels[0], id="fraud-2"), *CONTRACT.labels[1:]))
    assert renamed.definitions == CONTRACT.definitions
    assert again.definitions != CONTRACT.definitions


@settings(max_examples=40, deadline=None)
@given(contracts())
def test_names_orders_and_white_space_are_no_part_of_what_labels_mean(contract: Contract) -> None:
    other = replace(
        contract,
        labels=tuple(
            replace(each, name=f"n {each.id}", aliases=("a",), definition=f"  {each.definition}\n")
            for each in reversed(contract.labels)
        ),
        fields=tuple(reversed(contract.fields)),
        policy="senior",
        version=9,
    )
    assert other.definitions == contract.definitions


@pytest.mark.parametrize(
    "other",
    [
        replace(CONTRACT, labels=CONTRACT.labels[:2]),
        replace(CONTRACT, labels=(replace(CONTRACT.labels[0], definition="Reported."), *CONTRACT.labels[1:])),
        replace(CONTRACT, labels=(replace(CONTRACT.labels[0], attributes={"x": "1"}), *CONTRACT.labels[1:])),
        replace(CONTRACT, fields=CONTRACT.fields[:1]),
        replace(CONTRACT, fields=(CONTRACT.fields[0], replace(CONTRACT.fields[1], high=5.0))),
        replace(CONTRACT, fields=(CONTRACT.fields[0], replace(CONTRACT.fields[1], null=False))),
        replace(CONTRACT, other_fields=True),
    ],
    ids=[
        "a label less",
        "other words",
        "an attribute",
        "a field less",
        "bounds",
        "null",
        "undeclared fields",
    ],
)
def test_whatever_changes_the_meaning_changes_the_definitions(other: Contract) -> None:
    assert other.definitions != CONTRACT.definitions


def test_an_answer_that_names_another_item_is_locked_out() -> None:
    assert CONTRACT.locked({"payment": "p-1"}, {"payment": "p-1", "amount": 3}) == ()
    assert CONTRACT.locked({}, {"payment": "p-1"}) == ()
    (wrong,) = CONTRACT.locked({"payment": "p-2", "amount": 4}, {"payment": "p-1", "amount": 3})
    assert (wrong.code, wrong.field) == ("identity", "payment")
    assert CONTRACT.locked({"payment": 1}, {"payment": True}), "one is not true"


def test_fields_in_which_answers_differ_are_found_and_silence_is_no_difference() -> None:
    said_ = [{"note": "a", "loss": 1}, {"note": "b", "loss": 1.0}, {}]
    assert CONTRACT.unlike(said_, ("note", "loss", "reason")) == ("note",)


def test_without_a_contract_any_label_of_the_classes_may_be_given_and_nothing_is_parked() -> None:
    implied = Contract.implied(("fraud", "fine"))
    assert implied.problems(said("fraud", fields={"whatever": None})) == ()
    assert [each.code for each in implied.problems(said("other"))] == ["unknown-label"]
    assert implied.knows(digest("c"))
    assert implied.definitions == Contract.implied(("fine", "fraud", "fine")).definitions
    assert Contract.implied(()).problems(said("anything at all")) == ()
    assert Contract.implied(()).definitions != implied.definitions


def test_weights_and_ranks_of_those_who_are_not_named() -> None:
    weighed = replace(CONTRACT, weights={"ana": 3.0, "*": 0.5}, seniority=("eva", "ana"))
    assert [weighed.weight(each) for each in ("ana", "ben")] == [3.0, 0.5]
    assert replace(weighed, weights={"ana": 3.0}).weight("ben") == 1.0
    assert [weighed.rank(each) for each in ("eva", "ana", "ben")] == [0, 1, 2]


def test_a_clock_that_is_ahead_is_noted_and_a_late_answer_is_not() -> None:
    assert CONTRACT.noted(1000.0 + 299, 1000.0) is None
    assert CONTRACT.noted(1000.0 + 600, 1000.0) == 600
    assert CONTRACT.noted(1000.0 - 14 * 86400, 1000.0) is None
    assert CONTRACT.noted(None, 1000.0) is None


def test_the_digest_of_these_definitions_is_what_it_always_was() -> None:
    """Definitions are named in logs and in other programs for years; a new Flyball must give the same."""
    assert CONTRACT.definitions == Digest("f233e0772c0af4f9be465f1370c24f8721586aaa0daaeefa9ceedb08762b9f8f")
