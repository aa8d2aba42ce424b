"""Items, their labels, and the answers about them: what is read along with the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from flyball.core.facts import Recorded
from flyball.core.ids import BatchId, Digest, Instant, ItemId, Position
from flyball.core.labels.proof import Status
from flyball.core.table import Table


@dataclass(frozen=True, slots=True)
class ItemRows:
    """Items by column, all of one length: `item` (text), `time` (float64), `segment` (text) and `row`
    (int64) say where the features are; `at` (float64) is when it arrived in the log.

    For labelled items also `label` (text), `source` ("answers" or "natural"), `seq` (int64: the fact
    that settled it), `batch` (text or None) and `reserve` (bool).
    """

    table: Table

    def __len__(self) -> int:
        return len(self.table)


@dataclass(frozen=True, slots=True)
class ItemState:
    """One item as it stands: "pool", "offered" or "labelled"."""

    item: ItemId
    state: Literal["pool", "offered", "labelled"]
    time: Instant
    segment: Digest
    row: int
    batch: BatchId | None
    label: str | None
    source: str | None
    seq: Position | None
    arrived_seq: Position


@dataclass(frozen=True, slots=True)
class Unless:
    """What was read when the log ended at that place: items, and what facts of these kinds say."""

    read_at: Position
    items: Sequence[ItemId] = ()
    kinds: Sequence[str] = ()


class Items(Protocol):
    """The read models about items; a fold of the log, and rebuilt from it."""

    def pool(self, newest: int) -> ItemRows:
        """The newest items by time that have arrived, are not offered and have no label; oldest first."""

    def labelled(self, up_to: Position) -> ItemRows:
        """Every item with its label as it stood at that position, in order of (time, item)."""

    def find(self, items: Sequence[ItemId]) -> Mapping[ItemId, ItemState]:
        """These items as they stand; unknown ones are left out."""

    def places(self, items: Sequence[ItemId]) -> Mapping[ItemId, tuple[Digest, int]]:
        """The segments and rows in which these items lie, for ever; unknown ones are left out."""

    def answers(self, item: ItemId) -> tuple[Recorded, ...]:
        """All answers about one item in order."""

    def answers_to(self, items: Sequence[ItemId]) -> Mapping[ItemId, tuple[Recorded, ...]]:
        """The same for many items at once; one without answers has none."""

    def standing(self, answers: Sequence[Position]) -> Mapping[Position, Status]:
        """How these answers stand; those that nobody has looked at are left out."""

    def standing_as(self, status: Status) -> tuple[Recorded, ...]:
        """All answers that stand so and were not erased, in order."""

    def count_standing(self, status: Status) -> int:
        """How many answers stand so; cheap to ask for, also of millions."""
