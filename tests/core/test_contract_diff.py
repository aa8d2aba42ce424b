"""What changed between two contracts, and what that means for answers on both sides of the change."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contracts_of import edited, keeping, said

from flyball.core.facts import AnswerGiven
from flyball.core.labels.contract import Contract, Field, Label, Never
from flyball.core.labels.contract_diff import changes, readable, together

FRAUD, FINE = Label("fraud", "Fraud", definition="Not authorised."), Label("fine", definition="Authorised.")
LOSS = Field("loss", "number", low=0.0, high=100.0)
BASE = Contract("pay", 1, (FRAUD, FINE), (LOSS,), other_fields=False)


def _with(**more: Any) -> Contract:
    return replace(BASE, **more)


def _field(**more: Any) -> Contract:
    return replace(BASE, fields=(replace(LOSS, **more),))


@pytest.mark.parametrize(
    ("new", "reads"),
    [
        (_with(labels=(FINE, FRAUD)), "full"),
        (_with(labels=(replace(FRAUD, name="Scam"), FINE)), "full"),
        (_with(labels=(replace(FRAUD, aliases=("scam",)), FINE)), "full"),
        (_with(labels=(FRAUD, FINE, Label("unclear"))), "backward"),
        (_with(labels=(FRAUD,)), "forward"),
        (_with(labels=(replace(FRAUD, definition="Reported."), FINE)), "none"),
        (_with(labels=(replace(FRAUD, attributes={"code": "7"}), FINE)), "none"),
        (_with(labels=(replace(FRAUD, abstains=True), FINE)), "none"),
        (_with(labels=(Label("fraud-2", "Fraud", definition="Not authorised."), FINE)), "none"),
        (_field(high=200.0), "backward"),
        (_field(high=50.0), "forward"),
        (_field(low=5.0, high=200.0), "none"),
        (_field(null=True), "backward"),
        (_field(required=True), "forward"),
        (_field(type="whole"), "forward"),
        (_field(type="text"), "none"),
        (_field(many=True), "none"),
        (_field(definition="In euros."), "none"),
        (_with(fields=()), "forward"),
        (_with(fields=(LOSS, Field("note"))), "backward"),
        (_with(fields=(LOSS, Field("note", required=True))), "none"),
        (_with(other_fields=True), "backward"),
        (_with(never_together=(Never({"label": ("fraud",), "loss": (0.0,)}),)), "forward"),
        (_with(identity=("payment",)), "forward"),
        (_with(ambiguous=("loss",)), "full"),
        (_with(policy="newest", grace=5.0), "full"),
    ],
    ids=[
        *("another order", "a new name", "a new alias", "a new label", "a label is gone"),
        *("other words for a label", "another attribute", "a label abstains", "the same name for another id"),
        *(
            "wider bounds",
            "narrower bounds",
            "moved bounds",
            "null is allowed",
            "required",
            "whole numbers only",
        ),
        *("another type", "a list", "other words for a field", "a field is gone", "a new field"),
        *("a new required field", "undeclared fields are taken", "a new combination", "a new identity field"),
        *("a new ambiguous field", "another policy"),
    ],
)
def test_a_change_is_as_compatible_as_the_answers_on_both_sides_of_it(new: Contract, reads: str) -> None:
    found = changes(BASE, new)
    assert together(found) == reads
    assert all(each.sentence for each in found)


def test_other_edges_of_a_box_are_another_scale() -> None:
    percent, pixels = (replace(BASE, fields=(Field("at", "box", high=high),)) for high in (None, 4000.0))
    assert together(changes(percent, pixels)) == together(changes(pixels, percent)) == "none"


def test_what_does_not_differ_is_no_change() -> None:
    assert changes(BASE, BASE) == ()
    assert together(()) == "full"


def _taken(answer: AnswerGiven, contract: Contract) -> bool:
    return not contract.problems(answer)


def _meant(answer: AnswerGiven, contract: Contract) -> tuple[str | None, str]:
    label = contract.label_of(answer.label)
    return label, contract.label(label or "").definition


LEFT_OUT = object()
SAMPLES: tuple[Any, ...] = (
    LEFT_OUT,
    None,
    True,
    -1,
    0,
    5,
    5.5,
    11,
    "a",
    "c",
    "z",
    [],
    [5],
    [5.5],
    [11],
    [True],
    ["a"],
    ["c"],
)


def _one_field() -> list[Contract]:
    """Contracts of one field or none, in every shape that it can have."""
    kinds: list[dict[str, Any]] = [{"type": "flag"}, {"type": "word", "words": ("a",)}]
    kinds += [{"type": "word", "words": ("a", "c")}]
    kinds += [{"type": type_, "high": high} for type_ in ("number", "whole") for high in (None, 10.0)]
    counts: list[dict[str, Any]] = [{}, {"many": True}, {"many": True, "least": 1}]
    shapes = product(kinds, counts, (False, True), (False, True))
    declared = [(Field("f", null=n, required=r, **kind, **count),) for kind, count, n, r in shapes]
    return [
        Contract("one", 1, fields=held, other_fields=other)
        for held in ((), *declared)
        for other in (False, True)
    ]


def test_whatever_one_field_took_it_still_takes_after_a_change_that_is_backward_compatible() -> None:
    takes = {}
    every = _one_field()
    for contract in every:
        said_ = [said(fields={} if each is LEFT_OUT else {"f": each}) for each in SAMPLES]
        takes[contract.definitions] = {n for n, answer in enumerate(said_) if _taken(answer, contract)}
    wrong = [
        (old.fields, new.fields)
        for old, new in product(every, every)
        if readable(old, new) and not takes[old.definitions] <= takes[new.definitions]
    ]
    assert wrong == []


@settings(max_examples=60, deadline=None)
@given(edited(), st.data())
def test_answers_that_kept_the_old_contract_keep_one_that_is_backward_compatible(
    pair: tuple[Contract, Contract], data: st.DataObject
) -> None:
    old, new = pair
    if together(changes(old, new)) not in ("full", "backward"):
        return
    answer = data.draw(keeping(old))
    if _taken(answer, old):
        assert _taken(answer, new)
        assert not old.labels or _meant(answer, old) == _meant(answer, new)


@settings(max_examples=50, deadline=None)
@given(edited())
def test_whoever_can_read_forward_can_read_backward_the_other_way_about(
    pair: tuple[Contract, Contract],
) -> None:
    old, new = pair
    there, back = changes(old, new), changes(new, old)
    turned = {"backward": "forward", "forward": "backward"}
    assert together(back) == turned.get(together(there), together(there))


@settings(max_examples=50, deadline=None)
@given(edited())
def test_other_definitions_are_a_change_and_the_same_ones_are_read(pair: tuple[Contract, Contract]) -> None:
    old, new = pair
    if old.definitions == new.definitions:
        assert all(not each.meaning for each in changes(old, new) if "meant the label" not in each.sentence)
    else:
        assert any(each.meaning for each in changes(old, new))
    assert readable(old, old)
