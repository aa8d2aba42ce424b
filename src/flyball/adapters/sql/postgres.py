"""What is PostgreSQL's own: how its connections are made safe, who has a turn, what its errors mean."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from flyball.adapters.sql.database import Database, Kind
from flyball.errors import Unreachable

if TYPE_CHECKING:
    import psycopg

_OLDEST = 140_000
#: How long one waits for another, for one statement, and for a process that began and then stood still;
#: and that a disk without a moving head is asked, so that an index is worth more than a whole table.
_SETTINGS = {
    "lock_timeout": "10s",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "30s",
    "tcp_keepalives_idle": "30",
    "client_encoding": "UTF8",
    "random_page_cost": "1.1",
}
#: With these, what was acknowledged is lost when the machine goes down.
_UNSAFE = {"synchronous_commit": {"off"}, "fsync": {"off"}, "full_page_writes": {"off"}}
#: The first numbers of our advisory locks; the second one is the loop's.
TURNS = {"log": 0x0F1B0001, "claim": 0x0F1B0002}
PRESENT = 0x0F1B0003
LEAD = 0x0F1B0004
_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
# All statements of one read see the same moment, as on SQLite.
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

#: A deadlock, a serialization failure.
_PASSING = {"40P01", "40001"}
#: Shut down, crashed, starting up; too many connections.
_AWAY = {"57P01", "57P02", "57P03", "53300"}
#: An error of its disk, a damaged table, a damaged index.
_FATAL = {"58030", "XX001", "XX002"}
_REFUSED = "42501"
_WAITED = "55P03"


def opened(url: sa.URL, loop: str, read_only: bool) -> Database:
    """The schema of a loop in a database, as a database of its own."""
    url = url.set(drivername="postgresql+psycopg")
    pids: set[int] = set()
    kind = Kind(
        one_writer=False,
        alone=lambda connection: not _writers(connection, loop) - pids,
        ours=_ours,
        fatal=lambda error: _state(error) in _FATAL,
        passing=lambda error: _state(error) in _PASSING,
        away=_away,
        words=_words_without(url.password),
        pause=_pause,
    )
    name = f"loop {loop} in {url.set(drivername='postgresql').render_as_string(hide_password=True)}"
    return Database(name, None if read_only else _writing(url, loop, pids), _reading(url, loop), kind)


def _writing(url: sa.URL, loop: str, pids: set[int]) -> sa.Engine:
    number = number_of(loop)
    turns = {
        turn: f"{_WRITE}; SELECT pg_advisory_xact_lock({lock}, {number})" for turn, lock in TURNS.items()
    }

    def prepare(connection: psycopg.Connection[Any]) -> None:
        # Held as long as the connection is: by it, others see that the loop is open.
        connection.execute("SELECT pg_advisory_lock_shared(%s, %s)", (PRESENT, number))
        pids.add(connection.info.backend_pid)

    return _engine(url, loop, prepare, lambda turn: _WRITE if turn is None else turns[turn])


def _reading(url: sa.URL, loop: str) -> sa.Engine:
    def prepare(connection: psycopg.Connection[Any]) -> None:
        connection.execute("SET default_transaction_read_only = on")

    return _engine(url, loop, prepare, lambda turn: _READ)


def _engine(
    url: sa.URL,
    loop: str,
    prepare: Callable[[psycopg.Connection[Any]], None],
    begin: Callable[[str | None], str],
) -> sa.Engine:
    # Loading it takes as long as opening a file, and most stores are files.
    import psycopg

    def connect() -> psycopg.Connection[Any]:
        (_, options) = engine.dialect.create_connect_args(url)
        given = {"connect_timeout": 5, "application_name": f"flyball {loop}", **options}
        # Transactions begin and end where SQLAlchemy says, with what is to be said at their beginning.
        connection: psycopg.Connection[Any] = psycopg.connect(**given, autocommit=True)
        try:
            _refuse_unsafe(connection, engine.url.render_as_string(hide_password=True))
            connection.execute(_settings(loop))
            prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    # What is written is people's, and no part of what is logged.
    engine = sa.create_engine(url, creator=connect, pool_timeout=10, hide_parameters=True)
    sa.event.listen(engine, "handle_error", _notice_broken)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin(connection.get_execution_options().get("turn")))

    return engine


def _notice_broken(context: sa.engine.ExceptionContext) -> None:
    """A connection that broke is thrown away: the driver says it in more words than SQLAlchemy knows."""
    held = context.connection
    if held is not None and not (held.closed or held.invalidated):
        driver: Any = held.connection.dbapi_connection
        context.is_disconnect = context.is_disconnect or bool(driver is not None and driver.closed)


def _settings(loop: str) -> str:
    # Nothing but the loop's own schema: what it lacks must not be found in another.
    searched = f"SET search_path = {_quoted(loop)}"
    return "; ".join([searched, *(f"SET {name} = '{value}'" for name, value in _SETTINGS.items())])


def _quoted(loop: str) -> str:
    return '"' + loop.replace('"', '""') + '"'


def _refuse_unsafe(connection: psycopg.Connection[Any], name: str) -> None:
    if connection.info.server_version < _OLDEST:
        raise Unreachable(
            f"{name} is PostgreSQL {connection.info.server_version // 10_000}: 14 or later is needed."
        )
    for setting, wrong in _UNSAFE.items():
        row = connection.execute("SELECT current_setting(%s)", (setting,)).fetchone()
        if row is not None and row[0] in wrong:
            raise Unreachable(
                f"{name} cannot keep what it acknowledged: {setting} is {row[0]}. Set it as PostgreSQL"
                " has it by default."
            )
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise Unreachable(f"{name} is kept in {encoding}; make a database with ENCODING 'UTF8'.")


def _writers(connection: sa.Connection, loop: str) -> set[int]:
    held = _locks(connection, PRESENT)
    return {pid for pid, number in held if number == number_of(loop) & 0xFFFFFFFF}


def servers(connection: sa.Connection, loop: str) -> set[int]:
    """The numbers of the processes that show that they serve a loop, and are there to show it."""
    return {number for _, number in _locks(connection, serving_number(loop))}


def serving_number(loop: str) -> int:
    """The first number of the locks of those that serve a loop; the second one is the process's own."""
    return number_of(f"serve/{loop}")


