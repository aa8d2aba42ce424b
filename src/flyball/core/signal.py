"""What a signal is, and a snapshot of all signals at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from flyball.core.ids import Instant, Seconds

Unit = Literal[
    "count", "share", "seconds", "score", "per hour", "per second", "cycles", "flag", "money", "slope"
]
#: A reading: a finite number or None, which is no data. Flags read 1.0 and 0.0.
Reading = float | None


@dataclass(frozen=True, slots=True)
class Signal:
    """What a signal is. `low` and `high` bound what it can read (None: no bound).

    `fresh_for`: older than so many seconds it counts as no data (None: it does not age).
    `per`: "annotator" where there is one reading for each annotator.
    `better`: which way is good, where one is.
    `source`: "" while nothing measures it yet: it is listed, and reads no data.
    """

    name: str
    unit: Unit
    low: float | None
    high: float | None
    meaning: str
    how: str
    fresh_for: Seconds | None = None
    per: Literal["annotator"] | None = None
    source: str = "loop"
    better: Literal["higher", "lower"] | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All signals at one moment: the only thing that rules see.

    `values` holds the signals of the loop, `each` those per annotator: {annotator: {signal: reading}}.
    `cycle` counts settled batches. A signal that is not listed is no data.
    """

    at: Instant
    cycle: int
    values: Mapping[str, Reading]
    each: Mapping[str, Mapping[str, Reading]] = field(default_factory=dict)
