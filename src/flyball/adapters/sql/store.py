"""Open a store on a database."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from flyball.adapters.commits import Salt
from flyball.adapters.sql import postgres, sqlite
from flyball.adapters.sql.database import Database
from flyball.adapters.sql.items import SqlItems
from flyball.adapters.sql.jobs import SqlJobs
from flyball.adapters.sql.leader import Leader
from flyball.adapters.sql.lock import WriterLock, held, holder_of
from flyball.adapters.sql.log import SqlLog
from flyball.adapters.sql.migrate import revision_of, upgrade
from flyball.adapters.sql.migrations import REVISIONS
from flyball.errors import BadUsage, NotFound, StoreLocked, Unreachable
from flyball.ports import Store

#: The loop whose store is meant where none is named.
LOOP = "flyball"


def open_store(url_or_path: str | Path, *, salt: Salt, read_only: bool = False, loop: str = LOOP) -> Store:
    """Open a store, and make it or bring it up to date where it is to be written.

    A path or `sqlite:///path`: one process at a time may hold it for writing; `read_only` opens it
    beside that one. `postgresql://…`: as many as want to, each `loop` in a schema of its own. `salt`
    gives so many bytes of chance (`os.urandom`). Raises StoreLocked, NewerStore, NotFound (to read what
    is not there), BadUsage (not a store), Unreachable.
    """
    place = _place(url_or_path)
    if isinstance(place, sa.URL):
        return _on_postgres(place, loop, salt, read_only)
    return _on_sqlite(place, salt, read_only)


def is_written(url_or_path: str | Path, loop: str = LOOP) -> bool:
    """Whether a living process has the store open for writing. Raises BadUsage, Unreachable."""
    place = _place(url_or_path)
    if isinstance(place, Path):
        return held(_lock_of(place))
    database = postgres.opened(place, loop, read_only=True)
    try:
        with database.read() as connection:
            return not database.alone(connection)
    finally:
        database.close()


def holder(url_or_path: str | Path) -> int | None:
    """The process that has the store open for writing, where it is one alone and known: on SQLite."""
    place = _place(url_or_path)
    return holder_of(_lock_of(place)) if isinstance(place, Path) else None


def servers(url_or_path: str | Path, loop: str = LOOP) -> frozenset[int]:
    """The processes that may be serving a loop: who has the file open for writing; on PostgreSQL, those that
    show that they do. Raises BadUsage, Unreachable.
    """
    place = _place(url_or_path)
    if isinstance(place, Path):
        by = holder_of(_lock_of(place))
        return frozenset() if by is None else frozenset({by})
    database = postgres.opened(place, loop, read_only=True)
    try:
        with database.read() as connection:
            return frozenset(postgres.servers(connection, loop))
    finally:
        database.close()


def _place(url_or_path: str | Path) -> Path | sa.URL:
    if isinstance(url_or_path, Path) or "://" not in url_or_path:
        return Path(url_or_path)
    try:
        url = sa.make_url(url_or_path)
    except (sa.exc.ArgumentError, ValueError):
        # What cannot be taken apart is not shown: there may be a password in it.
        scheme = url_or_path.partition("://")[0]
        raise BadUsage(
            f"the URL {scheme}://… of the store cannot be read; see docs/how-to/postgresql.md"
        ) from None
    if url.get_backend_name() in ("postgresql", "postgres") and url.database:
        return url
    if url.get_backend_name() == "sqlite" and url.database:
        return Path(url.database)
    raise BadUsage(
        f"{url.render_as_string(hide_password=True)} cannot hold a store: name a file, sqlite:///FILE or"
        " postgresql://USER@HOST/DATABASE."
    )


def _store(database: Database, salt: Salt, *release: Callable[[], None]) -> Store:
    def close() -> None:
        database.close()
        for each in release:
            each()

    log = SqlLog(database, salt)
    return Store(log=log, jobs=SqlJobs(database), items=SqlItems(database), evidence=log, close=close)


def _on_sqlite(path: Path, salt: Salt, read_only: bool) -> Store:
    if path.is_dir():
        raise Unreachable(f"{path} is a directory; stores.database in loop.toml names a file.")
    lock = None if read_only else _locked(path)
    database = sqlite.opened(path, read_only)
    try:
        _prepare_sqlite(database, path, read_only)
    except BaseException:
        database.close()
        if lock is not None:
            lock.release()
        raise
    return _store(database, salt, *(() if lock is None else (lock.release,)))


def _lock_of(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _locked(path: Path) -> WriterLock:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return WriterLock(_lock_of(path))
    except OSError as error:
        raise Unreachable(f"{path} cannot be written: {error.strerror or error}.") from error


def _prepare_sqlite(database: Database, path: Path, read_only: bool) -> None:
    if read_only and not path.exists():
        raise NotFound(f"There is no store at {path}. The first run of the loop makes it.")
    if not sqlite.may_be_one(path):
        raise BadUsage(f"{path} is not a store of Flyball. Name another file.")
    # Read first, in any case: the file of another program is refused as it was found.
    if path.exists() and path.stat().st_size:
        with database.read() as connection:
            if revision_of(connection, database.name) == REVISIONS[-1]:
                return
    if read_only:
        raise BadUsage(f"{path} is older than this Flyball. Run its loop once to bring it up to date.")
    with database.write() as connection:
        upgrade(connection)


def _on_postgres(url: sa.URL, loop: str, salt: Salt, read_only: bool) -> Store:
    database = postgres.opened(url, loop, read_only)
    try:
        _prepare_postgres(database, loop, read_only)
    except BaseException:
        database.close()
        raise
    leader = Leader(database, postgres.LEAD, postgres.number_of(loop))
    serving = Leader(database, postgres.serving_number(loop), os.getpid())
    store = _store(database, salt)

    def close() -> None:
        leader.close()
        serving.close()
        store.close()

    return replace(store, shared=True, leads=leader.leads, serving=serving.leads, close=close)


def _prepare_postgres(database: Database, loop: str, read_only: bool) -> None:
    with database.read() as connection:
        revision = revision_of(connection, database.name)
    if read_only and revision is None:
        raise NotFound(f"There is no {database.name}. The first run of the loop makes it.")
    if read_only and revision != REVISIONS[-1]:
        raise BadUsage(
            f"{database.name} is older than this Flyball. Run its loop once to bring it up to date."
        )
    if read_only:
        return
    # Also where nothing is to be done: from here on, others see that it is open, and migrate nothing.
    with database.write("log") as connection:
        revision = revision_of(connection, database.name)
        if revision == REVISIONS[-1]:
            return
        if revision is not None and not postgres.claim_for_migration(connection, loop):
            raise StoreLocked(
                f"{database.name} is older than this Flyball, and another process has it open. Stop all of"
                " them and start one; it brings the tables up to date."
            )
        if revision is None:
            postgres.make_schema(connection, loop)
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        upgrade(connection)
