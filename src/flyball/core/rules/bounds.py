"""The `knobs` section: how far this file lets each knob go, how fast, and where it returns to."""

from __future__ import annotations

from dataclasses import replace

from flyball.core.knobs import Knob, Value
from flyball.core.rules import values
from flyball.core.rules.marked import Complaints, Items, Pairs, Scalar
from flyball.core.rules.model import Bounds, Span, StepLimit
from flyball.core.rules.sections import Section
from flyball.core.rules.words import Catalogue, near

KEYS = ("min", "max", "values", "step", "safe", "silent_for", "turns", "per")


def read_bounds(section: Section, catalogue: Catalogue, tell: Complaints) -> dict[str, Bounds]:
    """Every knob of the section with its bounds; what is wrong is told."""
    found: dict[str, Bounds] = {}
    for key, value in section:
        knob = known_knob(key, catalogue, tell)
        if not isinstance(value, Pairs):
            tell.tell(key, "R202", f"`{key.text}` is a mapping such as {{min: 50, max: 800}}")
        elif knob is not None:
            found[knob.name] = _bounds(knob, Section(value, tell), tell)
    return found


def known_knob(name: Scalar, catalogue: Catalogue, tell: Complaints) -> Knob | None:
    """A knob that rules may turn."""
    knob = catalogue.knobs.get(name.text)
    if knob is None:
        tell.tell(name, "R102", f"unknown knob `{name.text}`{near(name.text, catalogue.knobs)}")
    elif knob.who == "people":
        tell.tell(name, "R207", f"only people turn `{knob.name}`, with `flyball knobs set`")
        return None
    return knob


def narrowed(knob: Knob, bounds: Bounds | None) -> Knob:
    """A knob as this file allows it."""
    if bounds is None:
        return knob
    return replace(
        knob,
        low=knob.low if bounds.low is None else bounds.low,
        high=knob.high if bounds.high is None else bounds.high,
        words=bounds.words or knob.words,
    )


def _bounds(knob: Knob, section: Section, tell: Complaints) -> Bounds:
    section.only(KEYS, f"`{knob.name}`")
    numeric = knob.kind in ("number", "integer")
    for name in ("min", "max", "step", "turns"):
        if name in section and not numeric:
            tell.tell(section.key(name), "R211", f"`{knob.name}` is a {knob.kind}, so `{name}` says nothing")
    bounds = Bounds(knob.name)
    if numeric:
        bounds = replace(
            bounds, low=_limit(knob, section, "min", tell), high=_limit(knob, section, "max", tell)
        )
        if bounds.low is not None and bounds.high is not None and bounds.low > bounds.high:
            tell.tell(section.key("min"), "R211", f"`min` {bounds.low:g} is above `max` {bounds.high:g}")
        bounds = replace(bounds, step=_step(section, tell))
    _check_per(knob, section, tell)
    bounds = replace(bounds, words=_words(knob, section, tell), silent_for=_silence(section, tell))
    turns, within = _turns(section, tell)
    return replace(
        bounds, safe=_safe(narrowed(knob, bounds), section, tell), turns=turns, turns_within=within
    )


def _limit(knob: Knob, section: Section, name: str, tell: Complaints) -> float | None:
    scalar = section.scalar(name)
    if scalar is None:
        return None
    value = values.number(scalar.text, knob.unit)
    if value is None:
        tell.tell(scalar, "R203", f"`{name}` of `{knob.name}` is a number, not `{scalar.text}`")
    elif (knob.low is not None and value < knob.low) or (knob.high is not None and value > knob.high):
        message = f"`{knob.name}` is {values.allowed(knob)}; `{name}: {scalar.text}` cannot widen that"
        tell.tell(scalar, "R205", message)
        return None
    return value


def _words(knob: Knob, section: Section, tell: Complaints) -> tuple[str, ...]:
    listed = section.any("values")
    if listed is None:
        return ()
    if knob.kind != "word":
        tell.tell(section.key("values"), "R211", f"`{knob.name}` is a {knob.kind}, so `values` says nothing")
        return ()
    if (
        not isinstance(listed, Items)
        or not listed.of
        or not all(isinstance(each, Scalar) for each in listed.of)
    ):
        tell.tell(section.key("values"), "R202", "`values` is a list such as [entropy, random]")
        return ()
    scalars = [each for each in listed.of if isinstance(each, Scalar)]
    found = [values.word(each, knob.words, tell, f"`{knob.name}`") for each in scalars]
    return tuple(each for each in found if each is not None)


def _step(section: Section, tell: Complaints) -> StepLimit | None:
    """How fast: `2x per 30m` is a factor, `10 per 1h` an amount."""
    scalar = section.scalar("step")
    if scalar is None:
        return None
    amount, per, _ = scalar.text.partition(" per ")
    factor = amount.strip().endswith("x")
    by = values.number(amount.strip().removesuffix("x"))
    if not per or by is None or by <= (1.0 if factor else 0.0):
        tell.tell(scalar, "R203", f"`step` is `2x per 30m` or `10 per 1h`, not `{scalar.text}`")
        return None
    window = values.span(scalar, tell, len(amount) + len(per))
    return StepLimit("factor" if factor else "amount", by, window) if window else None


def _turns(section: Section, tell: Complaints) -> tuple[int | None, Span | None]:
    """How often a knob may change direction: `3 per 1h`."""
    scalar = section.scalar("turns")
    if scalar is None:
        return None, None
    amount, per, _ = scalar.text.partition(" per ")
    count = values.number(amount)
    if not per or count is None or not count.is_integer() or not 1 <= count <= 1000:
        tell.tell(scalar, "R203", f"`turns` is `3 per 1h`, not `{scalar.text}`")
        return None, None
    window = values.span(scalar, tell, len(amount) + len(per))
    return (int(count), window) if window else (None, None)


def _silence(section: Section, tell: Complaints) -> Span | None:
    scalar = section.scalar("silent_for")
    if scalar is not None and "safe" not in section:
        tell.tell(section.key("silent_for"), "R201", "`safe` is missing: where does the knob return to?")
    return values.span(scalar, tell) if scalar else None


def _safe(knob: Knob, section: Section, tell: Complaints) -> Value | None:
    scalar = section.scalar("safe")
    return None if scalar is None else values.knob_value(knob, scalar, tell)


def _check_per(knob: Knob, section: Section, tell: Complaints) -> None:
    scalar = section.scalar("per")
    if scalar is not None and scalar.text != (knob.per or ""):
        has = f"has one value per {knob.per}" if knob.per else "has one value for the whole loop"
        tell.tell(scalar, "R211", f"`{knob.name}` {has}")
