"""Erase bytes for good: out of the tables, then out of the free space and the write-ahead log."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from flyball.adapters.sql import bulk
from flyball.adapters.sql.answers import stand
from flyball.adapters.sql.tables import dead, event, event_body, event_conflict, job, label
from flyball.core.facts import AnswerGiven
from flyball.core.ids import ItemId, Position
from flyball.core.project import Stood
from flyball.errors import Unreachable

#: Free space holds what was there before until the file is written anew; the log, what was written last.
_SQLITE = ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)")
_POSTGRESQL = tuple(f"VACUUM FULL {table.name}" for table in (event_body, event, event_conflict, dead, label))


def erase(
    connection: sa.Connection, facts: Sequence[Position], items: Sequence[ItemId], people: Sequence[str] = ()
) -> None:
    """Take the bytes, salts and names of facts out, and what else is kept about them and these items.

    A label stays where its item does: its row holds no word of anybody's.
    """
    _forget_refused(connection, items, people)
    for seqs in bulk.chunked(facts):
        keys = connection.scalars(sa.select(event.c.idem_key).where(event.c.seq.in_(seqs))).all()
        connection.execute(sa.delete(event_conflict).where(event_conflict.c.idem_key.in_(keys)))
        empty = {"salt": None, "body": None, "raw": None}
        connection.execute(sa.update(event_body).where(event_body.c.seq.in_(seqs)).values(**empty))
        connection.execute(sa.update(event).where(event.c.seq.in_(seqs)).values(event_id=None))
        connection.execute(sa.delete(dead).where(dead.c.event_seq.in_(seqs)))
        over = sa.update(job).where(job.c.event_seq.in_(seqs))
        connection.execute(over.values(state="done", lease_until=None, lease_token=None))
        given = sa.select(event.c.seq).where(event.c.seq.in_(seqs), event.c.kind == AnswerGiven.kind)
        stand(connection, Stood(dict.fromkeys(connection.scalars(given), "erased")))
    for names in bulk.chunked(items):
        connection.execute(sa.delete(label).where(label.c.item_id.in_(names)))


def _forget_refused(connection: sa.Connection, items: Collection[ItemId], people: Collection[str]) -> None:
    """Take refused answers out that are about these items or from these people, whatever their names."""
    table = event_conflict
    refused = sa.select(table.c.idem_key, table.c.body_sha, table.c.body)
    for key, sha, body in connection.execute(refused.where(table.c.kind == AnswerGiven.kind)).all():
        words = json.loads(body)
        if words["item"] in items or words["annotator"] in people:
            this = (table.c.idem_key == key, table.c.body_sha == sha)
            connection.execute(sa.delete(table).where(*this))


def sweep(engine: sa.Engine) -> bool:
    """Write the files anew without what was erased; False where a reader keeps an old copy for a while.

    It takes as long as it takes. Raises DBAPIError, and Unreachable where the database passes a table over.
    """
    driver: Any = engine.dialect.loaded_dbapi
    connection = engine.raw_connection()
    try:
        if engine.dialect.name == "sqlite":
            return _written_anew(connection.cursor())
        # A connection of its own from here on: its settings end with it.
        connection.detach()
        _vacuum(connection.dbapi_connection)
        return True
    except driver.Error as error:
        raise sa.exc.DBAPIError.instance(
            "VACUUM", None, error, driver.Error, hide_parameters=True, dialect=engine.dialect
        ) from error
    finally:
        connection.close()


def _written_anew(cursor: Any) -> bool:
    swept = True
    for statement in _SQLITE:
        cursor.execute(statement)
        if statement.startswith("PRAGMA"):
            (busy, *_) = cursor.fetchone() or (0,)
            swept = not busy
    cursor.close()
    return swept


def _vacuum(connection: Any) -> None:
    warnings: list[str] = []

    def heard(said: Any) -> None:
        if said.severity_nonlocalized == "WARNING":
            warnings.append(said.message_primary)

    connection.add_notice_handler(heard)
    connection.execute("SET statement_timeout = 0")
    for statement in _POSTGRESQL:
        connection.execute(statement)
    if warnings:
        raise Unreachable(f"The database does not sweep it: {'; '.join(warnings)}.")
