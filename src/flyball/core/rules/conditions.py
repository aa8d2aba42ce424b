"""What is compared in a file's conditions, and what it reads at one moment."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from flyball.core.knobs import Value
from flyball.core.rules.history import History
from flyball.core.rules.model import (
    Arithmetic,
    Call,
    Condition,
    Expression,
    KnobRead,
    Number,
    Read,
    Rule,
    Ruleset,
    Word,
)
from flyball.core.rules.tree import comparisons_in, named_in, written
from flyball.core.signal import Snapshot

#: What something reads: a finite number, a word, or no data.
Side = float | str | None

#: The key under which the readings name an annotator that there is.
_PRESENT = "annotator"


def side_key(expression: Expression, about: str | None = None) -> str:
    """The name of one side of a comparison among the readings.

    >>> side_key(Read("gold.accuracy"), "ana")
    'gold.accuracy@ana'
    """
    return _at(written(expression), about)


def annotators_in(readings: Mapping[str, Side]) -> list[str]:
    """The annotators for whom there are readings."""
    return [key.removeprefix(f"{_PRESENT}@") for key in readings if key.startswith(f"{_PRESENT}@")]


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything that expressions can read at one moment.

    `knobs` by name, those of one annotator as knob@annotator. `about`: for which annotator.
    """

    snapshot: Snapshot
    history: History
    knobs: Mapping[str, Value]
    about: str | None = None

    def value(self, expression: Expression) -> Side:
        """What an expression is; None where anything in it is no data or not finite."""
        match expression:
            case Number(value=number):
                return number
            case Word(value=word):
                return word
            case Read(signal=name):
                return self._signal(name)
            case KnobRead(knob=name):
                return self._knob(name)
            case Call(window=None):
                return self._now(expression)
            case Call():
                return _finite(self.history.value(expression, self.about))
            case Arithmetic():
                return self._arithmetic(expression)
            case _:
                assert_never(expression)

    def _signal(self, name: str) -> float | None:
        if self.about is not None:
            own = self.snapshot.each.get(self.about, {})
            if name in own:
                return _finite(own[name])
        return _finite(self.snapshot.values.get(name))

    def _knob(self, name: str) -> Side:
        value = self.knobs.get(name)
        if self.about is not None:
            value = self.knobs.get(f"{name}@{self.about}", value)
        return value if value is None or isinstance(value, str) else _finite(float(value))

    def _now(self, call: Call) -> float | None:
        values: list[float] = []
        for each in call.args:
            value = self.value(each)
            if not isinstance(value, float):
                return None
            values.append(value)
        match call.name:
            case "abs":
                return abs(values[0])
            case "min":
                return min(values)
            case "max":
                return max(values)
            case "avg":
                return _finite(sum(values) / len(values))
            case _:
                return _finite(sum(values))

    def _arithmetic(self, sum_: Arithmetic) -> float | None:
        left, right = self.value(sum_.left), self.value(sum_.right)
        if not isinstance(left, float) or not isinstance(right, float):
            return None
        match sum_.operator:
            case "+":
                return _finite(left + right)
            case "-":
                return _finite(left - right)
            case "*":
                return _finite(left * right)
            case "/":
                return _finite(left / right) if right else None


@dataclass(frozen=True, slots=True)
class Sides:
    """Everything that a file compares, by key: of the whole loop, and for each annotator.

    Made once for a file, it answers `readings` faster, look after look.
    """

    loop: Mapping[str, Expression]
    each: Mapping[str, Expression]
    annotators: bool

    @classmethod
    def of(cls, ruleset: Ruleset) -> Sides:
        """What the conditions and rules of a file compare."""
        loop, each = dict[str, Expression](), dict[str, Expression]()
        for condition in ruleset.conditions.values():
            loop.update(_sides(condition))
        for rule in ruleset.rules:
            for part in (rule.when, rule.until):
                if part is not None:
                    (loop if rule.foreach is None else each).update(_sides(part))
        return cls(loop, each, any(rule.foreach for rule in ruleset.rules))

    def readings(
        self, snapshot: Snapshot, history: History, knobs: Mapping[str, Value]
    ) -> dict[str, float | str | None]:
        """What each side is now. One look is one call, after the history was fed."""
        moment = Moment(snapshot, history, knobs)
        values = snapshot.values
        # Most sides are signals as they are: for them the tree need not be walked.
        found: dict[str, Side] = {
            key: _finite(values.get(side.signal)) if type(side) is Read else moment.value(side)
            for key, side in self.loop.items()
        }
        for annotator in snapshot.each if self.annotators else ():
            found[_at(_PRESENT, annotator)] = 1.0
            own = Moment(snapshot, history, knobs, annotator)
            for key, side in self.each.items():
                found[_at(key, annotator)] = own.value(side)
        return found


def readings(
    ruleset: Ruleset, snapshot: Snapshot, history: History, knobs: Mapping[str, Value]
) -> dict[str, float | str | None]:
    """What each side of each comparison of a file is now; see `Sides`, which is faster the second time."""
    return Sides.of(ruleset).readings(snapshot, history, knobs)


def read_by(rule: Rule, ruleset: Ruleset, about: str | None = None) -> list[str]:
    """The keys of everything that a rule compares, also through named conditions."""
    own = [part for part in (rule.when, rule.until) if part is not None]
    keys = [_at(key, about if rule.foreach else None) for part in own for key in _sides(part)]
    waiting = [name for part in own for name in named_in(part)]
    seen: dict[str, None] = {}
    while waiting:
        name = waiting.pop(0)
        if name not in seen:
            seen[name] = None
            keys += _sides(ruleset.conditions[name])
            waiting += named_in(ruleset.conditions[name])
    return list(dict.fromkeys(keys))


def _sides(condition: Condition) -> dict[str, Expression]:
    return {written(side): side for side in _compared(condition) if not isinstance(side, Number | Word)}


def _compared(condition: Condition) -> Iterator[Expression]:
    for compare in comparisons_in(condition):
        yield compare.left
        yield compare.right


def _at(key: str, about: str | None) -> str:
    return key if about is None else f"{key}@{about}"


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
