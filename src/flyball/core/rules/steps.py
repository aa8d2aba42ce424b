"""The values that a sweep tries: those that people would write, or so many of them evenly spread."""

from __future__ import annotations

import math
from collections.abc import Sequence

from flyball.core.ids import Seconds

#: More than so many are a table that nobody reads.
MOST = 13
#: With fewer between the ends, and for so short a range, the steps are all alike: so many of them.
_FEWEST, _FEW = 3, 8
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
#: Lengths of time as people say them, and fewer of them for a range of days.
_TIMES: tuple[Seconds, ...] = (
    *(1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0),
    *(_MINUTE * each for each in (1, 2, 5, 10, 15, 20, 30)),
    *(_HOUR * each for each in (1, 2, 3, 4, 6, 8, 12)),
    *(_DAY * each for each in (1, 2, 3, 5, 7, 10, 14, 21, 30, 60, 90, 180, 365)),
)
_FEWER: tuple[Seconds, ...] = (
    *(1.0, 5.0, 15.0, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 6 * _HOUR),
    *(_DAY * each for each in (1, 7, 30, 90, 365)),
)


def usual_times(low: Seconds, high: Seconds, every: Seconds) -> list[Seconds]:
    """Lengths of time from low to high, both among them, and between them none shorter than one look.

    >>> [each / 60 for each in usual_times(60.0, 1800.0, 30.0)]
    [1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0]
    """
    for steps in (_TIMES, _FEWER):
        between = [each for each in steps if low < each < high and each >= every]
        if _FEWEST <= len(between) <= MOST - 2:
            return [low, *between, high]
    step = max(every, (high - low) / _FEW)
    return usual_numbers(low, high, next((each for each in _TIMES if each >= step), step))


def usual_numbers(low: float, high: float, least: float = 0.0) -> list[float]:
    """Numbers from low to high, both among them, at the multiples of 1, 2 or 5 (times ten, a tenth, …).

    `least`: the smallest step there is, such as 1 for what is counted.

    >>> usual_numbers(100.0, 400.0), usual_numbers(1.0, 3.0, 1.0)
    ([100.0, 150.0, 200.0, 250.0, 300.0, 350.0, 400.0], [1.0, 2.0, 3.0])
    """
    step = max(least, _step((high - low) / (MOST - 1)))
    first = math.floor(low / step) + 1
    between = [_short(number * step) for number in range(first, math.ceil(high / step))]
    return [low, *(each for each in between if low < each < high), high]


def evenly(low: float, high: float, steps: int, whole: float) -> list[float]:
    """So many values from low to high, both among them; those between are rounded to whole ones."""
    found = [low]
    for number in range(1, steps - 1):
        value = low + (high - low) * number / (steps - 1)
        found.append(min(max(round(value / whole) * whole, low), high) if whole else value)
    return list(dict.fromkeys(map(_short, (*found, high))))


def grain(step: Seconds, every: Seconds) -> Seconds:
    """What times are rounded to, so that they read well: whole looks, minutes or hours."""
    for size in (_HOUR, 300.0, _MINUTE, every):
        if 0 < size <= step:
            return size
    return 1.0 if step >= 1 else 0.0


def _step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, … that is no smaller than this."""
    ten = 10.0 ** math.floor(math.log10(least))
    return next(_short(ten * each) for each in _ROUND if ten * each >= least * (1 - 1e-9))


_ROUND: Sequence[int] = (1, 2, 5, 10)


def _short(value: float) -> float:
    """A value without what floats lose."""
    return float(f"{value:.10g}")
