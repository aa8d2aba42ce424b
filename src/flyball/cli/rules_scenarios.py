"""`flyball rules test`: the scenarios of rule files, what they show, and what they would not notice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from flyball.adapters import scenario_file
from flyball.adapters.durable_rules import DurableEngine
from flyball.adapters.scenario_file import ScenarioFile
from flyball.cli.rules import CATALOGUE
from flyball.cli.rules_trial import beside
from flyball.cli.show import as_json, print_line, table
from flyball.core.rules.compiled import CompiledEngine
from flyball.core.rules.scenario.coverage import ASPECTS
from flyball.core.rules.scenario.mutation import Mutated
from flyball.core.rules.scenario.trial import Outcome, Trial, tried
from flyball.core.rules.words import Catalogue
from flyball.errors import BadFile, BadUsage, Problem


def play(
    files: Sequence[Path],
    *,
    mutation: bool,
    fail_under: float | None,
    junit: Path | None,
    json: bool,
    catalogue: Catalogue = CATALOGUE,
) -> int:
    """Play the scenarios of rule files, or those of scenario files, and print how they came out.

    The exit code is 1 where one came out otherwise than expected, or where coverage or the mutation
    score is under `fail_under` percent. Raises BadFile with the mistakes of all files.
    """
    trials = list(trials_of(files, catalogue, mutation=mutation))
    if junit is not None:
        try:
            junit.write_bytes(as_junit(trials))
        except OSError as error:
            raise BadUsage(f"the report cannot be written to {junit}: {error.strerror or error}") from error
    if json:
        as_json([_plain(trial) for trial in trials])
    else:
        for trial in trials:
            _print(trial)
    under = [line for trial in trials for line in _under(trial, fail_under)]
    if not json:
        for line in under:
            print_line(line)
    return 1 if under or any(trial.failed for trial in trials) else 0


def trials_of(files: Sequence[Path], catalogue: Catalogue, *, mutation: bool) -> Iterator[Trial]:
    """Each rule file with its scenarios tried, by all engines."""
    by_rules = _gathered(files, catalogue)
    engine = DurableEngine()
    try:
        problems: list[Problem] = []
        suites = []
        for rules, found in by_rules.items():
            try:
                file = scenario_file.read_rules(rules, catalogue)
            except BadFile as error:
                problems += error.problems
                continue
            read = []
            for each in found:
                try:
                    read.append(scenario_file.read(each, file, catalogue))
                except BadFile as error:
                    problems += error.problems
            suites.append((file, read))
        if problems:
            raise BadFile(problems)
        for file, read in suites:
            engines = {"durable-rules": engine.truths, "the one of replays": CompiledEngine().truths}
            yield tried(file, read, engines, catalogue, mutation=mutation)
    finally:
        engine.close()


def _gathered(files: Sequence[Path], catalogue: Catalogue) -> dict[Path, list[ScenarioFile]]:
    """The scenario files to play, by the rule file that they name, in the order in which they were named."""
    found: dict[Path, list[ScenarioFile]] = {}
    problems: list[Problem] = []
    for path in files:
        try:
            named = scenario_file.parsed(path)
            found.setdefault(_short(path if named is None else named.rules), []).extend(
                [named] if named is not None else beside(path)
            )
        except BadFile as error:
            problems += error.problems
    if problems:
        raise BadFile(problems)
    return found


def _short(path: Path) -> Path:
    """A path without `..`, as it is shown; two ways to one file are one."""
    whole, here = path.resolve(), Path.cwd()
    return whole.relative_to(here) if whole.is_relative_to(here) else whole


# --- for people ---


def _print(trial: Trial) -> None:
    name, count = trial.file.rules.name, len(trial.outcomes)
    if not count:
        print_line(f"{name}: no scenarios; write some in {scenario_file.FOLDER}/ beside it")
    for outcome in trial.failed:
        print_line(f"✗ FAILED  {outcome.scenario.name}  ({outcome.suite}:{outcome.scenario.line})")
        print_line("\n".join(f"    {line}" for line in outcome.failure.splitlines()) + "\n")
    if count:
        came = f"{len(trial.failed)} failed" if trial.failed else "all as expected"
        print_line(f"{name}: {_counted(count, 'scenario')}, {came}, with all three engines\n")
    print_line(table(_rows(trial), ("rule", *ASPECTS, "nudges noticed")) + "\n")
    for line in _summary(trial):
        print_line(line)
    print_line()


def _rows(trial: Trial) -> Iterator[tuple[str, ...]]:
    for rule, shown in trial.coverage.rules.items():
        nudged = trial.nudged(rule)
        marks = ["✓ yes" if aspect in shown else "✗ no" for aspect in ASPECTS]
        yield (rule, *marks, "-" if nudged is None else f"{nudged[0]} of {nudged[1]}")


def _summary(trial: Trial) -> Iterator[str]:
    shown = trial.coverage
    yield f"coverage        {shown.percent:5.1f}%  {shown.shown} of {shown.of}"
    if trial.mutated is None or trial.score is None:
        why = "not tried while scenarios fail" if trial.failed else "not asked for"
        yield f"mutation score      -   {why}"
        return
    total = len(trial.mutated)
    yield f"mutation score  {trial.score:5.1f}%  {total - len(trial.survivors)} of {total} nudges noticed"
    if trial.survivors:
        yield "no scenario notices:"
        yield from (f"  {_survivor(each)}" for each in trial.survivors)


def _survivor(mutated: Mutated) -> str:
    return str(mutated.nudge)


def _under(trial: Trial, least: float | None) -> Iterator[str]:
    for what, percent in (("coverage", trial.coverage.percent), ("the mutation score", trial.score)):
        if least is not None and percent is not None and percent < least:
            yield f"{trial.file.rules.name}: {what} is {percent:.1f}%, under {least:g}%"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


# --- for programs ---


def _plain(trial: Trial) -> dict[str, Any]:
    return {
        "rules": trial.file.rules.name,
        "digest": trial.file.rules.digest,
        "scenarios": [_plain_outcome(outcome) for outcome in trial.outcomes],
        "coverage": {
            "percent": trial.coverage.percent,
            "rules": {
                rule: {aspect: aspect in shown for aspect in ASPECTS}
                for rule, shown in trial.coverage.rules.items()
            },
        },
        "mutation": None if trial.mutated is None else _plain_mutation(trial, trial.mutated),
    }


def _plain_outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "file": outcome.suite,
        "line": outcome.scenario.line,
        "name": outcome.scenario.name,
        "passed": not outcome.differences,
        "differences": [
            {
                "at": each.look * outcome.scenario.every,
                "look": each.look + 1,
                "line": each.line,
                "what": each.what,
                "of": each.of,
                "expected": each.expected,
                "got": each.got,
            }
            for each in outcome.differences
        ],
    }


def _plain_mutation(trial: Trial, mutated: Sequence[Mutated]) -> dict[str, Any]:
    return {
        "percent": trial.score,
        "nudges": len(mutated),
        "survivors": [
            {
                "line": each.nudge.line,
                "column": each.nudge.column,
                "where": each.nudge.where,
                "change": each.nudge.told,
            }
            for each in trial.survivors
        ],
    }


def as_junit(trials: Sequence[Trial]) -> bytes:
    """The scenarios as a JUnit report: one suite for each rule file, one case for each scenario."""
    root = ElementTree.Element("testsuites", name="flyball rules test")
    for trial in trials:
        count, failed = len(trial.outcomes), len(trial.failed)
        suite = ElementTree.SubElement(
            root, "testsuite", name=trial.file.rules.name, tests=str(count), failures=str(failed)
        )
        for outcome in trial.outcomes:
            place = {"file": outcome.suite, "line": str(outcome.scenario.line)}
            case = ElementTree.SubElement(
                suite, "testcase", classname=outcome.suite, name=_xml(outcome.scenario.name), attrib=place
            )
            if outcome.differences:
                message = _xml(outcome.failure.splitlines()[0])
                told = ElementTree.SubElement(case, "failure", message=message)
                told.text = _xml(outcome.failure)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _xml(text: str) -> str:
    """Text without the control characters that XML cannot hold."""
    return "".join(each for each in text if each.isprintable() or each in "\n\t")
