"""How far a rule may turn a knob: bounds, the step limit, and the guard against going to and fro."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from flyball.core.knobs import Knob, Value
from flyball.core.rules.memory import Moment, Step
from flyball.core.rules.model import Bounds, Span, StepLimit, Turn

#: The guard of a knob for which the file names none.
TURNS = 6
TURNS_WITHIN = Span(60, "looks")
#: How long a knob waits for its signals before it returns to its safe value.
SILENT_FOR = Span(10, "looks")

#: A value, and the clause that made it other than what was wanted ("" for none).
Limited = tuple[Value, str]


def wanted(turn: Turn, base: Value) -> Value:
    """What a rule wants of a knob whose base is this."""
    if turn.how == "set":
        return turn.value
    number, by = float(base), float(turn.value)
    return number * by if turn.how == "scale" else number + by


def bounded(knob: Knob, bounds: Bounds | None, value: Value, was: Value) -> Limited:
    """The value within the file's bounds and the catalogue's; `was` where nothing near is allowed."""
    if knob.who == "people":
        return was, "only people turn it"
    match knob.kind:
        case "flag":
            return bool(value), ""
        case "word":
            narrowed = bounds.words if bounds and bounds.words else knob.words
            if value in narrowed and value in knob.words:
                return value, ""
            return was, f"values {', '.join(narrowed)}"
        case "number" | "integer":
            return _numbered(knob, bounds, float(value), was)


def stepped(knob: Knob, limit: StepLimit, value: Value, was: Value, past: Sequence[Value]) -> Limited:
    """The value no further than the step limit from all that the knob was within its time.

    It never moves the other way. `past` is what the knob was, from the window's start on, not empty.
    """
    numbers = [float(each) for each in past]
    if limit.kind == "factor":
        ends = (max(numbers) / limit.by, min(numbers) * limit.by)
    else:
        ends = (max(numbers) - limit.by, min(numbers) + limit.by)
    whole = knob.kind == "integer"
    low = math.ceil(ends[0] - 1e-9) if whole else ends[0]
    high = math.floor(ends[1] + 1e-9) if whole else ends[1]
    now, to = float(was), float(value)
    got = min(to, max(high, now)) if to > now else max(to, min(low, now))
    by = f"{limit.by:g}x" if limit.kind == "factor" else f"{limit.by:g}"
    return (value, "") if got == to else (_plain(knob, got), f"step {by} per {span_text(limit.per)}")


def frozen(bounds: Bounds | None, trail: Sequence[Step], value: Value, now: Moment) -> str:
    """Why the guard stops a knob from becoming this; empty when it does not."""
    most = TURNS if bounds is None or bounds.turns is None else bounds.turns
    within = (bounds.turns_within if bounds else None) or TURNS_WITHIN
    times = turns([*(each.ruled for each in since(trail, now, within)), value])
    if times <= most:
        return ""
    return f"it would change direction {times} times in {span_text(within)}, more than {most}"


def turns(values: Sequence[Value]) -> int:
    """How often values change direction. A word or a flag does when it returns to the one before.

    >>> turns([1, 2, 3, 2, 3]), turns(["a", "b", "c", "b"])
    (2, 1)
    """
    moves = [value for i, value in enumerate(values) if i == 0 or value != values[i - 1]]
    if all(isinstance(each, int | float) and not isinstance(each, bool) for each in moves):
        rises = [float(b) > float(a) for a, b in pairwise(moves)]
        return sum(a != b for a, b in pairwise(rises))
    return sum(a == b for a, b in zip(moves, moves[2:], strict=False))


def since(trail: Sequence[Step], now: Moment, span: Span) -> Sequence[Step]:
    """The steps within a span up to now, with the one that was in force when it began."""
    first = 0
    while first + 1 < len(trail) and now.past(trail[first + 1].since, span):
        first += 1
    return trail[first:]


def span_text(span: Span) -> str:
    """A span as it is written in a rule file.

    >>> span_text(Span(1800, "seconds")), span_text(Span(3, "looks"))
    ('30m', '3 looks')
    """
    if span.unit != "seconds":
        return f"{span.amount:g} {span.unit}"
    for size, letter in ((86400, "d"), (3600, "h"), (60, "m")):
        if span.amount and span.amount % size == 0:
            return f"{span.amount / size:g}{letter}"
    return f"{span.amount:g}s"


def _numbered(knob: Knob, bounds: Bounds | None, value: float, was: Value) -> Limited:
    if not math.isfinite(value):
        return was, "not a finite number"
    low = max(_ends(knob.low, bounds.low if bounds else None, -math.inf))
    high = min(_ends(knob.high, bounds.high if bounds else None, math.inf))
    if knob.kind == "integer":
        value = round(value)
        low = low if math.isinf(low) else math.ceil(low)
        high = high if math.isinf(high) else math.floor(high)
    if value < low:
        return _plain(knob, low), f"min {low:g}"
    if value > high:
        return _plain(knob, high), f"max {high:g}"
    return _plain(knob, value), ""


def _ends(catalogue: float | None, file: float | None, none: float) -> tuple[float, float]:
    return none if catalogue is None else catalogue, none if file is None else file


def _plain(knob: Knob, value: float) -> Value:
    return round(value) if knob.kind == "integer" else float(f"{value:.12g}")
