"""The newest values of something: bounded windows that answer with a mean or a quantile."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from math import ceil

from flyball.core.ids import Instant, Seconds


class Newest:
    """The newest `size` values. What was asked is kept until another value comes."""

    __slots__ = ("_sorted", "_values")

    def __init__(self, size: int) -> None:
        self._values: deque[float] = deque(maxlen=size)
        self._sorted: list[float] | None = None

    def add(self, value: float) -> None:
        """Take a value in; the oldest goes when there are too many."""
        self._values.append(value)
        self._sorted = None

    def mean(self) -> float | None:
        """The mean; None of no values."""
        return sum(self._values) / len(self._values) if self._values else None

    def quantile(self, share: float) -> float | None:
        """The smallest value that at least this share of values does not exceed; None of no values."""
        if self._sorted is None:
            self._sorted = sorted(self._values)
        return quantile_of(self._sorted, share)


def quantile_of(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of ordered values does not exceed; None of no values.

    >>> quantile_of([1.0, 2.0, 3.0, 4.0], 0.5)
    2.0
    """
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None


def weighted_quantile(counted: Iterable[tuple[float, int]], share: float) -> float | None:
    """The same of values that each stand so many times, in any order.

    >>> weighted_quantile([(9.0, 1), (1.0, 99)], 0.95)
    1.0
    """
    ordered = sorted(counted)
    reach = share * sum(count for _, count in ordered)
    seen = 0
    for value, count in ordered:
        seen += count
        if seen and seen >= reach:
            return value
    return None


def area(steps: Sequence[tuple[Instant, float]], since: Instant, now: Instant) -> Seconds:
    """A stepwise value times time, from `since` to `now`. Before the first step it is nothing.

    >>> area([(0.0, 2.0), (10.0, 3.0)], since=5.0, now=12.0)
    16.0
    """
    total = 0.0
    for i, (begin, value) in enumerate(steps):
        end = steps[i + 1][0] if i + 1 < len(steps) else now
        total += value * max(0.0, min(end, now) - max(begin, since))
    return total
