"""A stream that is read as it is needed: only rows that wait to be taken, and labels to come, are kept."""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np
import pandas as pd

from flyball.adapters.stream_ahead import Ahead
from flyball.adapters.stream_columns import Layout, Rows, first_earlier, moment, rows_of
from flyball.adapters.stream_table import known_labels
from flyball.core.ids import Instant, ItemId
from flyball.core.table import Column, Feature, Table, stack, texts
from flyball.errors import BadStream, FlyballError, Problem

#: How many rows may be read ahead of those that were taken.
AHEAD = 50_000
#: How soon a source that may grow is asked again at the latest, in seconds.
AGAIN = 1.0

#: When a label becomes known, of which row, of which item, and the label.
Known = tuple[Instant, int, str, str]


class LazyStream:
    """Rows from an iterator in order of time, and their labels as they become known.

    `make` begins the rows anew and must give the same ones each time: after a restart, and for a
    cursor behind what is still kept, they are read again from the first. The iterator is read ahead
    of the loop's time, so it may not wait for anything. What it gives wrong raises BadStream, and so does
    each later question until it gives the rows right.

    Where `make` gives frames that are read `Ahead`, the source may grow, and `now` is the loop's clock:
    such a stream is never at its end, and it is `arrivals` that raises what is wrong with the source.
    A label is then known once a later row is there, so that labels have one order.
    """

    def __init__(
        self,
        make: Callable[[], Iterator[pd.DataFrame] | Ahead],
        layout: Layout,
        free: int = 0,
        now: Callable[[], Instant] = lambda: 0.0,
    ) -> None:
        self._make = make
        self._now = now
        self._layout = layout
        self._free = free
        self._lock = threading.RLock()
        self._begin()

    @property
    def features(self) -> tuple[Feature, ...]:
        """What a model may read."""
        return self._layout.features

    def arrivals(self, cursor: int, until: Instant, limit: int) -> tuple[Table, int]:
        """Items from row `cursor` on with a time up to `until`, and the next cursor."""
        with self._lock:
            self._whole()
            if not self._seek(cursor):
                self._say()
                return self._nothing, cursor
            while self._buffered < limit and self._newest <= until and self._more():
                pass
            waiting = stack(self._waiting) if self._waiting else self._nothing
            come = int(np.searchsorted(waiting["time"], until, side="right"))
            taken = waiting.take(slice(0, min(limit, come)))
            if not len(taken):
                self._say()
            return taken, cursor + len(taken)

    def labels(self, cursor: int, until: Instant, limit: int) -> tuple[Table, int]:
        """Labels that became known by themselves up to `until`, and the next cursor.

        No further than may be read ahead of the items that were taken.
        """
        with self._lock:
            self._whole()
            self._seek_label(cursor)
            while self._known_from == cursor and len(self._known) < limit and self._learn(until):
                pass
            here = self._known if self._known_from == cursor else ()
            taken = [known for known in islice(here, limit) if known[0] <= until]
            return _table(taken), cursor + len(taken)

    def next_at(self, cursor: int, labels_cursor: int) -> Instant | None:
        """When the next item or label comes; None at the end."""
        with self._lock:
            self._whole()
            self._seek_label(labels_cursor)
            reached = self._seek(cursor)
            if reached and not self._waiting:
                self._more()
            if self._trouble is not None and not self._waiting:
                return self._now()
            coming = [float(self._waiting[0]["time"][0])] if self._waiting else []
            # A row that was not read yet comes later than the one that waits, and its label later still.
            labels = [self._known[0]] if self._known else self._due[:1]
            if not coming and isinstance(self._frames, Ahead) and not self._done:
                coming.append(self._now() + AGAIN)
                labels = [each for each in labels if self._known or each[0] < self._newest]
            return min([*coming, *(at for at, *_ in labels)], default=None)

    @property
    def _trouble(self) -> FlyballError | None:
        return self._frames.trouble if isinstance(self._frames, Ahead) else None

    def _say(self) -> None:
        """Raise what is wrong with a source that gives nothing."""
        if (trouble := self._trouble) is not None:
            raise trouble

    def _whole(self) -> None:
        """Begin again where reading broke off: rows may have been lost there."""
        if self._broken:
            self._begin()

    def _begin(self) -> None:
        self._broken = True
        self._frames = self._make()
        self._waiting: deque[Table] = deque()
        self._from = self._buffered = 0
        self._newest = float("-inf")
        self._due: list[Known] = []
        self._known: deque[Known] = deque()
        self._known_from = 0
        self._seen: set[str] = set()
        self._done = self._caught_up = False
        self._nothing = Table({})
        self._more()
        self._broken = False

    def _more(self) -> bool:
        """Read the next rows. False at the end, and where none are there yet."""
        if self._done:
            return False
        read = self._from + self._buffered
        try:
            try:
                frame = next(self._frames)
            except StopIteration:
                self._done = True
                return False
            if frame is None or not len(frame):
                self._caught_up = frame is not None
                return False
            rows = self._rows(frame, read)
        except BadStream:
            self._broken = True
            raise
        self._waiting.append(rows.items)
        self._nothing = rows.items.take(slice(0, 0))
        self._buffered += len(rows)
        self._newest = float(rows.items["time"][-1])
        labels = known_labels(rows, max(0, self._free - read))
        fresh = np.array([item not in self._seen for item in labels["item"]], dtype=bool)
        for row, (at, item, label) in enumerate(
            zip(*(labels[name][fresh] for name in ("known_at", "item", "label")), strict=True)
        ):
            heapq.heappush(self._due, (float(at), read + row, item, label))
        if rows.known_at is not None or read < self._free:  # of the others no label becomes known by itself
            self._seen.update(rows.items["item"])
        return True

    def _rows(self, frame: pd.DataFrame, read: int) -> Rows:
        problems: list[Problem] = []
        rows = rows_of(frame.reindex(columns=self._layout.columns), self._layout, read, problems)
        if problems:
            raise BadStream("; ".join(problem.message for problem in problems))
        time = rows.items["time"]
        if (row := first_earlier(time, self._newest)) is not None:
            before = self._newest if row == 0 else time[row - 1]
            raise BadStream(
                f"row {read + row + 1} ({moment(time[row])}) is earlier than the one before it "
                f"({moment(before)}): {self._layout.settings.stream.source} must give rows in order of time"
            )
        return rows

    def _seek(self, cursor: int) -> bool:
        """Let go of the rows before `cursor`, or begin again where they went already.

        False where they are not all there yet.
        """
        if cursor < self._from:
            self._begin()
        while self._from < cursor:
            if not self._waiting and not self._more():
                if isinstance(self._frames, Ahead) and not (self._done or self._caught_up):
                    return False
                raise BadStream(
                    f"{cursor} rows were taken before, but {self._layout.settings.stream.source} gives only "
                    f"{self._from} now; it must give the same rows each time"
                )
            part = self._waiting.popleft()
            gone = min(len(part), cursor - self._from)
            self._from += gone
            self._buffered -= gone
            if gone < len(part):
                self._waiting.appendleft(part.take(slice(gone, None)))
        return True

    def _seek_label(self, cursor: int) -> None:
        if cursor < self._known_from:
            self._begin()
        while self._known_from < cursor and (self._known or self._learn(float("inf"))):
            self._known.popleft()
            self._known_from += 1

    def _learn(self, until: Instant) -> bool:
        """One more label becomes known, in an order that does not depend on who asks when."""
        while True:
            if self._due and self._due[0][0] <= until and (self._done or self._due[0][0] < self._newest):
                self._known.append(heapq.heappop(self._due))
                return True
            if self._done or self._newest > until or self._buffered >= AHEAD:
                return False
            if not self._more() and not self._done:
                return False


