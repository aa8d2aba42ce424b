"""The log on SQL: one transaction for each commit, and reading in pages that hold nothing up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

import sqlalchemy as sa

from flyball.adapters.commits import Clash, Plan, Salt, Written, in_order, plan, refuse_newer, written
from flyball.adapters.sql import answers, bulk, erasing, items, jobs, rows
from flyball.adapters.sql.database import Database
from flyball.adapters.sql.tables import SPOKEN, Number, event, event_body, event_conflict, note
from flyball.core.chain import Head, Link, instant, key_of
from flyball.core.facts import BodyErased, Recorded
from flyball.core.ids import START, Digest, Instant, ItemId, Position, canonical, digest_of
from flyball.core.labels.proof import Accounts
from flyball.ports import Commit, Contested, Draft, Receipt, Unless

#: Facts that one reading transaction fetches.
PAGE = 1_000
#: Links that one reading transaction fetches: few, so that the processor still has them when they are used.
LINKS = 2_000
#: More than there will ever be.
_ALL = Position(2**62)
_SINCE = sa.select(event.c.kind).distinct().where(event.c.seq > sa.bindparam("after", type_=Number))
_SINCE = _SINCE.where(event.c.kind.in_(sa.bindparam("kinds", expanding=True)))
_NEWEST = sa.select(event.c.seq, event.c.received_at, event.c.hash).order_by(event.c.seq.desc()).limit(1)


def _links(bodies: bool) -> sa.Select[Any]:
    columns: list[sa.ColumnElement[Any]] = [
        sa.func.coalesce(each, "") if each is event.c.item_id else each for each in rows.LINK
    ]
    if not bodies:
        columns[-3:] = [sa.null(), sa.null(), sa.null()]
    joined = event.outerjoin(event_body, event.c.seq == event_body.c.seq) if bodies else event
    query = sa.select(*columns).select_from(joined).where(event.c.seq > sa.bindparam("after", type_=Number))
    return query.order_by(event.c.seq).limit(sa.bindparam("most", type_=Number))


_LINKS = {bodies: _links(bodies) for bodies in (True, False)}
#: A row as a link, in half the time of `Link._make`: there are millions.
_LINK_OF: Callable[[tuple[Any, ...]], Link] = partial(tuple.__new__, Link)


class SqlLog:
    """The `Log` and `Evidence` ports."""

    def __init__(self, database: Database, salt: Salt) -> None:
        self._database = database
        self._salt = salt

    def append(self, commit: Commit, now: Instant) -> tuple[Receipt, ...]:
        """See `ports.Log`."""
        drafts = written(commit)
        try:
            return self._database.retried(lambda: self._append(commit, drafts, now))
        except Clash as clash:
            contested = clash.contested
            self._database.retried(lambda: self._keep_evidence(contested))
            raise clash.conflict() from None

    def _append(self, commit: Commit, drafts: Sequence[Written], now: Instant) -> tuple[Receipt, ...]:
        with self._database.write("log") as connection:
            standing = _standing(connection, drafts)
            planned = plan(commit, drafts, standing, _head(connection), now, self._salt)
            if commit.unless is not None:
                changed = _newer(connection, commit.unless) if commit.unless.items else ()
                refuse_newer(changed, _since(connection, commit.unless))
            jobs.finish(connection, commit.done, commit.given_up, now)
            jobs.resolve(connection, commit.requeued, commit.dropped, now)
            _insert(connection, planned)
            items.apply(connection, planned.changes)
            jobs.add(connection, planned.jobs, now)
            _keep_notes(connection, commit)
            _keep_contested(connection, planned.contested)
        return planned.receipts

    def read(
        self, after: Position = START, kinds: Sequence[str] | None = None, limit: int | None = None
    ) -> Iterator[Recorded]:
        """See `ports.Log`."""
        left = _ALL if limit is None else limit
        until: Position | None = None
        while left > 0:
            size = min(left, PAGE)
            with self._database.read() as connection:
                page = connection.execute(_page(after, until or _ALL, kinds, size)).all()
                if until is None and len(page) == size:
                    # Otherwise one who writes while he reads might never come to the end.
                    until = _head(connection).seq
            for row in page:
                if row.body is not None:  # it was erased
                    left -= 1
                    yield rows.recorded(row)
            if len(page) < size:
                return
            after = page[-1].seq

    def at(self, places: Iterable[Position]) -> Iterator[Recorded]:
        """See `ports.Log`."""
        query = sa.select(*rows.FACT).select_from(rows.with_body()).order_by(event.c.seq)
        query = query.where(event_body.c.body.is_not(None))
        for chunk in bulk.chunked(sorted(places)):
            with self._database.read() as connection:
                page = connection.execute(query.where(event.c.seq.in_(chunk))).all()
            yield from map(rows.recorded, page)

    def head(self) -> Receipt:
        """See `ports.Log`."""
        with self._database.read() as connection:
            head = _head(connection)
        return Receipt(head.seq, instant(head.at), Digest(head.hash.hex()), new=False)

    def note(self, name: str) -> str | None:
        """See `ports.Log`."""
        with self._database.read() as connection:
            found: str | None = connection.scalar(sa.select(note.c.value).where(note.c.name == name))
        return found

    def links(self, after: Position = START, bodies: bool = True) -> Iterator[Link]:
        """See `ports.Evidence`."""
        return chain.from_iterable(map(_LINK_OF, page) for page in self._link_pages(after, bodies))

    def _link_pages(self, after: Position, bodies: bool) -> Iterator[Sequence[tuple[Any, ...]]]:
        while True:
            with self._database.read() as connection:
                page = bulk.rows(connection, _LINKS[bodies], {"after": int(after), "most": LINKS})
            yield page
            if len(page) < LINKS:
                return
            after = Position(page[-1][0])

    def versions(self, source: str, word: str) -> Sequence[tuple[Position, str]]:
        """See `ports.Evidence`."""
        with self._database.read() as connection:
            found = connection.execute(_versions(connection.dialect.name, source, word)).all()
        return [(Position(seq), name) for seq, name in found]

    def contested(self) -> Iterator[Contested]:
        """See `ports.Evidence`."""
        columns = [event_conflict.c[name] for name in Contested.__slots__]
        with self._database.read() as connection:
            found = connection.execute(sa.select(*columns)).all()
        return iter(in_order(Contested(*row) for row in found))

    def accounts(self) -> Accounts:
        """See `ports.Evidence`."""
        with self._database.read() as connection:
            return answers.accounts(connection)

    def erase(
        self,
        facts: Sequence[Position],
        items: Sequence[ItemId],
        record: BodyErased,
        now: Instant,
        people: Sequence[str] = (),
    ) -> Receipt:
        """See `ports.Evidence`."""
        commit = Commit([Draft(record)])
        return self._database.retried(lambda: self._erase(facts, items, people, commit, now))

    def _erase(
        self,
        facts: Sequence[Position],
        items: Sequence[ItemId],
        people: Sequence[str],
        commit: Commit,
        now: Instant,
    ) -> Receipt:
        with self._database.write("log") as connection:
            planned = plan(commit, written(commit), {}, _head(connection), now, self._salt)
            _insert(connection, planned)
            erasing.erase(connection, facts, items, people)
        return planned.receipts[0]

    def sweep(self) -> bool:
        """See `ports.Evidence`."""
        return self._database.alone_on(erasing.sweep)

    def _keep_evidence(self, contested: Sequence[Contested]) -> None:
        with self._database.write("log") as connection:
            _keep_contested(connection, contested)


def _head(connection: sa.Connection) -> Head:
    with bulk.cursor_of(connection) as cursor:
        row = cursor.execute(bulk.text_of(_NEWEST, connection.dialect)).fetchone()
    return Head() if row is None else Head(*row)


def _standing(connection: sa.Connection, drafts: Sequence[Written]) -> dict[bytes, Link]:
    found: dict[bytes, Link] = {}
    # Nearly always nothing stands, so the question is a cheap one, and what stands costs another.
    keys = bulk.among(connection, event.c.idem_key, [each.key for each in drafts if each.key is not None])
    for standing in bulk.chunked(key for (key,) in keys):
        query = sa.select(*rows.LINK).select_from(rows.with_body()).where(event.c.idem_key.in_(standing))
        found.update((row.idem_key, rows.link(row)) for row in connection.execute(query))
    return found


def _newer(connection: sa.Connection, unless: Unless) -> set[str]:
    """The items that a fact tells of which came after they were read."""
    query = sa.select(event.c.item_id).distinct().where(event.c.seq > unless.read_at)
    return {
        name
        for chunk in bulk.chunked(unless.items)
        for name in connection.scalars(query.where(event.c.item_id.in_(chunk)))
    }


def _since(connection: sa.Connection, unless: Unless) -> set[str]:
    """The kinds of facts, of those that may not have been, that were written after that place."""
    asked = {"kinds": list(unless.kinds), "after": int(unless.read_at)}
    return set(connection.scalars(_SINCE, asked)) if unless.kinds else set()


def _insert(connection: sa.Connection, planned: Plan) -> None:
    if planned.links:
        bulk.insert(connection, event, rows.EVENT_NAMES, map(rows.event_row, planned.links))
        bulk.insert(connection, event_body, rows.BODY_NAMES, map(rows.body_row, planned.links))


def _keep_notes(connection: sa.Connection, commit: Commit) -> None:
    for name, value in commit.notes.items():
        changed = connection.execute(sa.update(note).where(note.c.name == name).values(value=value))
        if not changed.rowcount:
            connection.execute(note.insert(), {"name": name, "value": value})


def _keep_contested(connection: sa.Connection, contested: Sequence[Contested]) -> None:
    table = event_conflict
    for each in contested:
        row = _conflict_row(each)
        there = sa.select(table.c.idem_key).where(
            table.c.idem_key == row["idem_key"], table.c.body_sha == row["body_sha"]
        )
        if connection.execute(there).first() is None:
            connection.execute(table.insert(), row)


def _page(after: Position, until: Position, kinds: Sequence[str] | None, size: int) -> sa.Select[Any]:
    """The next facts; of several kinds, each by its own piece of the index, merged by the database."""
    between = sa.select(event.c.seq).where(event.c.seq > after, event.c.seq <= until)
    between = between.order_by(event.c.seq).limit(size)
    query = sa.select(*rows.FACT).select_from(rows.with_body()).order_by(event.c.seq).limit(size)
    if kinds is None:
        return query.where(event.c.seq > after, event.c.seq <= until)
    parts = [sa.select(between.where(event.c.kind == kind).subquery().c.seq) for kind in sorted(set(kinds))]
    if not parts:
        return query.where(sa.false())
    return query.where(event.c.seq.in_(sa.union_all(*parts)))


def _versions(dialect: str, source: str, word: str) -> sa.Select[Any]:
    # By code point, as the index has it; the letter behind "@" is the first that no version begins with.
    least, below = ("~>=~", "~<~") if dialect == "postgresql" else (">=", "<")
    name = event.c.event_id
    begins = sa.and_(name.bool_op(least)(f"{word}@"), name.bool_op(below)(f"{word}A"))
    query = sa.select(event.c.seq, name).where(sa.text(SPOKEN), event.c.source == source, begins)
    return query.order_by(event.c.seq)


def _conflict_row(each: Contested) -> dict[str, Any]:
    said = canonical([each.kind, each.body.hex(), None if each.raw is None else each.raw.hex()])
    row = {name: getattr(each, name) for name in Contested.__slots__}
    key = key_of(each.source, each.event_id)
    return row | {"idem_key": key, "body_sha": bytes.fromhex(digest_of(said))}
