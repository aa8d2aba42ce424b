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
    when: str
    until: str
    writes: tuple[str, ...]


def rows_of(rules: Ruleset) -> tuple[Row, ...]:
    """Every rule of a file as a row: what each look asks of it is worked out once."""
    return tuple(
        Row(
            rule,
            condition_key(rule.id, "when"),
            condition_key(rule.id, "until"),
            (*(act.knob for act in rule.then if isinstance(act, Turn)), *rule.hold),
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
    heard: list[tuple[Row, str | None]] = []
    mute: list[tuple[Row, str | None]] = []
    for row in rows:
        rule = row.rule
        if rule.foreach is None and not paused and truths.get(row.when) is False and rule.id not in instances:
            # What most rules do in most looks: nothing, whatever the rest of them says.
            if row.writes:
                heard.append((row, None))
            continue
        for about in (None,) if rule.foreach is None else _annotators(rule, memory, snapshot, moment):
            key = instance_key(rule, about)
            was = instances.get(key, IDLE)
            if paused and (rule.id in paused or None in paused):
                stands, event = stopped(was)
            else:
                when = truths.get(row.when if about is None else f"{row.when}@{about}")
                until = truths.get(row.until if about is None else f"{row.until}@{about}")
                stands, event = step(rule, was, when, until, moment, memory.last)
                if row.writes and rule.mode == "live":
                    (mute if decisive(rule, was, when, until) is None else heard).append((row, about))
            if event or stands.state == "active":
                acts = live and rule.mode == "live"
                cases.append(Case(rule, about, len(cases), acts, was, stands, event))
            elif stands != IDLE:
                waiting[key] = stands
    silent = _silent(mute, heard, rules, knobs) if mute else set()
    since = {target: memory.silent.get(target, moment) for target in sorted(silent, key=str)}
    return Advanced(tuple(cases), waiting, since)


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


def _silent(
    mute: Iterable[tuple[Row, str | None]],
    heard: Iterable[tuple[Row, str | None]],
    rules: Ruleset,
    knobs: KnobState,
) -> set[Target]:
    """The knobs with a safe value that mute rules may write, and of the others none."""
    silent = {
        target_of(name, about, knobs)
        for row, about in mute
        for name in row.writes
        if safe_value(knobs, rules.bounds.get(name), name) is not None
    }
    if silent:
        names = {target.knob for target in silent}
        for row, about in heard:
            if row.rule.mode == "live" and not names.isdisjoint(row.writes):
                silent -= {target_of(name, about, knobs) for name in row.writes}
    return silent
