"""Recorded signals through another rule file: what it would have decided, and until when that holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from flyball.core.control import KnobState
from flyball.core.facts import ActionAsked, DecisionMade, Recorded, RulesLoaded
from flyball.core.ids import Instant
from flyball.core.rules.evaluator import Taken
from flyball.core.rules.memory import Memory, carry, meaning
from flyball.core.rules.model import Arithmetic, Call, Condition, Expression, KnobRead, Rule, Ruleset
from flyball.core.rules.replay_course import Course
from flyball.core.rules.replay_lines import Lines
from flyball.core.rules.replay_model import Difference, Replayed
from flyball.core.rules.replay_playback import HARMLESS, Files, Opening, Passed, Playback
from flyball.core.rules.replay_tally import curves, tallied
from flyball.core.rules.tree import comparisons_in
from flyball.core.rules.upkeep import CONTROLLER
from flyball.core.rules.why import Catalogues, explain
from flyball.core.rules.why_words import headline

#: A file, and what its rules remember at the opening.
Begun = tuple[Ruleset, Memory]


class Replay:
    """A recording through a rule file, beside what was recorded or beside another file.

    The files are played from the opening on with the knobs as they were recorded; from `since` on they
    turn their own, and are compared. People's overrides stay as they were. `old` None: the recording
    itself is what the new file is compared with.
    """

    def __init__(
        self,
        opening: Opening,
        new: Begun,
        since: Instant,
        catalogues: Catalogues,
        files: Files,
        old: Begun | None = None,
    ) -> None:
        self._since, self._catalogues = since, catalogues
        self._against_log = old is None
        self._recorded = opening.files
        # Beside the log only those rules are played whose states the new file does not tell.
        self._shared = alike(new[0], opening.files) if old is None else frozenset[str]()
        self._old = opening.course(*(old or _without(self._shared, opening.rules, opening.memory)))
        self._new = opening.course(*new)

        def others(fact: RulesLoaded) -> Ruleset | None:
            rules = files(fact)
            return rules and _without(self._shared, rules, Memory())[0]

        self._playback = Playback(
            opening,
            (self._old, self._new),
            others if self._against_log else files,
            follows=self._old if self._against_log else None,
            free=(self._new,) if self._against_log else (self._old, self._new),
            since=since,
        )
        self._lines: tuple[Lines, Lines] | None = None
        self._beyond: dict[str, Instant] = {}
        self._compared: dict[int, tuple[KnobState, KnobState]] = {}
        self._differences: list[Difference] = []
        self._looks = self._shadowed = self._unlike = 0
        self._ended = since

    def play(self, recording: Iterable[Recorded]) -> Replayed:
        """All of it, in the order of the log, from the opening on."""
        for passed in self._playback.looks(recording):
            if passed.at >= self._since:
                self._look(passed)
        old, new = self._lines or (self._begun(self._old), self._begun(self._new))
        after = new.stretches.until(self._ended)
        shared = (each for each in after if each.rule in self._shared)
        stretches = (*shared, *old.stretches.until(self._ended)), after
        files = self._recorded if self._against_log else (self._old.rules,)
        ids = _ids(files, old.decisions), _ids((self._new.rules,), new.decisions)
        return Replayed(
            since=self._since,
            until=self._ended,
            looks=self._looks,
            shadowed=self._shadowed,
            unlike=self._unlike,
            rules=tallied((old.decisions, new.decisions), stretches, ids, self._differences),
            differences=tuple(self._differences),
            curves=curves(old.steps.of, new.steps.of),
            beyond=self._beyond,
            stretches=stretches,
            files=tuple((at, fact.digest, fact.name) for at, fact in self._playback.loaded),
        )

    def _begun(self, course: Course) -> Lines:
        return Lines(course.memory, course.knobs, self._since)

    def _look(self, passed: Passed) -> None:
        if self._lines is None:
            old_, new_ = zip(passed.taken, passed.before, strict=True)
            self._lines = Lines(old_[0].before, old_[1], passed.at), Lines(new_[0].before, new_[1], passed.at)
        self._ended = passed.at
        self._looks += 1
        old, new = (decided(taken) for taken in passed.taken)
        self._shadowed += not passed.taken[1].memory.live
        if self._against_log:
            played = [*old, *(each for each in new if each.rule in self._shared)]
            self._unlike += _turns(played) != _turns(passed.said)
            old = passed.said
        self._compare(passed, old, new)
        knobs = self._playback.knobs if self._against_log else self._old.knobs, self._new.knobs
        for line, made, taken, state in zip(self._lines, (old, new), passed.taken, knobs, strict=True):
            line.add(made, taken.memory, state, passed.at)
        self._part(passed)

    def _compare(self, passed: Passed, old: Sequence[DecisionMade], new: Sequence[DecisionMade]) -> None:
        if not old and not new:
            return
        before, after = _by_rule(old), _by_rule(new)
        for name, about in {**before, **after}:
            first, second = before.get((name, about), []), after.get((name, about), [])
            if not same(first, second):
                because = self._because(passed, name, about, second)
                told = tuple(self._beyond)
                self._differences.append(
                    Difference(passed.at, name, about, tuple(first), tuple(second), because, told)
                )

    def _because(self, passed: Passed, name: str, about: str | None, made: Sequence[DecisionMade]) -> str:
        """How the new file's rule stood, or that it has none of that name."""
        rules = self._new.rules
        rule = next((each for each in rules.rules if each.id == name), None)
        if rule is None:
            return "" if name == CONTROLLER else "the new file has no such rule"
        why = explain(passed.taken[1], rules, rule, about, passed.before[1], self._catalogues, made)
        return headline(why)

    def _part(self, passed: Passed) -> None:
        """Note each knob that stands elsewhere than recorded, and each action that was asked for or not."""
        for course, taken in zip((self._old, self._new), passed.taken, strict=True):
            if not course.free:
                continue
            # Most looks turn nothing: then what was compared before stands.
            was, recorded = self._compared.get(id(course)), self._playback.knobs
            if was is None or was[0] is not course.knobs or was[1] is not recorded:
                self._compared[id(course)] = (course.knobs, recorded)
                for name in _elsewhere(course.knobs, recorded, passed.at):
                    self._beyond.setdefault(name, passed.at)
            asked = _asked(taken)
            for action, about in asked ^ set(passed.asked):
                self._beyond.setdefault(action if about is None else f"{action}@{about}", passed.at)


