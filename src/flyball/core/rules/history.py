"""The past of signals: as much of it as the rules look back at, and no more."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flyball.core.ids import Seconds
from flyball.core.rules.model import Call, Compare, Expression, Read, Rule, Ruleset, Shown
from flyball.core.rules.tree import comparisons_in, windows_in
from flyball.core.rules.windows import Window
from flyball.core.signal import Reading, Snapshot


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back the windows of some rules go: in time, and in cycles."""

    seconds: Seconds
    cycles: int


class History:
    """Every window that a file's rules look through, fed once a look.

    It grows until the longest window is full, and no further. To go on after a restart, feed it the
    snapshots of the last `reach` and one look more, oldest first.
    """

    def __init__(self, ruleset: Ruleset) -> None:
        loop = [rule for rule in ruleset.rules if rule.foreach is None]
        each = [rule for rule in ruleset.rules if rule.foreach is not None]
        named = [
            compare for condition in ruleset.conditions.values() for compare in comparisons_in(condition)
        ]
        self._loop = {call: Window(call) for call in _windows((*_sides(named), *_expressions(loop)))}
        self._fed = [(_signal(call), window) for call, window in self._loop.items()]
        self._calls = list(dict.fromkeys(_windows(_expressions(each))))
        self._each: dict[str, dict[Call, Window]] = {}
        # A call is found by its identity first: its hash is that of a whole tree.
        self._known: dict[int, tuple[Call, Window | None]] = {}

    def add(self, snapshot: Snapshot) -> None:
        """One more look. Looks come in order of time."""
        at, cycle = snapshot.at, snapshot.cycle
        for signal, window in self._fed:
            window.add(at, cycle, _finite(snapshot.values.get(signal)))
        if not self._calls:
            return
        for annotator in snapshot.each:
            if annotator not in self._each:
                self._each[annotator] = {call: Window(call) for call in self._calls}
        for annotator, windows in list(self._each.items()):
            own = snapshot.each.get(annotator, {})
            for call, window in windows.items():
                signal = _signal(call)
                reading = own.get(signal) if signal in own else snapshot.values.get(signal)
                window.add(at, cycle, _finite(reading))
            if annotator not in snapshot.each and all(window.empty for window in windows.values()):
                del self._each[annotator]

    def value(self, call: Call, about: str | None = None) -> float | None:
        """What a function of the past is as of the last look; for one annotator where `about` names one."""
        if about is not None:
            window = self._each.get(about, {}).get(call)
            return window.value() if window is not None else None
        known = self._known.get(id(call))
        if known is None or known[0] is not call:
            known = self._known[id(call)] = (call, self._loop.get(call))
        return known[1].value() if known[1] is not None else None

    @property
    def reach(self) -> Reach:
        """How far back the windows go."""
        spans = [call.window for call in (*self._loop, *self._calls) if call.window is not None]
        return Reach(
            seconds=max((span.amount for span in spans if span.unit == "seconds"), default=0.0),
            cycles=int(max((span.amount for span in spans if span.unit == "cycles"), default=0)),
        )


def _signal(call: Call) -> str:
    signal = call.args[0]
    assert isinstance(signal, Read)
    return signal.signal


def _finite(reading: Reading) -> Reading:
    return reading if reading is not None and math.isfinite(reading) else None


def _windows(expressions: Iterable[Expression]) -> Iterator[Call]:
    return (call for expression in expressions for call in windows_in(expression))


def _sides(comparisons: Iterable[Compare]) -> Iterator[Expression]:
    return (side for compare in comparisons for side in (compare.left, compare.right))


def _expressions(rules: Iterable[Rule]) -> Iterator[Expression]:
    """Everything that rules evaluate: to decide, and to say why."""
    for rule in rules:
        for condition in (rule.when, rule.until):
            if condition is not None:
                yield from _sides(comparisons_in(condition))
        for part in rule.reason:
            if isinstance(part, Shown) and part.of is not None:
                yield part.of
