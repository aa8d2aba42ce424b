"""Every rule's next state in one look, and the knobs of which no rule hears anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from flyball.core.control import KnobState, Target
from flyball.core.rules.machine import decisive, step, stopped
from flyball.core.rules.memory import IDLE, Instance, Memory, Moment, instance_key, resting
from flyball.core.rules.model import Rule, Ruleset, Turn, condition_key
from flyball.core.rules.upkeep import safe_value
from flyball.core.rules.writers import Case, target_of
from flyball.core.signal import Snapshot


@dataclass(frozen=True, slots=True)
class Advanced:
    """Every rule's next state: those to be dealt with as cases, the others by name.

    `silent`: the knobs that have a safe value and of which no live rule hears anything, since when.
    """

    cases: tuple[Case, ...]
    waiting: Mapping[str, Instance]
    silent: Mapping[Target, Moment]


def advance(
    memory: Memory,
    truths: Mapping[str, bool | None],
    snapshot: Snapshot,
    moment: Moment,
    rules: Ruleset,
    knobs: KnobState,
    live: bool,
) -> Advanced:
    """Take every rule, and every rule for each annotator, one look further."""
    paused, instances = _paused(knobs, moment), memory.instances
    cases: list[Case] = []
    waiting: dict[str, Instance] = {}
    heard: list[tuple[Rule, str | None]] = []
    mute: list[tuple[Rule, str | None]] = []
    for rule, about in _instances(memory, snapshot, rules, moment):
        key = instance_key(rule, about)
        was = instances.get(key, IDLE)
        if was is IDLE and not paused and truths.get(condition_key(rule.id, "when", about)) is False:
            # What most rules do in most looks: nothing, whatever the rest of them says.
            if rule.mode == "live":
                heard.append((rule, about))
            continue
        if paused and (rule.id in paused or None in paused):
            stands, event = stopped(was)
        else:
            when = truths.get(condition_key(rule.id, "when", about))
            until = truths.get(condition_key(rule.id, "until", about)) if rule.until is not None else None
            stands, event = step(rule, was, when, until, moment, memory.last)
            if rule.mode == "live":
                (mute if decisive(rule, was, when, until) is None else heard).append((rule, about))
        if event or stands.state == "active":
            acts = live and rule.mode == "live"
            cases.append(Case(rule, about, len(cases), acts, was, stands, event))
        elif stands != IDLE:
            waiting[key] = stands
    silent = _writes(mute, rules, knobs) if mute else set()
    if silent:
        names = {target.knob for target in silent}
        silent -= _writes((each for each in heard if _touches(each[0], names)), rules, knobs)
    since = {target: memory.silent.get(target, moment) for target in sorted(silent, key=str)}
    return Advanced(tuple(cases), waiting, since)


def _paused(knobs: KnobState, moment: Moment) -> set[str | None]:
    """The rules that a person has paused; None stands for all."""
    return {
        target.about
        for target in knobs.turned
        if target.knob == "rule.paused" and knobs.value(target.knob, moment.at, target.about)
    }


def _instances(
    memory: Memory, snapshot: Snapshot, rules: Ruleset, moment: Moment
) -> Iterator[tuple[Rule, str | None]]:
    """Each rule once, or once for each annotator that is there or whose instance is not at rest."""
    own = [key for key in memory.instances if "@" in key]
    for rule in rules.rules:
        if rule.foreach is None:
            yield rule, None
            continue
        prefix = f"{rule.id}@"
        gone = [
            key.removeprefix(prefix)
            for key in own
            if key.startswith(prefix)
            and ((instance := memory.instances[key]).state != "idle" or resting(rule, instance, moment))
        ]
        for about in sorted({*snapshot.each, *gone}):
            yield rule, about


def _touches(rule: Rule, names: set[str]) -> bool:
    for name in rule.hold:
        if name in names:
            return True
    for act in rule.then:  # noqa: SIM110 -- asked of every rule in every look: a generator costs more
        if isinstance(act, Turn) and act.knob in names:
            return True
    return False


def _writes(instances: Iterable[tuple[Rule, str | None]], rules: Ruleset, knobs: KnobState) -> set[Target]:
    """The knobs with a safe value that these rules may write."""
    return {
        target_of(name, about, knobs)
        for rule, about in instances
        for name in (*(act.knob for act in rule.then if isinstance(act, Turn)), *rule.hold)
        if safe_value(knobs, rules.bounds.get(name), name) is not None
    }
