"""The knobs in force: a fold of what was turned, in layers.

A person's override lies above the active hold of highest priority, which lies above the base that
rules and people write, which lies above the default. Nothing is restored: a layer is taken off.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import NamedTuple

from flyball.core.facts import KnobTurned
from flyball.core.ids import Instant
from flyball.core.knobs import KNOBS, Knob, Value
from flyball.errors import BadUsage, NotFound

BASE = "base"
HOLD = "hold:"
PERSON = "person:"
#: The hold of a knob whose signals are silent; above that of any rule.
SAFE = "hold:@safe"


class Target(NamedTuple):
    """A knob, or a knob of one annotator or rule.

    >>> str(Target("annotator.weight", "ana"))
    'annotator.weight@ana'
    """

    knob: str
    about: str | None = None

    def __str__(self) -> str:
        return self.knob if self.about is None else f"{self.knob}@{self.about}"

    @classmethod
    def of(cls, text: str) -> Target:
        """The target that `str` wrote."""
        knob, at, about = text.partition("@")
        return cls(knob, about if at else None)


@dataclass(frozen=True, slots=True)
class Layer:
    """One value that somebody gave a knob. `in_force`: it is the one that counts."""

    name: str
    value: Value
    because: str
    by: str
    priority: int = 0
    until: Instant | None = None
    in_force: bool = False

    def _height(self) -> tuple[int, int]:
        if self.name.startswith(PERSON):
            return (3, 0)
        if self.name == SAFE:
            return (2, 0)
        return (1, self.priority) if self.name.startswith(HOLD) else (0, 0)


@dataclass(frozen=True, slots=True)
class KnobState:
    """Every knob's layers; the same facts in the same order give the same state.

    `settings` are the values that the loop's own settings give in place of the catalogue's defaults.
    """

    settings: Mapping[str, Value] = field(default_factory=dict)
    catalogue: Mapping[str, Knob] = field(default_factory=lambda: KNOBS)
    turned: Mapping[Target, tuple[Layer, ...]] = field(default_factory=dict)

    @classmethod
    def start(cls, settings: Mapping[str, Value], catalogue: Mapping[str, Knob] = KNOBS) -> KnobState:
        """Knobs as settings have them. All values that cannot be are told at once (BadUsage)."""
        faults = [fault(catalogue, name, value) for name, value in settings.items()]
        if found := [each for each in faults if each]:
            raise BadUsage("\n".join(found))
        return cls(dict(settings), catalogue)

    def evolve(self, fact: KnobTurned) -> KnobState:
        """Set a layer, or take it off. A layer that is set again counts as set last."""
        target = Target(fact.knob, fact.about)
        layers = tuple(layer for layer in self.turned.get(target, ()) if layer.name != fact.layer)
        if fact.to is not None:
            layers += (Layer(fact.layer, fact.to, fact.because, fact.by, fact.priority, fact.until),)
        turned = {**self.turned, target: layers}
        if not layers:
            del turned[target]
        return KnobState(self.settings, self.catalogue, turned)

    def value(self, name: str, now: Instant, about: str | None = None) -> Value:
        """A knob's value in force. An unknown name raises NotFound."""
        return self._top(Target(name, about), now, people=True)

    def ruled(self, name: str, now: Instant, about: str | None = None) -> Value:
        """What would be in force without people's overrides."""
        return self._top(Target(name, about), now, people=False)

    def base(self, name: str, about: str | None = None) -> Value:
        """The value beneath all overrides and holds."""
        bases = [layer.value for layer in self._of(Target(name, about)) if layer.name == BASE]
        return bases[-1] if bases else self._default(name)

    def person(self, name: str, now: Instant, about: str | None = None) -> Layer | None:
        """The person's override that is in force, if there is one."""
        layers = [
            each
            for each in self._of(Target(name, about))
            if each.name.startswith(PERSON) and (each.until is None or now < each.until)
        ]
        return layers[-1] if layers else None

    def layers(self, name: str, now: Instant, about: str | None = None) -> tuple[Layer, ...]:
        """Every layer of a knob that counts now, the one in force first, the default last."""
        default = Layer("default", self._default(name), "the loop's settings or the catalogue", "flyball")
        live = [each for each in self._of(Target(name, about)) if each.until is None or now < each.until]
        best = _highest(live)
        rest = sorted((each for each in live if each is not best), key=Layer._height, reverse=True)
        first = default if best is None else best
        return (replace(first, in_force=True), *rest, *([] if best is None else [default]))

    def above(self, target: Target, hold: str | None, priority: int, now: Instant) -> Layer | None:
        """The hold that lies, or would lie, above a base (None) or above a hold of this name and priority."""
        others = [
            each
            for each in self._of(target)
            if each.name.startswith(HOLD) and each.name != hold and (each.until is None or now < each.until)
        ]
        top = _highest(others)
        covers = top is not None and (hold is None or top._height() >= (1, priority))
        return top if covers else None

    def layer(self, target: Target, name: str) -> Layer | None:
        """One layer of a knob by its name, if it is on."""
        return next((each for each in self.turned.get(target, ()) if each.name == name), None)

    def holds(self) -> Iterator[tuple[Target, Layer]]:
        """Every hold that is on."""
        for target, layers in self.turned.items():
            for layer in layers:
                if layer.name.startswith(HOLD):
                    yield target, layer

    def expired(self, now: Instant) -> Iterator[tuple[Target, Layer]]:
        """Every layer whose time is over and that was not taken off yet."""
        for target, layers in self.turned.items():
            for layer in layers:
                if layer.until is not None and layer.until <= now:
                    yield target, layer

    def values(self, now: Instant) -> dict[str, Value]:
        """Every knob with its value in force; as knob@annotator for those an annotator has of their own."""
        loop = {name: self.value(name, now) for name, knob in self.catalogue.items() if knob.per != "rule"}
        own = [each for each in self.turned if each.about is not None and each.knob in loop]
        return loop | {str(each): self.value(each.knob, now, each.about) for each in own}

    def _of(self, target: Target) -> tuple[Layer, ...]:
        own = self.turned.get(target, ())
        return own if target.about is None else self.turned.get(Target(target.knob), ()) + own

    def _top(self, target: Target, now: Instant, *, people: bool) -> Value:
        layers = self._of(target)
        if not layers:
            return self._default(target.knob)
        live = [
            each
            for each in layers
            if (each.until is None or now < each.until) and (people or not each.name.startswith(PERSON))
        ]
        best = _highest(live)
        return self._default(target.knob) if best is None else best.value

    def _default(self, name: str) -> Value:
        if name not in self.catalogue:
            raise NotFound(_unknown(self.catalogue, name))
        return self.settings.get(name, self.catalogue[name].default)


