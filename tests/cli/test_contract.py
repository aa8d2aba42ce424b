"""The commands about the contract, as an operator meets them: what they say and how they end."""

from __future__ import annotations

import json
import re
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests import commands
from tests.contracts_of import NAMED, TEXT, digest, said
from tests.loops import write_loop
from tests.stores import arrivals, chance

from flyball.adapters import contract_file
from flyball.adapters.sql import open_store
from flyball.bootstrap import settings_of
from flyball.core.facts import AnswerParked, ContractLoaded
from flyball.core.ids import ItemId
from flyball.core.labels.contract_codes import CODES, REFUSALS
from flyball.core.labels.contract_examples import play
from flyball.ports import Commit, Draft

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "label-contract.md"


def wider(text: str) -> str:
    """The next version, with a label more."""
    more = text.replace("version: 1\nlabels:", "version: 2\nlabels:\n  unclear: Neither.")
    return more.replace("{version: 1,", "{version: 2,")


EXAMPLES = """
examples:
  - name: the majority decides
    needed: 3
    answers: [{ana: fraud}, {ben: fraud}, {eva: legitimate}]
    expect: {label: scam, agreed: 67%}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "contract.yaml"
    path.write_text(TEXT)
    return path


@pytest.fixture
def loop(tmp_path: Path) -> Path:
    """A loop that had the contract in force, and in which answers wait for their definitions."""
    directory = write_loop(tmp_path / "loop")
    (directory / "contract.yaml").write_text(NAMED)
    contract = contract_file.read(NAMED.encode(), "contract.yaml")[0]
    loaded = ContractLoaded(
        contract.digest, contract.definitions, contract.name, 1, NAMED, "ben", "The first one."
    )
    settings = settings_of(directory)
    with closing(open_store(settings.path(settings.stores.database), salt=chance())) as store:
        store.log.append(arrivals([f"i-{number}" for number in range(4)]), 10.0)
        store.log.append(Commit([Draft(loaded)]), 20.0)
        for number, label in enumerate(["legit", "legit", "fraud", "fraud"]):
            given = replace(
                said(label, definitions=digest("a" if number < 3 else "b")), item=ItemId(f"i-{number}")
            )
            (receipt,) = store.log.append(Commit([Draft(given, "tool", f"e-{number}", b"raw")]), 30.0)
            parked = AnswerParked(receipt.seq, "nobody knows", "unknown-definitions")
            store.log.append(Commit([Draft(parked)]), 30.0)
    return directory


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    return commands.run(capsys, "contract", *words)


def asked(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    return json.loads(run(capsys, *words, "--json")[1])


def test_a_contract_without_mistakes_is_fine(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "check", file) == (0, "1 file: fine\n")
    assert asked(capsys, "check", file) == []


def test_mistakes_end_with_1_and_what_is_no_contract_with_2(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(TEXT.replace("number", "nmber").replace("definition:", "defintion:"))
    code, out = run(capsys, "check", file)
    assert code == 1
    assert "did you mean `number`?" in out and "did you mean `definition`?" in out and "2 mistakes" in out
    code, out = run(capsys, "check", file, "--format", "github")
    assert (code, out.splitlines()[0].startswith(f"::error file={file},line=5,col=")) == (1, True)
    assert {each["code"] for each in asked(capsys, "check", file)} == {"C105", "C106"}
    file.write_text(TEXT + EXAMPLES.replace("answers:", "answer:"))
    assert "did you mean `answers`?" in run(capsys, "check", file)[1]
    file.write_bytes(b"\xff")
    assert run(capsys, "check", file)[0] == 2
    assert run(capsys, "check", file.with_name("none.yaml"))[0] == 2
    for words in (("test", file), ("diff", file, file)):
        code, out = run(capsys, *words)
        assert (code, "C002" in out, "Traceback" in out) == (2, True, False)


def test_a_loop_without_a_contract_says_what_holds_instead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = write_loop(tmp_path / "bare")
    code, out = run(capsys, "check", "--loop", directory)
    assert (code, "the majority decides" in out) == (2, True)
    assert run(capsys, "test", "--loop", tmp_path / "nowhere")[0] == 2


def test_a_contract_is_held_against_what_was_in_force_in_its_loop(
    loop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "check", "--loop", loop)[0] == 0
    (loop / "contract.yaml").write_text(wider(NAMED))
    code, out = run(capsys, "check", "--loop", loop)
    assert (code, "C402" in out, "`compatibility: backward`" in out) == (1, True, True)
    (loop / "contract.yaml").write_text(wider(NAMED) + "compatibility: backward\n")
    assert run(capsys, "check", "--loop", loop)[0] == 0
    (loop / "contract.yaml").write_text(NAMED.replace("Not authorised", "Reported"))
    code, out = run(capsys, "check", "--loop", loop)
    assert (code, "C401" in out, "`version: 2`" in out) == (1, True, True)


def test_a_difference_says_who_can_still_read_whose_answers(
    file: Path, loop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = file.with_name("new.yaml")
    new.write_text(TEXT.replace("name: Fraud,", "name: Scam,"))
    code, out = run(capsys, "diff", file, new)
    assert (code, "full      label `fraud` is called Scam; Fraud stays an alias" in out) == (0, True)
    assert "the definitions are the same" in out
    new.write_text(wider(TEXT))
    code, out = run(capsys, "diff", file, new)
    assert (code, "backward  label `unclear` is new" in out, "LESS THAN ASKED FOR" in out) == (1, True, True)
    told = asked(capsys, "diff", file, new)
    assert (told["reads"], told["asked"], told["same_definitions"]) == ("backward", "full", False)
    assert [each["reads"] for each in told["changes"]] == ["backward"]
    # What was in force in the loop counts, although neither file is that.
    narrow = file.with_name("narrow.yaml")
    narrow.write_text(
        TEXT.replace("  legitimate: Authorised by the cardholder.\n", "").replace("fraud:", '"1":')
    )
    assert run(capsys, "diff", narrow, narrow)[0] == 0
    assert run(capsys, "diff", narrow, narrow, "--loop", loop)[0] == 1


def test_examples_in_the_contract_and_beside_it_are_played(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = run(capsys, "test", file)
    assert (code, "has no examples" in out) == (2, True)
    file.write_text(TEXT + EXAMPLES)
    assert run(capsys, "test", file) == (0, "ok      the majority decides\n\n1 example: all as expected\n")
    beside = file.with_name("contract.tests.yaml")
    beside.write_text(EXAMPLES.replace("label: scam", "label: legitimate").replace("the majority", "nobody"))
    code, out = run(capsys, "test", file)
    assert (code, "1 came out otherwise" in out) == (1, True)
    assert f"{beside}:3: expected the label legitimate; label fraud, 67% agree" in out
    assert [each["passed"] for each in asked(capsys, "test", file)] == [True, False]
    beside.write_text(EXAMPLES.replace("answers:", "answer:"))
    code, out = run(capsys, "test", file)
    assert (code, "did you mean `answers`?" in out) == (2, True)


def test_what_is_in_force_and_what_waits_is_shown(loop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "show", "--loop", loop)
    assert (code, "card-fraud, version 1, in force since" in out) == (0, True)
    assert f"3 answers wait: definitions {digest('a')}" in out and "they say legit 2, fraud 1" in out
    assert f"1 answer waits: definitions {digest('b')}" in out
    told = asked(capsys, "show", "--loop", loop)
    assert [(each["answers"], each["labels"]) for each in told["parked"]] == [
        (3, {"legit": 2, "fraud": 1}),
        (1, {"fraud": 1}),
    ]
    assert told["versions"][0]["because"] == "The first one."


def test_a_dry_approval_changes_nothing_and_says_what_it_would_do(
    loop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("approve", "aaaa", "--because", "the same handbook", "--loop", loop, "--dry-run")
    code, out = run(capsys, *words)
    assert (code, "2 answers say `legit`" in out) == (2, True)
    code, out = run(capsys, *words, "--map", "legit=legitimate")
    assert (code, "3 answers would be merged" in out) == (0, True)
    assert len(asked(capsys, "show", "--loop", loop)["parked"]) == 2
    for wrong in (("--map", "legit"), ("--map", "=x"), ("--because", " ")):
        assert run(capsys, *words, *wrong)[0] == 2
    assert run(capsys, "approve", "cc", "--because", "x", "--loop", loop, "--dry-run")[0] == 2


def test_an_approval_opens_the_loop_and_is_kept_with_who_and_why(
    loop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = asked(
        capsys,
        *("approve", "aaaa", "--map", "legit=legitimate", "--by", "ana"),
        *("--because", "the same handbook", "--loop", loop),
    )
    assert (len(told["answers"]), told["by"], told["dry_run"]) == (3, "ana", False)
    shown = asked(capsys, "show", "--loop", loop)
    assert [each["definitions"] for each in shown["parked"]] == [digest("b")]
    assert shown["contract"]["approved"][digest("a")] == {
        "labels": {"legit": "0"},
        "by": "ana",
        "because": "the same handbook",
    }


def _blocks() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_contract_in_the_guide_is_one_and_its_examples_come_out() -> None:
    (text,) = _blocks()
    contract, warnings = contract_file.read(text.encode(), "contract.yaml")
    examples = contract_file.examples(text.encode(), "contract.yaml", contract)
    assert not warnings and len(examples) == 3
    assert [play(each, contract).wrong for each in examples] == [()] * 3


def test_the_guide_lists_every_code_and_every_key() -> None:
    page = PAGE.read_text()
    for code, told in {**CODES, **REFUSALS}.items():
        assert f"| `{code}` | {told} |" in page
    (text,) = _blocks()
    for key in re.findall(r"^([a-z_]+):", text, re.MULTILINE):
        assert f"`{key}`" in page
