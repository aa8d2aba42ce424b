"""What every look asks of the knobs, worked out once for as long as nobody turns one."""

from __future__ import annotations

from flyball.core.control import KnobState, Layer, Target
from flyball.core.ids import Instant
from flyball.core.knobs import Value


class Layers:
    """The layers of one state of the knobs: which holds are on, whether time alone will take one off, and
    what each knob is.
    """

    def __init__(self, knobs: KnobState) -> None:
        self.knobs = knobs
        self.holds: tuple[tuple[Target, Layer], ...] = tuple(knobs.holds())
        self.timed = any(layer.until is not None for layers in knobs.turned.values() for layer in layers)
        self._stands: dict[Target, tuple[Value, Value]] = {}

    def stands(self, target: Target, now: Instant) -> tuple[Value, Value]:
        """A knob's base, and what is in force but for people's overrides."""
        found = self._stands.get(target)
        if found is None or self.timed:
            knobs = self.knobs
            found = knobs.base(target.knob, target.about), knobs.ruled(target.knob, now, target.about)
            self._stands[target] = found
        return found
