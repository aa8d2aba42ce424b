"""What people do: batches, answers, labels, the team."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from flyball.core.ids import (
    AnnotatorId,
    BatchId,
    Digest,
    Instant,
    ItemId,
    ModelVersion,
    Position,
    Seconds,
)
from flyball.core.knobs import Value


@dataclass(frozen=True, slots=True)
class BatchReleased:
    """Items went out to annotators. `reserve` names those that chance alone chose.

    `scores` gives what the model had said of each item before anybody labelled it.
    """

    kind: ClassVar[str] = "batch-released"
    batch: BatchId
    number: int
    items: tuple[ItemId, ...]
    reserve: tuple[ItemId, ...]
    sampler: str
    pool: int
    model: ModelVersion | None
    rules: Digest
    answers_needed: int
    due: Instant
    scores: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    knobs: Mapping[str, Value] = field(default_factory=dict)
    #: The decision that asked for this batch, where one did.
    decision: Position | None = None


@dataclass(frozen=True, slots=True)
class AnswerGiven:
    """What one annotator said about one item. `seconds`: how long they took, by their own account."""

    kind: ClassVar[str] = "answer-given"
    item: ItemId
    annotator: AnnotatorId
    label: str
    batch: BatchId | None = None
    said_at: Instant | None = None
    seconds: Seconds | None = None
    draft: bool = False
    model: ModelVersion | None = None


@dataclass(frozen=True, slots=True)
class AnswerParked:
    """An answer that cannot be merged as it stands: an unknown item or label. Nothing is lost."""

    kind: ClassVar[str] = "answer-parked"
    answer: Position
    reason: str


@dataclass(frozen=True, slots=True)
class LabelSettled:
    """Answers were settled into a label by a policy. A later one for the same item replaces it."""

    kind: ClassVar[str] = "label-settled"
    item: ItemId
    label: str
    answers: tuple[Position, ...]
    policy: str
    batch: BatchId | None
    agreed: float


@dataclass(frozen=True, slots=True)
class BatchSettled:
    """Every item of a batch has a label, or the batch ran out of time. This ends a cycle."""

    kind: ClassVar[str] = "batch-settled"
    batch: BatchId
    number: int
    settled: int
    missing: int
    seconds: Seconds


@dataclass(frozen=True, slots=True)
class TeamMeasured:
    """The annotators at one moment: on shift, without work, and work waiting per annotator on shift."""

    kind: ClassVar[str] = "team-measured"
    active: int
    idle: int
    waiting: int
