"""Whether the scenarios of a rule file hold, asked before it is put in force."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flyball.adapters import scenario_file
from flyball.adapters.durable_rules import DurableEngine
from flyball.adapters.scenario_file import ScenarioFile
from flyball.cli.rules import CATALOGUE
from flyball.core.rules.scenario.trial import tried


@dataclass(frozen=True, slots=True)
class Trial:
    """How many scenarios a rule file has, and what is to be said of those that do not hold."""

    count: int
    failed: tuple[str, ...] = ()


def trial(file: Path, own: Path) -> Trial:
    """Play the scenarios beside a rule file, and those beside the loop's `own`, whose place it is to take.

    Raises BadFile where scenarios have mistakes, such as a rule that is gone.
    """
    rules = scenario_file.read_rules(file, CATALOGUE)
    found = _of(file)
    if own.is_file() and not own.samefile(file):
        found += [each for each in _of(own) if each.path not in {one.path for one in found}]
    suites = [scenario_file.read(each, rules, CATALOGUE) for each in found]
    engine = DurableEngine()
    try:
        played = tried(rules, suites, {"durable-rules": engine.truths}, CATALOGUE, mutation=False)
    finally:
        engine.close()
    failed = (
        f"{each.scenario.name} ({each.suite}:{each.scenario.line})\n{each.failure}" for each in played.failed
    )
    return Trial(len(played.outcomes), tuple(failed))


def _of(rules: Path) -> list[ScenarioFile]:
    """The scenario files beside a rule file that name it."""
    parsed = [scenario_file.parsed(path) for path in scenario_file.beside(rules)]
    return [each for each in parsed if each is not None and each.rules.samefile(rules)]
