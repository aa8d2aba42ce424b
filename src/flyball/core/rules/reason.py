"""Reasons: a rule's `because` with the values of the moment filled in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from flyball.core.ids import Seconds
from flyball.core.rules import parse
from flyball.core.rules.marked import Complaints, Scalar
from flyball.core.rules.model import Expression, Rule, Shown
from flyball.core.rules.typed import Names

LONGEST = 2000

_PART = re.compile(r"(?P<double>\{\{|\}\})|\{(?P<inner>[^{}]*)\}|(?P<stray>[{}])")


def read_reason(because: Scalar, names: Names, tell: Complaints) -> tuple[str | Shown, ...]:
    """A `because` cut into words and values; what is wrong in its braces is told."""
    if len(because.text) > LONGEST:
        tell.tell(because, "R307", f"`because` is longer than {LONGEST:,} characters")
        return ()
    return tuple(_parts(because, names, tell))


def _parts(because: Scalar, names: Names, tell: Complaints) -> Iterator[str | Shown]:
    text, done = because.text, 0
    for match in _PART.finditer(text):
        yield text[done : match.start()]
        done = match.end()
        if match["double"]:
            yield match["double"][0]
        elif match["stray"]:
            message = f"`{match['stray']}` stands alone; write it twice to mean itself"
            tell.tell_within(because, "R309", message, match.start(), done)
        elif not match["inner"].strip():
            tell.tell_within(because, "R309", "nothing stands between the braces", match.start(), done)
        elif (shown := _shown(because, match, names, tell)) is not None:
            yield shown
    yield text[done:]


def _shown(because: Scalar, match: re.Match[str], names: Names, tell: Complaints) -> Shown | None:
    begins = match.start("inner")
    if match["inner"].strip() == "annotator":
        if not names.each:
            message = "`{annotator}` needs `foreach: annotator`"
            tell.tell_within(because, "R208", message, begins, match.end("inner"))
        return Shown(None)

    def within(code: str, message: str, start: int, end: int) -> None:
        tell.tell_within(because, code, message, begins + start, begins + end)

    found = parse.expression(match["inner"], names, within)
    return found and Shown(*found)


def render_because(
    rule: Rule, value: Callable[[Expression], float | str | None], about: str | None = None
) -> str:
    """A rule's reason at a moment. `value` answers what an expression is; `about`: for which annotator."""
    return "".join(
        part
        if isinstance(part, str)
        else (about or "")
        if part.of is None
        else shown(value(part.of), part.unit)
        for part in rule.reason
    )


def shown(value: float | str | None, unit: str = "") -> str:
    """A value as a person reads it.

    >>> shown(0.125, "share"), shown(5400.0, "seconds"), shown(12345.6), shown(None)
    ('12.5%', '1h 30m', '12,346', 'no data')
    """
    if value is None:
        return "no data"
    if isinstance(value, str):
        return value
    match unit:
        case "share":
            return f"{value * 100:.3g}%" if abs(value) < 10 else f"{value:.0%}"
        case "seconds":
            return _lasting(value)
        case "flag":
            return "yes" if value else "no"
        case _:
            whole = value.is_integer() or 1000 <= abs(value) < 1e15
            return f"{value:,.0f}" if whole else f"{value:.4g}"


def moved(by: float, unit: str = "") -> str:
    """A difference as a person reads it, with its sign.

    >>> moved(-5400.0, "seconds"), moved(0.125, "share"), moved(0.0)
    ('-1h 30m', '+12.5%', '0')
    """
    return f"{'+' if by > 0 else ''}{shown(by, unit)}"


def _lasting(seconds: Seconds) -> str:
    if abs(seconds) < 60:
        return f"{seconds:.3g}s"
    sign, left = ("-" if seconds < 0 else ""), round(abs(seconds))
    for (large, big), (small, fine) in pairwise(_STEPS):
        if left >= big:
            rest = left % big // fine
            return f"{sign}{left // big}{large}" + (f" {rest}{small}" if rest else "")
    return f"{sign}{left}s"


_STEPS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
