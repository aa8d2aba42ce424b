"""What a loop's state is made of: batches that are out, labels to measure on, an architecture in shadow."""

from __future__ import annotations

from dataclasses import dataclass, field

from flyball.core.facts import BatchReleased, TransitionBegan
from flyball.core.ids import Instant, ItemId, ModelVersion, Position


@dataclass(slots=True)
class OpenBatch:
    """A batch that is out: which of its items have no answer yet, and which no label."""

    released: BatchReleased
    at: Instant
    unanswered: set[ItemId]
    unsettled: set[ItemId]


@dataclass(frozen=True, slots=True)
class Judged:
    """A labelled item of a batch with what the model had said of it before anybody labelled it."""

    item: ItemId
    label: str
    scores: tuple[float, ...]
    model: ModelVersion
    reserve: bool
    seq: Position


@dataclass(slots=True)
class Transition:
    """An architecture in shadow: since when, and for which work it is ahead of the one that governs."""

    began: TransitionBegan
    at: Instant
    cycle: int
    ahead: dict[str, Instant] = field(default_factory=dict)
