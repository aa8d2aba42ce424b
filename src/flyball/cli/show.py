"""How answers look in a terminal: words and tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from flyball.core.ids import Instant


def as_json(value: Any, out: TextIO | None = None) -> None:
    """A value as indented JSON; what is no number is null."""
    print_line(json.dumps(_plain(value), indent=2, ensure_ascii=False, default=str), out)


def print_line(text: str = "", out: TextIO | None = None) -> None:
    """A line to the terminal; a reader who went away is no error."""
    stream = out or sys.stdout
    try:
        stream.write(text + "\n")
        stream.flush()
    except BrokenPipeError:
        sys.stdout = open("/dev/null", "w")  # noqa: SIM115, PTH123 -- so that the interpreter's last flush is quiet


def table(rows: Iterable[Sequence[str]], head: Sequence[str]) -> str:
    """Columns as wide as they must be; the last one is cut by nobody.

    >>> print(table([("a", "1"), ("long", "2")], ("name", "n")))
    name  n
    ----  -
    a     1
    long  2
    """
    listed = [tuple(map(str, row)) for row in rows]
    widths = [max(len(row[i]) for row in [tuple(head), *listed]) for i in range(len(head))]
    lines = [head, ["-" * width for width in widths], *listed]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def moment(at: Instant | None) -> str:
    """A moment in UTC, to the second.

    >>> moment(0)
    '1970-01-01 00:00:00'
    """
    return "-" if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"


def lasting(seconds: float | None) -> str:
    """A length of time in the two largest units that say it.

    >>> lasting(3700), lasting(90061), lasting(0.25)
    ('1h 1m', '1d 1h', '0.2s')
    """
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{seconds:.1f}s"
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, seconds = divmod(int(seconds), size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])


def number(value: Any) -> str:
    """A number with as many digits as a person reads; a dash where there is none.

    >>> number(0.123456), number(12345.6), number(None), number(True)
    ('0.123', '12,346', '-', 'yes')
    """
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
        case _:
            return str(value)


def change(told: Mapping[str, Any]) -> str:
    """One change of a decision: what was turned from what to what, and what limited it."""
    what = told.get("knob") or told.get("do")
    moved = f"{what} {number(told['from'])} → {number(told['to'])}" if "to" in told else str(what)
    return moved + (f" (limited: {told['limited_by']})" if told.get("limited_by") else "")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
