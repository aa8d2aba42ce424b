"""Times as people type them on the command line: lengths, moments, and how long ago."""

from __future__ import annotations

from datetime import UTC, datetime

from flyball.core.ids import Instant, Seconds
from flyball.core.rules import values
from flyball.errors import BadUsage

_HOW = "write `30m`, `2h`, `30d`, `2h ago` or `2026-11-20T09:30`"


def length(text: str) -> Seconds:
    """A length of time. Raises BadUsage.

    >>> length("30d"), length("90s")
    (2592000.0, 90.0)
    """
    plain = text.strip()
    seconds = values.number(plain, "seconds")
    if seconds is None or seconds <= 0 or plain[-1:].isdigit():
        raise BadUsage(f"`{text}` is no length of time; write `30s`, `10m`, `6h` or `2d`")
    return seconds


def moment_of(text: str, now: Instant) -> Instant:
    """A moment: so long ago, or a date with or without a time, in UTC where no zone is named.

    Raises BadUsage.

    >>> moment_of("2h ago", 10_000.0), moment_of("-1h", 10_000.0), moment_of("1970-01-01T01:00", 0.0)
    (2800.0, 6400.0, 3600.0)
    """
    plain = text.strip()
    if plain == "now":
        return now
    ago = plain.removesuffix("ago").strip().removeprefix("-")
    if values.number(ago, "seconds") is not None and not ago[-1:].isdigit():
        return now - length(ago)
    try:
        found = datetime.fromisoformat(plain)
    except ValueError:
        raise BadUsage(f"`{text}` is no moment; {_HOW}") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
