"""Playing a scenario: its looks, taken one after the other by the evaluator that serves live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flyball.core.control import KnobState
from flyball.core.facts import KnobTurned
from flyball.core.knobs import KNOBS, Knob
from flyball.core.rules.evaluator import Evaluator, Taken, Truths
from flyball.core.rules.model import Ruleset
from flyball.core.rules.scenario.model import Scenario, Subject
from flyball.core.rules.standing import word


@dataclass(frozen=True, slots=True)
class Shot:
    """One look of a scenario: its number from 0, what came of it, and the knobs before and after."""

    number: int
    taken: Taken
    before: KnobState
    knobs: KnobState

    def word(self, subject: Subject, rules: Ruleset) -> str:
        """What a rule said, in the words of a row of verdicts."""
        rule = next(each for each in rules.rules if each.id == subject.rule)
        return word(self.taken.before, self.taken.memory, rule, subject.about, self.taken.truths)


def play(
    rules: Ruleset, scenario: Scenario, truths: Truths, catalogue: Mapping[str, Knob] = KNOBS
) -> Iterator[Shot]:
    """Take every look of a scenario. `truths` is the engine that answers conditions."""
    evaluator = Evaluator(rules, truths)
    knobs = KnobState.start(scenario.settings, catalogue)
    for number, snapshot in enumerate(scenario.snapshots):
        for look, fact in scenario.people:
            knobs = knobs.evolve(fact) if look == number else knobs
        live = knobs.value("loop.architecture", snapshot.at) == "adaptive"
        taken = evaluator.look(snapshot, knobs, live=live)
        evaluator.keep(taken)
        before = knobs
        for told in taken.facts:
            knobs = knobs.evolve(told) if isinstance(told, KnobTurned) else knobs
        yield Shot(number, taken, before, knobs)
