"""A stream whose rows are all at hand."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from flyball.adapters.stream_columns import MOST_CLASSES, Floats, Layout, Rows, first_earlier, moment
from flyball.core.ids import Instant, ItemId
from flyball.core.table import Column, Feature, Mask, Table, texts
from flyball.errors import Problem


class TableStream:
    """Rows in order of time, and the labels that become known by themselves in order of that.

    The first `free` rows come with their true labels. A row whose item id came before arrives as it
    stands, and whoever takes items in refuses it; its label is dropped here.
    """

    def __init__(self, rows: Rows, features: tuple[Feature, ...], free: int = 0) -> None:
        self._items = rows.items
        self._features = features
        self._time: Floats = rows.items["time"]
        self._labels = known_labels(rows, free)
        self._known_at: Floats = self._labels["known_at"]

    @property
    def features(self) -> tuple[Feature, ...]:
        """What a model may read."""
        return self._features

    @property
    def end(self) -> Instant:
        """When the last item or label comes."""
        return max(float(times[-1]) for times in (self._time, self._known_at) if len(times))

    def arrivals(self, cursor: int, until: Instant, limit: int) -> tuple[Table, int]:
        """Items from row `cursor` on with a time up to `until`, and the next cursor."""
        return _part(self._items, self._time, cursor, until, limit)

    def labels(self, cursor: int, until: Instant, limit: int) -> tuple[Table, int]:
        """Labels that became known by themselves up to `until`, and the next cursor."""
        return _part(self._labels, self._known_at, cursor, until, limit)

    def next_at(self, cursor: int, labels_cursor: int) -> Instant | None:
        """When the next item or label comes; None at the end."""
        coming = [
            float(times[at])
            for times, at in ((self._time, cursor), (self._known_at, labels_cursor))
            if at < len(times)
        ]
        return min(coming, default=None)


class TableTruth:
    """The true labels of a stream by item; None where it has none."""

    def __init__(self, items: Column, labels: Column) -> None:
        self._label: dict[str, str | None] = dict(zip(items[::-1], labels[::-1], strict=True))

    def of(self, items: Sequence[ItemId]) -> Column:
        """The true labels of these items, as text."""
        return texts(self._label.get(item) for item in items)


def known_labels(rows: Rows, free: int) -> Table:
    """`item`, `label`, `known_at` of the labels that become known by themselves, in that order.

    The first `free` rows are known when they come, and none before its item comes.
    """
    time: Floats = rows.items["time"]
    count = len(rows)
    label = texts([None] * count) if rows.natural is None else rows.natural.copy()
    known_at = np.full(count, np.nan) if rows.known_at is None else np.maximum(rows.known_at, time)
    if rows.truth is not None:
        label[:free], known_at[:free] = rows.truth[:free], time[:free]
    item = rows.items["item"]
    first = ~_repeated(item)
    kept = np.flatnonzero(first & ~np.isnan(known_at) & ~np.asarray(pd.isna(label)))
    kept = kept[np.argsort(known_at[kept], kind="stable")]
    return Table({"item": item[kept], "label": label[kept], "known_at": known_at[kept]})


def mistakes(rows: Rows, layout: Layout) -> Iterator[Problem]:
    """What is wrong with a whole stream once its values could be read."""
    settings = layout.settings
    source = settings.stream.source
    problem = settings.places.problem
    if not len(rows):
        yield problem("L205", "stream.source", f"{source} has no rows")
    time: Floats = rows.items["time"]
    if (row := first_earlier(time)) is not None:
        message = (
            f"{source} is not in order of `{settings.stream.time}`: row {row + 1} ({moment(time[row])}) is "
            f"earlier than row {row} ({moment(time[row - 1])}). Items come in order of time; sort the rows, "
            f"with pandas: frame.sort_values({settings.stream.time!r}, kind='stable')"
        )
        yield problem("L206", "stream.time", message)
    if settings.start.labelled > len(rows) > 0:
        message = f"`start.labelled` is {settings.start.labelled}, but {source} has {len(rows)} rows"
        yield problem("L107", "start.labelled", message)
    if rows.truth is not None:
        yield from _odd_labels(rows.truth, layout)


def remarks(rows: Rows, layout: Layout) -> Iterator[str]:
    """What can be worked with and should still be said."""
    items, stream = rows.items, layout.settings.stream
    empty = np.ones(len(rows), dtype=bool)
    for feature in layout.features:
        values = items[feature.name]
        absent = np.isnan(values) if feature.kind == "number" else np.asarray(pd.isna(values))
        empty &= absent
        if absent.all():
            yield f"feature {feature.name} is empty in every row"
        elif feature.kind == "category" and 1000 < (distinct := len(set(values))) > len(rows) / 2:
            yield f"category {feature.name} has {distinct} values in {len(rows)} rows: an id, or free text?"
    if empty.any() and not empty.all():
        yield f"{empty.sum()} rows have no value in any feature, the first of them row {empty.argmax() + 1}"
    if again := int(_repeated(items["item"]).sum()):
        yield f"{again} rows have an item id that came before; the first stands, the others are refused"
    if rows.truth is not None:
        counts = Counter(label for label in rows.truth if label is not None)
        if not counts:
            yield f"column {stream.label} has no label in any row"
        elif len(counts) == 1:
            yield f"every label is {next(iter(counts))}: nothing can be learned until there is another class"
    if rows.known_at is not None and (early := int((rows.known_at < items["time"]).sum())):
        yield f"{early} labels are known before their item comes; they are taken as known when it comes"
    if stream.unit == "seconds" and len(rows) and 0 <= items["time"][0] < 86400 * 365:
        yield f'times begin in 1970 ({items["time"][0]:.0f}); for mere row order write unit = "rows"'


def _odd_labels(truth: Column, layout: Layout) -> Iterator[Problem]:
    stream = layout.settings.stream
    problem = layout.settings.places.problem
    distinct = sorted({str(label) for label in truth if label is not None})
    if stream.classes and (strange := [label for label in distinct if label not in stream.classes]):
        message = f"column `{stream.label}` holds {', '.join(strange[:5])}, which `classes` does not list"
        yield problem("L204", "stream.classes", message)
    if len(distinct) > MOST_CLASSES:
        message = (
            f"column `{stream.label}` holds {len(distinct)} different values; a label is one of a few classes"
        )
        yield problem("L204", "stream.label", message)


def _part(table: Table, times: Floats, cursor: int, until: Instant, limit: int) -> tuple[Table, int]:
    if math.isnan(until):
        raise ValueError("`until` is not a moment")
    end = max(cursor, min(cursor + limit, int(np.searchsorted(times, until, side="right"))))
    return table.take(slice(cursor, end)), end


def _repeated(items: Column) -> Mask:
    return np.asarray(pd.Series(items, dtype=object).duplicated())
