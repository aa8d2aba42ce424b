"""The schema for editors: it takes every rule file that is right, and refuses what it can tell is wrong."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rule_texts import any_file
from tests.rules.catalogue import CATALOGUE as SMALL

from flyball.cli.rules import CATALOGUE
from flyball.cli.rules_schema import write_schema
from flyball.core.rules import language
from flyball.core.rules.bounds import KEYS as KNOB_KEYS
from flyball.core.rules.entry import KEYS as RULE_KEYS
from flyball.core.rules.explanations import EXAMPLES, whole
from flyball.core.rules.schema import schema
from flyball.core.rules.words import OF_PAST, OF_VALUES
from flyball.errors import BadUsage

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BAD = HERE / "bad"
jsonschema = importlib.import_module("jsonschema")
FULL, OF_TESTS = (jsonschema.Draft7Validator(schema(catalogue)) for catalogue in (CATALOGUE, SMALL))

#: What a schema cannot tell: what stands in an expression, and what depends on another part of the file.
BEYOND = {
    *("because-braces", "chained", "circles", "duplicate-keys", "folded", "functions"),
    *("other-operators", "too-deep", "units-mixed", "unknown-signal"),
}
#: What is no YAML, or YAML that a rule file may not use: no editor gets as far as the schema.
UNREADABLE = {"alias", "empty", "indentation", "not-yaml", "tag", "two-documents", "comma-in-flow"}


class Core(yaml.SafeLoader):
    """Reads YAML 1.2's core schema, as the editors' language server does."""


Core.yaml_implicit_resolvers = {}
for tag, form, first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.nan",
        list("-+.0123456789"),
    ),
):
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{form})$"), first)


def faults(text: str, validator: Any = FULL) -> list[str]:
    return [error.message for error in validator.iter_errors(yaml.load(text, Core))]


def test_it_is_a_schema_itself() -> None:
    jsonschema.Draft7Validator.check_schema(schema(CATALOGUE))


@pytest.mark.parametrize("path", sorted((ROOT / "rules").glob("*.yaml")), ids=lambda path: path.name)
def test_the_shipped_rules_are_taken(path: Path) -> None:
    assert faults(path.read_text()) == []


@pytest.mark.parametrize(
    "example", re.findall(r"```yaml\n(.*?)```", (ROOT / "rules/README.md").read_text(), re.S)
)
def test_the_examples_of_the_readme_are_taken(example: str) -> None:
    assert faults(example) == []


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_whatever_is_right_is_taken(seed: int) -> None:
    assert faults(any_file(Random(seed)), OF_TESTS) == []


@pytest.mark.parametrize("code", [code for code, example in EXAMPLES.items() if example.of])
def test_mended_lines_are_taken(code: str) -> None:
    assert faults(whole(EXAMPLES[code], EXAMPLES[code].mended)) == []


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(BAD.glob("*.yaml")) if path.stem not in BEYOND | UNREADABLE],
    ids=lambda path: path.stem,
)
def test_a_file_that_is_built_wrong_is_refused(path: Path) -> None:
    assert faults(path.read_text(), OF_TESTS)


@pytest.mark.parametrize("name", sorted(BEYOND))
def test_what_a_schema_cannot_tell_is_left_to_check(name: str) -> None:
    assert faults((BAD / f"{name}.yaml").read_text(), OF_TESTS) == []


@pytest.mark.parametrize(
    ("lines", "part"),
    [
        ("then: {set: sampler.name, to: rnadom}", "rnadom"),
        ("then: {set: batch.size, to: 9}", "9"),
        ("then: {set: batch.sise, to: 90}", "batch.sise"),
        ("then: {scale: sampler.name, by: 2}", "sampler.name"),
        ("then: {do: alert, severity: loud}", "loud"),
        ("then: {do: retrain, severity: warn}", "retrain"),
        ("hold: {loop.architecture: parallel}", "loop.architecture"),
        ("hold: {release.paused: on}", "on"),
        ("for: 5 minutes", "5 minutes"),
        ("cooldown: 0x10", "16"),
        ("priority: 5000", "5000"),
        ("colddown: 5m", "colddown"),
    ],
)
def test_a_wrong_value_is_named(lines: str, part: str) -> None:
    text = f"version: 1\nevery: 30s\nrules:\n  - id: b\n    because: so\n    when: drift\n    {lines}\n"
    if "then" not in lines:
        text += "    then: {do: retrain}\n"
    assert part in " ".join(_messages(FULL.iter_errors(yaml.load(text, Core))))


def _messages(errors: Any) -> list[str]:
    return [text for error in errors for text in (error.message, *_messages(error.context or ()))]


def test_the_language_is_explained_whole() -> None:
    assert [each.name for each in language.RULE] == list(RULE_KEYS)
    assert [each.name for each in language.BOUNDS] == list(KNOB_KEYS)
    assert [each.name for each in language.FUNCTIONS_OF_VALUES] == list(OF_VALUES)
    assert [each.name for each in language.FUNCTIONS_OF_PAST] == list(OF_PAST)


def test_it_is_written_where_rule_files_look_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from flyball.cli.project import init

    init(tmp_path / "loop", "simple", json=False, dry_run=False)
    capsys.readouterr()
    assert write_schema(tmp_path / "loop", None, json=False, dry_run=False) == 0
    assert "$schema=../.flyball/rules.schema.json" in capsys.readouterr().out
    written = json.loads((tmp_path / "loop" / ".flyball" / "rules.schema.json").read_text())
    assert written == json.loads(json.dumps(schema(CATALOGUE)))
    write_schema(tmp_path / "loop", None, json=True, dry_run=False)
    assert json.loads(capsys.readouterr().out)["changed"] is False


def test_nothing_is_written_where_there_is_no_loop_or_on_a_dry_run(tmp_path: Path) -> None:
    with pytest.raises(BadUsage, match=r"holds no loop\.toml"):
        write_schema(tmp_path, None, json=False, dry_run=False)
    write_schema(None, tmp_path / "s.json", json=False, dry_run=True)
    assert list(tmp_path.iterdir()) == []
