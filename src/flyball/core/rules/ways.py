"""The ways in which a condition can be true: what each asks of the values that it compares.

What is told apart here is certain or it is not told: a condition without ways is never true, and one
implies another only where every way of the first is a way of the second. Where a condition has too many
ways nothing is concluded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from flyball.core.rules.functions import IN_RANGE
from flyball.core.rules.model import (
    AllOf,
    AnyOf,
    Call,
    Compare,
    Condition,
    Expression,
    KnobRead,
    Named,
    Not,
    Number,
    Read,
    Word,
)
from flyball.core.rules.ranges import Range, demanded, is_flag, range_of
from flyball.core.rules.tree import written
from flyball.core.rules.words import OPPOSITE, TURNED, Catalogue, Sign

#: More ways than these are not thought through.
_MOST = 128

#: What one way asks: the numbers that a value may be, or its words, by the value's text.
Way = Mapping[str, Range | frozenset[str]]

_HOW: Mapping[Sign, str] = {"<": "<", "<=": "<=", ">": ">", ">=": ">=", "==": "=", "!=": "<>"}
#: Functions of the past that take on every value in their range.
_AT_ANY_VALUE = ("avg", "quantile", "rise", "drop")


@dataclass(slots=True)
class Reasoning:
    """Thinks about the conditions of one file. `each`, in every method: of a rule with `foreach`."""

    catalogue: Catalogue
    conditions: Mapping[str, Condition]
    _named: dict[tuple[str, bool], tuple[Way, ...] | None] = field(default_factory=dict)
    _sides: dict[str, Expression] = field(default_factory=dict)
    _known: dict[tuple[Condition, bool], tuple[Way, ...] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # In the file's order each stands after those it uses, so that nothing recurses far.
        for name, condition in self.conditions.items():
            for true in (True, False):
                self._named[name, true] = self._ways(condition, true, False)

    def ways(self, condition: Condition, *, each: bool = False) -> tuple[Way, ...] | None:
        """Every way in which the condition is true; none: it never is; None: nothing is known."""
        if (condition, each) not in self._known:
            self._known[condition, each] = self._ways(condition, True, each)
        return self._known[condition, each]

    def certain(self, way: Way) -> bool:
        """Whether there are readings that make this way true: each value it asks for is free to be it."""
        sides = [self._sides.get(name) for name in way]
        signals = [_signal(side) for side in sides if side is not None]
        past = [_signal(side) for side in sides if side is not None and _window(side) is not None]
        if None in sides or any(signals.count(each) > 1 for each in past):
            return False
        return all(
            asked if isinstance(asked, frozenset) else self._attainable(side, asked)
            for side, asked in zip(sides, way.values(), strict=True)
        )

    def _attainable(self, side: Expression | None, asked: Range) -> bool:
        match side:
            case Read(signal=name):
                return asked.holds_one(self._whole(name))
            case KnobRead(knob=name):
                return asked.holds_one(self.catalogue.knobs[name].kind in ("integer", "flag"))
            case Call(name="abs", window=None, args=(Call() as inner,)):
                return self._attainable(inner, asked)
            case Call(name="delta" | "min" | "max", args=(Read(signal=name),)):
                return asked.holds_one(self._whole(name))
            case Call(name=name, window=window) if window is not None:
                if name in _AT_ANY_VALUE:
                    return asked.holds_one(False)
                # How steep it can be depends on how often there is a look; it can always be almost level.
                return name in ("slope", "rate") and asked.holds_one(False) and asked.low <= 0.0 <= asked.high
            case _:
                return False

    def _whole(self, signal: str) -> bool:
        return self.catalogue.signals[signal].unit in ("count", "cycles", "flag")

    def _ways(self, condition: Condition, true: bool, each: bool) -> tuple[Way, ...] | None:
        match condition:
            case Not(of=inner):
                return self._ways(inner, not true, each)
            case Named(name=name):
                return self._named[name, true]
            case AllOf(of=parts) | AnyOf(of=parts):
                of = [self._ways(part, true, each) for part in parts]
                return _every(of) if isinstance(condition, AllOf) == true else _any(of)
            case Compare(operator=sign, left=left, right=right):
                found = self._compared(sign if true else OPPOSITE[sign], left, right, each)
                return () if found is None else (found,)
            case _:
                assert_never(condition)

    def _compared(self, sign: Sign, left: Expression, right: Expression, each: bool) -> Way | None:
        if isinstance(left, Number | Word):
            left, right, sign = right, left, TURNED[sign]
        name = self._name(left, each)
        match right:
            case Word(value=word) if isinstance(left, KnobRead):
                words = frozenset(self.catalogue.knobs[left.knob].words)
                self._sides[name] = left
                return _unless_empty(name, words & {word} if sign == "==" else words - {word})
            case Number(value=value):
                return self._numbered(name, sign, left, value)
            case _:
                return self._against(name, sign, left, right, each)

    def _numbered(self, name: str, sign: Sign, side: Expression, value: float) -> Way | None:
        bounds = range_of(side, self.catalogue)
        if not bounds.low <= value <= bounds.high and _bounded_where_written(side):
            # A threshold out of reach is told as such in its place; nothing more is built on it.
            return {f"{name} {sign} {value!r}": frozenset(["so"])}
        self._sides[name] = side
        asked = bounds.meet(demanded(sign, value))
        if is_flag(side, self.catalogue) and sign == "!=" and value in (0.0, 1.0):
            asked = Range(1.0 - value, 1.0 - value)
        return _unless_empty(name, asked)

    def _against(self, name: str, sign: Sign, left: Expression, right: Expression, each: bool) -> Way | None:
        """Two values that both move: which of them can be the larger one."""
        other = self._name(right, each)
        first, second = range_of(left, self.catalogue), range_of(right, self.catalogue)
        if other < name:
            name, other, first, second, sign = other, name, second, first, TURNED[sign]
        can = {
            "<": first.low < second.high,
            "=": not first.meet(second).empty,
            ">": first.high > second.low,
        }
        if name == other:
            can = {"<": False, "=": True, ">": False}
        asked = frozenset(each for each in _HOW[sign] if can[each])
        return _unless_empty(f"{name} against {other}", asked)

    def _name(self, side: Expression, each: bool) -> str:
        """What a value is called; what differs between annotators and the loop has two names."""
        match side:
            case Read(signal=name):
                own = self.catalogue.signals[name].per is not None
            case KnobRead(knob=name):
                own = self.catalogue.knobs[name].per is not None
            case _:
                own = True
        return f"{written(side)} of one" if each and own else written(side)


def both(first: Way, second: Way) -> Way | None:
    """What two ways ask together; None where nothing can be both."""
    together: dict[str, Range | frozenset[str]] = dict(first)
    for name, asked in second.items():
        other = together.get(name)
        if isinstance(other, Range) and isinstance(asked, Range):
            asked = other.meet(asked)
        elif isinstance(other, frozenset) and isinstance(asked, frozenset):
            asked = other & asked
        if _nothing(asked):
            return None
        together[name] = asked
    return together


def implied(second: Iterable[Way] | None, first: Iterable[Way] | None) -> bool:
    """Whether what has the first ways is never true without what has the second being true."""
    if first is None or second is None:
        return False
    others = list(second)
    return all(any(_narrower(way, other) for other in others) for way in first)


def _narrower(way: Way, other: Way) -> bool:
    """Whether whatever fits a way fits the other; a value of which it asks nothing may be no data."""
    return all(name in way and _asks_more(way[name], asked) for name, asked in other.items())


def _asks_more(one: Range | frozenset[str], other: Range | frozenset[str]) -> bool:
    if isinstance(one, Range) and isinstance(other, Range):
        return one.within(other)
    return isinstance(one, frozenset) and isinstance(other, frozenset) and one <= other


def _every(parts: Iterable[tuple[Way, ...] | None]) -> tuple[Way, ...] | None:
    found: tuple[Way, ...] = ({},)
    unknown = False
    for part in parts:
        if part is None:
            unknown = True
            continue
        found = tuple(joined for one in found for two in part if (joined := both(one, two)) is not None)
        if len(found) > _MOST:
            return None
    # What is impossible already stays so, whatever else is asked.
    return None if unknown and found else found


def _any(parts: Iterable[tuple[Way, ...] | None]) -> tuple[Way, ...] | None:
    found: list[Way] = []
    for part in parts:
        if part is None or len(found) + len(part) > _MOST:
            return None
        found += part
    return tuple(found)


def _unless_empty(name: str, asked: Range | frozenset[str]) -> Way | None:
    return None if _nothing(asked) else {name: asked}


def _nothing(asked: Range | frozenset[str]) -> bool:
    return asked.empty if isinstance(asked, Range) else not asked


def _bounded_where_written(side: Expression) -> bool:
    """Whether the threshold of a comparison with this is held against its bounds as it is read."""
    return isinstance(side, Read | KnobRead) or (
        isinstance(side, Call) and side.window is not None and side.name in IN_RANGE
    )


def _window(side: Expression | None) -> Call | None:
    if isinstance(side, Call) and side.window is None and side.args:
        return _window(side.args[0])
    return side if isinstance(side, Call) else None


def _signal(side: Expression) -> str:
    call = _window(side)
    return written(call.args[0] if call is not None else side)
