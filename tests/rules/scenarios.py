"""Scenarios from text, on a small rule file of their own: what tests of them share."""

from __future__ import annotations

from pathlib import Path

from tests.rules.catalogue import CATALOGUE

from flyball.adapters import scenario_file
from flyball.adapters.rule_file import parsed
from flyball.core.rules.evaluator import Truths
from flyball.core.rules.ruleset import Document, read_ruleset
from flyball.core.rules.scenario.model import Suite
from flyball.core.rules.scenario.mutation import RuleFile
from flyball.core.rules.scenario.read import read_suite
from flyball.core.rules.scenario.trial import Trial, tried

RULES = """version: 1
every: 1m
knobs:
  batch.size: {max: 400, turns: 2 per 1h}
rules:
  - id: deep
    because: "{queue.depth} wait"
    when: queue.depth > 200
    for: 2m
    until: queue.depth < 100
    hold: {sampler.name: random}
    priority: 9
  - id: idle
    because: "{annotators.idle} idle"
    when: annotators.idle > 20%
    then: [{scale: batch.size, by: 2}, {do: alert, severity: warn}]
    cooldown: 2 looks
  - id: gold
    foreach: annotator
    because: "{annotator} errs"
    when: gold.accuracy < 90%
    hold: {annotator.weight: 0.5}
    until: gold.accuracy > 93%
  - id: watch
    because: "{drift.share} moved"
    when: drift.share > 30% or drift.changed
    then: {do: retrain}
"""


def rule_file(text: str = RULES) -> RuleFile:
    """A rule file with its tree."""
    content, source, root = parsed(text.encode(), "rules.yaml")
    rules, _ = read_ruleset(Document("d", "rules.yaml", content, root), source, CATALOGUE)  # type: ignore[arg-type]
    return RuleFile(rules, root, source)


def suite(text: str, rules: str = RULES) -> Suite:
    """Scenarios of one rule file, given as the list under `scenarios`."""
    _, source, root = parsed(f"rules: rules.yaml\nscenarios:\n{text}".encode(), "tests.yaml")
    return read_suite("tests.yaml", root, source, rule_file(rules).rules, CATALOGUE)


def trial(
    text: str, rules: str = RULES, *, mutation: bool = False, engines: dict[str, Truths] | None = None
) -> Trial:
    """Scenarios of one rule file, played."""
    return tried(rule_file(rules), [suite(text, rules)], engines or {}, CATALOGUE, mutation=mutation)


def written(directory: Path, scenarios: str, rules: str = RULES) -> Path:
    """A rule file with its scenarios in the folder beside it."""
    (directory / scenario_file.FOLDER).mkdir(exist_ok=True)
    (directory / "rules.yaml").write_text(rules)
    (directory / scenario_file.FOLDER / "rules.yaml").write_text(
        f"rules: ../rules.yaml\nscenarios:\n{scenarios}"
    )
    return directory / "rules.yaml"
