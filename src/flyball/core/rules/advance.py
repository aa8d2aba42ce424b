"""Every rule's next state in one look, and the knobs of which no rule hears anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Row:
    """One rule with the names of its conditions for the whole loop, and the knobs that it may write."""

    rule: Rule
    id: str
    each: bool
    live: bool
    when: str
    until: str
    writes: frozenset[str]


def rows_of(rules: Ruleset) -> tuple[Row, ...]:
    """Every rule of a file as a row: what each look asks of it is worked out once."""
    return tuple(
        Row(
            rule,
            rule.id,
            rule.foreach is not None,
            rule.mode == "live",
            condition_key(rule.id, "when"),
            condition_key(rule.id, "until"),
            frozenset([*(act.knob for act in rule.then if isinstance(act, Turn)), *rule.hold]),
        )
        for rule in rules.rules
    )


def advance(
    memory: Memory,
    truths: Mapping[str, bool | None],
    snapshot: Snapshot,
    moment: Moment,
    rules: Ruleset,
    knobs: KnobState,
    live: bool,
    rows: Sequence[Row],
) -> Advanced:
    """Take every rule, and every rule for each annotator, one look further."""
    paused, instances = _paused(knobs, moment), memory.instances
    cases: list[Case] = []
    waiting: dict[str, Instance] = {}
    mute: list[tuple[Row, str | None]] = []
    for row in rows:
        if truths.get(row.when) is False and row.id not in instances and not row.each:
            continue  # what most rules do in most looks: nothing
        rule = row.rule
        for about in _annotators(rule, memory, snapshot, moment) if row.each else _NOBODY:
            was = instances.get(instance_key(rule, about), IDLE)
            if paused and (rule.id in paused or None in paused):
                stands, event = stopped(was)
            else:
                when, until = _truths(row, truths, about)
                stands, event = step(rule, was, when, until, moment, memory.last)
                if row.live and row.writes and decisive(rule, was, when, until) is None:
                    mute.append((row, about))
            if event or stands.state == "active":
                cases.append(Case(rule, about, len(cases), live and row.live, was, stands, event))
            elif stands is not IDLE and stands != IDLE:
                waiting[instance_key(rule, about)] = stands
    silent = _with_safe_value(mute, rules, knobs) if mute else set()
    if silent:
        names = {target.knob for target in silent}
        for row in rows:
            if row.live and not names.isdisjoint(row.writes) and not (row.id in paused or None in paused):
                for about in _annotators(row.rule, memory, snapshot, moment) if row.each else _NOBODY:
                    was = instances.get(instance_key(row.rule, about), IDLE)
                    if decisive(row.rule, was, *_truths(row, truths, about)) is not None:
                        silent -= {target_of(name, about, knobs) for name in row.writes}
    since = {target: memory.silent.get(target, moment) for target in sorted(silent, key=str)}
    return Advanced(tuple(cases), waiting, since)


_NOBODY: tuple[str | None, ...] = (None,)


def _truths(
    row: Row, truths: Mapping[str, bool | None], about: str | None
) -> tuple[bool | None, bool | None]:
    """What a rule's `when` and `until` are now."""
    if about is None:
        return truths.get(row.when), truths.get(row.until)
    return truths.get(f"{row.when}@{about}"), truths.get(f"{row.until}@{about}")


def _paused(knobs: KnobState, moment: Moment) -> set[str | None]:
    """The rules that a person has paused; None stands for all."""
    return {
        target.about
        for target in knobs.turned
        if target.knob == "rule.paused" and knobs.value(target.knob, moment.at, target.about)
    }


def _annotators(rule: Rule, memory: Memory, snapshot: Snapshot, moment: Moment) -> list[str]:
    """Each annotator that is there, or whose instance is not at rest."""
    prefix = f"{rule.id}@"
    gone = [
        key.removeprefix(prefix)
        for key, instance in memory.instances.items()
        if key.startswith(prefix) and (instance.state != "idle" or resting(rule, instance, moment))
    ]
    return sorted({*snapshot.each, *gone})


def _with_safe_value(mute: Iterable[tuple[Row, str | None]], rules: Ruleset, knobs: KnobState) -> set[Target]:
    """The knobs with a safe value that mute rules may write."""
    return {
        target_of(name, about, knobs)
        for row, about in mute
        for name in row.writes
        if safe_value(knobs, rules.bounds.get(name), name) is not None
    }