def fault(catalogue: Mapping[str, Knob], name: str, value: object) -> str:
    """Why a knob cannot have this value, in a sentence; empty when it can.

    >>> fault(KNOBS, "batch.size", 5)
    '`batch.size` is 10 to 5000 items; 5 is not'
    """
    if name not in catalogue:
        return _unknown(catalogue, name)
    knob = catalogue[name]
    match knob.kind:
        case "flag":
            return "" if isinstance(value, bool) else f"`{name}` is true or false; {value!r} is not"
        case "word":
            near = get_close_matches(str(value), knob.words, n=1)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            known = f"`{name}` is one of {', '.join(knob.words)}; `{value}` is not{hint}"
            return "" if value in knob.words else known
        case "number" | "integer":
            return _number_fault(knob, value)


def _number_fault(knob: Knob, value: object) -> str:
    whole = "whole numbers " if knob.kind == "integer" and isinstance(value, float) else ""
    low = "-inf" if knob.low is None else f"{knob.low:.12g}"
    high = "inf" if knob.high is None else f"{knob.high:.12g}"
    unit = "" if knob.unit == "share" else knob.unit
    allowed = f"`{knob.name}` is {whole}{low} to {high} {unit}".rstrip()
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return f"{allowed}; {value!r} is not"
    inside = float(low) <= value <= float(high)
    return "" if inside and (knob.kind == "number" or value == int(value)) else f"{allowed}; {value} is not"


def _highest(layers: list[Layer]) -> Layer | None:
    """The top layer. Of people and bases the one set last counts, of equal holds the one set first."""
    if len(layers) < 2:
        return layers[0] if layers else None

    def height(place: int) -> tuple[int, int, int]:
        layer = layers[place]
        return (*layer._height(), -place if layer.name.startswith(HOLD) else place)

    return layers[max(range(len(layers)), key=height)]


def _unknown(catalogue: Mapping[str, Knob], name: str) -> str:
    near = get_close_matches(name, catalogue, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(catalogue)}"
    return f"unknown knob `{name}`; {hint}"
