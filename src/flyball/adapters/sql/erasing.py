"""Erase bytes for good: out of the tables, then out of the free space and the write-ahead log."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from flyball.adapters.sql import bulk
from flyball.adapters.sql.answers import stand
from flyball.adapters.sql.tables import dead, event, event_body, event_conflict, job, label
from flyball.core.facts import AnswerGiven
from flyball.core.ids import ItemId, Position
from flyball.core.project import Stood

#: Free space holds what was there before until the file is written anew; the log, what was written last.
_SQLITE = ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)")
_POSTGRESQL = tuple(f"VACUUM FULL {table.name}" for table in (event_body, event, event_conflict, dead, label))


def erase(connection: sa.Connection, facts: Sequence[Position], items: Sequence[ItemId]) -> None:
    """Take the bytes, salts and names of facts out, and what else is kept about them and these items."""
    for seqs in bulk.chunked(facts):
        keys = connection.scalars(sa.select(event.c.idem_key).where(event.c.seq.in_(seqs))).all()
        connection.execute(sa.delete(event_conflict).where(event_conflict.c.idem_key.in_(keys)))
        empty = {"salt": None, "body": None, "raw": None}
        connection.execute(sa.update(event_body).where(event_body.c.seq.in_(seqs)).values(**empty))
        connection.execute(sa.update(event).where(event.c.seq.in_(seqs)).values(event_id=None))
        connection.execute(sa.delete(dead).where(dead.c.event_seq.in_(seqs)))
        over = sa.update(job).where(job.c.event_seq.in_(seqs))
        connection.execute(over.values(state="done", lease_until=None, lease_token=None))
        connection.execute(sa.delete(label).where(label.c.seq.in_(seqs)))
        given = sa.select(event.c.seq).where(event.c.seq.in_(seqs), event.c.kind == AnswerGiven.kind)
        stand(connection, Stood(dict.fromkeys(connection.scalars(given), "erased")))
    for names in bulk.chunked(items):
        connection.execute(sa.delete(label).where(label.c.item_id.in_(names)))


def sweep(engine: sa.Engine) -> bool:
    """Write the files anew without what was erased; False where a reader keeps an old copy for a while."""
    connection = engine.raw_connection()
    swept = True
    try:
        cursor = connection.cursor()
        for statement in _SQLITE if engine.dialect.name == "sqlite" else _POSTGRESQL:
            cursor.execute(statement)
            if statement.startswith("PRAGMA"):
                (busy, *_) = cursor.fetchone() or (0,)
                swept = not busy
        cursor.close()
    finally:
        connection.close()
    return swept
