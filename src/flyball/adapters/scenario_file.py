"""Scenario files: from a path to scenarios with the rules they are played with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from flyball.adapters import rule_file
from flyball.core.ids import digest_of
from flyball.core.rules.marked import Complaints, Marked, Pairs, Scalar, Source
from flyball.core.rules.ruleset import Document, read_ruleset
from flyball.core.rules.scenario.model import Suite
from flyball.core.rules.scenario.mutation import RuleFile
from flyball.core.rules.scenario.read import read_suite
from flyball.core.rules.words import Catalogue
from flyball.errors import BadFile, Problem

#: Where scenarios stand, beside a rule file.
FOLDER = "tests"

_QUESTION = re.compile(r":\s*\?\s")


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """The tree of a scenario file, and the path of the rule file that it names."""

    path: Path
    root: Marked
    source: Source
    rules: Path


def parsed(path: Path) -> ScenarioFile | None:
    """A scenario file up to the rules that it names; None where the file is none, such as a rule file.

    Raises BadFile where it cannot be read, or names no rule file that is there.
    """
    _, source, root = _tree(path)
    if not isinstance(root, Pairs):
        return None
    named = {key.text: value for key, value in root.entries}
    rules = named.get("rules")
    if "scenarios" not in named and not isinstance(rules, Scalar):
        return None
    tell = Complaints(source)
    if not isinstance(rules, Scalar) or not rules.text.strip():
        tell.tell(rules or root, "S101", "`rules` names the rule file to try, such as `../adaptive.yaml`")
        raise BadFile(tell.errors())
    file = path.parent / rules.text
    if not file.is_file():
        tell.tell(
            rules, "S101", f"there is no rule file `{rules.text}`; the path begins where this file stands"
        )
        raise BadFile(tell.errors())
    return ScenarioFile(path, root, source, file)


def read(file: ScenarioFile, rules: RuleFile, catalogue: Catalogue) -> Suite:
    """The scenarios of a file, to be played with these rules. Raises BadFile with every mistake."""
    return read_suite(str(file.path), file.root, file.source, rules.rules, catalogue)


def read_rules(path: Path, catalogue: Catalogue) -> RuleFile:
    """A rule file with its tree. Raises BadFile with every mistake."""
    content, source, root = _tree(path)
    text = content.decode("utf-8-sig")
    rules, _ = read_ruleset(Document(digest_of(content), str(path), text, root), source, catalogue)
    return RuleFile(rules, root, source)


def beside(rules: Path) -> list[Path]:
    """The files in the folder of scenarios beside a rule file, by name."""
    return sorted((rules.parent / FOLDER).glob("*.yaml"))


def _tree(path: Path) -> tuple[bytes, Source, Marked]:
    try:
        with path.open("rb") as opened:
            content = opened.read(rule_file.LARGEST + 1)
    except OSError as error:
        raise BadFile([Problem("R000", f"cannot be read: {error.strerror or error}", str(path))]) from error
    try:
        _, source, root = rule_file.parsed(content, str(path))
    except BadFile as error:
        raise BadFile([_explained(problem) for problem in error.problems]) from error
    return content, source, root


def _explained(problem: Problem) -> Problem:
    """What YAML has against a row that begins with `?`, in words that help."""
    if problem.code != "R003" or not _QUESTION.search(problem.source):
        return problem
    message = 'a row that begins with `?` stands in quotes: `verdict: "? wait"`'
    return Problem("S111", message, problem.file, problem.line, problem.column, problem.width, problem.source)
