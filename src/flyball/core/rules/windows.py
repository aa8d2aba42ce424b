"""One function over the past of one signal: fed reading by reading, and ready with its answer at once."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple, Protocol

from flyball.core.ids import Instant, Seconds
from flyball.core.rules.model import Call
from flyball.core.rules.words import TRENDS

#: Times this close are the same.
_SAME: Seconds = 1e-6


class Point(NamedTuple):
    """A reading: when, in which cycle, and what."""

    at: Instant
    cycle: int
    value: float


class _Fold(Protocol):
    """What is known of the points within a window, kept up to date as they come and go."""

    def push(self, point: Point) -> None:
        """The newest point comes in."""

    def pop(self, point: Point, rest: Sequence[Point]) -> None:
        """The oldest point goes out; `rest` are those that stay."""

    def value(self, points: Sequence[Point]) -> float | None:
        """The answer for these points, of which there is at least one."""


class _Ends:
    """delta, rate, rise and drop: from the oldest point to the newest."""

    def __init__(self, name: str) -> None:
        self._name = name

    def push(self, point: Point) -> None:
        pass

    def pop(self, point: Point, rest: Sequence[Point]) -> None:
        pass

    def value(self, points: Sequence[Point]) -> float | None:
        first, last = points[0], points[-1]
        change = last.value - first.value
        if self._name == "delta":
            return change
        if self._name == "rate":
            return change / (last.at - first.at) if last.at > first.at else None
        if first.value == 0.0:
            return None
        return (change if self._name == "rise" else -change) / abs(first.value)


class _Mean:
    """avg. The sum is exact, so that the answer does not depend on when the counting began."""

    def __init__(self) -> None:
        self._sum = Fraction(0)

    def push(self, point: Point) -> None:
        self._sum += Fraction(point.value)

    def pop(self, point: Point, rest: Sequence[Point]) -> None:
        self._sum -= Fraction(point.value)

    def value(self, points: Sequence[Point]) -> float | None:
        return float(self._sum / len(points))


class _Line:
    """slope over a time: of the least-squares line, per hour, from exact sums."""

    def __init__(self) -> None:
        self._x = self._y = self._xx = self._xy = Fraction(0)

    def push(self, point: Point) -> None:
        self._add(point, 1)

    def pop(self, point: Point, rest: Sequence[Point]) -> None:
        self._add(point, -1)

    def _add(self, point: Point, sign: int) -> None:
        x, y = Fraction(point.at), Fraction(point.value)
        self._x += sign * x
        self._y += sign * y
        self._xx += sign * x * x
        self._xy += sign * x * y

    def value(self, points: Sequence[Point]) -> float | None:
        count = len(points)
        spread = count * self._xx - self._x * self._x
        try:
            return float((count * self._xy - self._x * self._y) / spread * 3600) if spread else None
        except OverflowError:
            return None


class _ShortLine:
    """slope over cycles: the same, per cycle, of so few points that they are summed each time."""

    def push(self, point: Point) -> None:
        pass

    def pop(self, point: Point, rest: Sequence[Point]) -> None:
        pass

    def value(self, points: Sequence[Point]) -> float | None:
        middle = sum(point.cycle for point in points) / len(points)
        level = sum(point.value for point in points) / len(points)
        spread = sum((point.cycle - middle) ** 2 for point in points)
        return sum((point.cycle - middle) * (point.value - level) for point in points) / spread


class _Extreme:
    """min and max: the candidates that a later point has not beaten."""

    def __init__(self, sign: float) -> None:
        self._sign = sign
        self._candidates: deque[float] = deque()

    def push(self, point: Point) -> None:
        value = self._sign * point.value
        while self._candidates and self._candidates[-1] < value:
            self._candidates.pop()
        self._candidates.append(value)

    def pop(self, point: Point, rest: Sequence[Point]) -> None:
        if self._candidates[0] == self._sign * point.value:
            self._candidates.popleft()

    def value(self, points: Sequence[Point]) -> float | None:
        return self._sign * self._candidates[0]


class _Ranked:
    """quantile: interpolated between the two nearest of the sorted values."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._sorted: list[float] = []

    def push(self, point: Point) -> None:
        insort(self._sorted, point.value)

    def pop(self, point: Point, rest: Sequence[Point]) -> None:
        del self._sorted[bisect_left(self._sorted, point.value)]

    def value(self, points: Sequence[Point]) -> float | None:
        place = self._share * (len(self._sorted) - 1)
        low, high = self._sorted[math.floor(place)], self._sorted[math.ceil(place)]
        return low + (high - low) * (place - math.floor(place))


