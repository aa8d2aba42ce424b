"""What comes in: the loop's own beginning and end, items, natural labels, scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from flyball.core.ids import (
    Digest,
    Instant,
    ModelVersion,
    RunId,
    Seconds,
)

Work = Literal["score", "train"]


#: A measured number with its 95% interval: (value, low, high).
Measured = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class LoopStarted:
    """A process began to run this loop."""

    kind: ClassVar[str] = "loop-started"
    config: Digest
    rules: Digest
    code: Digest
    architecture: str
    clock: str


@dataclass(frozen=True, slots=True)
class LoopStopped:
    """A process ended its run of this loop in order."""

    kind: ClassVar[str] = "loop-stopped"
    because: str


@dataclass(frozen=True, slots=True)
class ItemsArrived:
    """Items came in with their features, which are in the segment. `cursor`: how far the stream was read."""

    kind: ClassVar[str] = "items-arrived"
    segment: Digest
    count: int
    first: Instant
    last: Instant
    cursor: int


@dataclass(frozen=True, slots=True)
class ItemsRefused:
    """Items of the stream that cannot be taken, with the reason and a few of their names."""

    kind: ClassVar[str] = "items-refused"
    reason: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LabelsKnown:
    """Labels that became known by themselves. The segment holds `item`, `label`, `known_at`."""

    kind: ClassVar[str] = "labels-known"
    segment: Digest
    count: int
    cursor: int
    #: How many of each class, so that gauges need not open the segment.
    classes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PoolScored:
    """A model scored items. The segment holds `item` and one column `p_<class>` for each class.

    `confidence` is the mean highest probability, `uncertainty` the mean normalised entropy (0 to 1).
    `purpose` "arrivals": each item once, when it came; "pool": to choose the next batch.
    """

    kind: ClassVar[str] = "pool-scored"
    run: RunId
    model: ModelVersion
    purpose: Literal["arrivals", "pool"]
    segment: Digest
    count: int
    cursor: int
    confidence: float | None
    uncertainty: float | None
    seconds: Seconds
