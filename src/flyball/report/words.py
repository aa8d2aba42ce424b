"""How the report says numbers, times and results to a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flyball.core.ids import Instant, Seconds
from flyball.core.learning.interval import Measured

#: What stands where there is nothing to say.
NONE = "\N{EN DASH}"


def moment(at: Instant | None) -> str:
    """A moment in UTC, to the minute.

    >>> moment(0)
    '1970-01-01 00:00'
    """
    return NONE if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"


def date(at: Instant) -> str:
    """A day as it is said.

    >>> date(0)
    '1 January 1970'
    """
    day = datetime.fromtimestamp(at, UTC)
    return f"{day.day} {day:%B %Y}"


def stretch(begin: Instant, end: Instant) -> str:
    """Two moments as days.

    >>> stretch(0, 86400 * 40)
    '1 Jan to 10 Feb'
    """
    first, last = (datetime.fromtimestamp(at, UTC) for at in (begin, end))
    begun, over = (f"{day.day} {day:%b}" for day in (first, last))
    return begun if first.date() == last.date() else f"{begun} to {over}"


def lasting(seconds: Seconds) -> str:
    """A length of time in the unit that says it best.

    >>> lasting(86400 * 42), lasting(5400), lasting(30)
    ('42 days', '90 minutes', '30 seconds')
    """
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size or (unit == "minutes" and seconds >= size):
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds" if seconds >= 10 else f"{seconds:.2g} seconds"


def number(value: Any) -> str:
    """A value as a person reads it.

    >>> number(12345), number(0.12345), number(True), number("hybrid")
    ('12,345', '0.123', 'yes', 'hybrid')
    """
    match value:
        case None:
            return NONE
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"
        case _:
            return str(value)


def percent(share: float) -> str:
    """A share of one.

    >>> percent(0.5), percent(0.004), percent(0.998)
    ('50%', '0.4%', '99.8%')
    """
    return f"{share:.0%}" if 0.01 <= share <= 0.99 or share in (0, 1) else f"{share:.1%}"


def counted(count: int, one: str, many: str = "") -> str:
    """So many of something.

    >>> counted(1, "model"), counted(1200, "label"), counted(2, "look taken", "looks taken")
    ('1 model', '1,200 labels', '2 looks taken')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def times(count: int) -> str:
    """How often.

    >>> times(1), times(2), times(1200)
    ('once', 'twice', '1,200 times')
    """
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def measured(value: Measured) -> str:
    """A number with its interval.

    >>> measured((0.4221, 0.3701, 0.468))
    '0.42 (0.37 to 0.47)'
    """
    return f"{value[0]:.2f} ({value[1]:.2f} to {value[2]:.2f})"


def gain(value: Measured) -> str:
    """A difference with its interval.

    >>> gain((0.2111, 0.1714, 0.253))
    '+0.21 (+0.17 to +0.25)'
    """
    return "{} ({} to {})".format(*map(signed, value))


def signed(value: float) -> str:
    """A difference, its sign always there.

    >>> signed(0.2), signed(-0.004)
    ('+0.20', '0.00')
    """
    text = f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
    return "0.00" if text[1:] == "0.00" else text


def verdict(value: Measured) -> str:
    """What a difference to the loop's good, with its interval, allows to be said.

    >>> verdict((0.2, 0.1, 0.3))
    'the loop was better'
    >>> verdict((0.02, -0.1, 0.1))
    'no improvement is shown'
    """
    if value[1] > 0:
        return "the loop was better"
    return "the loop was worse" if value[2] < 0 else "no improvement is shown"


def change(told: Mapping[str, Any]) -> str:
    """One change of a decision: what was turned, from what to what, and what limited it.

    >>> change({"knob": "batch.size", "from": 60, "to": 75})
    'batch.size 60 → 75'
    >>> change({"do": "retrain"})
    'retrain'
    """
    what = str(told.get("knob") or told.get("do"))
    moved = f"{what} {number(told['from'])} → {number(told['to'])}" if "to" in told else what
    return moved + (f" (limited: {told['limited_by']})" if told.get("limited_by") else "")
