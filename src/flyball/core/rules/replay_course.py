"""One rule file over a recording: what it remembers, what it decides, and how the knobs stand with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from flyball.core.control import BASE, HOLD, KnobState
from flyball.core.facts import KnobTurned
from flyball.core.ids import Instant
from flyball.core.rules.compiled import CompiledEngine
from flyball.core.rules.evaluator import Evaluator, Taken
from flyball.core.rules.history import Reach
from flyball.core.rules.memory import Memory, carry
from flyball.core.rules.model import Ruleset
from flyball.core.rules.upkeep import CONTROLLER
from flyball.core.signal import Snapshot


class Course:
    """A rule file played over recorded signals by the live evaluator.

    `free`: what the rules turn counts, and what the recording's rules turned does not. Until it is set
    free a course looks at the knobs as they were recorded. `reach`: how far any file will look back that
    is still to come.
    """

    def __init__(self, rules: Ruleset, memory: Memory, knobs: KnobState, reach: Reach) -> None:
        self.knobs = knobs
        self.free = False
        self._reach = reach
        self._engine = CompiledEngine()
        self._evaluator = Evaluator(rules, self._engine.truths, memory)
        self._recent: deque[Snapshot] = deque()

    @property
    def rules(self) -> Ruleset:
        """The file that is played."""
        return self._evaluator.rules

    @property
    def memory(self) -> Memory:
        """What its rules remember of the last look."""
        return self._evaluator.memory

    def look(self, snapshot: Snapshot) -> Taken:
        """Take one look, and turn what was decided where the course is free."""
        live = self.knobs.value("loop.architecture", snapshot.at) == "adaptive"
        taken = self._evaluator.look(snapshot, self.knobs, live=live)
        self._evaluator.keep(taken)
        self._keep(snapshot)
        if self.free:
            for fact in taken.facts:
                if isinstance(fact, KnobTurned):
                    self.knobs = self.knobs.evolve(fact)
        return taken

    def turn(self, fact: KnobTurned, *, by_rules: bool) -> None:
        """A recorded turn of a knob. What people turned always counts."""
        if not (self.free and by_rules):
            self.knobs = self.knobs.evolve(fact)

    def restart(self, architecture: str, at: Instant) -> None:
        """The process was begun anew, in this architecture: it knows no more of the past than it reads."""
        self.knobs = settled(self.knobs, architecture, at)
        self._again(self.rules, self.memory)

    def change(self, rules: Ruleset) -> None:
        """Another file takes effect: rules that mean the same go on, the others begin idle."""
        memory, _ = carry(self.memory, self.rules, rules)
        self._again(rules, memory)

    def _again(self, rules: Ruleset, memory: Memory) -> None:
        self._evaluator = Evaluator(rules, self._engine.truths, memory)
        for snapshot in within(self._recent, self._evaluator.history.reach, rules.every):
            self._evaluator.history.add(snapshot)

    def _keep(self, snapshot: Snapshot) -> None:
        self._recent.append(snapshot)
        if len(self._recent) > 64 and not _near(self._recent[1], snapshot, self._reach, self.rules.every):
            self._recent.popleft()


def within(looks: Iterable[Snapshot], reach: Reach, every: float) -> list[Snapshot]:
    """The looks that a new evaluator is fed with: as far back as its windows reach, and one more."""
    listed = list(looks)
    return [each for each in listed if _near(each, listed[-1], reach, every)]


def by_rules(fact: KnobTurned, known: frozenset[str], knobs: KnobState, at: Instant) -> bool:
    """Whether rules turned a knob, and not a person. `known`: the ids of all rules there were."""
    if fact.layer.startswith(HOLD):
        return True
    if fact.layer == BASE:
        return fact.by in known
    return (
        fact.to is None
        and fact.by == CONTROLLER
        and any(layer.name == fact.layer for _, layer in knobs.expired(at))
    )


def settled(knobs: KnobState, architecture: str, at: Instant) -> KnobState:
    """The knobs of a process that began in this architecture, which settings or a flag may have changed."""
    if knobs.value("loop.architecture", at) == architecture:
        return knobs
    return replace(knobs, settings={**knobs.settings, "loop.architecture": architecture})


def _near(look: Snapshot, last: Snapshot, reach: Reach, every: float) -> bool:
    return look.at >= last.at - reach.seconds - every or look.cycle >= last.cycle - reach.cycles - 1
