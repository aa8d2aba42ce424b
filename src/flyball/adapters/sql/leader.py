"""Of all processes that have a loop open on PostgreSQL, the one that decides, and those that serve it."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from flyball.adapters.sql.database import TRIES, Database


class Leader:
    """Holds a lock of the database for as long as its connection lives: whoever is killed lets go of it."""

    def __init__(self, database: Database, first: int, second: int) -> None:
        """The lock's two numbers: who is to hold it alone has the same ones as the others."""
        self._database = database
        self._numbers = f"{first}, {second}"
        self._connection: sa.PoolProxiedConnection | None = None
        self._lock = threading.Lock()

    def leads(self) -> bool:
        """Whether this process has it; where nobody does, it does from now on. False where it cannot ask."""
        with self._lock:
            for _ in range(TRIES):
                try:
                    return self._holds() or self._takes()
                except sa.exc.SQLAlchemyError:  # nobody is there
                    return False
                except self._database.driver.Error:
                    # A pool holds connections that were cut meanwhile; the next one may be whole.
                    self._drop()
            return False

    def close(self) -> None:
        """Let another have it, at once: of a connection that ends, the database hears in its own time."""
        with self._lock:
            if self._connection is not None:
                with suppress(self._database.driver.Error):
                    self._asked(f"SELECT pg_advisory_unlock({self._numbers})")
            self._drop()

    def _holds(self) -> bool:
        # The lock went with the connection if that was cut, and it tells only when it is used.
        return self._connection is not None and self._asked("SELECT true")

    def _takes(self) -> bool:
        self._connection = self._database.own()
        if not self._asked(f"SELECT pg_try_advisory_lock({self._numbers})"):
            self._connection.close()
            self._connection = None
        return self._connection is not None

    def _asked(self, question: str) -> bool:
        assert self._connection is not None
        cursor: Any = self._connection.cursor()
        try:
            return bool(cursor.execute(question).fetchone()[0])
        finally:
            cursor.close()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # Back in the pool, it would keep the lock.
            connection.invalidate()
