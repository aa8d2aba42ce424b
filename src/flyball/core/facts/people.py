"""What people do: batches, answers, labels, the team."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

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
    """What one annotator said about one item. `seconds`: how long they took, by their own account.

    `fields`: what they said beside the label. `definitions`: the digest of the label definitions that
    they had before them; None where their tool does not say. `part`: (envelope, number from 1, of how
    many), where only all parts together are an answer. `withdrawn`: they took back what they had said.
    `revision`: the tool's own count or time of this word, above all others in the order of one
    annotator's words about one item. `shown`: segment and row of the item as it was then.
    """

    kind: ClassVar[str] = "answer-given"
    item: ItemId
    annotator: AnnotatorId
    label: str
    batch: BatchId | None = None
    said_at: Instant | None = None
    seconds: Seconds | None = None
    draft: bool = False
    model: ModelVersion | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    definitions: Digest | None = None
    part: tuple[str, int, int] | None = None
    withdrawn: bool = False
    revision: float | None = None
    shown: tuple[Digest, int] | None = None
    #: The rule file under which the item was asked for.
    rules: Digest | None = None


@dataclass(frozen=True, slots=True)
class AnswerParked:
    """An answer that cannot be merged as it stands: an unknown item or label. Nothing is lost.

    `code` is a word for the kind of reason, the same in every language and version.
    """

    kind: ClassVar[str] = "answer-parked"
    answer: Position
    reason: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class AnswerGivenUp:
    """An answer was tried so often, and is a dead letter now: nobody tries it again before a person asks.

    `code` is the kind of error at the last attempt, `detail` its words.
    """

    kind: ClassVar[str] = "answer-given-up"
    answer: Position
    code: str
    detail: str
    attempts: int


@dataclass(frozen=True, slots=True)
class LabelSettled:
    """Answers were settled into a label by a policy. A later one for the same item replaces it.

    `superseded`: answers about the item that do not count, because their annotator said something else
    later. `contract`: the digest of the contract's definitions under which it was settled.
    """

    kind: ClassVar[str] = "label-settled"
    item: ItemId
    label: str
    answers: tuple[Position, ...]
    policy: str
    batch: BatchId | None
    agreed: float
    superseded: tuple[Position, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    contract: Digest | None = None


@dataclass(frozen=True, slots=True)
class LabelWithdrawn:
    """Nobody says any more what an item was labelled: it has no label until one is settled again.

    `settled` is the place of the `label` that is taken back, `answers` all that was said about the item by
    then, and `why` what they come to. `batch`: the open batch in which it is asked again; None: it is in
    the pool. `contract`: the digest of the contract's definitions under which that was found.
    """

    kind: ClassVar[str] = "label-withdrawn"
    item: ItemId
    label: str
    settled: Position
    answers: tuple[Position, ...]
    why: str
    batch: BatchId | None = None
    contract: Digest | None = None


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


@dataclass(frozen=True, slots=True)
class CaptureMeasured:
    """How long annotators' tools waited for their receipts, over the calls since the last such fact."""

    kind: ClassVar[str] = "capture-measured"
    calls: int
    p50: Seconds
    p99: Seconds
    longest: Seconds
