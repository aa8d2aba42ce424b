"""`flyball rules explain`: every code has its meaning and an example, and each example is true."""

from __future__ import annotations

import json

import pytest

from flyball.adapters.rule_file import read
from flyball.cli.rules import CATALOGUE
from flyball.cli.rules_explain import explain
from flyball.core.rules import language
from flyball.core.rules.codes import CODES
from flyball.core.rules.explanations import EXAMPLES, Example, whole
from flyball.errors import BadFile, NotFound

SHOWN = [pytest.param(code, example, id=code) for code, example in EXAMPLES.items() if example.of]


def told(text: str) -> set[str]:
    try:
        return {problem.code for problem in read(text.encode(), "example.yaml", CATALOGUE)[1]}
    except BadFile as error:
        return {problem.code for problem in error.problems}


def test_every_code_has_an_example() -> None:
    assert EXAMPLES.keys() == CODES.keys()


@pytest.mark.parametrize(("code", "example"), SHOWN)
def test_the_example_of_a_mistake_is_that_mistake_and_no_other(code: str, example: Example) -> None:
    assert told(whole(example, example.wrong)) == {code}


@pytest.mark.parametrize(("code", "example"), SHOWN)
def test_the_mended_lines_are_without_mistakes_and_warnings(code: str, example: Example) -> None:
    assert told(whole(example, example.mended)) == set()


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(code, json=False) == 0
    said = capsys.readouterr().out
    assert " ".join(said.split()).startswith(f"{code} {CODES[code]} wrong: ")
    assert max(map(len, said.splitlines())) <= 100


def test_a_code_may_be_written_small(capsys: pytest.CaptureFixture[str]) -> None:
    explain("w104", json=False)
    assert capsys.readouterr().out.startswith("W104 ")


def test_an_unknown_code_is_answered_with_the_near_one() -> None:
    with pytest.raises(NotFound, match="no code `R1O1`; did you mean `R101`"):
        explain("R1O1", json=False)


def test_without_a_code_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    explain(None, json=False)
    assert [line[:4] for line in capsys.readouterr().out.splitlines()[2:]] == list(CODES)


def test_programs_get_one_code_or_all_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    explain("R101", json=True)
    assert json.loads(capsys.readouterr().out)["mended"] == "when: queue.depth > 200"
    explain(None, json=True)
    assert [each["code"] for each in json.loads(capsys.readouterr().out)] == list(CODES)


FUNCTIONS = [*language.FUNCTIONS_OF_VALUES, *language.FUNCTIONS_OF_PAST]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.example)
def test_the_examples_of_functions_are_right(function: language.Explained) -> None:
    when = function.example if function.name == "absent" else f"{function.example} == 0.1"
    assert told(whole(Example("", ""), f"when: '{when}'")) == set()


@pytest.mark.parametrize("word", [*language.RULE, *language.FILE], ids=lambda each: each.example)
def test_the_examples_of_keys_are_right(word: language.Explained) -> None:
    if word in language.FILE:
        assert told(whole(Example("", "", "file"), word.example)) == set()
    else:
        until = "\nuntil: queue.depth < 10" if word.name == "hold" else ""
        assert told(whole(Example("", ""), word.example + until)) == set()
