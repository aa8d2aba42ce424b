"""Values of a payload as the parts of an answer, or what is wrong with them; a null is never a zero."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from flyball.core.ids import Instant
from flyball.core.mappings.told import Mapped, together
from flyball.core.strict_json import Flaw, pointer

#: Names and labels are no longer than this.
LONGEST = 512
#: A number of seconds above this is one of milliseconds: the year 5138.
_MILLISECONDS = 1e11
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_FIRST, _LAST = -62135596800.0, 253402300800.0


class Wrong(Exception):
    """A value cannot be what it should be."""

    def __init__(self, code: str, what: str, where: str = "") -> None:
        super().__init__(what)
        self.flaw = Flaw(code, what, where)


def name(value: Any, what: str, where: str) -> str:
    """A name: text, or a whole number as text. Raises Wrong."""
    if value is None:
        raise Wrong("null", f"{what} is null; nothing is made of it", where)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise Wrong("wrong_type", f"{what} is {kind(value)}; it is text or a whole number", where)
    if not value.strip():
        raise Wrong("empty", f"{what} is empty", where)
    if _CONTROL.search(value.strip()):
        raise Wrong("control_character", f"{what} holds a control character", where)
    if len(value) > LONGEST:
        raise Wrong("too_long", f"{what} has {len(value)} characters; {LONGEST} are the most", where)
    return value.strip()


def label(value: Any, what: str, where: str) -> str:
    """A label: a name, or true and false as such. Raises Wrong."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return name(value, what, where)


def number(value: Any, what: str, where: str) -> float:
    """A finite number, also one that is written as text. Raises Wrong; null is no number."""
    if value is None:
        raise Wrong("null", f"{what} is null; it is not taken for 0", where)
    if isinstance(value, str):
        with suppress(ValueError):
            value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Wrong("wrong_type", f"{what} is {kind(value)}; it is a number", where)
    if not math.isfinite(value):
        raise Wrong("bad_number", f"{what} is not a finite number", where)
    return float(value)


def flag(value: Any, what: str, where: str) -> bool:
    """true or false, also as text, 0 and 1; null and nothing are false. Raises Wrong."""
    if value is None or value == "":
        return False
    if isinstance(value, bool):
        return value
    said = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if isinstance(value, str | int) and str(value).strip().lower() in said:
        return said[str(value).strip().lower()]
    raise Wrong("wrong_type", f"{what} is {kind(value)}; it is true or false", where)


def moment(value: Any, what: str, where: str) -> Instant:
    """A time: ISO, in UTC where it names no zone, or a number of seconds or milliseconds since 1970.

    Raises Wrong.

    >>> moment("1970-01-02T00:00:00Z", "it", ""), moment(86400, "it", ""), moment("86400000000000", "it", "")
    (86400.0, 86400.0, 86400000000.0)
    """
    if isinstance(value, str):
        with suppress(ValueError):
            read = datetime.fromisoformat(value.strip())
            return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    try:
        seconds = number(value, what, where)
    except Wrong:
        what = f"{what} is no time; it is ISO such as 2026-11-20T09:00:00Z, or seconds since 1970"
        raise Wrong("bad_time", what, where) from None
    seconds = seconds / 1000 if abs(seconds) > _MILLISECONDS else seconds
    if not _FIRST <= seconds < _LAST:
        raise Wrong("bad_time", f"{what} lies outside the years 1 to 9999", where)
    return seconds


def revision(value: Any, what: str, where: str) -> float:
    """What grows with each version: a count, or a time. Raises Wrong."""
    try:
        return number(value, what, where)
    except Wrong:
        return moment(value, what, where)


def field_value(value: Any, where: str) -> Any:
    """A value of a field as it is. Raises Wrong for a null or a number that is not finite, also inside."""
    stack: list[tuple[Any, str]] = [(value, where)]
    while stack:
        each, place = stack.pop()
        if each is None:
            raise Wrong("null", "a value is null; it is not taken for 0 or for nothing", place)
        if isinstance(each, float) and not math.isfinite(each):
            raise Wrong("bad_number", "a number is not finite", place)
        if isinstance(each, Mapping):
            stack.extend((inner, place + pointer(step)) for step, inner in each.items())
        elif isinstance(each, list):
            stack.extend((inner, place + pointer(step)) for step, inner in enumerate(each))
    return value


def box(value: Any, corners: Mapping[str, str], where: str) -> Mapping[str, float]:
    """A box with x, y, width and height, from the names that the tool gives them. Raises Wrong."""
    if not isinstance(value, Mapping):
        raise Wrong("null" if value is None else "wrong_type", f"a box is {kind(value)}", where)
    found = {}
    for ours, theirs in corners.items():
        if theirs not in value:
            raise Wrong("missing", f"a box has no `{theirs}`", where)
        found[ours] = number(value[theirs], f"`{theirs}` of a box", where + pointer(theirs))
    return found


def get(value: Any, step: str, where: str = "") -> Any:
    """What an object has under a name. Raises Wrong where it is no object or has nothing there."""
    if not isinstance(value, Mapping):
        raise Wrong("wrong_type", f"here is {kind(value)} where an object is expected", where)
    if step not in value:
        raise Wrong("missing", f"`{step}` is missing", where + pointer(step))
    return value[step]


def thing(value: Any, where: str) -> Mapping[str, Any]:
    """An object. Raises Wrong."""
    if not isinstance(value, Mapping):
        raise Wrong("wrong_type", f"here is {kind(value)} where an object is expected", where)
    return value


def listed(value: Any, where: str) -> Sequence[Any]:
    """A list. Raises Wrong."""
    if not isinstance(value, list):
        raise Wrong("wrong_type", f"here is {kind(value)} where a list is expected", where)
    return value


def each(listing: Any, where: str, read: Callable[[Any, str], Mapped]) -> Mapped:
    """What the elements of a list say; one that is wrong holds no other up. Raises Wrong without a list."""

    def one(value: Any, place: str) -> Mapped:
        try:
            return read(value, place)
        except Wrong as wrong:
            return Mapped(flaws=(wrong.flaw,))

    return together(
        one(value, where + pointer(number)) for number, value in enumerate(listed(listing, where))
    )


def kind(value: Any) -> str:
    """What a value is, in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"
