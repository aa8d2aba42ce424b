"""Whether the scenarios of a rule file hold, asked before it is put in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flyball.adapters import scenario_file
from flyball.adapters.durable_rules import DurableEngine
from flyball.adapters.scenario_file import ScenarioFile
from flyball.cli.problems import counted
from flyball.cli.rules import CATALOGUE
from flyball.core.rules.scenario.model import Scenario, Suite
from flyball.core.rules.scenario.mutation import RuleFile
from flyball.core.rules.scenario.trial import tried
from flyball.errors import BadFile, Problem

#: So many names are listed.
_MOST = 8


@dataclass(frozen=True, slots=True)
class Trial:
    """How many scenarios a rule file has, and what is to be said of those that do not hold."""

    count: int
    failed: tuple[str, ...] = ()


def trial(file: Path, own: Path) -> Trial:
    """Play the scenarios beside a rule file, and those beside the loop's `own`, whose place it is to take.

    Raises BadFile where scenarios have mistakes, or are about rules that the file does not have.
    """
    rules = scenario_file.read_rules(file, CATALOGUE)
    found = beside(file)
    suites = [scenario_file.read(each, rules, CATALOGUE) for each in found]
    if own.is_file() and not own.samefile(file):
        known = {each.path for each in found}
        suites += _fitting([each for each in beside(own) if each.path not in known], rules, own)
    engine = DurableEngine()
    try:
        played = tried(rules, suites, {"durable-rules": engine.truths}, CATALOGUE, mutation=False)
    finally:
        engine.close()
    failed = (
        f"{each.scenario.name} ({each.suite}:{each.scenario.line})\n{each.failure}" for each in played.failed
    )
    return Trial(len(played.outcomes), tuple(failed))


def beside(rules: Path) -> list[ScenarioFile]:
    """The scenario files beside a rule file that name it."""
    parsed = [scenario_file.parsed(path) for path in scenario_file.beside(rules)]
    return [each for each in parsed if each is not None and each.rules.samefile(rules)]


def _fitting(files: Sequence[ScenarioFile], rules: RuleFile, own: Path) -> list[Suite]:
    """The loop's scenarios with the new rules. Where they do not fit, BadFile says so once, not for each."""
    suites, misfits, scenarios = list[Suite](), list[Problem](), list[Scenario]()
    for file in files:
        before = _with_own(file, own)
        scenarios += before.scenarios if before is not None else ()
        try:
            suites.append(scenario_file.read(file, rules, CATALOGUE))
        except BadFile as error:
            if before is None:
                raise  # they are wrong by themselves, and each mistake counts
            misfits += error.problems
    if misfits:
        raise BadFile([_misfit(misfits, scenarios, rules, own)])
    return suites


def _with_own(file: ScenarioFile, own: Path) -> Suite | None:
    """The scenarios as they are read with the loop's own rules; None where that cannot be done."""
    try:
        return scenario_file.read(file, scenario_file.read_rules(own, CATALOGUE), CATALOGUE)
    except BadFile:
        return None


def _misfit(
    problems: Sequence[Problem], scenarios: Sequence[Scenario], rules: RuleFile, own: Path
) -> Problem:
    """What to say of scenarios that are right, and not about these rules."""
    known, name = {rule.id for rule in rules.rules.rules}, rules.rules.name
    named = {scenario.name: scenario.concerns - known for scenario in scenarios}
    gone = sorted({rule for rules in named.values() for rule in rules})
    about = sum(map(bool, named.values()))
    whole = counted(len(scenarios), "scenario")
    if gone:
        listed = ", ".join(gone[:_MOST]) + (f" and {len(gone) - _MOST} more" if len(gone) > _MOST else "")
        said = f"{about} of {whole} beside {own} {'is' if about == 1 else 'are'} about rules that {name}"
        said += f" does not have: {listed}"
    else:
        others = f" (and {counted(len(problems) - 1, 'other mistake')})" if len(problems) > 1 else ""
        first = problems[0]
        said = f"{whole} beside {own} do not fit {name}: {first.file}:{first.line}: {first.message}{others}"
    todo = (
        "Is it the file that you mean? Else give it these rules, or take the scenarios out or change them, or"
        " play none with --no-tests"
    )
    return Problem("S102", f"{said}. {todo}", name)
