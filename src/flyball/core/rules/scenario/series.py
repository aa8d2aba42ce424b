"""Rows of a scenario: from text to one reading, mark or word for each look, with mistakes told."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from flyball.core.rules import values
from flyball.core.rules.marked import Complaints, Scalar
from flyball.core.rules.scenario.model import WORDS
from flyball.core.rules.words import listed, near
from flyball.core.signal import Reading, Signal

#: A scenario of more looks than this is none that a person reads.
MOST_LOOKS = 10_000

_T = TypeVar("_T")
_REPEATED = re.compile(r"(?P<body>.+?)(?:x(?P<times>\d{1,9}))?")
_NUMBER = r"(?:\d[\d_]*(?:\.\d[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?"
_COUNTED = re.compile(rf"(?P<first>[+-]?{_NUMBER}(?:%|[smhd])?)(?P<step>[+-]{_NUMBER}(?:%|[smhd])?)")


def readings(row: Scalar, signal: Signal, tell: Complaints) -> tuple[Reading, ...] | None:
    """The readings of one signal, look by look: `_`, `250x9`, `0+80x30`, `0-5x3`, `20%`, `true`."""

    def token(text: str, times: int) -> list[Reading] | str:
        if text == "_":
            return [None] * times
        if counted := _COUNTED.fullmatch(text):
            if times == 1:
                return f"`{text}` does not say how far it counts: `{text}x5` has five readings"
            first, step = (values.number(counted[part], signal.unit) for part in ("first", "step"))
            if first is not None and step is not None:
                # Digits that floats make up would be read as a threshold passed.
                found: list[Reading] = [float(f"{first + i * step:.12g}") for i in range(times)]
                return _outside(found, signal) or found
        value = {"true": 1.0, "false": 0.0}.get(text) if signal.unit == "flag" else None
        value = values.number(text, signal.unit) if value is None else value
        if value is None:
            return f"`{text}` is no reading of `{signal.name}`; a row is written `_ 5 250x9 0+80x30 20%`"
        return _outside([value], signal) or [value] * times

    return _row(row, token, tell)


def words(row: Scalar, tell: Complaints) -> tuple[str, ...] | None:
    """The verdicts of one rule, look by look: `. wait FIREx2 on`."""

    def token(text: str, times: int) -> list[str] | str:
        if text in WORDS:
            return [text] * times
        meant = "; did you mean `FIRE`?" if text.lower() == "fire" else near(text, WORDS)
        return f"`{text}` is no verdict{meant or f'; it is {listed(WORDS)}'}"

    return _row(row, token, tell)


def cycles(row: Scalar, tell: Complaints) -> tuple[bool, ...] | None:
    """In which looks a cycle is found to have ended: `. . x .x4`."""

    def token(text: str, times: int) -> list[bool] | str:
        if text in (".", "x"):
            return [text == "x"] * times
        return f"`{text}` is no mark; a cycle that ended is `x`, a look without one is `.`"

    return _row(row, token, tell)


def _row(
    row: Scalar, token: Callable[[str, int], Sequence[_T] | str], tell: Complaints
) -> tuple[_T, ...] | None:
    found: list[_T] = []
    whole = True
    for match in re.finditer(r"\S+", row.text):
        repeated = _REPEATED.fullmatch(match[0])
        assert repeated is not None
        times = int(repeated["times"] or 1)
        if not 1 <= times <= MOST_LOOKS - len(found):
            message = f"`{match[0]}`: a scenario has 1 to {MOST_LOOKS:,} looks"
            tell.tell_within(row, "S105", message, match.start(), match.end())
            return None
        part = token(repeated["body"], times)
        if isinstance(part, str):
            tell.tell_within(row, "S104", part, match.start(), match.end())
            whole = False
        else:
            found += part
    return tuple(found) if whole else None


def _outside(found: Sequence[Reading], signal: Signal) -> str:
    """What is wrong with readings that the signal cannot have; empty where nothing is."""
    low, high = signal.low, signal.high
    for value in found:
        if value is None or ((low is None or value >= low) and (high is None or value <= high)):
            continue
        ends = f"from {low:g}" if high is None else f"{low:g} to {high:g}"
        hint = f"; did you mean `{value:g}%`?" if signal.unit == "share" and 1.0 < value <= 100.0 else ""
        return f"`{signal.name}` reads {ends}, never {value:g}{hint}"
    if signal.unit == "flag" and any(value not in (0.0, 1.0) for value in found):
        return f"`{signal.name}` is yes or no: `true` or `false`, `1` or `0`"
    return ""