class LazyTruth:
    """The true labels of an iterator's items, from a reading of its own.

    Items are looked for as far as it takes, so ask for such as have arrived; None for one that never comes.
    """

    def __init__(self, make: Callable[[], Iterator[pd.DataFrame]], layout: Layout) -> None:
        self._make = make
        self._frames = make()
        self._layout = layout
        self._read = 0
        self._label: dict[str, str | None] = {}
        self._lock = threading.Lock()

    def of(self, items: Sequence[ItemId]) -> Column:
        """The true labels of these items, as text."""
        with self._lock:
            while any(item not in self._label for item in items):
                try:
                    frame = next(self._frames, None)
                except BadStream:
                    self._frames, self._read = self._make(), 0
                    raise
                if frame is None or not len(frame):
                    break
                self._take(frame)
            return texts(self._label.get(item) for item in items)

    def _take(self, frame: pd.DataFrame) -> None:
        problems: list[Problem] = []
        bare = Layout(self._layout.settings, ())
        rows = rows_of(frame.reindex(columns=bare.columns), bare, self._read, problems)
        self._read += len(rows)
        if rows.truth is not None:
            for item, label in zip(rows.items["item"], rows.truth, strict=True):
                self._label.setdefault(item, label)


def _table(labels: Sequence[Known]) -> Table:
    return Table(
        {
            "item": texts(item for _, _, item, _ in labels),
            "label": texts(label for _, _, _, label in labels),
            "known_at": np.array([at for at, *_ in labels], dtype=np.float64),
        }
    )
