"""The catalogue of knobs: each value that rules may change, with its type, bounds, step and default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: What a knob may hold.
Value = float | int | str | bool


@dataclass(frozen=True, slots=True)
class Knob:
    """What a knob is.

    `kind` "number" and "integer" have `low` and `high` (inclusive, in `unit`); "word" has `words`;
    "flag" is True or False. `scope` "batch": it takes effect batch by batch, so a canary can try it.
    `who` "people": rules may not turn it. `takes_effect` False: listed for what is coming; turning it
    changes nothing yet. A time is in seconds.
    """

    name: str
    kind: Literal["number", "integer", "word", "flag"]
    default: Value
    meaning: str
    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()
    unit: str = ""
    scope: Literal["batch", "loop"] = "loop"
    per: Literal["annotator"] | None = None
    who: Literal["rules", "people"] = "rules"
    safe: Value | None = None
    takes_effect: bool = True


@dataclass(frozen=True, slots=True)
class Action:
    """Something a rule may ask for that is not a knob: `do: name`, with the options it takes."""

    name: str
    meaning: str
    options: tuple[str, ...] = ()
    takes_effect: bool = True
