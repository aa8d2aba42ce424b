"""The reference engine: what conditions mean, in Kleene's logic, as plainly as it can be said."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
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

_COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


class ReferenceEngine:
    """Answers conditions by walking their trees. The oracle for every other engine."""

    def truths(self, rules: Ruleset, readings: Mapping[str, Side]) -> dict[str, bool | None]:
        """For each condition by its key whether it holds; None is unknown."""
        found: dict[str, bool | None] = {}
        for name, condition in rules.conditions.items():
            found[name] = truth(condition, readings, found)
        for rule in rules.rules:
            for about in annotators_in(readings) if rule.foreach else [None]:
                found[condition_key(rule.id, "when", about)] = truth(rule.when, readings, found, about)
                if rule.until is not None:
                    found[condition_key(rule.id, "until", about)] = truth(rule.until, readings, found, about)
        return found

    def close(self) -> None:
        """There is nothing to free."""


def truth(
    condition: Condition,
    readings: Mapping[str, Side],
    named: Mapping[str, bool | None],
    about: str | None = None,
) -> bool | None:
    """Whether a condition holds; None is unknown."""
    match condition:
        case Compare(operator=sign, left=left, right=right):
            return _compared(sign, _side(left, readings, about), _side(right, readings, about))
        case Not(of=inner):
            value = truth(inner, readings, named, about)
            return None if value is None else not value
        case AllOf(of=parts):
            values = [truth(part, readings, named, about) for part in parts]
            return False if False in values else None if None in values else True
        case AnyOf(of=parts):
            values = [truth(part, readings, named, about) for part in parts]
            return True if True in values else None if None in values else False
        case Named(name=name):
            return named[name]
        case _:
            assert_never(condition)


def _side(expression: Expression, readings: Mapping[str, Side], about: str | None) -> Side:
    if isinstance(expression, Number | Word):
        return expression.value
    side = readings.get(side_key(expression, about))
    return side if side is None or isinstance(side, str) or math.isfinite(side) else None


def _compared(sign: str, left: Side, right: Side) -> bool | None:
    """Numbers with numbers; words with words, and only whether they are the same."""
    if left is None or right is None or isinstance(left, str) != isinstance(right, str):
        return None
    if isinstance(left, str) and sign not in ("==", "!="):
        return None
    return bool(_COMPARE[sign](left, right))
