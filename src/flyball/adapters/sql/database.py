"""The connections to one database: one that writes, behind a lock, and others that read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from flyball.errors import StoreLocked, Unreachable


class Database:
    """Transactions for the store. `fatal` says of an error that nothing may be written after it."""

    def __init__(
        self,
        name: str,
        writing: sa.Engine | None,
        reading: sa.Engine,
        fatal: Callable[[sa.exc.DBAPIError], bool],
    ) -> None:
        self.name = name
        self._writing = writing
        self._reading = reading
        self._fatal = fatal
        self._lock = threading.Lock()
        self._stopped = ""
        self._closed = ""

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that writes, one at a time; whatever is raised inside takes all of it back."""
        if self._writing is None:
            raise StoreLocked(f"{self.name} was opened to be read; the process that runs the loop writes it.")
        with self._lock, self._told("is not written; nothing of this was taken"):
            if why := self._closed or self._stopped:
                raise Unreachable(why)
            with self._writing.begin() as connection:
                yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A short transaction that reads: a long one would let the write-ahead log grow without bound."""
        if self._closed:
            raise Unreachable(self._closed)
        with self._told("cannot be read"), self._reading.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close every connection; whoever comes later is refused, because the lock may be another's then."""
        with self._lock:
            self._closed = f"{self.name} is closed."
            self._reading.dispose()
            if self._writing is not None:
                self._writing.dispose()

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except (sa.exc.ProgrammingError, sa.exc.IntegrityError):
            raise  # ours to mend
        except sa.exc.DBAPIError as error:
            if self._fatal(error):
                # What the disk refused once it may report as written the next time, and lose.
                self._stopped = f"{self.name} is not written any more since its disk failed: {error.orig}."
            raise Unreachable(f"{self.name} {what}: {error.orig}.") from error
