"""The connections to one database: those that write, taking turns where they must, and those that read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import sqlalchemy as sa

from flyball.errors import StoreLocked, StoreStopped, Unreachable

_T = TypeVar("_T")
#: So often a transaction begins, or is done anew, before its trouble is told.
TRIES = 6
#: So many connections rest between two transactions; those beyond go back to their pool.
RESTING = 3
#: What a transaction has to itself: the end of the log, or the choice of the next jobs.
Turn = Literal["log", "claim"]


@dataclass(frozen=True, slots=True)
class Kind:
    """What is a database's own.

    `one_writer`: the threads of this process take turns. `alone`: no other process can write now. Of an
    error, `ours` says that it is a mistake in Flyball, `fatal` that nothing may be written after it,
    `passing` that the same transaction may go well the next time, `away` that nobody was there to take
    it, and `words` what it is, with nothing in it that is secret. `pause` rests after the n-th attempt.
    """

    one_writer: bool
    alone: Callable[[sa.Connection], bool]
    ours: Callable[[sa.exc.DBAPIError], bool]
    fatal: Callable[[sa.exc.DBAPIError], bool]
    passing: Callable[[sa.exc.DBAPIError], bool]
    away: Callable[[sa.exc.DBAPIError], bool]
    words: Callable[[sa.exc.DBAPIError], str]
    pause: Callable[[int], None]


class Contended(Unreachable):
    """The database broke a transaction off because of another one; both may go well the next time."""


class Database:
    """Transactions for the store."""

    def __init__(self, name: str, writing: sa.Engine | None, reading: sa.Engine, kind: Kind) -> None:
        self.name = name
        self._writing = writing
        self._reading = reading
        self._kind = kind
        #: Connections between two transactions: to hand one out anew costs more than many a transaction.
        self._idle: dict[sa.Engine, list[sa.Connection]] = {reading: []}
        if writing is not None:
            self._idle[writing] = []
        #: Threads that ask a pool for a connection, and may wait for one that is given back.
        self._asking: set[int] = set()
        self._lock = threading.Lock()
        self._stopped = ""
        self._closed = ""

    @contextmanager
    def write(self, turn: Turn | None = None) -> Iterator[sa.Connection]:
        """A transaction that writes; whatever is raised inside takes all of it back.

        Where several may write at once, one at a time has the `turn`, to the end of its transaction.
        """
        if self._writing is None:
            raise StoreLocked(f"{self.name} was opened to be read; the process that runs the loop writes it.")
        one_writer = self._lock if self._kind.one_writer else nullcontext()
        with one_writer, self._told("is not written; nothing of this was taken"):
            if self._closed:
                raise Unreachable(self._closed)
            if self._stopped:
                raise StoreStopped(self._stopped)
            with self._begun(self._writing, turn) as connection:
                yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A short transaction that reads: a long one would let the write-ahead log grow without bound."""
        if self._closed:
            raise Unreachable(self._closed)
        with self._told("cannot be read"), self._begun(self._reading) as connection:
            yield connection

    @contextmanager
    def glance(self) -> Iterator[sa.Connection]:
        """For questions by `bulk`, each of which may see a moment of its own; of a file, no transaction."""
        if not self._kind.one_writer:  # whose connections may be broken, which the transaction would notice
            with self.read() as connection:
                yield connection
            return
        if self._closed:
            raise Unreachable(self._closed)
        with self._told("cannot be read"):
            connection = self._connection(self._reading)
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            self._keep(self._reading, connection)

    def alone(self, connection: sa.Connection) -> bool:
        """Whether no other process has the store open for writing."""
        return self._kind.alone(connection)

    def retried(self, work: Callable[[], _T]) -> _T:
        """Do work that is one transaction; again where the database broke it off because of another."""
        for attempt in range(TRIES - 1):
            try:
                return work()
            except Contended:
                self._kind.pause(attempt)
        return work()

    @property
    def driver(self) -> Any:
        """The driver's module, with its errors."""
        return self._reading.dialect.loaded_dbapi

    def own(self) -> sa.PoolProxiedConnection:
        """A connection that writes, for oneself and outside of any transaction."""
        if self._writing is None or self._closed:
            raise StoreLocked(self._closed or f"{self.name} was opened to be read.")
        return self._writing.raw_connection()

    def alone_on(self, work: Callable[[sa.Engine], _T]) -> _T:
        """Do work that is no transaction on the writing connection, while nobody of this process writes."""
        if self._writing is None:
            raise StoreLocked(f"{self.name} was opened to be read; the process that runs the loop writes it.")
        with self._lock, self._told("is not swept"):
            return work(self._writing)

    def close(self) -> None:
        """Close every connection; whoever comes later is refused, because the lock may be another's then."""
        with self._lock:
            self._closed = f"{self.name} is closed."
            for engine in self._idle:
                self._close_idle(engine)
                engine.dispose()

    @contextmanager
    def _begun(self, engine: sa.Engine, turn: Turn | None = None) -> Iterator[sa.Connection]:
        connection, transaction = self._begin(engine, turn)
        try:
            with transaction:
                yield connection
        except BaseException:
            connection.close()
            raise
        self._keep(engine, connection)

    def _keep(self, engine: sa.Engine, connection: sa.Connection) -> None:
        if self._asking or len(self._idle[engine]) >= RESTING:
            connection.close()
            return
        self._idle[engine].append(connection)
        if self._closed:
            self._close_idle(engine)

    def _close_idle(self, engine: sa.Engine) -> None:
        while idle := self._idle[engine]:
            with suppress(IndexError):  # somebody else took the last one
                idle.pop().close()

    def _begin(self, engine: sa.Engine, turn: Turn | None) -> tuple[sa.Connection, sa.RootTransaction]:
        for attempt in range(TRIES):
            connection: sa.Connection | None = None
            try:
                connection = self._connection(engine)
                if connection.get_execution_options().get("turn") != turn:
                    connection.execution_options(turn=turn)
                return connection, connection.begin()
            except BaseException as error:
                if connection is not None:
                    connection.close()
                self._close_idle(engine)
                # A pool holds connections that were cut meanwhile, and nothing was sent over this one yet.
                away = isinstance(error, sa.exc.DBAPIError) and self._kind.away(error)
                if not away or attempt == TRIES - 1:
                    raise
            self._kind.pause(attempt)
        raise AssertionError("the last attempt returns or raises")

    def _connection(self, engine: sa.Engine) -> sa.Connection:
        with suppress(IndexError):
            return self._idle[engine].pop()
        self._asking.add(threading.get_ident())
        try:
            return engine.connect()
        finally:
            self._asking.discard(threading.get_ident())

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except sa.exc.TimeoutError as error:
            raise Unreachable(f"{self.name} {what}: all connections are in use. Try again.") from error
        except sa.exc.DBAPIError as error:
            if self._kind.passing(error):
                raise Contended(f"{self.name} {what}: {self._kind.words(error)}.") from error
            if self._kind.fatal(error):
                # What the disk refused once it may report as written the next time, and lose.
                self._stopped = (
                    f"{self.name} is not written any more since its disk failed: {self._kind.words(error)}."
                )
            elif self._kind.ours(error):
                raise
            elif isinstance(error, sa.exc.DataError):
                raise ValueError(f"{self.name} cannot hold this: {self._kind.words(error)}.") from error
            if error.connection_invalidated:
                what = "lost the connection; whether this was taken, it says when it is sent again"
            told = StoreStopped if self._kind.fatal(error) else Unreachable
            raise told(f"{self.name} {what}: {self._kind.words(error)}.") from error
