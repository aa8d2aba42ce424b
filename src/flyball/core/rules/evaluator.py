"""The evaluator: what one rule file makes of snapshot after snapshot, live, shadowed, tested or replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from flyball.core.control import KnobState
from flyball.core.ids import Instant
from flyball.core.knobs import Value
from flyball.core.rules.advance import rows_of
from flyball.core.rules.conditions import Moment, Side, Sides, read_by
from flyball.core.rules.history import History
from flyball.core.rules.look import look
from flyball.core.rules.memory import Memory
from flyball.core.rules.model import Rule, Ruleset
from flyball.core.rules.reason import render_because
from flyball.core.rules.telling import Conclusion
from flyball.core.signal import Snapshot

#: How an engine answers: what each condition is, given what each side of its comparisons reads.
Truths = Callable[[Ruleset, Mapping[str, Side]], Mapping[str, bool | None]]


@dataclass(frozen=True, slots=True)
class Taken:
    """One look that was taken: what was read, what that made true, what followed from it.

    `before` and `memory` are what the rules remembered before it and after it.
    """

    snapshot: Snapshot
    readings: Mapping[str, Side]
    truths: Mapping[str, bool | None]
    before: Memory
    memory: Memory
    facts: tuple[Conclusion, ...]


class Evaluator:
    """A rule file with its engine, its memory and as much of the past as it looks back at.

    `past`: snapshots before the first look, oldest first; more than `history.reach` does no harm.
    """

    def __init__(
        self, rules: Ruleset, truths: Truths, memory: Memory | None = None, past: Iterable[Snapshot] = ()
    ) -> None:
        self.rules = rules
        self.memory = Memory() if memory is None else memory
        self.history = History(rules)
        self._truths = truths
        self._sides = Sides.of(rules)
        self._rows = rows_of(rules)
        self._read_by: dict[tuple[str, str | None], list[str]] = {}
        self._knobs: tuple[KnobState, dict[str, Value]] | None = None
        for snapshot in past:
            self.history.add(snapshot)

    def look(self, snapshot: Snapshot, knobs: KnobState, *, live: bool) -> Taken:
        """Take a look at `snapshot.at`. It counts once it is kept; see `keep`."""
        now = snapshot.at
        self.history.add(snapshot)
        values = self._values(knobs, now)
        readings = self._sides.readings(snapshot, self.history, values)
        truths = self._truths(self.rules, readings)

        def because(rule: Rule, about: str | None) -> str:
            return render_because(rule, Moment(snapshot, self.history, values, about).value, about)

        def seen(rule: Rule, about: str | None) -> Mapping[str, Side]:
            keys = self._read_by.get((rule.id, about))
            if keys is None:
                keys = self._read_by[rule.id, about] = read_by(rule, self.rules, about)
            return {key: readings.get(key) for key in keys}

        memory, facts = look(
            self.memory,
            truths,
            snapshot,
            now,
            self.rules,
            knobs,
            because=because,
            seen=seen,
            live=live,
            rows=self._rows,
        )
        return Taken(snapshot, readings, truths, self.memory, memory, facts)

    def keep(self, taken: Taken) -> None:
        """Remember a look, once what followed from it is written down."""
        self.memory = taken.memory

    def _values(self, knobs: KnobState, now: Instant) -> dict[str, Value]:
        """Every knob in force: those of the look before, where nothing was turned and nothing runs out."""
        if self._knobs is None or self._knobs[0] is not knobs:
            values = knob_values(knobs, now)
            lasting = all(layer.until is None for layers in knobs.turned.values() for layer in layers)
            self._knobs = (knobs, values) if lasting else None
            return values
        return self._knobs[1]


def knob_values(knobs: KnobState, now: Instant) -> dict[str, Value]:
    """Every knob in force, those of one annotator as knob@annotator."""
    values = {name: knobs.value(name, now) for name, knob in knobs.catalogue.items() if knob.per is None}
    own = [target for target in knobs.turned if target.about is not None]
    return values | {str(target): knobs.value(target.knob, now, target.about) for target in own}
