"""Single values of a rule file: from text to a time, a number or a word, with mistakes told."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from flyball.core.ids import Seconds
from flyball.core.knobs import Knob, Value
from flyball.core.rules.marked import Complaints, Scalar
from flyball.core.rules.model import Span
from flyball.core.rules.words import SECONDS, listed, near

#: No zero stands before other digits: elsewhere that is octal, or a date.
_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9][\d_]*)(?:\.\d[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?", re.ASCII)
_SPAN = re.compile(r"(\d[\d_]*(?:\.\d+)?)\s*([a-z]+)", re.ASCII)
_TIMES = "times are written `30s`, `10m`, `6h`, `2d`"


def number(text: str, unit: str = "") -> float | None:
    """A number as people write it; None for what is none.

    >>> number("1_000"), number("20%"), number("10m", "seconds"), number("1e-3"), number("off")
    (1000.0, 0.2, 600.0, 0.001, None)
    """
    text = text.strip()
    scale = 1.0
    if text.endswith("%"):
        text, scale = text[:-1], 0.01
    elif unit == "seconds" and text[-1:] in SECONDS:
        text, scale = text[:-1], SECONDS[text[-1]]
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text.replace("_", ""))
    # Dividing gives 0.2 for 20%, where multiplying may miss the nearest float.
    value = value / 100.0 if scale == 0.01 else value * scale
    return value if math.isfinite(value) else None


def span(scalar: Scalar, tell: Complaints, start: int = 0) -> Span | None:
    """A time, or a number of looks or cycles. `start`: where in the scalar it begins."""
    text = scalar.text[start:].strip()
    found = _SPAN.fullmatch(text)
    begins = scalar.text.find(text, start) if text else start
    ends = begins + max(1, len(text))
    if not found:
        tell.tell_within(scalar, "R203", f"`{text}` is no length of time; {_TIMES}", begins, ends)
        return None
    amount, unit = float(found[1].replace("_", "")), found[2]
    if unit in ("look", "looks", "cycle", "cycles"):
        if amount < 1 or not amount.is_integer():
            tell.tell_within(
                scalar, "R203", f"`{text}`: they are counted in whole numbers, from 1", begins, ends
            )
            return None
        return Span(amount, "looks" if unit.startswith("look") else "cycles")
    if unit not in SECONDS or amount <= 0 or not math.isfinite(amount):
        hint = "it must be longer than nothing" if unit in SECONDS else f"{_TIMES}, or `3 looks`, `3 cycles`"
        tell.tell_within(scalar, "R203", f"`{text}` is no length of time; {hint}", begins, ends)
        return None
    return Span(amount * SECONDS[unit], "seconds")


def seconds(scalar: Scalar, tell: Complaints) -> Seconds | None:
    """A length of time, where looks and cycles make no sense."""
    found = span(scalar, tell)
    if found is None or found.unit == "seconds":
        return found.amount if found else None
    tell.tell(scalar, "R203", f"`{scalar.text}` is not a time; {_TIMES}")
    return None


def word(scalar: Scalar, words: Sequence[str], tell: Complaints, what: str) -> str | None:
    """One of a few words."""
    if scalar.text in words:
        return scalar.text
    hint = near(scalar.text, words) or f"; it is {listed(words)}"
    tell.tell(scalar, "R106", f"{what} cannot be `{scalar.text}`{hint}")
    return None


def flag(scalar: Scalar, tell: Complaints, what: str) -> bool | None:
    """True or false, and nothing that only looks like it."""
    if scalar.text in ("true", "false"):
        return scalar.text == "true"
    meant = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(scalar.text.lower())
    hint = f"; did you mean `{meant}`?" if meant else ""
    tell.tell(scalar, "R203", f"{what} is true or false, not `{scalar.text}`{hint}")
    return None


def whole(scalar: Scalar, low: int, high: int, tell: Complaints, what: str) -> int | None:
    """A whole number within bounds."""
    value = number(scalar.text)
    if value is not None and value.is_integer() and low <= value <= high and "%" not in scalar.text:
        return int(value)
    tell.tell(scalar, "R203", f"{what} is a whole number from {low} to {high}, not `{scalar.text}`")
    return None


def knob_value(knob: Knob, scalar: Scalar, tell: Complaints) -> Value | None:
    """A value that the catalogue allows for a knob."""
    what = f"`{knob.name}`"
    match knob.kind:
        case "flag":
            return flag(scalar, tell, what)
        case "word":
            return word(scalar, knob.words, tell, what)
        case "number" | "integer":
            return _number_of(knob, scalar, tell)


def _number_of(knob: Knob, scalar: Scalar, tell: Complaints) -> Value | None:
    value = number(scalar.text, knob.unit)
    if value is None:
        tell.tell(scalar, "R203", f"`{knob.name}` is a number, not `{scalar.text}`")
        return None
    if knob.kind == "integer" and not value.is_integer():
        tell.tell(scalar, "R203", f"`{knob.name}` is a whole number, not `{scalar.text}`")
        return None
    if (knob.low is not None and value < knob.low) or (knob.high is not None and value > knob.high):
        tell.tell(scalar, "R204", f"`{knob.name}` is {allowed(knob)}, not `{scalar.text}`")
        return None
    return int(value) if knob.kind == "integer" else value


def allowed(knob: Knob) -> str:
    """A numeric knob's bounds in words."""
    unit = f" {knob.unit}" if knob.unit and knob.unit != "share" else ""
    if knob.low is None and knob.high is None:
        return f"any number{unit}"
    if knob.low is None or knob.high is None:
        return f"at most {knob.high:g}{unit}" if knob.low is None else f"at least {knob.low:g}{unit}"
    return f"{knob.low:g} to {knob.high:g}{unit}"
