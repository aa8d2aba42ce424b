"""What may stand behind a key of `loop.toml`: each reader gives the value, or a sentence on what is wrong."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, TypeVar

from flyball.core.ids import Instant, Seconds

T_co = TypeVar("T_co", covariant=True)
Reader = Callable[[object], T_co]

#: What stands in front of the :// of a store's URL.
STORES = ("postgresql", "postgres", "sqlite")

_LENGTH = re.compile(r"\s*(\d{1,12}(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SHIFT = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Shift:
    """From when to when a day's work goes, in seconds after midnight UTC; a whole day is "always"."""

    begins: Seconds = 0.0
    ends: Seconds = 86400.0

    @property
    def always(self) -> bool:
        """There is always somebody at work."""
        return self.ends - self.begins >= 86400.0


def duration(value: object) -> Seconds:
    """A length of time such as 30s, 10m, 6h, 2d, as seconds.

    >>> duration("1.5h")
    5400.0
    """
    found = _LENGTH.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f'needs a length of time such as "30s", "10m", "6h" or "2d", not {shown(value)}')
    return float(found[1]) * _SECONDS[found[2]]


def lasting(value: object) -> Seconds:
    """A length of time that is not zero."""
    seconds = duration(value)
    if seconds <= 0:
        raise ValueError("needs a length of time above zero")
    return seconds


def moment(value: object) -> Instant:
    """A date or a time, UTC where it names no zone, as seconds since 1970.

    >>> moment("1970-01-02")
    86400.0
    """
    if isinstance(value, str):
        with suppress(ValueError):  # what is no date is refused below, as any other value
            value = datetime.fromisoformat(value.strip())
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise ValueError(f'needs a date such as "2024-03-01" or "2024-03-01T12:00:00Z", not {shown(value)}')
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()


def end(value: object) -> str:
    """A moment or a length of time, kept as it was written."""
    text = value.isoformat() if isinstance(value, date) else value
    if not isinstance(text, str):
        raise ValueError(f'needs a length of time such as "30d" or a date, not {shown(value)}')
    (duration if _LENGTH.fullmatch(text) else moment)(text)
    return text


def shift(value: object) -> Shift:
    """Hours of a day such as "09:00-17:00", or "always".

    >>> shift("09:00-17:30").ends / 3600
    17.5
    """
    if value == "always":
        return Shift()
    found = _SHIFT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f'needs hours such as "09:00-17:00" or "always", not {shown(value)}')
    begins, ends = (int(found[i]) * 3600.0 + int(found[i + 1]) * 60.0 for i in (1, 3))
    if not begins < ends <= 86400.0:
        raise ValueError(f"needs a shift that ends later on the same day (UTC), not {shown(value)}")
    return Shift(begins, ends)


def text(value: object) -> str:
    """Text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"needs text in quotes, not {shown(value)}")
    return value


def database(value: object) -> str:
    """A file, or the URL of a database that can hold a store.

    >>> database("postgresql://me@host/loops")
    'postgresql://me@host/loops'
    """
    named = text(value)
    scheme, separator, _ = named.partition("://")
    if separator and scheme.partition("+")[0] not in STORES:
        # The rest of it is not shown: there may be a password in it.
        raise ValueError(
            f'needs a file, sqlite:///FILE or postgresql://USER@HOST/DATABASE, not "{scheme}://…";'
            f" {near(scheme, STORES)}"
        )
    return named


def texts(value: object) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(f'needs a list such as ["a", "b"], not {shown(value)}')
    return tuple(text(each) for each in value)


def labels(value: object) -> tuple[str, ...]:
    """A list of labels: texts, or whole numbers as text."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(set(map(str, value))) < 2:
        raise ValueError(f'needs a list of at least two labels such as ["0", "1"], not {shown(value)}')
    return tuple(str(each) if _is_whole(each) else text(each) for each in value)


def scalars(value: object) -> tuple[str | float, ...]:
    """A list of texts and numbers."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(f'needs a list such as [-1, "unknown"], not {shown(value)}')
    return tuple(each if isinstance(each, str) else number()(each) for each in value)


def flag(value: object) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"needs true or false, not {shown(value)}")
    return value


def whole(low: int, high: int | None = None) -> Reader[int]:
    """A whole number within bounds."""

    def of(value: object) -> int:
        if not _is_whole(value):
            raise ValueError(f"needs a whole number, not {shown(value)}")
        return int(_within(float(str(value)), low, high))

    return of


def number(low: float | None = None, high: float | None = None, above: bool = False) -> Reader[float]:
    """A finite number within bounds; `above`: it may not be the lower bound itself."""

    def of(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"needs a number, not {shown(value)}")
        if above and value == low:
            raise ValueError(f"needs a number above {low:g}, not {shown(value)}")
        return _within(float(value), low, high)

    return of


def share(high: float = 1.0, low: float = 0.0) -> Reader[float]:
    """A share: a number, or percent as text.

    >>> share()("5%")
    0.05
    """

    def of(value: object) -> float:
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", value) if isinstance(value, str) else None
        return number(low, high)(float(found[1]) / 100 if found else value)

    return of


def accuracy(value: object) -> float | tuple[float, ...]:
    """A share for everyone, or a list with one for each annotator."""
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        return tuple(share()(each) for each in value)
    return share()(value)


def word(*words: str) -> Reader[str]:
    """One of some words."""

    def of(value: object) -> str:
        if value not in words:
            raise ValueError(f"cannot be {shown(value)}; {near(str(value), words)}")
        return str(value)

    return of


def matching(pattern: str, example: str) -> Reader[str]:
    """Text of a certain form."""

    def of(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(f'needs a name such as "{example}", not {shown(value)}')
        return value

    return of


def key(read: Reader[object], meaning: str) -> Mapping[str, Any]:
    """What a key of the settings carries: its reader, and what it means in one sentence."""
    return {"read": read, "meaning": meaning}


def table(value: object) -> Mapping[str, Any]:
    """A section with whatever it holds, dates as text."""
    if not isinstance(value, Mapping):
        raise ValueError(f"is a section and cannot be {shown(value)}")
    return {str(key): _plain(inner) for key, inner in value.items()}


def near(wrong: str, known: Sequence[str]) -> str:
    """The likely word, or all of them.

    >>> near("entropi", ["entropy", "margin"])
    'did you mean `entropy`?'
    """
    found = difflib.get_close_matches(wrong, known, n=1)
    if found:
        return f"did you mean `{found[0]}`?"
    if not known:
        return "none are known"
    return f"known: {', '.join(known[:12])}" + (f" and {len(known) - 12} more" if len(known) > 12 else "")


def shown(value: object) -> str:
    """A value as a person wrote it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case Mapping():
            return "a section"
        case date():
            return value.isoformat()
        case _:
            return str(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _within(value: float, low: float | None, high: float | None) -> float:
    if (low is not None and value < low) or (high is not None and value > high):
        lower = "" if low is None else f" from {low:.12g}"
        upper = (" on" if lower else "") if high is None else f" up to {high:.12g}"
        raise ValueError(f"needs a number{lower}{upper}, not {value:.12g}")
    return value


def _plain(value: object) -> Any:
    match value:
        case Mapping():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case date() | time():
            return value.isoformat()
        case float() if not math.isfinite(value):
            raise ValueError(f"cannot hold {value}")
        case _:
            return value
