"""Where items come from and answers are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from flyball.core.ids import (
    AnnotatorId,
    BatchId,
    Digest,
    Instant,
    ItemId,
    ModelVersion,
    Seconds,
)
from flyball.core.table import Column, Feature, Table


class Stream(Protocol):
    """Items in order of time, and the labels that become known by themselves."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """What a model may read."""

    def arrivals(self, cursor: int, until: Instant, limit: int) -> tuple[Table, int]:
        """Items from row `cursor` on with a time up to `until`, and the next cursor.

        Columns: `item`, `time`, then the features. No items: an empty table and the same cursor.
        """

    def labels(self, cursor: int, until: Instant, limit: int) -> tuple[Table, int]:
        """Labels that became known by themselves up to `until`: `item`, `label`, `known_at`; next cursor."""

    def next_at(self, cursor: int, labels_cursor: int) -> Instant | None:
        """When the next item or label comes after these cursors; None when the stream is at its end."""


class Truth(Protocol):
    """What simulated annotators and reports may know of a labelled stream, and the loop may not."""

    def of(self, items: Sequence[ItemId]) -> Column:
        """The true labels of items that arrived, as text."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A batch as annotators get it. `scores`: what `model` said of each item, in the order of `classes`."""

    batch: BatchId
    items: tuple[ItemId, ...]
    answers_needed: int
    model: ModelVersion | None = None
    classes: tuple[str, ...] = ()
    scores: Mapping[str, tuple[float, ...]] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it comes in. `event_id` is the same each time the same answer is sent.

    `raw`: the bytes in which it came; the other fields are as in `core.facts.AnswerGiven`.
    """

    event_id: str
    item: ItemId
    annotator: AnnotatorId
    label: str
    batch: BatchId | None
    said_at: Instant | None
    seconds: Seconds | None = None
    draft: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)
    definitions: Digest | None = None
    part: tuple[str, int, int] | None = None
    withdrawn: bool = False
    revision: float | None = None
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class TeamState:
    """Annotators on shift, those of them without work, and the answers that wait to be given."""

    active: int
    idle: int
    waiting: int


class Desk(Protocol):
    """Where annotators take items and give answers back: a simulated team, a page, a labelling tool."""

    def offer(self, offer: Offer, now: Instant) -> None:
        """Put a batch before the annotators. The same batch again changes nothing."""

    def collect(self, now: Instant) -> tuple[Answer, ...]:
        """Answers given up to now and not collected before, in order of time."""

    def team(self, now: Instant) -> TeamState:
        """The team at this moment."""

    def next_at(self, now: Instant) -> Instant | None:
        """When the next answer is due, or the team changes; None where nobody can know."""
