"""Labels in memory, with all that an item ever had: columns that grow at their end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from flyball.core.ids import BatchId, ItemId, Position
from flyball.core.project import RESERVE, Labelled, Unlabelled
from flyball.core.table import Column


class Growing:
    """A column that grows at its end without being copied each time."""

    __slots__ = ("_room", "size")

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._room: Column = np.empty(64, dtype=dtype)
        self.size = 0

    def extend(self, values: Any, count: int) -> None:
        """Add `count` values: a sequence of that length, or one value for all."""
        end = self.size + count
        if end > len(self._room):
            room = np.empty(max(end, 2 * len(self._room)), dtype=self._room.dtype)
            room[: self.size] = self._room[: self.size]
            self._room = room
        self._room[self.size : end] = values
        self.size = end

    @property
    def all(self) -> Column:
        """What is there now, as a view."""
        return self._room[: self.size]


class Labels:
    """The history of labels: nothing in it is ever changed, except that a name becomes an index."""

    def __init__(self) -> None:
        self.label, self.source, self.batch = Growing(object), Growing(object), Growing(object)
        self.has_batch, self.stands = Growing(np.bool_), Growing(np.bool_)
        self.seq, self.index = Growing(np.int64), Growing(np.int64)
        #: For items that have not come, the rows of their labels.
        self.awaited: dict[ItemId, list[int]] = {}

    def add(self, change: Labelled, indices: Sequence[int]) -> range:
        first, count = self.seq.size, len(change.items)
        self.label.extend(list(change.labels), count)
        self.source.extend(list(change.sources), count)
        self.batch.extend(list(change.batches), count)
        self.has_batch.extend([batch is not None for batch in change.batches], count)
        self.seq.extend(list(change.seqs), count)
        self.index.extend(list(indices), count)
        self.stands.extend(True, count)
        rows = range(first, first + count)
        for item, index, row in zip(change.items, indices, rows, strict=True):
            if index < 0:
                self.awaited.setdefault(item, []).append(row)
        return rows

    def take_back(self, change: Unlabelled, index: int, batch: BatchId | None, reserve: bool) -> None:
        """From this place on the item has no label: a row that says so, and how it had gone out by then."""
        for column, value in ((self.label, RESERVE if reserve else ""), (self.source, None)):
            column.extend(value, 1)
        self.batch.extend(batch, 1)
        self.has_batch.extend(False, 1)
        self.seq.extend(change.seq, 1)
        self.index.extend(index, 1)
        self.stands.extend(False, 1)

    def went_out(self, index: int, up_to: Position) -> tuple[BatchId | None, bool]:
        """How an item had gone out by a place, where it went out again later: as it had when it was next
        taken back, without which no item goes out again."""
        start = int(np.searchsorted(self.seq.all, up_to, side="right"))
        taken = np.flatnonzero((self.index.all[start:] == index) & ~self.stands.all[start:])
        if not len(taken):
            return None, False
        row = start + int(taken[0])
        return self.batch.all[row], self.label.all[row] == RESERVE

    def forget(self, item: ItemId, index: int | None) -> None:
        """Take all labels of an item out."""
        for row in self.awaited.pop(item, ()):
            self.label.all[row] = None
        if index is not None:
            gone = self.index.all == index
            self.index.all[gone] = -1
            self.label.all[gone] = None

    def came(self, item: ItemId, index: int) -> int:
        rows = self.awaited.pop(item)
        self.index.all[rows] = index
        return rows[-1]

    def rows_at(self, up_to: Position, items: int) -> npt.NDArray[np.int64]:
        """For each item the row of its label as it stood at a position; -1: none."""
        until = int(np.searchsorted(self.seq.all, up_to, side="right"))
        index = self.index.all[:until]
        rows = np.flatnonzero(index >= 0)
        found = np.full(items, -1, dtype=np.int64)
        # Of several rows for one item the last is assigned last, and rows are in order of time.
        found[index[rows]] = np.where(self.stands.all[rows], rows, -1)
        return found
