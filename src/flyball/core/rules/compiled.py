"""The reference engine's answers, quicker: each condition made once into a function of the readings.

For whoever looks a hundred thousand times in one go. It means what `reference.truth` means, and is held
to that by the tests.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import assert_never

from flyball.core.rules.conditions import Side, annotators_in, side_key
from flyball.core.rules.model import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Expression,
    Named,
    Not,
    Number,
    Ruleset,
    Word,
    condition_key,
)

_Known = dict[str, bool | None]
#: What a condition is, given the readings, the named conditions and the end of a key ("@annotator").
_Test = Callable[[Mapping[str, Side], _Known, str], bool | None]

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


class CompiledEngine:
    """Answers conditions by functions that are made when a file is first asked about."""

    def __init__(self) -> None:
        self._rules: Ruleset | None = None
        self._named: list[tuple[str, _Test]] = []
        self._loop: list[tuple[str, _Test]] = []
        self._each: list[tuple[str, _Test]] = []

    def truths(self, rules: Ruleset, readings: Mapping[str, Side]) -> dict[str, bool | None]:
        """For each condition by its key whether it holds; None is unknown."""
        if rules is not self._rules:
            self._compile(rules)
        found: _Known = {}
        for name, test in self._named:
            found[name] = test(readings, found, "")
        for key, test in self._loop:
            found[key] = test(readings, found, "")
        for about in annotators_in(readings) if self._each else ():
            at = f"@{about}"
            for key, test in self._each:
                found[key + at] = test(readings, found, at)
        return found

    def close(self) -> None:
        """There is nothing to free."""

    def _compile(self, rules: Ruleset) -> None:
        self._rules = rules
        self._named = [(name, _test(condition)) for name, condition in rules.conditions.items()]
        self._loop, self._each = [], []
        for rule in rules.rules:
            of = self._loop if rule.foreach is None else self._each
            of.append((condition_key(rule.id, "when"), _test(rule.when)))
            if rule.until is not None:
                of.append((condition_key(rule.id, "until"), _test(rule.until)))


def _test(condition: Condition) -> _Test:
    match condition:
        case Compare():
            return _compare(condition)
        case Not(of=inner):
            return _opposite(_test(inner))
        case AllOf(of=parts):
            return _joined(map(_test, parts), settles=False)
        case AnyOf(of=parts):
            return _joined(map(_test, parts), settles=True)
        case Named(name=name):
            return lambda readings, known, at: known[name]
        case _:
            assert_never(condition)


def _opposite(test: _Test) -> _Test:
    def answer(readings: Mapping[str, Side], known: _Known, at: str) -> bool | None:
        value = test(readings, known, at)
        return None if value is None else not value

    return answer


def _joined(tests: Iterable[_Test], *, settles: bool) -> _Test:
    """Kleene's and (settled by the first that does not hold) or or (by the first that does)."""
    parts = tuple(tests)

    def answer(readings: Mapping[str, Side], known: _Known, at: str) -> bool | None:
        found: bool | None = not settles
        for part in parts:
            value = part(readings, known, at)
            if value is settles:
                return settles
            if value is None:
                found = None
        return found

    return answer


def _compare(condition: Compare) -> _Test:
    holds, same = _COMPARE[condition.operator], condition.operator in ("==", "!=")
    left, right = _key(condition.left), _key(condition.right)
    if isinstance(right, float) and isinstance(left, str):
        # What most comparisons are: a reading and a number.
        number, isfinite = right, math.isfinite

        def quick(readings: Mapping[str, Side], known: _Known, at: str) -> bool | None:
            value = readings.get(left + at if at else left)
            if value is None or isinstance(value, str) or not isfinite(value):
                return None
            return holds(value, number)

        return quick

    first, second = _reader(condition.left), _reader(condition.right)

    def answer(readings: Mapping[str, Side], known: _Known, at: str) -> bool | None:
        a, b = first(readings, at), second(readings, at)
        if isinstance(a, float) and isinstance(b, float):
            return holds(a, b)
        if isinstance(a, str) and isinstance(b, str) and same:
            return bool(a == b) is (condition.operator == "==")
        return None

    return answer


def _key(side: Expression) -> str | float | None:
    if isinstance(side, Number):
        return float(side.value)
    return None if isinstance(side, Word) else side_key(side)


def _reader(side: Expression) -> Callable[[Mapping[str, Side], str], Side]:
    if isinstance(side, Number | Word):
        literal = side.value if isinstance(side, Word) else float(side.value)
        return lambda readings, at: literal
    key = side_key(side)

    def read(readings: Mapping[str, Side], at: str) -> Side:
        value = readings.get(key + at if at else key)
        if isinstance(value, int | float):
            return float(value) if math.isfinite(value) else None
        return value

    return read
