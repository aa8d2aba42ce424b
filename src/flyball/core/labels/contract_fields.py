"""What may be said beside a label: fields with their types, and what is wrong with a value."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, assert_never, get_args

Type = Literal["text", "word", "number", "whole", "flag", "time", "box", "span"]
TYPES: tuple[Type, ...] = get_args(Type)
#: In what the ends of a span are counted.
Unit = Literal["code-points", "utf-16", "bytes"]
UNITS: tuple[Unit, ...] = get_args(Unit)

#: More values than this in one field are no work of a person.
MOST = 10_000
#: Whole numbers beyond this lose digits in most programs; they are sent as text.
EXACT = 2**53
_CORNERS = ("x", "y", "width", "height")
#: Boxes are given in percent of the picture, where a field does not say otherwise.
_PICTURE = (0.0, 100.0)
_ROUNDING = 1e-6
_FIRST, _LAST = 0.0, 253402300800.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an answer cannot be taken as it stands: a stable code, the field, and a sentence."""

    code: str
    field: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that may be said beside the label.

    `low` and `high` bound a number, the length of a text in characters, or the edges of a box (0 to 100
    without them). `many`: a list, of `least` to `most` values. `null`: saying "nothing" is an answer of
    its own, and never a zero. `unit`: what the ends of a span count.
    """

    name: str
    type: Type = "text"
    required: bool = False
    null: bool = False
    many: bool = False
    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()
    least: int = 0
    most: int = MOST
    unit: Unit = "code-points"
    definition: str = ""


def refusals(field: Field, value: Any) -> Iterator[Refusal]:
    """What is wrong with a field's value; nothing where it is right."""
    if value is None:
        if not field.null:
            yield Refusal("null", field.name, f"`{field.name}` is null; it must have a value or be left out")
    elif not field.many:
        if isinstance(value, list | tuple):
            yield Refusal("cardinality", field.name, f"`{field.name}` is one value, not a list")
        else:
            yield from _one(field, value, field.name)
    elif not isinstance(value, list | tuple):
        yield Refusal("cardinality", field.name, f"`{field.name}` is a list, also where it has one value")
    elif not field.least <= len(value) <= field.most:
        told = f"`{field.name}` has {len(value):,} values; it has {field.least:,} to {field.most:,}"
        yield Refusal("cardinality", field.name, told)
    else:
        for number, each in enumerate(value):
            yield from _one(field, each, f"{field.name}[{number}]")


