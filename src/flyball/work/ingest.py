"""Take in what the stream brings: items with their features, labels that became known by themselves."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from flyball.core.due import Due, Go, Wait
from flyball.core.facts import Fact, ItemsArrived, ItemsRefused, LabelsKnown
from flyball.core.ids import Digest, Instant, ItemId
from flyball.core.table import Mask, Table
from flyball.errors import BadStream, Unreachable
from flyball.ports import Arrivals, Commit, Draft, KnownLabels, Stream
from flyball.work.arrived import arrive
from flyball.work.lanes import Begun, Done
from flyball.work.tools import Tools, items_of

#: The most items and labels that one pass takes.
MOST = 20_000


@dataclass(frozen=True, slots=True)
class Brought:
    """What one pass read from the stream, from which cursors to which."""

    items: Table
    labels: Table
    cursor: int
    labels_cursor: int


def ended(tools: Tools, stream: Stream) -> bool:
    """Whether nothing more comes from the stream; one that broke brings nothing more either.

    One that cannot be reached may bring more.
    """
    try:
        return stream.next_at(tools.state.cursor, tools.state.labels_cursor) is None
    except BadStream:
        return True
    except Unreachable:
        return False


def due(tools: Tools, stream: Stream, now: Instant) -> Due:
    """Something has come, or when something will."""
    next_at = stream.next_at(tools.state.cursor, tools.state.labels_cursor)
    if next_at is None:
        return Wait("the stream is at its end")
    if next_at > now:
        return Wait("nothing new in the stream", next_at)
    return Go("items or labels have come")


def begin(tools: Tools, stream: Stream, go: Go, now: Instant) -> Begun:
    """Read the stream up to now; labels only as far as their items have been read."""
    state = tools.state
    items, cursor = stream.arrivals(state.cursor, now, MOST)
    until = now if len(items) < MOST else float(items["time"][-1])
    labels, labels_cursor = stream.labels(state.labels_cursor, until, MOST)
    return Begun("ingest", Brought(items, labels, cursor, labels_cursor), go.why)


def perform(tools: Tools, begun: Begun) -> tuple[Digest | None, Digest | None]:
    """Keep both as segments, and give their names (None where there is nothing)."""
    brought: Brought = begun.inputs
    items = tools.segments.put(brought.items) if len(brought.items) else None
    labels = tools.segments.put(brought.labels) if len(brought.labels) else None
    return items, labels


def finish(tools: Tools, begun: Begun, segments: tuple[Digest | None, Digest | None], now: Instant) -> Done:
    """Write down what arrived, once."""
    brought: Brought = begun.inputs
    with tools.lock:
        if segments[0] is not None and brought.cursor > tools.state.cursor:
            _items(tools, brought, segments[0], now)
        if segments[1] is not None and brought.labels_cursor > tools.state.labels_cursor:
            _labels(tools, brought, segments[1], now)
    count = {"items": len(brought.items), "labels": len(brought.labels)}
    return Done(f"{count['items']} items, {count['labels']} natural labels", count)


def _items(tools: Tools, brought: Brought, segment: Digest, now: Instant) -> None:
    table = brought.items
    fresh = _first_of_each(table, set(tools.store.items.places(items_of(table["item"]))))
    facts: list[Fact] = []
    if not fresh.all():
        again = table["item"][~fresh]
        facts.append(ItemsRefused("the item id came before", len(again), items_of(again[:5])))
        table = table.take(fresh)
        segment = tools.segments.put(table)
    times = table["time"].astype(np.float64)
    first, last = (float(times.min()), float(times.max())) if len(table) else (now, now)
    facts.append(ItemsArrived(segment, len(table), first, last, brought.cursor))
    arrivals = Arrivals(segment, items_of(table["item"]), times)
    named = [Draft(fact) for fact in facts[:-1]] + [Draft(facts[-1], event_id=f"items-{brought.cursor}")]
    arrive(tools, Commit(named, arrivals=arrivals), arrivals.items, now)


def _labels(tools: Tools, brought: Brought, segment: Digest, now: Instant) -> None:
    table = brought.labels
    known = tools.store.items.places(items_of(table["item"]))
    here = np.array([item in known for item in table["item"]], dtype=bool)
    facts: list[Fact] = []
    if not here.all():
        lost = table["item"][~here]
        facts.append(
            ItemsRefused("a label came for an item that never arrived", len(lost), items_of(lost[:5]))
        )
        table = table.take(here)
    classes = dict(sorted(Counter(map(str, table["label"])).items()))
    facts.append(LabelsKnown(segment, len(table), brought.labels_cursor, classes))
    named = [Draft(fact) for fact in facts[:-1]]
    named.append(Draft(facts[-1], event_id=f"labels-{brought.labels_cursor}"))
    labels = KnownLabels(items_of(table["item"]), [str(label) for label in table["label"]])
    tools.write(Commit(named, known=labels), now)


def _first_of_each(table: Table, known: set[ItemId]) -> Mask:
    fresh = np.ones(len(table), dtype=bool)
    seen = set(known)
    for row, item in enumerate(table["item"]):
        fresh[row] = item not in seen
        seen.add(item)
    return fresh
