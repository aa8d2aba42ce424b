"""From where to where a value can lie: what the catalogue says of it, and what a comparison asks of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import assert_never

from flyball.core.rules.model import Arithmetic, Call, Expression, KnobRead, Number, Read, Word
from flyball.core.rules.words import Catalogue, Sign

#: Sums and products may miss the true value by a little; bounds of them are taken wider by this share.
_SLACK = 1e-9
#: Wider than this a range of whole numbers is not searched for one that is no hole.
_SEARCHED = 1000


@dataclass(frozen=True, slots=True)
class Range:
    """All numbers between two ends, but for the holes. `open_low`: the low end itself is not in it."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    holes: frozenset[float] = frozenset()

    @property
    def empty(self) -> bool:
        """There is no number in it."""
        if self.low == self.high:
            return self.open_low or self.open_high or self.low in self.holes
        return self.low > self.high

    def __contains__(self, value: float) -> bool:
        """Whether a number lies in it."""
        above = self.low < value or (self.low == value and not self.open_low)
        below = value < self.high or (self.high == value and not self.open_high)
        return above and below and value not in self.holes

    def meet(self, other: Range) -> Range:
        """The numbers that lie in both."""
        low = max((self.low, self.open_low), (other.low, other.open_low))
        high = min((self.high, not self.open_high), (other.high, not other.open_high))
        return Range(low[0], high[0], low[1], not high[1], self.holes | other.holes)

    def within(self, other: Range) -> bool:
        """Whether every number of this one lies in the other."""
        low = (other.low, other.open_low) <= (self.low, self.open_low)
        high = (self.high, not self.open_high) <= (other.high, not other.open_high)
        return low and high and not any(hole in self for hole in other.holes)

    def holds_one(self, whole: bool) -> bool:
        """Whether some number lies in it for certain; `whole`: a whole one."""
        if not whole:
            return not self.empty and (self.low == self.high or math.nextafter(self.low, self.high) in self)
        if math.isinf(self.low) or math.isinf(self.high):
            return not self.empty
        first, last = math.ceil(self.low), math.floor(self.high)
        return last - first > _SEARCHED or any(each in self for each in range(first, last + 1))


EVERYTHING = Range()
_FLAG = Range(0.0, 1.0)


def demanded(sign: Sign, value: float) -> Range:
    """Which numbers compare so with this one.

    >>> 3.0 in demanded(">=", 3.0), 3.0 in demanded("!=", 3.0)
    (True, False)
    """
    match sign:
        case "<" | "<=":
            return Range(high=value, open_high=sign == "<")
        case ">" | ">=":
            return Range(low=value, open_low=sign == ">")
        case "==":
            return Range(value, value)
        case "!=":
            return Range(holes=frozenset([value]))


def range_of(expression: Expression, catalogue: Catalogue) -> Range:
    """Where a number lies whatever the signals read, as the catalogue bounds them; never too narrow."""
    match expression:
        case Number(value=value):
            return Range(value, value)
        case Word():
            return EVERYTHING
        case Read() | KnobRead():
            return _named(expression, catalogue)
        case Call(window=None, name=name, args=args):
            return _of_values(name, [range_of(each, catalogue) for each in args])
        case Call(name=name, args=args):
            return _of_past(name, range_of(args[0], catalogue))
        case Arithmetic(operator=operator, left=left, right=right):
            return _computed(operator, range_of(left, catalogue), range_of(right, catalogue))
        case _:
            assert_never(expression)


def is_flag(expression: Expression, catalogue: Catalogue) -> bool:
    """Whether a value is yes or no: 1 or 0 and nothing else."""
    match expression:
        case Read(signal=name):
            return catalogue.signals[name].unit == "flag"
        case KnobRead(knob=name):
            return catalogue.knobs[name].kind == "flag"
        case Call(name=name):
            return name == "absent"
        case _:
            return False


def _named(read: Read | KnobRead, catalogue: Catalogue) -> Range:
    if is_flag(read, catalogue):
        return _FLAG
    if isinstance(read, Read):
        low, high = catalogue.signals[read.signal].low, catalogue.signals[read.signal].high
    else:
        low, high = catalogue.knobs[read.knob].low, catalogue.knobs[read.knob].high
    return Range(-math.inf if low is None else low, math.inf if high is None else high)


def _of_values(name: str, of: list[Range]) -> Range:
    match name:
        case "abs":
            low = 0.0 if 0.0 in of[0] else min(abs(of[0].low), abs(of[0].high))
            return Range(low, max(abs(of[0].low), abs(of[0].high)))
        case "min":
            return Range(min(each.low for each in of), min(each.high for each in of))
        case "max":
            return Range(max(each.low for each in of), max(each.high for each in of))
        case "avg":
            return _wider(min(each.low for each in of), max(each.high for each in of))
        case _:
            return _wider(sum(each.low for each in of), sum(each.high for each in of))


def _of_past(name: str, of: Range) -> Range:
    match name:
        case "min" | "max" | "avg":
            return of
        case "quantile":
            return _wider(of.low, of.high)
        case "delta":
            return Range(of.low - of.high, of.high - of.low)
        case "rise":
            return Range(low=-1.0) if of.low >= 0.0 else EVERYTHING
        case "drop":
            return Range(high=1.0) if of.low >= 0.0 else EVERYTHING
        case "changes":
            return Range(low=0.0)
        case "absent":
            return _FLAG
        case _:
            return EVERYTHING


def _computed(operator: str, left: Range, right: Range) -> Range:
    match operator:
        case "+":
            return _wider(left.low + right.low, left.high + right.high)
        case "-":
            return _wider(left.low - right.high, left.high - right.low)
        case "*":
            return _corners(a * b for a, b in product((left.low, left.high), (right.low, right.high)))
        case _ if 0.0 in right:
            return EVERYTHING
        case _:
            return _corners(a / b for a, b in product((left.low, left.high), (right.low, right.high)))


def _corners(values: Iterable[float]) -> Range:
    found = list(values)
    return EVERYTHING if any(map(math.isnan, found)) else _wider(min(found), max(found))


def _wider(low: float, high: float) -> Range:
    return Range(low - _SLACK * max(1.0, abs(low)), high + _SLACK * max(1.0, abs(high)))
