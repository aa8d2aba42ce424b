"""The functions of the rule language: what each takes, and in which unit it answers."""

from __future__ import annotations

from collections.abc import Sequence

from flyball.core.rules.model import Call, Number, Read, Span
from flyball.core.rules.typed import Kind, Typed
from flyball.core.rules.words import LONGEST_WINDOW, MOST_CYCLES, OF_PAST, OF_VALUES, TRENDS

#: In which unit a function of the past answers; those that are not here answer in the signal's own.
UNIT_OF = {
    "rate": "per second",
    "slope": "slope",
    "drop": "share",
    "rise": "share",
    "changes": "count",
    "absent": "flag",
}
#: Functions of the past that answer within the bounds of their signal.
IN_RANGE = ("avg", "min", "max", "quantile")


def called(name: str, arguments: Sequence[Typed], start: int, end: int) -> Typed | str:
    """The value that a function of these arguments has, or a sentence on what it takes."""
    window = _window(arguments[-1]) if len(arguments) > 1 else None
    reads = bool(arguments) and isinstance(arguments[0].tree, Read)
    whole = len(arguments) == (3 if name == "quantile" else 2)
    if name in OF_PAST and reads and whole and window is not None:
        return _of_past(name, arguments, window, start, end)
    return _of_values(name, arguments, start, end) if name in OF_VALUES else _form(name)


def _window(last: Typed) -> Span | None:
    """How far back: a time, a number of cycles, or a bare whole number, which counts cycles."""
    if not (last.literal and isinstance(last.tree, Number)):
        return None
    if last.unit == "seconds":
        return Span(last.tree.value, "seconds")
    if last.unit in ("cycles", "") and last.kind == "number" and last.tree.value.is_integer():
        return Span(last.tree.value, "cycles")
    return None


def _of_past(name: str, arguments: Sequence[Typed], window: Span, start: int, end: int) -> Typed | str:
    signal = arguments[0]
    if fault := _window_fault(name, window):
        return fault
    share: float | None = None
    if name == "quantile":
        tree = arguments[1].tree
        if not isinstance(tree, Number) or not 0.0 <= tree.value <= 1.0:
            return _form(name)
        share = tree.value
    unit = UNIT_OF.get(name, signal.unit)
    bounded = name in IN_RANGE
    kind: Kind = "flag" if unit == "flag" and name == "absent" else "number"
    return Typed(
        Call(name, (signal.expression,), window, share),
        kind,
        start,
        end,
        "" if unit == "flag" else unit,
        low=signal.low if bounded else None,
        high=signal.high if bounded else None,
        text=f"{name}({signal.text}, …)",
    )


def _window_fault(name: str, window: Span) -> str:
    if window.unit == "seconds":
        fits = 0.0 < window.amount <= LONGEST_WINDOW
        return "" if fits else f"a window is longer than nothing and at most {LONGEST_WINDOW / 86400:g}d"
    least = 2 if name in TRENDS else 1
    fits = least <= window.amount <= MOST_CYCLES
    return "" if fits else f"`{name}` looks at {least} to {MOST_CYCLES:,} cycles"


def _of_values(name: str, arguments: Sequence[Typed], start: int, end: int) -> Typed | str:
    if not arguments or (name == "abs" and len(arguments) != 1):
        return _form(name)
    if any(each.kind != "number" for each in arguments):
        return f"`{name}` takes numbers"
    units = {each.unit for each in arguments if each.unit}
    tree = Call(name, tuple(each.expression for each in arguments))
    return Typed(tree, "number", start, end, units.pop() if len(units) == 1 else "", text=f"{name}(…)")


def _form(name: str) -> str:
    if name == "abs":
        return "`abs` takes one value: `abs(slope(val.ap, 5))`"
    if name == "quantile":
        return "`quantile` takes a signal, a share and a window: `quantile(queue.depth, 90%, 1h)`"
    if name in OF_PAST and name not in OF_VALUES:
        return (
            f"`{name}` takes one signal and a window: `{name}(val.ap, 5)` for cycles, `{name}(val.ap, 10m)`"
        )
    return f"`{name}` takes values, or one signal and a window: `{name}(val.ap, 5)`"
