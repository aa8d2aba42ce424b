"""How far a comparison is from turning, and in which unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flyball.core.knobs import Knob
from flyball.core.rules.conditions import Side
from flyball.core.rules.functions import UNIT_OF
from flyball.core.rules.model import Arithmetic, Call, Compare, Expression, KnobRead, Number, Read, Word
from flyball.core.rules.reason import shown
from flyball.core.signal import Signal

#: What floats lose of a number, at the most.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Margin:
    """How far one side must move towards the other for the comparison to turn.

    `by` is in the comparison's unit, never negative. `beyond`: to arrive is not enough, it must go on by
    the least there is.
    """

    by: float
    beyond: bool


def margin_of(operator: str, left: Side, right: Side) -> Margin | None:
    """The margin of a comparison of two numbers; None for words, and where there is no data.

    >>> margin_of(">", 140.0, 200.0), margin_of(">=", 200.0, 200.0)
    (Margin(by=60.0, beyond=True), Margin(by=0.0, beyond=True))
    """
    if left is None or right is None or isinstance(left, str) or isinstance(right, str):
        return None
    by = abs(left - right)
    match operator:
        case ">" | "<":
            holds = left > right if operator == ">" else left < right
            return Margin(by, beyond=not holds)
        case ">=" | "<=":
            holds = left >= right if operator == ">=" else left <= right
            return Margin(by, beyond=holds)
        case _:
            return Margin(by, beyond=left == right)


def unit_of(
    expression: Expression, signals: Mapping[str, Signal], knobs: Mapping[str, Knob], around: str = ""
) -> str:
    """The unit of an expression's value; `around` for a literal, which has that of what it stands beside."""
    match expression:
        case Read(signal=name):
            return signals[name].unit if name in signals else ""
        case KnobRead(knob=name):
            return knobs[name].unit if name in knobs else ""
        case Call(name=name, args=args, window=window):
            inner = unit_of(args[0], signals, knobs) if args else ""
            return inner if window is None else UNIT_OF.get(name, inner)
        case Arithmetic(operator=sign, left=left, right=right):
            if sign in ("*", "/"):
                return ""
            return unit_of(left, signals, knobs) or unit_of(right, signals, knobs)
        case Number() | Word():
            return around


def unit_of_comparison(compare: Compare, signals: Mapping[str, Signal], knobs: Mapping[str, Knob]) -> str:
    """The unit in which both sides of a comparison are shown."""
    return unit_of(compare.left, signals, knobs) or unit_of(compare.right, signals, knobs)


def said(value: Side, unit: str) -> str:
    """A value as a person reads it, with the unit where a number alone says too little.

    >>> said(0.2, "share"), said(3.0, "cycles"), said(None, "count")
    ('20%', '3 cycles', 'no data')
    """
    if unit == "cycles" and isinstance(value, float):
        return f"{shown(value)} cycle{'' if value == 1 else 's'}"
    return shown(value, unit)


def apart(left: Side, right: Side, unit: str) -> str:
    """By how much the left side lies above or below the right one; empty where both are not numbers.

    >>> apart(250.0, 200.0, "count"), apart(0.5, 1.0, "share"), apart(0.1 + 0.2, 0.3, "")
    ('50 above', '50% below', 'there but for rounding')
    """
    if not isinstance(left, float) or not isinstance(right, float) or unit == "flag":
        return ""
    by = abs(left - right)
    if by == 0.0:
        return "exactly there"
    if by <= _ROUNDING * max(abs(left), abs(right)):
        return "there but for rounding"
    return f"{said(by, unit)} {'above' if left > right else 'below'}"


def told(expression: Expression, unit: str) -> str:
    """An expression as people write it, its literals in this unit.

    >>> told(Arithmetic("-", Read("val.ap"), Number(0.1)), "share")
    '(val.ap - 10%)'
    """
    match expression:
        case Number(value=value):
            return said(value, unit)
        case Word(value=word):
            return word
        case Read(signal=name) | KnobRead(knob=name):
            return name
        case Call(name=name, args=args, window=window, extra=extra):
            inner = [told(each, unit) for each in args]
            inner += [f"{extra:.3g}"] if extra is not None else []
            if window is not None:
                seconds = window.unit == "seconds"
                inner.append(
                    shown(window.amount, "seconds") if seconds else f"{window.amount:g} {window.unit}"
                )
            return f"{name}({', '.join(inner)})"
        case Arithmetic(operator=sign, left=left, right=right):
            return f"({told(left, unit)} {sign} {told(right, unit)})"


def told_comparison(compare: Compare, unit: str) -> str:
    """A comparison as people write it: `queue.depth > 200`; of a flag only its name."""
    flag = unit == "flag" and isinstance(compare.right, Number) and compare.operator in ("==", "!=")
    if flag and isinstance(compare.right, Number):
        positive = (compare.right.value == 1.0) == (compare.operator == "==")
        return told(compare.left, "") if positive else f"not {told(compare.left, '')}"
    return f"{told(compare.left, unit)} {compare.operator} {told(compare.right, unit)}"
