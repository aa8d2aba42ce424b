"""Examples beside a contract: they come out as integration does, and one that is wrong says how."""

from __future__ import annotations

import pytest
from tests.contracts_of import TEXT

from flyball.adapters import contract_file
from flyball.core.labels.contract import Contract
from flyball.core.labels.contract_examples import Played, play
from flyball.errors import BadFile

CONTRACT = contract_file.read(
    (
        TEXT
        + "other_fields: keep\nidentity: [payment]\n"
        + "never_together: [{label: legitimate, loss: said}]\n"
    ).encode(),
    "contract.yaml",
)[0]
LOST = "{annotator: ana, label: legitimate, fields: {loss: 3}"
#: How an example begins that says more than who says what.
ANA = "annotator: ana, label: fraud"


def _played(text: str, contract: Contract = CONTRACT) -> Played:
    text = text.replace("ANA", ANA)
    (example,) = contract_file.examples(f"examples:\n  - {{name: it, {text}}}".encode(), "tests", contract)
    return play(example, contract)


@pytest.mark.parametrize(
    "text",
    [
        "answers: [{ana: fraud}], expect: fraud",
        "answers: [{ana: Fraud}, {b: scam}, {c: legitimate}], needed: 3, expect: {label: scam, agreed: 67%}",
        "answers: [{ana: fraud}], needed: 2, expect: pending",
        "answers: [{ana: fraud}], needed: 2, final: true, expect: fraud",
        "answers: [{ana: fraud}, {ben: legitimate}], needed: 2, expect: tie",
        "answers: [], expect: empty",
        "answers: [{ana: freud}], expect: parked",
        "answers: [{ANA, definitions: o}], expect: {outcome: parked, code: unknown-definitions}",
        f"answers: [{LOST}}}], expect: rejected",
        f"answers: [{LOST}, stands: never-together}}, {{ben: fraud}}], expect: fraud",
        "answers: [{ANA, draft: true}], expect: unfinished",
        "answers: [{ANA, withdrawn: true}], expect: withdrawn",
        "answers: [{ana: fraud}, {ana: legitimate}], expect: legitimate",
        "answers: [{ANA, revision: 2}, {ANA, revision: 1, stands: superseded}], expect: fraud",
        "answers: [{ANA, part: {envelope: e, number: 1, of: 2}}], expect: unfinished",
        "item: {payment: p-1}, answers: [{ANA, fields: {payment: p-2}, stands: identity}], expect: rejected",
        "answers: [{ANA, fields: {loss: null}, stands: merged}], expect: fraud",
        "answers: [{ANA, fields: {loss: twelve}, stands: wrong-type}], expect: rejected",
    ],
)
def test_answers_come_out_as_the_contract_says(text: str) -> None:
    assert _played(text).wrong == ()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (
            "answers: [{ana: fraud}], expect: legitimate",
            "expected the label legitimate; label fraud, 100% agree",
        ),
        ("answers: [{ana: fraud}], expect: pending", "expected pending; label fraud"),
        ("answers: [{ana: freud}], expect: rejected", "expected rejected; no label"),
        ("answers: [{ana: freud}], expect: fraud", "(unknown-label)"),
        ("answers: [{ana: fraud}], expect: {label: fraud, agreed: 50%}", "expected 50% to agree; 100% do"),
        ("answers: [{ana: freud}], expect: {code: null}", "expected an answer to be parked as null"),
        (
            f"answers: [{LOST}, stands: merged}}], expect: rejected",
            "expected answer 1 to be merged; it is never-",
        ),
    ],
)
def test_an_example_that_comes_out_otherwise_says_what_came(text: str, wrong: str) -> None:
    (told,) = _played(text).wrong
    assert wrong in told


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("answers: [{ana: fraud}], expect: freud", "C308"),
        ("answers: [{ana: fraud}]", "C201"),
        ("answers: [{anotator: ana, label: fraud}], expect: fraud", "C105"),
        ("answers: [{ANA, stands: marged}], expect: fraud", "C308"),
        ("answers: [[ana, fraud]], expect: fraud", "C202"),
        ("answers: [{ana: fraud}], needed: none, expect: fraud", "C203"),
    ],
)
def test_an_example_that_cannot_be_read_is_refused(text: str, code: str) -> None:
    with pytest.raises(BadFile) as refused:
        _played(text)
    assert code in {each.code for each in refused.value.problems}


def test_a_label_with_the_name_of_an_outcome_is_a_label() -> None:
    contract = contract_file.read(TEXT.replace("legitimate:", "pending:").encode(), "c")[0]
    assert _played("answers: [{ana: pending}], expect: pending", contract).wrong == ()
