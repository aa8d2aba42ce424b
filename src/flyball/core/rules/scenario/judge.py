"""What came of a look against what was expected of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flyball.core.facts import ActionAsked, DecisionMade
from flyball.core.ids import RuleId
from flyball.core.knobs import Value
from flyball.core.rules.evaluator import Truths
from flyball.core.rules.model import Ruleset
from flyball.core.rules.scenario.model import Expected, Scenario, Subject
from flyball.core.rules.scenario.play import Shot
from flyball.core.rules.upkeep import CONTROLLER


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that came out otherwise than was expected, at a look (from 0).

    `what`: "verdict" in a row of verdicts, a verdict of `expect`, "knobs", "decided", "asked", or
    "engines" where an engine contradicts the reference. `subjects`: the rules that it is about.
    """

    look: int
    line: int
    what: str
    expected: str
    got: str
    subjects: tuple[Subject, ...] = ()
    of: str = ""


def differences(scenario: Scenario, shot: Shot, rules: Ruleset) -> Iterator[Difference]:
    """Everything in which one look differs from what the scenario says."""
    for subject, row in scenario.words.items():
        if (got := shot.word(subject, rules)) != (wanted := row[shot.number]):
            yield Difference(shot.number, scenario.line, "verdict", wanted, got, (subject,), of=str(subject))
    for expected in scenario.expected:
        if expected.look == shot.number:
            yield from _verdicts(expected, shot, scenario.rule)
            yield from _knobs(expected, shot)
            yield from _decided(expected, shot, scenario.rule)
            yield from _asked(expected, shot, scenario.rule)


def disagreements(
    scenario: Scenario, shot: Shot, rules: Ruleset, engines: Mapping[str, Truths]
) -> Iterator[Difference]:
    """Where an engine finds other truths than those that the look was taken with."""
    for name, truths in engines.items():
        found = truths(rules, shot.taken.readings)
        for key in sorted({*found, *shot.taken.truths}):
            if (wanted := shot.taken.truths.get(key)) != (got := found.get(key)):
                yield Difference(
                    shot.number, scenario.line, "engines", _truth(wanted), _truth(got), of=f"{key} by {name}"
                )


def _verdicts(expected: Expected, shot: Shot, only: Subject | None) -> Iterator[Difference]:
    got: dict[str, list[Subject]] = {}
    for fact in shot.taken.facts:
        if isinstance(fact, DecisionMade) and fact.rule != CONTROLLER:
            subject = Subject(fact.rule, fact.about)
            if only is None or subject == only:
                got.setdefault(fact.verdict, []).append(subject)
    for verdict, wanted in expected.verdicts.items():
        found = list(dict.fromkeys(got.get(verdict, [])))
        if set(found) != set(wanted):
            apart = tuple(each for each in (*wanted, *found) if (each in wanted) != (each in found))
            missing = [each for each in wanted if each not in found]
            instead = [f"; {each} {other}" for other in got for each in got[other] if each in missing]
            told = _names(found) + "".join(instead)
            yield Difference(expected.look, expected.line, verdict, _names(wanted), told, apart, of=verdict)


def _knobs(expected: Expected, shot: Shot) -> Iterator[Difference]:
    for name, wanted in expected.knobs.items():
        knob, at, about = name.partition("@")
        got = shot.knobs.value(knob, shot.taken.snapshot.at, about if at else None)
        if not _same(got, wanted):
            yield Difference(expected.look, expected.line, "knobs", str(wanted), str(got), of=name)


def _decided(expected: Expected, shot: Shot, only: Subject | None) -> Iterator[Difference]:
    """Of several rules that would turn one knob, it is enough that one of them turns it so."""
    got: dict[str, list[Value]] = {}
    for fact in shot.taken.facts if expected.decided else ():
        if isinstance(fact, DecisionMade) and (only is None or Subject(fact.rule, fact.about) == only):
            for change in fact.changes:
                if "to" in change:
                    for name in {change["knob"], f"{change['knob']}@{fact.about}"}:
                        got.setdefault(name, []).append(change["to"])
    for name, wanted in expected.decided.items():
        if not any(_same(value, wanted) for value in got.get(name, [])):
            found = ", ".join(map(str, got.get(name, []))) or "nothing"
            yield Difference(expected.look, expected.line, "decided", str(wanted), found, of=name)


def _asked(expected: Expected, shot: Shot, only: Subject | None) -> Iterator[Difference]:
    if expected.asked is None:
        return
    asked = [
        (fact.action, [str(option) for option in fact.options.values()])
        for fact in shot.taken.facts
        if isinstance(fact, ActionAsked) and (only is None or Subject(RuleId(fact.by), fact.about) == only)
    ]
    left, missing = list(asked), False
    for wanted in expected.asked:
        action, *options = wanted.split()
        same = next((each for each in left if each[0] == action and set(options) <= set(each[1])), None)
        if same is None:
            missing = True
        else:
            left.remove(same)
    if missing or left:
        got = ", ".join(" ".join((action, *options)) for action, options in asked)
        wanted_ = ", ".join(expected.asked)
        yield Difference(
            expected.look, expected.line, "asked", wanted_ or "nothing", got or "nothing", of="asked"
        )


def _same(one: Value, other: Value) -> bool:
    if isinstance(one, bool | str) or isinstance(other, bool | str):
        return one == other
    # What a person writes has not the last digits that floats make up.
    return abs(float(one) - float(other)) <= 1e-9 * max(1.0, abs(float(other)))


def _names(subjects: tuple[Subject, ...] | list[Subject]) -> str:
    return ", ".join(map(str, subjects)) or "nothing"


def _truth(truth: bool | None) -> str:
    return "unknown" if truth is None else "yes" if truth else "no"
