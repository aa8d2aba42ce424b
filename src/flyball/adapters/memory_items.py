"""Items in memory, by column: what the virtual driver asks hundreds of times of a hundred thousand items."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from flyball.adapters.memory_labels import Growing, Labels
from flyball.core.facts import AnswerGiven, Recorded
from flyball.core.ids import BatchId, Digest, ItemId, Position
from flyball.core.labels.proof import Status
from flyball.core.project import Arrived, Change, Labelled, Offered, Standing, State, Stood, Unlabelled
from flyball.core.table import Column, Table
from flyball.ports import ItemRows, ItemState

STATES: tuple[State, ...] = ("pool", "offered", "labelled")
POOL, OFFERED, LABELLED = range(3)
#: Later than any position: not offered.
_NEVER = np.iinfo(np.int64).max


class MemoryItems:
    """The `Items` port, kept in arrays. `answers_of` gives an item's answers, `fact_at` a fact of the log."""

    def __init__(
        self,
        answers_of: Callable[[ItemId], tuple[Recorded, ...]],
        fact_at: Callable[[Position], Recorded],
    ) -> None:
        self._answers_of, self._fact_at = answers_of, fact_at
        #: How the answers stand that somebody has looked at.
        self.stand: dict[Position, Status] = {}
        self._index: dict[ItemId, int] = {}
        self._item, self._segment = Growing(object), Growing(object)
        self._time, self._at = Growing(np.float64), Growing(np.float64)
        self._row, self._arrived = Growing(np.int64), Growing(np.int64)
        self._state, self._reserve = Growing(np.int8), Growing(np.bool_)
        self._batch, self._offered = Growing(object), Growing(np.int64)
        #: The label of each item that counts now, as a row of the label columns; -1: none.
        self._label_row = Growing(np.int64)
        self._labels = Labels()
        self._sorted = np.empty(0, dtype=np.int64)

    # --- the port

    def pool(self, newest: int) -> ItemRows:
        """See `ports.Items`."""
        order = self._order()
        return ItemRows(Table(self._arrivals(_last(order[self._state.all[order] == POOL], newest))))

    def labelled(self, up_to: Position) -> ItemRows:
        """See `ports.Items`."""
        label_row = self._labels.rows_at(up_to, len(self._index))
        there = (label_row >= 0) & (self._arrived.all <= up_to)
        order = self._order()
        rows = order[there[order]]
        chosen = label_row[rows]
        offered = self._offered.all[rows] <= up_to
        batch = self._labels.batch.all[chosen]
        went_out = offered & ~self._labels.has_batch.all[chosen]
        batch[went_out] = self._batch.all[rows[went_out]]
        reserve = self._reserve.all[rows] & offered
        for place in np.flatnonzero(~offered & (self._offered.all[rows] != _NEVER)):
            then, reserve[place] = self._labels.went_out(int(rows[place]), up_to)
            if not self._labels.has_batch.all[chosen[place]]:
                batch[place] = then
        columns = self._arrivals(rows) | {
            "label": self._labels.label.all[chosen],
            "source": self._labels.source.all[chosen],
            "seq": self._labels.seq.all[chosen],
            "batch": batch,
            "reserve": reserve,
        }
        return ItemRows(Table(columns))

    def find(self, items: Sequence[ItemId]) -> Mapping[ItemId, ItemState]:
        """See `ports.Items`."""
        return {item: self._one(item, self._index[item]) for item in items if item in self._index}

    def places(self, items: Sequence[ItemId]) -> Mapping[ItemId, tuple[Digest, int]]:
        """See `ports.Items`."""
        return {name: (state.segment, state.row) for name, state in self.find(items).items()}

    def answers(self, item: ItemId) -> tuple[Recorded, ...]:
        """See `ports.Items`."""
        return self._answers_of(item)

    def answers_to(self, items: Sequence[ItemId]) -> Mapping[ItemId, tuple[Recorded, ...]]:
        """See `ports.Items`."""
        return {item: self._answers_of(item) for item in items}

    def standing(self, answers: Sequence[Position]) -> Mapping[Position, Status]:
        """See `ports.Items`."""
        return {seq: self.stand[seq] for seq in answers if seq in self.stand}

    def standing_as(self, status: Status) -> tuple[Recorded, ...]:
        """See `ports.Items`."""
        return tuple(self._fact_at(seq) for seq in sorted(self._standing_as(status)))

    def count_standing(self, status: Status) -> int:
        """See `ports.Items`."""
        return len(self._standing_as(status))

    def _standing_as(self, status: Status) -> list[Position]:
        """The answers that stand so, without those that were erased."""
        found = (seq for seq, each in self.stand.items() if each == status)
        return [seq for seq in found if isinstance(self._fact_at(seq).fact, AnswerGiven)]

    # --- what the log does to it

    def there(self, items: Iterable[ItemId]) -> dict[ItemId, Standing]:
        """How items stand; unknown ones are left out."""
        found: dict[ItemId, Standing] = {}
        states = self._state.all
        for item in items:
            if item in self._index:
                found[item] = STATES[states[self._index[item]]]
            elif item in self._labels.awaited:
                found[item] = "awaited"
        return found

    def apply(self, changes: Iterable[Change], at: float) -> None:
        """Take in changes that were checked, of facts written at that moment."""
        for change in changes:
            match change:
                case Arrived():
                    self._arrive(change, at)
                case Offered():
                    self._offer(change)
                case Labelled():
                    self._label(change)
                case Unlabelled():
                    self._unlabel(change)
                case Stood():
                    self._stand(change)

    def forget(self, items: Iterable[ItemId]) -> None:
        """Drop all labels of these items."""
        for item in items:
            index = self._index.get(item)
            self._labels.forget(item, index)
            if index is not None:
                self._label_row.all[index] = -1

    def _arrive(self, change: Arrived, at: float) -> None:
        first, count = len(self._index), len(change.items)
        self._index.update(zip(change.items, range(first, first + count), strict=True))
        self._item.extend(list(change.items), count)
        self._time.extend(change.times, count)
        self._row.extend(np.arange(count), count)
        for column, value in (
            (self._segment, change.segment),
            (self._at, at),
            (self._arrived, change.seq),
            (self._state, POOL),
            (self._reserve, False),
            (self._batch, None),
            (self._offered, _NEVER),
            (self._label_row, -1),
        ):
            column.extend(value, count)
        for item in change.early:
            index = self._index[item]
            self._state.all[index] = LABELLED
            self._label_row.all[index] = self._labels.came(item, index)

    def _offer(self, change: Offered) -> None:
        for item in change.items:
            index = self._index[item]
            self._state.all[index] = OFFERED
            self._batch.all[index] = change.batch
            self._offered.all[index] = change.seq
            self._reserve.all[index] = item in change.reserve

    def _label(self, change: Labelled) -> None:
        indices = [self._index.get(item, -1) for item in change.items]
        rows = self._labels.add(change, indices)
        for index, row in zip(indices, rows, strict=True):
            if index >= 0:
                self._state.all[index] = LABELLED
                self._label_row.all[index] = row

    def _unlabel(self, change: Unlabelled) -> None:
        index = self._index[change.item]
        batch, reserve = self._batch.all[index], bool(self._reserve.all[index])
        self._labels.take_back(change, index, batch, reserve)
        self._state.all[index] = STATES.index(change.state)
        self._label_row.all[index] = -1

    def _stand(self, change: Stood) -> None:
        for answer, status in change.answers.items():
            if status is None:
                self.stand.pop(answer, None)
            elif not change.only_new or answer not in self.stand:
                self.stand[answer] = status

    # --- columns

    def _arrivals(self, rows: npt.NDArray[np.int64]) -> dict[str, Column]:
        return {
            "item": self._item.all[rows],
            "time": self._time.all[rows],
            "segment": self._segment.all[rows],
            "row": self._row.all[rows],
            "at": self._at.all[rows],
        }

    def _order(self) -> npt.NDArray[np.int64]:
        if len(self._sorted) != len(self._index):
            self._sorted = _by_time_and_name(self._time.all, self._item.all)
        return self._sorted

    def _one(self, item: ItemId, index: int) -> ItemState:
        row = int(self._label_row.all[index])
        named: BatchId | None = self._labels.batch.all[row] if row >= 0 else None
        return ItemState(
            item=item,
            state=STATES[self._state.all[index]],
            time=float(self._time.all[index]),
            segment=self._segment.all[index],
            row=int(self._row.all[index]),
            batch=named if named is not None else self._batch.all[index],
            label=self._labels.label.all[row] if row >= 0 else None,
            source=self._labels.source.all[row] if row >= 0 else None,
            seq=Position(int(self._labels.seq.all[row])) if row >= 0 else None,
            arrived_seq=Position(int(self._arrived.all[index])),
        )


def _by_time_and_name(times: Column, names: Column) -> npt.NDArray[np.int64]:
    order = np.argsort(times, kind="stable").astype(np.int64, copy=False)
    time, name = times[order], names[order]
    tied = time[1:] == time[:-1]
    ties = np.flatnonzero(tied)
    if not np.any(name[ties + 1] < name[ties]):
        return order
    edges = np.flatnonzero(np.concatenate(([True], ~tied, [True])))
    for start, end in pairwise(edges):
        if end - start > 1:
            order[start:end] = sorted(order[start:end], key=names.__getitem__)
    return order


def _last(rows: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    return rows[max(0, len(rows) - count) :]