class _Changes:
    """changes: how often a reading differs from the one before it."""

    def __init__(self) -> None:
        self._count = 0
        self._last: float | None = None

    def push(self, point: Point) -> None:
        self._count += self._last is not None and self._last != point.value
        self._last = point.value

    def pop(self, point: Point, rest: Sequence[Point]) -> None:
        if rest:
            self._count -= rest[0].value != point.value
        else:
            self._last = None

    def value(self, points: Sequence[Point]) -> float | None:
        return float(self._count)


def _fold(call: Call, by_cycle: bool) -> _Fold:
    match call.name:
        case "avg":
            return _Mean()
        case "slope":
            return _ShortLine() if by_cycle else _Line()
        case "max":
            return _Extreme(1.0)
        case "min":
            return _Extreme(-1.0)
        case "quantile":
            return _Ranked(call.extra if call.extra is not None else 0.5)
        case "changes":
            return _Changes()
        case _:
            return _Ends(call.name)


class Window:
    """A function of the past, over a time or over cycles, of which each gives its last reading.

    Missing readings are skipped. A trend is no data until the signal has been read for the whole
    window, and with fewer than two points; the others answer from one point on. `absent` is 1 when
    the whole window passed without a reading.
    """

    def __init__(self, call: Call) -> None:
        assert call.window is not None
        self._call = call
        self._trend = call.name in TRENDS
        self._by_cycle = call.window.unit == "cycles"
        self._length = call.window.amount
        self._fold = _fold(call, self._by_cycle)
        self._points: deque[Point] = deque()
        self._first_look: Point | None = None
        self._first_point: Point | None = None

    def add(self, at: Instant, cycle: int, value: float | None) -> None:
        """One more look, with the signal's reading."""
        now = self._now = Point(at, cycle, 0.0 if value is None else value)
        self._first_look = self._first_look or now
        while self._points and not self._within(self._points[0], now):
            gone = self._points.popleft()
            if not self._by_cycle:
                self._fold.pop(gone, self._points)
        if value is None:
            return
        self._first_point = self._first_point or now
        if not self._by_cycle:
            self._fold.push(now)
        elif self._points and self._points[-1].cycle == cycle:
            self._points.pop()
        self._points.append(now)

    def value(self) -> float | None:
        """What the function is as of the last look; None is no data."""
        if self._call.name == "absent":
            return 0.0 if self._points else 1.0 if self._covered(self._first_look) else None
        enough = 2 if self._trend else 1
        if len(self._points) < enough or (self._trend and not self._covered(self._first_point)):
            return None
        return self._folded().value(self._points)

    @property
    def empty(self) -> bool:
        """Nothing is remembered."""
        return not self._points

    def _folded(self) -> _Fold:
        """The fold of all points; made anew over cycles, as the last point changes until its cycle ends."""
        if not self._by_cycle:
            return self._fold
        fold = _fold(self._call, by_cycle=True)
        for point in self._points:
            fold.push(point)
        return fold

    def _within(self, point: Point, now: Point) -> bool:
        if self._by_cycle:
            return point.cycle > now.cycle - self._length
        return point.at >= now.at - self._length - _SAME

    def _covered(self, first: Point | None) -> bool:
        """Whether the window reaches back no further than this."""
        if first is None:
            return False
        if self._by_cycle:
            return first.cycle <= self._now.cycle - self._length + 1
        return first.at <= self._now.at - self._length + _SAME