def _locks(connection: sa.Connection, first: int) -> Sequence[tuple[int, int]]:
    """The advisory locks that begin with a number: which connection holds each, and its second number."""
    asked = sa.text(
        "SELECT pid, objid::bigint FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
        " WHERE datname = current_database() AND locktype = 'advisory' AND objsubid = 2 AND granted"
        " AND classid::bigint = :first"
    )
    return [(pid, number) for pid, number in connection.execute(asked, {"first": first & 0xFFFFFFFF})]


def claim_for_migration(connection: sa.Connection, loop: str) -> bool:
    """Keep every other process out to the end of this transaction, unless one is there already."""
    keys = {"present": PRESENT, "number": number_of(loop)}
    taken = sa.text("SELECT pg_try_advisory_xact_lock(:present, :number)")
    return bool(connection.execute(taken, keys).scalar_one())


def make_schema(connection: sa.Connection, loop: str) -> None:
    """The schema of a loop that is new, unless somebody with more rights made it."""
    there = sa.text("SELECT 1 FROM pg_namespace WHERE nspname = :loop")
    if connection.execute(there, {"loop": loop}).first() is None:
        connection.exec_driver_sql(f"CREATE SCHEMA {_quoted(loop)}")


def number_of(loop: str) -> int:
    """The loop's own number in the names of locks."""
    return int.from_bytes(hashlib.sha256(loop.encode()).digest()[:4], "big", signed=True)


def _state(error: sa.exc.DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _ours(error: sa.exc.DBAPIError) -> bool:
    mistakes = sa.exc.ProgrammingError | sa.exc.IntegrityError
    return isinstance(error, mistakes) and _state(error) != _REFUSED


def _away(error: sa.exc.DBAPIError) -> bool:
    if error.connection_invalidated or _state(error) in _AWAY:
        return True
    # Of a connection that did not come about, the driver has a sentence and no code.
    return isinstance(error, sa.exc.OperationalError) and not _state(error) and "FATAL" not in str(error.orig)


def _words_without(secret: str | None) -> Callable[[sa.exc.DBAPIError], str]:
    def words(error: sa.exc.DBAPIError) -> str:
        if _state(error) == _WAITED:
            return f"another writer kept it busy for {_SETTINGS['lock_timeout']}"
        said = getattr(getattr(error.orig, "diag", None), "message_primary", None) or str(error.orig)
        said = " ".join(said.split()).rstrip(".")
        return said.replace(secret, "***") if secret else said

    return words


def _pause(attempt: int) -> None:
    """A rest that doubles, never the same for two that met once."""
    time.sleep(0.05 * 2**attempt * (0.5 + int.from_bytes(os.urandom(2), "big") / 65_536))
