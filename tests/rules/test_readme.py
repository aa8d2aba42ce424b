"""The operators' README says what the language does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flyball.adapters.rule_file import read
from flyball.cli.rules import CATALOGUE
from flyball.core.rules.bounds import KEYS as KNOB_KEYS
from flyball.core.rules.entry import KEYS as RULE_KEYS
from flyball.core.rules.words import OF_PAST, OF_VALUES

README = (Path(__file__).parents[2] / "rules" / "README.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.strip().splitlines()[-1].strip()[:40])
def test_an_example_is_a_file_without_mistakes_and_warnings(example: str) -> None:
    assert read(example.encode(), "README.md", CATALOGUE)[1] == ()


def test_every_key_of_a_rule_and_of_a_knob_is_explained_in_a_row() -> None:
    explained = {word for row in re.findall(r"^\| (`.*?`) \|", README, re.MULTILINE) for word in _words(row)}
    assert {*RULE_KEYS, *KNOB_KEYS} <= explained


def test_every_function_is_explained() -> None:
    named = set(re.findall(r"`(\w+)\(", README)) | {"min", "max", "avg", "sum"}
    assert named == {*OF_PAST, *OF_VALUES}


def _words(row: str) -> list[str]:
    return re.findall(r"`([a-z_]+)`", row)
