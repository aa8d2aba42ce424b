"""What the words of a rule file can mean: the catalogue, functions, units; and what a wrong one may mean."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from flyball.core.ids import Seconds
from flyball.core.knobs import Action, Knob
from flyball.core.signal import Signal

Sign = Literal["<", "<=", ">", ">=", "==", "!="]
Operator = Literal["+", "-", "*", "/"]

#: A comparison that holds when another does not.
OPPOSITE: Mapping[Sign, Sign] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
#: A comparison with its sides exchanged.
TURNED: Mapping[Sign, Sign] = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}

#: What a letter behind a number means.
SECONDS: Mapping[str, Seconds] = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

#: Functions of values as they are now.
OF_VALUES = ("abs", "min", "max", "avg", "sum")
#: Functions of one signal's past that compare its ends; they need the whole window to have been seen.
TRENDS = ("delta", "rate", "slope", "drop", "rise")
#: Functions of one signal's past, each with a window.
OF_PAST = (*TRENDS, "avg", "min", "max", "quantile", "changes", "absent")

#: How far back a window may reach.
LONGEST_WINDOW: Seconds = 90 * 86400.0
MOST_CYCLES = 1000

#: What an option of an action may say, where it is a closed list.
OPTION_WORDS: Mapping[str, tuple[str, ...]] = {"severity": ("info", "warn", "page")}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that a rule file may name: signals to read, knobs to turn, actions to ask for."""

    signals: Mapping[str, Signal]
    knobs: Mapping[str, Knob]
    actions: Mapping[str, Action]


def near(wrong: str, known: Iterable[str]) -> str:
    """The end of a sentence that names the likely word; empty where no word is near.

    >>> near("queue.dept", ["queue.depth", "queue.age_p95"])
    '; did you mean `queue.depth`?'
    """
    found = difflib.get_close_matches(wrong.lower(), list(known), n=1)
    return f"; did you mean `{found[0]}`?" if found else ""


def listed(words: Iterable[str]) -> str:
    """Words as the end of a sentence.

    >>> listed(["set", "scale", "add"])
    '`set`, `scale` or `add`'
    """
    *first, last = [f"`{word}`" for word in words]
    return f"{', '.join(first)} or {last}" if first else last
