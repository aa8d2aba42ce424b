"""A recording played fact by fact: rule files look at its signals, and at its knobs or their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from flyball.core.control import KnobState
from flyball.core.facts import (
    ActionAsked,
    DecisionMade,
    KnobTurned,
    Looked,
    LoopStarted,
    Recorded,
    RulesLoaded,
)
from flyball.core.ids import Digest, Instant
from flyball.core.rules.evaluator import Taken
from flyball.core.rules.history import Reach
from flyball.core.rules.memory import Memory
from flyball.core.rules.model import Ruleset
from flyball.core.rules.replay_course import Course, by_rules, settled
from flyball.core.signal import Snapshot

#: The kinds of facts that a playback reads.
KINDS = ("looked", "decision-made", "action-asked", "knob-turned", "rules-loaded", "loop-started")

#: Actions that change nothing that the signals measure.
HARMLESS = ("alert", "flag_annotator")

#: What a recorded rule file says; None where this version reads it no more.
Files = Callable[[RulesLoaded], Ruleset | None]


@dataclass(frozen=True, slots=True)
class Opening:
    """How a loop stood before the first fact that is played.

    `rules` are those in force, with what they remembered; `ids` all that there ever were. `files`:
    all that are in force from then on. `reach`: how far back any file will look. `whole`: nothing was there
    before.
    """

    rules: Ruleset
    memory: Memory
    knobs: KnobState
    ids: frozenset[str]
    files: tuple[Ruleset, ...]
    reach: Reach
    whole: bool

    def course(self, rules: Ruleset, memory: Memory) -> Course:
        """A file to be played from here on."""
        return Course(rules, memory, self.knobs, self.reach)


@dataclass(slots=True)
class Passed:
    """One recorded look with all that followed from it, there (`said`, `asked`) and in each course.

    `before`: the knobs of each course as it looked. `asked` counts (action, annotator).
    """

    at: Instant
    rules: Digest
    before: tuple[KnobState, ...]
    taken: tuple[Taken, ...]
    said: list[DecisionMade] = field(default_factory=list)
    asked: Counter[tuple[str, str | None]] = field(default_factory=Counter)


class Playback:
    """Courses over one recording.

    `follows`: the course that takes up each recorded rule file. `free`: those that from `since` on turn
    their own knobs. `knobs` are as they were recorded.
    """

    def __init__(
        self,
        opening: Opening,
        courses: Sequence[Course],
        files: Files,
        *,
        follows: Course | None = None,
        free: Sequence[Course] = (),
        since: Instant = float("inf"),
    ) -> None:
        self.knobs = opening.knobs
        #: Each file that took effect on the way.
        self.loaded: list[tuple[Instant, RulesLoaded]] = []
        self._courses, self._follows, self._free = courses, follows, free
        self._files, self._since, self._ids = files, since, opening.ids
        self._last = float("-inf")

    def looks(self, recording: Iterable[Recorded]) -> Iterator[Passed]:
        """Every look, once it is known what followed from it and before anything else happens."""
        passed: Passed | None = None
        for recorded in recording:
            fact = recorded.fact
            if passed is not None and not self._belongs(fact, passed):
                yield passed
                passed = None
            match fact:
                case Looked():
                    passed = self._look(fact)
                case DecisionMade() if passed is not None and fact.rules == passed.rules:
                    passed.said.append(fact)
                case ActionAsked(action=action, about=about) if passed is not None:
                    if action not in HARMLESS:
                        passed.asked[action, about] += 1
                case KnobTurned():
                    self._turn(fact)
                case RulesLoaded():
                    self._load(fact, recorded.at)
                case LoopStarted(architecture=architecture):
                    self.knobs = settled(self.knobs, architecture, recorded.at)
                    for course in self._courses:
                        course.restart(architecture, recorded.at)
                case _:
                    pass
        if passed is not None:
            yield passed

    def _belongs(self, fact: object, passed: Passed) -> bool:
        """Whether a fact was written with a look; so are the decisions of a canary, which are not its own."""
        match fact:
            case DecisionMade():
                return True
            case ActionAsked(by=by):
                return by in self._ids
            case KnobTurned():
                return by_rules(fact, self._ids, self.knobs, passed.at)
            case _:
                return False

    def _look(self, fact: Looked) -> Passed:
        if fact.due >= self._since:
            for course in self._free:
                course.free = True
        snapshot = Snapshot(fact.due, fact.cycle, fact.values, fact.each)
        before = tuple(course.knobs for course in self._courses)
        self._last = fact.due
        return Passed(fact.due, fact.rules, before, tuple(course.look(snapshot) for course in self._courses))

    def _turn(self, fact: KnobTurned) -> None:
        rules_did = by_rules(fact, self._ids, self.knobs, self._last)
        self.knobs = self.knobs.evolve(fact)
        for course in self._courses:
            course.turn(fact, by_rules=rules_did)

    def _load(self, fact: RulesLoaded, at: Instant) -> None:
        self.loaded.append((at, fact))
        rules = self._files(fact)
        if rules is not None and self._follows is not None and self._follows.rules.digest != rules.digest:
            self._follows.change(rules)
