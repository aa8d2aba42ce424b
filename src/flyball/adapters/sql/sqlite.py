"""What is SQLite's own: how its connections are made safe, and which of its errors end all writing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from flyball.adapters.sql import bulk
from flyball.adapters.sql.database import Database, Kind
from flyball.errors import Unreachable

#: What opens a connection, with the arguments of `sqlite3.connect`.
Connect = Callable[..., Any]
#: STRICT tables.
_OLDEST = (3, 37, 0)
#: How long one statement waits for another process, in milliseconds.
_PATIENCE = 5_000
_IOERR = 10
_MAGIC = b"SQLite format 3\0"

_BOTH = ("busy_timeout", _PATIENCE), ("foreign_keys", 1), ("mmap_size", 0), ("trusted_schema", 0)
# FULL is 2: a commit is on the disk when it returns. recursive_triggers: without them INSERT OR REPLACE
# passes the triggers that keep the history.
_WRITES = (*_BOTH, ("journal_mode", "wal"), ("synchronous", 2), ("recursive_triggers", 1))
_READS = (*_BOTH, ("synchronous", 2), ("query_only", 1))


def opened(path: Path, read_only: bool, connect: Connect = sqlite3.connect) -> Database:
    """A file as a database. `connect` opens a connection as `sqlite3.connect` does."""
    kind = Kind(
        one_writer=True,
        alone=lambda connection: True,
        ours=lambda error: isinstance(error, sa.exc.ProgrammingError | sa.exc.IntegrityError),
        fatal=fatal,
        # The one writer meets nobody, and a file is always there.
        passing=lambda error: False,
        away=lambda error: False,
        words=lambda error: str(error.orig),
        pause=lambda attempt: None,
    )
    return Database(str(path), None if read_only else writing(path, connect), reading(path, connect), kind)


def writing(path: Path, connect: Connect = sqlite3.connect) -> sa.Engine:
    """The one connection that writes, and checkpoints; threads take turns on it."""
    return _engine(_opener(path, "rwc", _WRITES, connect), "BEGIN IMMEDIATE", poolclass=sa.StaticPool)


def reading(path: Path, connect: Connect = sqlite3.connect) -> sa.Engine:
    """Connections that cannot write, checkpoint or change anything."""
    return _engine(_opener(path, "ro", _READS, connect), "BEGIN", poolclass=sa.QueuePool)


def may_be_one(path: Path) -> bool:
    """Whether a file is a database of SQLite, or is still to become one."""
    if not path.exists():
        return True
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) in (b"", _MAGIC)


def fatal(error: sa.exc.DBAPIError) -> bool:
    """Whether the disk itself failed: nobody knows what it holds until the store is opened again."""
    return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF == _IOERR


def _engine(opener: Callable[[], Any], begin: str, poolclass: type[sa.Pool]) -> sa.Engine:
    if sqlite3.sqlite_version_info < _OLDEST:
        raise Unreachable(f"SQLite {sqlite3.sqlite_version} is too old: 3.37 or later is needed.")
    engine = sa.create_engine("sqlite://", creator=opener, poolclass=poolclass, hide_parameters=True)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        with bulk.cursor_of(connection) as cursor:
            cursor.execute(begin)

    return engine


def _opener(
    path: Path,
    mode: str,
    settings: tuple[tuple[str, int | str], ...],
    connect: Connect = sqlite3.connect,
) -> Callable[[], Any]:
    def opened() -> Any:
        connection = connect(
            f"file:{quote(str(path.absolute()))}?mode={mode}",
            uri=True,
            timeout=_PATIENCE / 1000,
            # Transactions begin and end where SQLAlchemy says, and not where the driver guesses.
            isolation_level=None,
            check_same_thread=False,
        )
        for name, value in settings:
            connection.execute(f"PRAGMA {name} = {value}").fetchall()
            (found,) = connection.execute(f"PRAGMA {name}").fetchone() or (value,)
            if found != value:
                connection.close()
                raise Unreachable(
                    f"{path} cannot be kept safely here: {name} is {found} where {value} is needed."
                    " Put it on a local disk."
                )
        return connection

    return opened
