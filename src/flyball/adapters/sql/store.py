"""Open a store on a database."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from flyball.adapters.commits import Salt
from flyball.adapters.sql import sqlite
from flyball.adapters.sql.database import Database
from flyball.adapters.sql.items import SqlItems
from flyball.adapters.sql.jobs import SqlJobs
from flyball.adapters.sql.lock import WriterLock
from flyball.adapters.sql.log import SqlLog
from flyball.adapters.sql.migrate import revision_of, upgrade
from flyball.adapters.sql.migrations import REVISIONS
from flyball.errors import BadUsage, NotFound, Unreachable
from flyball.ports import Store


def open_store(url_or_path: str | Path, *, salt: Salt, read_only: bool = False) -> Store:
    """Open a store, and make it or bring it up to date where it is to be written.

    A path, or `sqlite:///path`. One process at a time may hold it for writing; `read_only` opens it
    beside that one. `salt` gives so many bytes of chance (`os.urandom`). Raises StoreLocked, NewerStore,
    NotFound (to read what is not there), BadUsage (not a store), Unreachable.
    """
    path = _path(url_or_path)
    if path.is_dir():
        raise Unreachable(f"{path} is a directory; stores.database in loop.toml names a file.")
    lock = None if read_only else _locked(path)
    database = Database(
        str(path), None if read_only else sqlite.writing(path), sqlite.reading(path), sqlite.fatal
    )
    try:
        _prepare(database, path, read_only)
    except BaseException:
        database.close()
        if lock is not None:
            lock.release()
        raise

    def close() -> None:
        database.close()
        if lock is not None:
            lock.release()

    log = SqlLog(database, salt)
    return Store(log=log, jobs=SqlJobs(database), items=SqlItems(database), evidence=log, close=close)


def _path(url_or_path: str | Path) -> Path:
    if isinstance(url_or_path, Path) or "://" not in url_or_path:
        return Path(url_or_path)
    url = sa.make_url(url_or_path)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise BadUsage(
            f"{url.render_as_string(hide_password=True)} cannot hold a store: name a file, or sqlite:///FILE."
        )
    return Path(url.database)


def _locked(path: Path) -> WriterLock:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return WriterLock(path.with_name(path.name + ".lock"))
    except OSError as error:
        raise Unreachable(f"{path} cannot be written: {error.strerror or error}.") from error


def _prepare(database: Database, path: Path, read_only: bool) -> None:
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
