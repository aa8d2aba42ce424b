"""Items on SQL: changed with the facts that change them, read by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from flyball.adapters.sql import bulk, rows
from flyball.adapters.sql.answers import answers_to, stand, standing, standing_as
from flyball.adapters.sql.database import Database
from flyball.adapters.sql.tables import Number, answer, arrival, event, event_body, item, label
from flyball.core.chain import instant
from flyball.core.facts import BodyErased, Recorded
from flyball.core.ids import START, Digest, ItemId, Position
from flyball.core.labels.proof import Status
from flyball.core.project import (
    RESERVE,
    Arrived,
    Change,
    Labelled,
    Offered,
    Standing,
    Stood,
    Unlabelled,
    asked,
    checked,
)
from flyball.core.table import Column, Table
from flyball.ports import ItemRows, ItemState

#: The source of a row that says that the item has no label from its place on.
_TAKEN_BACK = "taken-back"


def _pool() -> sa.Select[Any]:
    query = sa.select(item.c.item_id, item.c.time, item.c.row, item.c.arrived_seq)
    # As text, because the partial index serves only a condition that is known when the query is made.
    query = query.where(sa.text("item.state = 'pool'"))
    return query.order_by(item.c.time.desc(), item.c.item_id.desc()).limit(
        sa.bindparam("newest", type_=Number)
    )


def _labelled() -> sa.Select[Any]:
    up_to = sa.bindparam("up_to", type_=Number)
    later = label.alias("later")
    replaced = sa.exists().where(
        later.c.item_id == label.c.item_id, later.c.seq > label.c.seq, later.c.seq <= up_to
    )
    then = item.c.offered_seq <= up_to
    never = item.c.offered_seq.is_(None)
    # It went out again later: it had gone out as the row tells that took its label back after this place.
    back = label.alias("back")
    before = sa.select(back.c.batch).where(
        back.c.item_id == item.c.item_id, back.c.seq > up_to, back.c.source == _TAKEN_BACK
    )
    before = before.order_by(back.c.seq).limit(1).correlate(item)
    chosen = before.with_only_columns(sa.case((back.c.label == RESERVE, 1), else_=0))
    query = sa.select(
        *(item.c.item_id, item.c.time, item.c.row, item.c.arrived_seq),
        *(label.c.label, label.c.source, label.c.seq),
        sa.func.coalesce(
            label.c.batch, sa.case((never, None), (then, item.c.batch), else_=before.scalar_subquery())
        ),
        sa.case((never, 0), (then, item.c.reserve), else_=sa.func.coalesce(chosen.scalar_subquery(), 0)),
    )
    query = query.select_from(label.join(item, label.c.item_id == item.c.item_id))
    query = query.where(label.c.seq <= up_to, item.c.arrived_seq <= up_to, ~replaced)
    query = query.where(label.c.source != _TAKEN_BACK)
    # In the order of the index; by time afterwards, which is quicker than to sort whole rows here.
    return query.order_by(label.c.item_id)


_POOL, _LABELLED = _pool(), _labelled()
#: What is read of an item and of its labels, beside its name.
_ITEM, _LABEL = ("state", "time", "row", "batch", "arrived_seq"), ("label", "source", "batch", "seq")
_NO_LABEL = (None, None, None, None)
#: The segments of so many arrivals are kept at hand.
_KEPT = 10_000


class SqlItems:
    """The `Items` port."""

    def __init__(self, database: Database) -> None:
        self._database = database
        #: Which segment came with which arrival, of those that were asked for.
        self._segments: Mapping[int, Digest] = {}

    def pool(self, newest: int) -> ItemRows:
        """See `ports.Items`."""
        dtypes = (object, np.float64, np.int64, np.int64)
        with self._database.read() as connection:
            columns = bulk.columns(connection, _POOL, {"newest": int(newest)}, dtypes)
            return ItemRows(Table(_arrivals(connection, [column[::-1] for column in columns])))

    def labelled(self, up_to: Position) -> ItemRows:
        """See `ports.Items`."""
        dtypes = (object, np.float64, np.int64, np.int64, object, object, np.int64, object, np.bool_)
        with self._database.read() as connection:
            found = bulk.columns(connection, _LABELLED, {"up_to": int(up_to)}, dtypes)
            order = np.argsort(found[1], kind="stable")
            *arrived, name, source, seq, batch, reserve = (column[order] for column in found)
            columns = _arrivals(connection, arrived)
        labels = {"label": name, "source": source, "seq": seq, "batch": batch, "reserve": reserve}
        return ItemRows(Table(columns | labels))

    def find(self, items: Sequence[ItemId]) -> Mapping[ItemId, ItemState]:
        """See `ports.Items`."""
        found: dict[ItemId, ItemState] = {}
        with self._database.read() as connection:
            for names in bulk.chunked(items):
                found.update(_found(connection, names))
        return {name: found[name] for name in items if name in found}

    def places(self, items: Sequence[ItemId]) -> Mapping[ItemId, tuple[Digest, int]]:
        """See `ports.Items`."""
        with self._database.glance() as connection:
            found = bulk.among(connection, item.c.item_id, items, item.c.row, item.c.arrived_seq)
            known = self._segments
            if new := {seq for *_, seq in found if seq not in known}:
                # Rows of `arrival` never change, and an item is there only with its own.
                came = dict(bulk.among(connection, arrival.c.seq, list(new), arrival.c.segment))
                known = {**known, **came}
                self._segments = known if len(known) <= _KEPT else came
        return {name: (known[seq], row) for name, row, seq in found}

    def answers(self, item: ItemId) -> tuple[Recorded, ...]:
        """See `ports.Items`."""
        query = sa.select(*rows.FACT).select_from(rows.with_body()).order_by(event.c.seq)
        query = query.where(event.c.item_id == item, rows.answers())
        query = query.where(event_body.c.body.is_not(None))  # what was erased is no answer any more
        with self._database.read() as connection:
            return tuple(rows.recorded(row) for row in connection.execute(query))

    def answers_to(self, items: Sequence[ItemId]) -> Mapping[ItemId, tuple[Recorded, ...]]:
        """See `ports.Items`."""
        with self._database.read() as connection:
            return answers_to(connection, items)

    def standing(self, answers: Sequence[Position]) -> Mapping[Position, Status]:
        """See `ports.Items`."""
        with self._database.read() as connection:
            return standing(connection, answers)

    def standing_as(self, status: Status) -> tuple[Recorded, ...]:
        """See `ports.Items`."""
        found: list[Recorded] = []
        while True:
            with self._database.read() as connection:
                page = standing_as(connection, status, found[-1].seq if found else START, bulk.CHUNK)
            found += page
            if len(page) < bulk.CHUNK:
                return tuple(found)

    def count_standing(self, status: Status) -> int:
        """See `ports.Items`."""
        # Each body is looked at only where something was ever erased.
        ever = sa.exists().where(event.c.kind == BodyErased.kind)
        gone = sa.exists().where(event_body.c.seq == answer.c.seq, event_body.c.body.is_(None))
        query = sa.select(sa.func.count()).select_from(answer)
        query = query.where(answer.c.status == status, sa.or_(~ever, ~gone))
        with self._database.read() as connection:
            return connection.scalar(query) or 0


def apply(connection: sa.Connection, changes: Sequence[Change]) -> None:
    """Take in what facts do to items; raises DuplicateItems and StaleItems where that cannot be."""
    for change in checked(changes, _standing(connection, asked(changes))):
        match change:
            case Arrived():
                _arrive(connection, change)
            case Offered():
                _offer(connection, change)
            case Labelled():
                _label(connection, change)
            case Unlabelled():
                _unlabel(connection, change)
            case Stood():
                stand(connection, change)
            case _:
                assert_never(change)


def _standing(connection: sa.Connection, items: Sequence[ItemId]) -> dict[ItemId, Standing]:
    early = bulk.among(connection, label.c.item_id, items)
    found: dict[ItemId, Standing] = dict.fromkeys((name for (name,) in early), "awaited")
    found.update(bulk.among(connection, item.c.item_id, items, item.c.state))
    return found


def _arrive(connection: sa.Connection, change: Arrived) -> None:
    connection.execute(arrival.insert(), {"seq": change.seq, "segment": change.segment})
    names = ("item_id", "time", "row", "arrived_seq", "state", "reserve")
    values = (
        (name, time, row, change.seq, _first_state(name, change), 0)
        for row, (name, time) in enumerate(zip(change.items, change.times.tolist(), strict=True))
    )
    bulk.insert(connection, item, names, values)


def _first_state(name: ItemId, change: Arrived) -> str:
    return "labelled" if name in change.early else "pool"


def _offer(connection: sa.Connection, change: Offered) -> None:
    offered = sa.update(item).values(state="offered", batch=change.batch, offered_seq=change.seq)
    for reserve in (False, True):
        names = [name for name in change.items if (name in change.reserve) == reserve]
        for chunk in bulk.chunked(names):
            connection.execute(offered.values(reserve=int(reserve)).where(item.c.item_id.in_(chunk)))


def _label(connection: sa.Connection, change: Labelled) -> None:
    if not change.items:
        return
    names = ("item_id", "seq", "label", "source", "batch")
    columns = (change.items, change.seqs, change.labels, change.sources, change.batches)
    bulk.insert(connection, label, names, zip(*columns, strict=True))
    for chunk in bulk.chunked(change.items):
        connection.execute(sa.update(item).where(item.c.item_id.in_(chunk)).values(state="labelled"))


def _unlabel(connection: sa.Connection, change: Unlabelled) -> None:
    # How it had gone out is kept, as it may go out again.
    out = sa.select(item.c.batch, item.c.reserve).where(item.c.item_id == change.item)
    batch, reserve = connection.execute(out).one()
    row = {"item_id": change.item, "seq": change.seq, "label": RESERVE if reserve else ""}
    connection.execute(label.insert(), row | {"source": _TAKEN_BACK, "batch": batch})
    connection.execute(sa.update(item).where(item.c.item_id == change.item).values(state=change.state))


def _arrivals(connection: sa.Connection, columns: Sequence[Column]) -> dict[str, Column]:
    """Items with the segments and times of their arrivals, which many share."""
    name, time, row, arrived = columns
    seqs, which = np.unique(arrived, return_inverse=True)
    came: dict[int, tuple[str, float]] = {}
    for chunk in bulk.chunked(seqs.tolist()):
        query = sa.select(arrival.c.seq, arrival.c.segment, event.c.received_at).where(
            arrival.c.seq.in_(chunk)
        )
        query = query.select_from(arrival.join(event, arrival.c.seq == event.c.seq))
        came |= {seq: (segment, instant(at)) for seq, segment, at in connection.execute(query)}
    segments: npt.NDArray[Any] = np.array([came[seq][0] for seq in seqs.tolist()], dtype=object)
    moments = np.array([came[seq][1] for seq in seqs.tolist()], dtype=np.float64)
    return {"item": name, "time": time, "segment": segments[which], "row": row, "at": moments[which]}


def _found(connection: sa.Connection, names: Sequence[ItemId]) -> dict[ItemId, ItemState]:
    # With each capture, so by statements that are compiled once.
    found = bulk.among(connection, item.c.item_id, names, *(item.c[name] for name in _ITEM))
    if not found:
        return {}
    labels = bulk.among(connection, label.c.item_id, names, *(label.c[name] for name in _LABEL))
    present = {name: now for name, *now in sorted(labels, key=lambda row: row[-1])}
    arrived = list({row[-1] for row in found})
    segments = dict(bulk.among(connection, arrival.c.seq, arrived, arrival.c.segment))
    states: dict[ItemId, ItemState] = {}
    for name, state, time, row, offered_in, arrived_seq in found:
        value, source, batch, seq = present.get(name, _NO_LABEL)
        if source == _TAKEN_BACK:
            value, source, batch, seq = _NO_LABEL
        segment = Digest(segments[arrived_seq])
        batch = offered_in if batch is None else batch
        states[name] = ItemState(name, state, time, segment, row, batch, value, source, seq, arrived_seq)
    return states
