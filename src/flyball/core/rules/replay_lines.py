"""What is drawn of a replay: how long rules were pending and active, and what knobs were from when on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from flyball.core.control import KnobState, Target
from flyball.core.facts import DecisionMade
from flyball.core.ids import Instant
from flyball.core.knobs import Value
from flyball.core.rules.memory import Instance, Memory


@dataclass(frozen=True, slots=True)
class Stretch:
    """How long a rule stayed in one state: from the look in which it began to that in which it ended."""

    rule: str
    about: str | None
    state: Literal["pending", "active"]
    begin: Instant
    end: Instant


class Stretches:
    """The stretches of a course's rules, look by look."""

    def __init__(self, memory: Memory, since: Instant) -> None:
        self._open = {
            key: (each.state, since) for key, each in memory.instances.items() if each.state != "idle"
        }
        self._found: list[Stretch] = []

    def add(self, memory: Memory, at: Instant) -> None:
        """How the rules stand after a look."""
        instances = memory.instances
        for key, (state, since) in list(self._open.items()):
            standing = instances.get(key)
            if standing is None or standing.state != state or _anew(standing, since, at):
                del self._open[key]
                self._found += _stretch(key, state, since, at)
        for key, each in instances.items():
            if each.state != "idle" and key not in self._open:
                self._open[key] = (each.state, at)

    def until(self, end: Instant) -> tuple[Stretch, ...]:
        """All of them; those that are under way end with the recording."""
        running = (
            stretch
            for key, (state, since) in self._open.items()
            for stretch in _stretch(key, state, since, end)
        )
        return tuple(sorted((*self._found, *running), key=lambda each: (each.begin, each.rule)))


class Steps:
    """What knobs were from when on: one list of steps for each that ever moved."""

    def __init__(self, knobs: KnobState, at: Instant) -> None:
        self._first = (knobs, at)
        self._last = knobs
        self.of: dict[Target, list[tuple[Instant, Value]]] = {}

    def add(self, knobs: KnobState, at: Instant) -> None:
        """The knobs as they are after a look, or after somebody turned one."""
        if knobs is self._last:
            return
        for target in {*knobs.turned, *self._last.turned, *self.of}:
            if knobs.catalogue[target.knob].per == "rule":
                continue
            value = knobs.value(target.knob, at, target.about)
            steps = self.of.get(target)
            if steps is None:
                first, since = self._first
                steps = self.of[target] = [(since, first.value(target.knob, since, target.about))]
            if steps[-1][1] != value:
                steps.append((at, value))
        self._last = knobs


class Lines:
    """All that is kept of one side: its decisions, its stretches, its steps."""

    def __init__(self, memory: Memory, knobs: KnobState, at: Instant) -> None:
        self.decisions: list[DecisionMade] = []
        self.stretches = Stretches(memory, at)
        self.steps = Steps(knobs, at)

    def add(self, made: Sequence[DecisionMade], memory: Memory, knobs: KnobState, at: Instant) -> None:
        """One more look."""
        self.decisions += made
        self.stretches.add(memory, at)
        self.steps.add(knobs, at)


def _anew(standing: Instance, since: Instant, at: Instant) -> bool:
    """Whether a rule cleared and came back within one look."""
    return standing.since is not None and standing.since.at == at and since < at


def _stretch(key: str, state: str, begin: Instant, end: Instant) -> Iterator[Stretch]:
    rule, at, about = key.partition("@")
    assert state in ("pending", "active")
    yield Stretch(rule, about if at else None, "pending" if state == "pending" else "active", begin, end)
