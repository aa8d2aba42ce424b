"""Contract files: what is read, what is refused and where, and that no file can do harm."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.contracts_of import TEXT

from flyball.adapters import contract_file
from flyball.adapters.contract_file import ContractDisk
from flyball.adapters.rule_disk import QUIET
from flyball.core.labels.contract import SAID, UNSAID, Contract
from flyball.core.labels.contract_codes import CODES
from flyball.core.labels.contract_read import told
from flyball.errors import BadFile, Problem

DIGEST = "ab" * 32


def _read(text: str) -> Contract:
    return contract_file.read(text.encode(), "contract.yaml")[0]


def _wrong(content: str | bytes) -> tuple[Problem, ...]:
    data = content.encode() if isinstance(content, str) else content
    with pytest.raises(BadFile) as refused:
        contract = contract_file.read(data, "contract.yaml")[0]
        contract_file.examples(data, "contract.yaml", contract)
    return refused.value.problems


def _with(more: str) -> str:
    return f"{TEXT}{more}\n"


def test_a_contract_says_what_is_written_and_defaults_for_what_is_not() -> None:
    contract = _read(TEXT)
    assert (contract.name, contract.version, contract.policy, contract.grace) == (
        "card-fraud",
        1,
        "majority",
        300,
    )
    assert contract.label_of("scam") == "fraud"
    assert contract.label("legitimate").definition == "Authorised by the cardholder."
    assert (contract.compatibility, contract.definitions_required, contract.answers_needed) == (
        "full",
        False,
        None,
    )
    assert not contract.other_fields, "where fields are declared, others are refused"
    assert _read(TEXT.replace("fields:\n  loss: {type: number, low: 0, null: true}\n", "")).other_fields
    assert told(contract)["labels"][0]["aliases"] == ["scam"]
    assert (contract.text, contract.history[-1].by) == (TEXT, "ben")


def test_everything_that_a_contract_may_say_is_read() -> None:
    contract = _read(
        _with(
            "other_fields: keep\nidentity: [payment]\nambiguous: [loss]\ngrace: 2m\ndefinitions: required\n"
            "compatibility: none\nnever_together:\n"
            "  - {label: scam, loss: [0, 1.5], because: a fraud costs something}\n"
            "  - {label: legitimate, loss: said}\n  - {label: fraud, loss: unsaid}\n"
            f"approved:\n  - {{definitions: {DIGEST}, labels: {{off: legitimate}}, by: ana, because: same}}\n"
            "settle: {policy: senior, seniority: [eva, ana], answers_needed: 3}"
        )
    )
    assert [each.values for each in contract.never_together] == [
        {"label": ("fraud",), "loss": (0.0, 1.5)},
        {"label": ("legitimate",), "loss": SAID},
        {"label": ("fraud",), "loss": UNSAID},
    ]
    assert contract.approved[0].labels == {"off": "legitimate"}, "what YAML takes for false is a word here"
    assert (contract.policy, contract.seniority, contract.answers_needed) == ("senior", ("eva", "ana"), 3)
    assert (contract.identity, contract.ambiguous, contract.grace) == (("payment",), ("loss",), 120.0)
    assert (contract.other_fields, contract.definitions_required, contract.compatibility) == (
        True,
        True,
        "none",
    )


def test_layout_and_comments_are_no_part_of_the_definitions() -> None:
    other = TEXT.replace(
        "Authorised by the cardholder.", "'Authorised\n    by the cardholder.'  # as in the handbook"
    )
    assert _read(other).definitions == _read(TEXT).definitions
    assert _read(other).digest != _read(TEXT).digest
    assert _read(TEXT.replace("Not authorised", "Reported")).definitions != _read(TEXT).definitions


#: Of each code a file that has it, and what is said of it.
BAD: dict[str, tuple[str | bytes, str]] = {
    "C001": (b"#" * 1_000_001, "larger than 1 MB"),
    "C002": (b"name: \xff", "not UTF-8"),
    "C003": ("name: [", "not YAML"),
    "C004": (f"{TEXT}\n---\n{TEXT}", "a second document"),
    "C005": ("a: &a [1]\nb: *a", "the alias `*a`"),
    "C006": ("name: !!python/object/apply:os.system ['true']", "the tag"),
    "C007": ("a: " + "[" * 30 + "]" * 30, "nested more than"),
    "C008": ("a: [" + "1," * 60_001 + "]", "more than 60,000 parts"),
    "C009": ("\n".join(f"key_{n}: 1" for n in range(150)), "not shown"),
    "C010": (_with("grace: 1m\ngrace: 2m"), "`grace` stands twice"),
    "C101": (_with("never_together: [{label: freud, loss: 0}]"), "did you mean `fraud`?"),
    "C102": (_with("never_together: [{label: fraud, los: 0}]"), "did you mean `loss`?"),
    "C105": (_with("definition: x"), "did you mean `definitions`?"),
    "C106": (_with("settle: {policy: majorty}"), "did you mean `majority`?"),
    "C201": (TEXT.replace("name: card-fraud", ""), "`name` is missing"),
    "C202": (_with("identity: payment"), "`identity` is a list"),
    "C203": (TEXT.replace("version: 1\nlabels", "version: one\nlabels"), "a whole number"),
    "C301": (TEXT.replace("aliases: [scam]", "aliases: [legitimate]"), "one word, two things"),
    "C302": (TEXT.replace("legitimate:", "legi\u200btimate:"), "nobody can see: U+200B"),
    "C303": (_with("never_together: [{label: fraud}]"), "at least two parts"),
    "C304": (TEXT.replace("low: 0", "low: 5, high: 1"), "`low` 5 is above `high` 1"),
    "C305": (_with("settle: {policy: weighted}"), "which is missing"),
    "C306": (TEXT.replace("{version: 1, by", "{version: 2, by"), "does not end with version 1"),
    "C307": (_with("approved: [{definitions: abc, because: x}]"), "is no digest"),
    "C308": (_with("examples: [{name: x, answers: [{ana: fraud}], expect: freud}]"), "is no label"),
}
#: Those that no file has by itself: it is not there, or it is held against others.
ELSEWHERE = {"C000", "C401", "C402", "C403"}


@pytest.mark.parametrize("code", BAD)
def test_a_mistake_has_its_code_its_place_and_a_sentence(code: str) -> None:
    content, sentence = BAD[code]
    found = [each for each in _wrong(content) if each.code == code]
    assert found and sentence in found[0].message
    assert found[0].file == "contract.yaml"
    assert found[0].line or code in ("C001", "C003", "C009")


def test_every_code_has_a_file_that_shows_it() -> None:
    assert {code for code in CODES if code.startswith("C")} == BAD.keys() | ELSEWHERE


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    bad = TEXT.replace("name: card-fraud", "name: Card Fraud").replace("null: true", "null: yes, unit: bytes")
    found = _wrong(bad + "identiy: [x]\n")
    assert [(each.code, each.line) for each in found] == [("C203", 2), ("C203", 8), ("C304", 8), ("C105", 11)]
    assert str(found[1]).endswith("^^^")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ("settle: {weights: {ana: 2}}", "W302"),
        ("settle: {policy: senior, seniority: [ana], weights: {ana: 2}}", "W302"),
    ],
)
def test_what_has_no_effect_is_warned_of(more: str, code: str) -> None:
    assert [each.code for each in contract_file.read(_with(more).encode(), "c")[1]] == [code]


def test_a_label_without_a_definition_is_warned_of() -> None:
    text = TEXT.replace("legitimate: Authorised by the cardholder.", "legitimate: {name: Fine}")
    assert [each.code for each in contract_file.read(text.encode(), "c")[1]] == ["W301"]


HOSTILE = {
    "an alias bomb": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "\n".join(
        f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "deep nesting": "a: " + "[" * 100_000,
    "deep mappings": "\n".join(f"{'  ' * n}a:" for n in range(400)),
    "ten megabytes": "a: " + "x" * 10_000_000,
    "many keys": "".join(f"k{n}: 1\n" for n in range(70_000)),
    "a tag": "!!python/object/new:subprocess.Popen [[touch, /tmp/never]]",
    "a merge key": "a: &a {b: 1}\nc: {<<: *a}",
    "a list as a key": "? [a, b]\n: c",
    "NUL": "name: a\0b",
    "a lone surrogate": '"name": "\\ud800"',
    "nothing": "",
    "a page of a proxy": "<html><body>502</body></html>",
    "controls": 'labels: {"\\e[31mred": x}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_content_is_refused_in_a_sentence_within_a_second(name: str) -> None:
    began = time.process_time()
    found = _wrong(HOSTILE[name].encode("utf-8", "surrogatepass"))
    assert time.process_time() - began < 1.0
    assert found and all(len(str(each)) < 1000 and "\x1b" not in str(each) for each in found)


@pytest.mark.parametrize("cut", range(0, len(TEXT), 7))
def test_half_a_file_is_refused_or_says_less_but_never_fails(cut: int) -> None:
    try:
        _read(TEXT[:cut])
    except BadFile as error:
        assert error.problems


def test_a_file_that_is_not_there_costs_no_wait_and_one_that_comes_is_read(tmp_path: Path) -> None:
    disk = ContractDisk(tmp_path / "contract.yaml", "contract.yaml")
    began = time.monotonic()
    for _ in range(50):
        with pytest.raises(OSError, match="no such file"):
            disk.read()
    assert time.monotonic() - began < 50 * QUIET, "each time without a wait"
    (tmp_path / "contract.yaml").write_text(TEXT)
    assert disk.read() == (TEXT.encode(), "contract.yaml")