def alike(new: Ruleset, files: Iterable[Ruleset]) -> frozenset[str]:
    """The rules that stand as they did in a recording whatever else a file turns: they mean the same in all
    of these files, and read no knob.
    """
    meant = {rule.id: meaning(rule, new) for rule in new.rules}
    shared = {name for name, means in meant.items() if not any(_reads_knobs(each) for each in _parts(means))}
    for rules in files:
        same_here = {rule.id for rule in rules.rules if meant.get(rule.id) == meaning(rule, rules)}
        shared &= same_here
    return frozenset(shared)


def decided(taken: Taken) -> list[DecisionMade]:
    """The decisions of a look."""
    return [fact for fact in taken.facts if isinstance(fact, DecisionMade)]


def same(first: Sequence[DecisionMade], second: Sequence[DecisionMade]) -> bool:
    """Whether decisions come to the same, whatever their words, numbers and file."""
    return [_gist(each) for each in first] == [_gist(each) for each in second]


def _without(shared: frozenset[str], rules: Ruleset, memory: Memory) -> Begun:
    left = tuple(rule for rule in rules.rules if rule.id not in shared)
    used = {name for rule in left for name in meaning(rule, rules)[1]}
    named = {name: condition for name, condition in rules.conditions.items() if name in used}
    others = replace(rules, rules=left, conditions=named)
    return others, carry(memory, rules, others)[0]


def _turns(made: Iterable[DecisionMade]) -> set[tuple[str, str | None, str]]:
    """Which rules fired and cleared, which is theirs alone to decide."""
    return {
        (each.rule, each.about, each.verdict)
        for each in made
        if each.verdict in ("fired", "cleared") and each.rule != CONTROLLER
    }


def _parts(means: tuple[Rule, Mapping[str, Condition]]) -> list[Condition]:
    rule, named = means
    return [rule.when, *([] if rule.until is None else [rule.until]), *named.values()]


def _reads_knobs(condition: Condition) -> bool:
    return any(
        knob_in(side) for compare in comparisons_in(condition) for side in (compare.left, compare.right)
    )


def knob_in(expression: Expression) -> bool:
    """Whether an expression reads a knob."""
    match expression:
        case KnobRead():
            return True
        case Call(args=args):
            return any(map(knob_in, args))
        case Arithmetic(left=left, right=right):
            return knob_in(left) or knob_in(right)
        case _:
            return False


def _gist(made: DecisionMade) -> tuple[object, ...]:
    changes = [dict(change) for change in made.changes]
    return made.rule, made.about, made.verdict, made.live, made.overruled_by, changes


def _by_rule(made: Iterable[DecisionMade]) -> dict[tuple[str, str | None], list[DecisionMade]]:
    found: dict[tuple[str, str | None], list[DecisionMade]] = {}
    for each in made:
        found.setdefault((each.rule, each.about), []).append(each)
    return found


def _elsewhere(knobs: KnobState, recorded: KnobState, at: Instant) -> Iterator[str]:
    """The knobs whose value in force is not as recorded."""
    for target in {**knobs.turned, **recorded.turned}:
        if knobs.turned.get(target) == recorded.turned.get(target):
            continue
        if knobs.value(target.knob, at, target.about) != recorded.value(target.knob, at, target.about):
            yield str(target)


def _asked(taken: Taken) -> set[tuple[str, str | None]]:
    return {
        (fact.action, fact.about)
        for fact in taken.facts
        if isinstance(fact, ActionAsked) and fact.action not in HARMLESS
    }


def _ids(files: Iterable[Ruleset], decisions: Iterable[DecisionMade]) -> list[str]:
    listed = (rule.id for rules in files for rule in rules.rules)
    named = dict.fromkeys([*listed, *(each.rule for each in decisions)])
    return [name for name in named if name != CONTROLLER]
