"""What stands in a condition: its comparisons, the names it uses, the windows it needs; and its text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from flyball.core.rules.model import (
    AllOf,
    AnyOf,
    Arithmetic,
    Call,
    Compare,
    Condition,
    Expression,
    KnobRead,
    Named,
    Not,
    Number,
    Read,
    Span,
    Word,
)


def comparisons_in(condition: Condition) -> Iterator[Compare]:
    """Every comparison in the order of the text."""
    return (leaf for leaf in _leaves(condition) if isinstance(leaf, Compare))


def named_in(condition: Condition) -> Iterator[str]:
    """Every named condition that is used, as often as it is."""
    return (leaf.name for leaf in _leaves(condition) if isinstance(leaf, Named))


def _leaves(condition: Condition) -> Iterator[Compare | Named]:
    match condition:
        case Compare() | Named():
            yield condition
        case Not(of=inner):
            yield from _leaves(inner)
        case AllOf(of=parts) | AnyOf(of=parts):
            for part in parts:
                yield from _leaves(part)
        case _:
            assert_never(condition)


def windows_in(expression: Expression) -> Iterator[Call]:
    """Every function of a signal's past."""
    match expression:
        case Call(window=Span()):
            yield expression
        case Call(args=args):
            for argument in args:
                yield from windows_in(argument)
        case Arithmetic(left=left, right=right):
            yield from windows_in(left)
            yield from windows_in(right)
        case Number() | Word() | Read() | KnobRead():
            pass
        case _:
            assert_never(expression)


def written(expression: Expression) -> str:
    """An expression as text, the same for the same meaning and another for another.

    >>> written(Call("slope", (Read("val.ap"),), Span(5, "cycles")))
    'slope(val.ap, 5 cycles)'
    """
    match expression:
        case Number(value=value):
            return f"{value:.17g}"
        case Word(value=word):
            return repr(word)
        case Read(signal=name) | KnobRead(knob=name):
            return name
        case Call(name=name, args=args, window=window, extra=extra):
            inner = [written(argument) for argument in args]
            inner += [f"{extra:.17g}"] if extra is not None else []
            inner += [f"{window.amount:g} {window.unit}"] if window else []
            return f"{name}({', '.join(inner)})"
        case Arithmetic(operator=operator, left=left, right=right):
            return f"({written(left)} {operator} {written(right)})"
        case _:
            assert_never(expression)
