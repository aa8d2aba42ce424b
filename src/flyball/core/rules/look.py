"""One look: what the rules make of the signals now, and what is to be done about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from flyball.core.control import KnobState, Target
from flyball.core.facts import KnobTurned
from flyball.core.ids import Instant
from flyball.core.rules import upkeep
from flyball.core.rules.machine import decisive, step, stopped
from flyball.core.rules.memory import IDLE, Instance, Memory, Moment, hold_layer, instance_key, resting
from flyball.core.rules.model import Rule, Ruleset, Turn, condition_key
from flyball.core.rules.telling import Because, Conclusion, Seen, Telling
from flyball.core.rules.writers import Case, Outcome, settle, target_of, wants
from flyball.core.signal import Snapshot


def look(
    memory: Memory,
    truths: Mapping[str, bool | None],
    snapshot: Snapshot,
    now: Instant,
    rules: Ruleset,
    knobs: KnobState,
    *,
    because: Because,
    seen: Seen,
    live: bool,
) -> tuple[Memory, tuple[Conclusion, ...]]:
    """Take one look. The answer is the memory for the next one, and the facts to write down.

    `truths` by `condition_key`; one that is missing is unknown. `live` False: everything is decided
    and nothing applied. A rule for which nothing happened has no decision: ask `standing.describe`.
    """
    moment = memory.next(now, snapshot.cycle)
    telling = Telling(moment.at, rules.digest, because, seen)
    before = list(upkeep.ended(knobs, moment, rules.digest))
    knobs = _after(knobs, before)

    cases, instances, silent = _advance(memory, truths, snapshot, moment, rules, knobs, live)
    asked = [want for case in cases for want in wants(case, knobs, rules.bounds, moment)]
    touched = dict.fromkeys([*memory.trails, *(want.target for want in asked)])
    trails = upkeep.trails_at(memory.trails, touched, knobs, rules.bounds, moment)
    outcomes: dict[int, list[Outcome]] = {}
    for outcome in settle(asked, knobs, rules.bounds, trails, moment):
        outcomes.setdefault(outcome.want.case.order, []).append(outcome)

    facts: list[Conclusion] = []
    for case in cases:
        facts += telling.of(case, outcomes.get(case.order, []), knobs)
        if case.stands != IDLE:
            instances[instance_key(case.rule, case.about)] = case.stands
    knobs = _after(knobs, facts)
    held = {
        (target, hold_layer(case.rule, case.about, target))
        for case in cases
        if case.acts and case.stands.state == "active"
        for target in (target_of(name, case.about, knobs) for name in case.rule.hold)
    }
    why = "no active rule holds this any more" if live else upkeep.ONLY_ADAPTIVE
    rest: list[Conclusion] = [*upkeep.orphans(knobs, held, why)]
    rest += upkeep.unheard(silent, knobs, rules.bounds, moment, memory.last, rules.digest, live)
    knobs = _after(knobs, rest)

    trails = upkeep.trails_at(trails, touched, knobs, rules.bounds, moment)
    kept = {
        target: trail
        for target, trail in trails.items()
        if not upkeep.settled(trail, rules.bounds.get(target.knob), moment)
    }
    return Memory(moment, live, instances, kept, silent), (*before, *facts, *rest)


def _advance(
    memory: Memory,
    truths: Mapping[str, bool | None],
    snapshot: Snapshot,
    moment: Moment,
    rules: Ruleset,
    knobs: KnobState,
    live: bool,
) -> tuple[list[Case], dict[str, Instance], dict[Target, Moment]]:
    """Each rule's next state: those to be dealt with as cases, the others as they stand now.

    Last come the knobs that have a safe value and of which no live rule hears anything, since when.
    """
    paused = {
        target.about
        for target in knobs.turned
        if target.knob == "rule.paused" and knobs.value(target.knob, moment.at, target.about)
    }
    safes = {name for name, knob in knobs.catalogue.items() if knob.safe is not None}
    safes |= {name for name, limits in rules.bounds.items() if limits.safe is not None}
    cases: list[Case] = []
    waiting: dict[str, Instance] = {}
    heard: set[Target] = set()
    mute: dict[Target, None] = {}
    for rule, about in _instances(memory, snapshot, rules, moment):
        key = instance_key(rule, about)
        was = memory.instances.get(key, IDLE)
        if paused and (rule.id in paused or None in paused):
            stands, event = stopped(was)
        else:
            when = truths.get(condition_key(rule.id, "when", about))
            until = truths.get(condition_key(rule.id, "until", about)) if rule.until is not None else None
            stands, event = step(rule, was, when, until, moment, memory.last)
            if rule.mode == "live":
                writes = dict.fromkeys(_safe_targets(rule, about, safes, knobs))
                (mute if decisive(rule, was, when, until) is None else heard).update(writes)
        if event or stands.state == "active":
            acts = live and rule.mode == "live"
            cases.append(Case(rule, about, len(cases), acts, was, stands, event))
        elif stands != IDLE:
            waiting[key] = stands
    silent = {target: memory.silent.get(target, moment) for target in mute if target not in heard}
    return cases, waiting, silent


def _instances(
    memory: Memory, snapshot: Snapshot, rules: Ruleset, moment: Moment
) -> Iterator[tuple[Rule, str | None]]:
    """Each rule once, or once for each annotator that is there or whose instance is not at rest."""
    for rule in rules.rules:
        if rule.foreach is None:
            yield rule, None
            continue
        prefix = f"{rule.id}@"
        gone = {
            key.removeprefix(prefix)
            for key, instance in memory.instances.items()
            if key.startswith(prefix) and (instance.state != "idle" or resting(rule, instance, moment))
        }
        for about in sorted({*snapshot.each, *gone}):
            yield rule, about


def _safe_targets(rule: Rule, about: str | None, safes: set[str], knobs: KnobState) -> Iterator[Target]:
    for act in rule.then:
        if isinstance(act, Turn) and act.knob in safes:
            yield target_of(act.knob, about, knobs)
    for name in rule.hold:
        if name in safes:
            yield target_of(name, about, knobs)


def _after(knobs: KnobState, facts: Iterable[Conclusion]) -> KnobState:
    for fact in facts:
        if isinstance(fact, KnobTurned):
            knobs = knobs.evolve(fact)
    return knobs