def same(one: Any, other: Any) -> bool:
    """Whether two values of a field are the same, in type as in content: 1 is not true, text is compared
    in Unicode's form C.

    >>> same(1, True), same("e\\u0301", "\\u00e9"), same([1, {"x": 0}], (1.0, {"x": 0}))
    (False, True, True)
    """
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, str) and isinstance(other, str):
        return plain(one) == plain(other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return type(one) is type(other) and one == other if not _numbers(one, other) else bool(one == other)


def plain(text: str) -> str:
    """Text in Unicode's form C, so that what looks the same is compared as the same."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _numbers(one: Any, other: Any) -> bool:
    return isinstance(one, int | float) and isinstance(other, int | float)


def _one(field: Field, value: Any, path: str) -> Iterator[Refusal]:
    match field.type:
        case "text":
            yield from _text(field, value, path)
        case "word":
            if not isinstance(value, str):
                yield _wrong(path, "one of its words", value)
            elif plain(value) not in field.words:
                known = ", ".join(field.words[:10]) + (", …" if len(field.words) > 10 else "")
                yield Refusal("not-a-word", path, f"`{path}` cannot be {_shown(value)}; it is one of {known}")
        case "number" | "whole":
            yield from _number(field, value, path)
        case "flag":
            if not isinstance(value, bool):
                yield _wrong(path, "true or false", value)
        case "time":
            yield from _time(value, path)
        case "box":
            yield from _box(field, value, path)
        case "span":
            yield from _span(field, value, path)
        case _:
            assert_never(field.type)


def _text(field: Field, value: Any, path: str) -> Iterator[Refusal]:
    if not isinstance(value, str):
        yield _wrong(path, "text", value)
    elif not _within(field, len(value)):
        yield Refusal("out-of-range", path, f"`{path}` has {len(value):,} characters; it has {bounds(field)}")


def _number(field: Field, value: Any, path: str) -> Iterator[Refusal]:
    whole = field.type == "whole"
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield _wrong(path, "a whole number" if whole else "a number", value)
    elif not math.isfinite(value):
        yield Refusal("bad-number", path, f"`{path}` is {value}, which is no number")
    elif whole and not float(value).is_integer():
        yield _wrong(path, "a whole number", value)
    elif abs(value) > EXACT and whole:
        yield Refusal("bad-number", path, f"`{path}` is beyond 2^53, where digits get lost; send it as text")
    elif not _within(field, value):
        yield Refusal("out-of-range", path, f"`{path}` is {value:g}; it is {bounds(field)}")


def _time(value: Any, path: str) -> Iterator[Refusal]:
    meant = "a time with its zone, such as 2026-11-20T09:30:00Z, or seconds since 1970"
    moment: float | None = None
    if isinstance(value, str):
        try:
            read = datetime.fromisoformat(value)
            moment = None if read.tzinfo is None else read.timestamp()
        except (ValueError, OverflowError):
            moment = None
    elif isinstance(value, int | float) and not isinstance(value, bool):
        moment = float(value) if math.isfinite(value) else None
    if moment is None:
        yield _wrong(path, meant, value)
    elif not _FIRST <= moment < _LAST:
        yield Refusal("out-of-range", path, f"`{path}` is {_shown(value)}, before 1970 or after 9999")


def _box(field: Field, value: Any, path: str) -> Iterator[Refusal]:
    if not isinstance(value, Mapping):
        yield _wrong(path, "a box with x, y, width and height", value)
        return
    bad = [name for name in _CORNERS if not _is_number(value.get(name))]
    for name in bad:
        told = "is missing" if name not in value else f"is {_shown(value[name])}, no number"
        yield Refusal("bad-box", f"{path}.{name}", f"`{path}.{name}` {told}; a box without it is no box")
    if bad:
        return
    x, y, width, height = (float(value[name]) for name in _CORNERS)
    low = _PICTURE[0] if field.low is None else field.low
    high = _PICTURE[1] if field.high is None else field.high
    if width <= 0 or height <= 0:
        yield Refusal("bad-box", path, f"`{path}` has no area: {width:g} x {height:g}")
    elif not value.get("rotation") and (
        min(x, y) < low - _ROUNDING or max(x + width, y + height) > high + _ROUNDING
    ):
        yield Refusal("bad-box", path, f"`{path}` reaches out of the picture, which is {low:g} to {high:g}")


def _span(field: Field, value: Any, path: str) -> Iterator[Refusal]:
    if not isinstance(value, Mapping):
        yield _wrong(path, "a span with start and end", value)
        return
    ends = [value.get("start"), value.get("end")]
    if not all(isinstance(end, int) and not isinstance(end, bool) and end >= 0 for end in ends):
        yield Refusal("bad-span", path, f"`{path}` needs start and end: whole numbers from 0")
        return
    start, end = int(ends[0]), int(ends[1])  # type: ignore[arg-type]
    said = value.get("unit", field.unit)
    text = value.get("text")
    if said != field.unit:
        told = f"`{path}` counts in {_shown(said)}, and the contract in {field.unit}"
        yield Refusal("span-unit", path, told)
    elif start >= end:
        yield Refusal("bad-span", path, f"`{path}` ends at {end}, where it starts or before")
    elif isinstance(text, str) and length(text, field.unit) != end - start:
        told = (
            f"`{path}` is {end - start} {field.unit} long and its text {length(text, field.unit)}:"
            " the text was counted in something else, or is another"
        )
        yield Refusal("span-unit", path, told)


def length(text: str, unit: Unit) -> int:
    """How long a text is.

    >>> [length("a\\U0001F600", unit) for unit in UNITS]
    [2, 3, 5]
    """
    match unit:
        case "code-points":
            return len(text)
        case "utf-16":
            return len(text) + sum(each > "\uffff" for each in text)
        case "bytes":
            return len(text.encode("utf-8", "surrogatepass"))


def bounds(field: Field) -> str:
    """A field's bounds in words."""
    if field.low is None and field.high is None:
        return "anything"
    if field.low is None:
        return f"at most {field.high:g}"
    return f"at least {field.low:g}" if field.high is None else f"{field.low:g} to {field.high:g}"


def _within(field: Field, value: float) -> bool:
    return (field.low is None or value >= field.low) and (field.high is None or value <= field.high)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _wrong(path: str, meant: str, value: Any) -> Refusal:
    return Refusal("wrong-type", path, f"`{path}` is {meant}, not {_shown(value)}")


def _shown(value: Any) -> str:
    """A value in a sentence, however long it is."""
    if isinstance(value, Mapping | Sequence) and not isinstance(value, str):
        return "a mapping" if isinstance(value, Mapping) else "a list"
    told = str(value) if not isinstance(value, bool) else str(value).lower()
    return f"`{told[:60]}…`" if len(told) > 60 else f"`{told}`"
