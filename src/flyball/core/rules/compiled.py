"""The reference engine's answers, quicker: each condition made once into a function of the readings.

For whoever looks a hundred thousand times in one go. It means what `reference.truth` means, and is held
to that by the tests.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
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
    Rule,
    Ruleset,
    Word,
    condition_key,
)

_Known = dict[str, bool | None]
#: What a condition is, given the readings and the named conditions.
_Test = Callable[[Mapping[str, Side], _Known], bool | None]
#: The keys of some conditions with their tests.
_Tests = list[tuple[str, _Test]]

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
#: For so many annotators tests are kept; where there are more, those of the oldest are made again.
_MOST_KEPT = 1000


class CompiledEngine:
    """Answers conditions by functions that are made when a file, or an annotator, is first asked about."""

    def __init__(self) -> None:
        self._rules: Ruleset | None = None
        self._loop: _Tests = []
        self._has_each = False
        self._each: dict[str, _Tests] = {}

    def truths(self, rules: Ruleset, readings: Mapping[str, Side]) -> dict[str, bool | None]:
        """For each condition by its key whether it holds; None is unknown."""
        if rules is not self._rules:
            self._compile(rules)
        found: _Known = {}
        for key, test in self._loop:
            found[key] = test(readings, found)
        for about in annotators_in(readings) if self._has_each else ():
            for key, test in self._each.get(about) or self._made(rules, about):
                found[key] = test(readings, found)
        return found

    def _compile(self, rules: Ruleset) -> None:
        self._rules, self._each = rules, {}
        named = [(name, _test(condition, None)) for name, condition in rules.conditions.items()]
        own = [test for rule in rules.rules if rule.foreach is None for test in _tests(rule, None)]
        self._loop = [*named, *own]
        self._has_each = any(rule.foreach for rule in rules.rules)

    def _made(self, rules: Ruleset, about: str) -> _Tests:
        """The tests of all rules with `foreach` for one annotator."""
        if len(self._each) >= _MOST_KEPT:
            del self._each[next(iter(self._each))]
        own = [test for rule in rules.rules if rule.foreach is not None for test in _tests(rule, about)]
        self._each[about] = own
        return own


def _tests(rule: Rule, about: str | None) -> Iterator[tuple[str, _Test]]:
    yield condition_key(rule.id, "when", about), _test(rule.when, about)
    if rule.until is not None:
        yield condition_key(rule.id, "until", about), _test(rule.until, about)


def _test(condition: Condition, about: str | None) -> _Test:
    match condition:
        case Compare():
            return _compare(condition, about)
        case Not(of=inner):
            return _opposite(_test(inner, about))
        case AllOf(of=parts):
            return _joined((_test(part, about) for part in parts), settles=False)
        case AnyOf(of=parts):
            return _joined((_test(part, about) for part in parts), settles=True)
        case Named(name=name):
            return lambda readings, known: known[name]
        case _:
            assert_never(condition)


def _opposite(test: _Test) -> _Test:
    def answer(readings: Mapping[str, Side], known: _Known) -> bool | None:
        value = test(readings, known)
        return None if value is None else not value

    return answer


def _joined(tests: Iterable[_Test], *, settles: bool) -> _Test:
    """Kleene's and (settled by the first that does not hold) or or (by the first that does)."""
    parts = tuple(tests)

    def answer(readings: Mapping[str, Side], known: _Known) -> bool | None:
        found: bool | None = not settles
        for part in parts:
            value = part(readings, known)
            if value is settles:
                return settles
            if value is None:
                found = None
        return found

    return answer


def _compare(condition: Compare, about: str | None) -> _Test:
    holds, same = _COMPARE[condition.operator], condition.operator in ("==", "!=")
    if isinstance(condition.right, Number) and not isinstance(condition.left, Number | Word):
        # What most comparisons are: a reading and a number.
        key, number, end = side_key(condition.left, about), float(condition.right.value), math.inf

        def quick(readings: Mapping[str, Side], known: _Known) -> bool | None:
            value = readings.get(key)
            if type(value) is float and -end < value < end:
                return holds(value, number)
            if value is None or isinstance(value, str) or not -end < value < end:
                return None
            return holds(value, number)

        return quick

    first, second = _reader(condition.left, about), _reader(condition.right, about)

    def answer(readings: Mapping[str, Side], known: _Known) -> bool | None:
        a, b = first(readings), second(readings)
        if isinstance(a, float) and isinstance(b, float):
            return holds(a, b)
        if isinstance(a, str) and isinstance(b, str) and same:
            return bool(a == b) is (condition.operator == "==")
        return None

    return answer


def _reader(side: Expression, about: str | None) -> Callable[[Mapping[str, Side]], Side]:
    if isinstance(side, Number | Word):
        literal = side.value if isinstance(side, Word) else float(side.value)
        return lambda readings: literal
    key = side_key(side, about)

    def read(readings: Mapping[str, Side]) -> Side:
        value = readings.get(key)
        if isinstance(value, int | float):
            return float(value) if math.isfinite(value) else None
        return value

    return read
