"""How a loop stood at a moment of its past: what its decisions say that its rules remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from flyball.core.control import KnobState, Target
from flyball.core.facts import DecisionMade
from flyball.core.ids import Instant, Seconds
from flyball.core.knobs import Value
from flyball.core.rules.history import History, Reach
from flyball.core.rules.limits import SILENT_FOR, TURNS_WITHIN
from flyball.core.rules.memory import IDLE, Instance, Memory, Moment, instance_key
from flyball.core.rules.model import Ruleset, Span
from flyball.core.rules.writers import target_of

#: A little more than enough, so that what began a look earlier is seen whole.
_TWICE = 2.0


@dataclass(frozen=True, slots=True)
class Lead:
    """How long before a moment a playback begins, so that nothing then depends on what was before."""

    seconds: Seconds
    cycles: int


def lead_of(files: Iterable[Ruleset], every: Seconds) -> Lead:
    """Twice as long as anything in these files waits or looks back; `every`: the time between two looks."""
    longest = {"seconds": 0.0, "looks": 0.0, "cycles": 0.0}
    for rules in files:
        for span in _spans(rules):
            longest[span.unit] = max(longest[span.unit], span.amount)
    seconds = max(longest["seconds"], longest["looks"] * every)
    return Lead(_TWICE * seconds + every, int(_TWICE * longest["cycles"]) + 1 if longest["cycles"] else 0)


def reach_of(files: Iterable[Ruleset]) -> Reach:
    """How far back any of these files looks."""
    reaches = [History(rules).reach for rules in files]
    return Reach(
        max((each.seconds for each in reaches), default=0.0),
        max((each.cycles for each in reaches), default=0),
    )


class Remembered:
    """What the rules in force remember, told by their decisions one by one: who is active, who fired when.

    Who is pending is not told; a playback that begins early enough finds it.
    """

    def __init__(self) -> None:
        self.memory = Memory()

    def add(self, made: DecisionMade, rules: Ruleset, knobs: KnobState) -> None:
        """One more decision of the rules in force."""
        rule = next((each for each in rules.rules if each.id == made.rule), None)
        if rule is None or made.verdict not in ("fired", "repeated", "cleared"):
            return
        key = instance_key(rule, made.about)
        was = self.memory.instances.get(key, IDLE)
        stands = _after(was, made, knobs)
        self.memory = replace(self.memory, live=made.live, instances={**self.memory.instances, key: stands})

    def at(self, moment: Callable[[Instant], Moment]) -> Memory:
        """All of it, with the moments of the looks of which decisions know only the time."""
        instances = {
            key: replace(
                each,
                since=None if each.since is None else moment(each.since.at),
                fired=None if each.fired is None else moment(each.fired.at),
            )
            for key, each in self.memory.instances.items()
        }
        return replace(self.memory, instances=instances)


def _after(was: Instance, made: DecisionMade, knobs: KnobState) -> Instance:
    if made.verdict == "cleared":
        return Instance(fired=was.fired)
    now = Moment(made.due, 0, 0)
    put = [change for change in made.changes if change.get("how") == "hold"]
    holds: dict[Target, Value] = {target_of(str(each["knob"]), made.about, knobs): each["to"] for each in put}
    if made.verdict == "fired" or was.state != "active":
        return Instance("active", now, now, holds)
    # A hold that is put on late is told as repeated too, and then it is all that is told.
    late = len(put) == len(made.changes) > 0
    return replace(was, fired=was.fired if late else now, holds={**was.holds, **holds})


def _spans(rules: Ruleset) -> Iterable[Span]:
    reach = History(rules).reach
    yield Span(reach.seconds, "seconds")
    yield Span(reach.cycles, "cycles")
    yield from (TURNS_WITHIN, SILENT_FOR)
    for rule in rules.rules:
        if rule.for_ is not None:
            yield rule.for_
    for bounds in rules.bounds.values():
        for span in (bounds.silent_for, bounds.turns_within, bounds.step.per if bounds.step else None):
            if span is not None:
                yield span
