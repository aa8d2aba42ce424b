"""What the rules remember from look to look, and what becomes of it when the file changes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from flyball.core.control import HOLD, Target
from flyball.core.facts import KnobTurned
from flyball.core.ids import Instant, Seconds
from flyball.core.knobs import Value
from flyball.core.rules.model import Condition, Rule, Ruleset, Span
from flyball.core.rules.tree import named_in

#: Times that are this close are the same: what floats lose is not what a person meant.
_SAME: Seconds = 1e-6


@dataclass(frozen=True, slots=True)
class Moment:
    """One look in all three ways of counting: the time, the number of the look, the cycle."""

    at: Instant
    look: int
    cycle: int

    def past(self, since: Moment, span: Span) -> bool:
        """Whether at least this long has gone by since then."""
        match span.unit:
            case "seconds":
                return self.at - since.at >= span.amount - _SAME
            case "looks":
                return self.look - since.look >= span.amount
            case "cycles":
                return self.cycle - since.cycle >= span.amount

    def later(self, by: Moment, than: Moment) -> Moment:
        """This moment, moved on by what lies between two others."""
        return Moment(
            self.at + by.at - than.at, self.look + by.look - than.look, self.cycle + by.cycle - than.cycle
        )


@dataclass(frozen=True, slots=True)
class Instance:
    """Where one rule stands, or one rule for one annotator.

    `since`: when it became pending or active. `holds`: the values that it put on, also in shadow.
    `told`: knobs of which it was told already that it may not turn them now.
    """

    state: Literal["idle", "pending", "active"] = "idle"
    since: Moment | None = None
    fired: Moment | None = None
    holds: Mapping[Target, Value] = field(default_factory=dict)
    told: tuple[Target, ...] = ()


IDLE = Instance()


@dataclass(frozen=True, slots=True)
class Step:
    """What a knob was from a moment on: its base, and its value in force but for people's overrides."""

    since: Moment
    base: Value
    ruled: Value


@dataclass(frozen=True, slots=True)
class Memory:
    """Everything that a look needs to know of the looks before it.

    `instances` by rule, or rule@annotator; what is not listed is idle and has never fired. `trails`:
    the recent moves of each knob that rules turned. `silent`: since when nothing is heard of the
    signals of a knob. `live`: whether the last look was allowed to act.
    """

    last: Moment | None = None
    live: bool = False
    instances: Mapping[str, Instance] = field(default_factory=dict)
    trails: Mapping[Target, tuple[Step, ...]] = field(default_factory=dict)
    silent: Mapping[Target, Moment] = field(default_factory=dict)

    def next(self, now: Instant, cycle: int) -> Moment:
        """The moment of the next look."""
        return Moment(now, 0 if self.last is None else self.last.look + 1, cycle)

    def to_json(self) -> str:
        """This memory as JSON, small enough to be written with every look."""
        body = {
            "last": _plain(self.last),
            "live": self.live,
            "instances": {
                name: [
                    each.state,
                    _plain(each.since),
                    _plain(each.fired),
                    {str(target): value for target, value in each.holds.items()},
                    [str(target) for target in each.told],
                ]
                for name, each in self.instances.items()
            },
            "trails": {
                str(key): [[_plain(step.since), step.base, step.ruled] for step in steps]
                for key, steps in self.trails.items()
            },
            "silent": {str(key): _plain(moment) for key, moment in self.silent.items()},
        }
        return json.dumps(body, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Memory:
        """The memory that `to_json` wrote."""
        body = json.loads(text)
        return cls(
            last=_moment(body["last"]),
            live=body["live"],
            instances={
                name: Instance(
                    state,
                    _moment(since),
                    _moment(fired),
                    {Target.of(target): value for target, value in holds.items()},
                    tuple(Target.of(target) for target in told),
                )
                for name, (state, since, fired, holds, told) in body["instances"].items()
            },
            trails={
                Target.of(key): tuple(Step(Moment(*since), base, ruled) for since, base, ruled in steps)
                for key, steps in body["trails"].items()
            },
            silent={Target.of(key): Moment(*since) for key, since in body["silent"].items()},
        )


def instance_key(rule: Rule, about: str | None) -> str:
    """The name of a rule's instance in the memory."""
    return rule.id if about is None else f"{rule.id}@{about}"


def hold_layer(rule: Rule, about: str | None, target: Target) -> str:
    """The name of the layer that an instance puts on a knob.

    Instances of one rule that hold one knob of the whole loop need a layer each.
    """
    return f"{HOLD}{rule.id}" if about == target.about else f"{HOLD}{rule.id}@{about}"


def resting(rule: Rule, instance: Instance, now: Moment) -> bool:
    """Whether a rule fired too short a time ago to fire again; with `once`, whether it ever fired."""
    if instance.fired is None:
        return False
    return rule.once or (rule.cooldown is not None and not now.past(instance.fired, rule.cooldown))


def carry(memory: Memory, old: Ruleset | None, new: Ruleset) -> tuple[Memory, tuple[KnobTurned, ...]]:
    """The memory under a new file: rules that mean the same keep their state, others start idle.

    The facts take off what removed and changed rules hold. Without the old file all start idle.
    """
    before: dict[str, Rule] = {} if old is None else {rule.id: rule for rule in old.rules}
    after: dict[str, Rule] = {rule.id: rule for rule in new.rules}
    kept: dict[str, Instance] = {}
    off: list[KnobTurned] = []
    for key, instance in memory.instances.items():
        name, at, about = key.partition("@")
        if (was := before.get(name)) is None or old is None:
            continue
        if name in after and meaning(was, old) == meaning(after[name], new):
            kept[key] = instance
        elif memory.live and was.mode == "live":
            what = "changed in" if name in after else "is gone from"
            because = f"{name} {what} the rule file"
            off += taken_off(was, about if at else None, instance, because)
    return replace(memory, instances=kept), tuple(off)


def taken_off(rule: Rule, about: str | None, instance: Instance, because: str) -> Iterator[KnobTurned]:
    """What takes off all that an instance holds."""
    for target in instance.holds:
        layer = hold_layer(rule, about, target)
        yield KnobTurned(target.knob, layer, None, because, rule.id, about=target.about)


def meaning(rule: Rule, rules: Ruleset) -> tuple[Rule, dict[str, Condition]]:
    """What a rule does, whatever its words and place: with the named conditions that it uses."""
    bare = replace(rule, because="", when_text="", until_text="", line=0)
    named: dict[str, Condition] = {}
    waiting = [rule.when] if rule.until is None else [rule.when, rule.until]
    while waiting:
        for name in named_in(waiting.pop()):
            if name not in named:
                named[name] = rules.conditions[name]
                waiting.append(named[name])
    return bare, named


def _plain(moment: Moment | None) -> list[float] | None:
    return None if moment is None else [moment.at, moment.look, moment.cycle]


def _moment(plain: list[float] | None) -> Moment | None:
    return None if plain is None else Moment(plain[0], int(plain[1]), int(plain[2]))
