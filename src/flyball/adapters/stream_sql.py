"""Streams from a query in a database: read in pages, in order of time and item, each row once.

A page goes on behind the last row of the one before it, so rows that are written later are found, and
none comes twice. Nothing is held open between pages.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import sqlalchemy as sa

from flyball.adapters.stream_columns import Layout, rows_of
from flyball.core.ids import Instant
from flyball.errors import BadFile, BadStream, Problem, Unreachable
from flyball.settings import Settings
from flyball.settings.places import without_password
from flyball.settings.values import near

#: How many rows are read at a time, and how long a database may take to answer.
PAGE, PATIENCE = 10_000, 5
_KNOWN = ("postgresql", "sqlite", "mysql", "mariadb", "mssql", "oracle")
#: What in a query would be taken for one of our own parameters, or for such a one that is escaped.
_COLON = re.compile(r"(?<![:\w\\]):(?=[\w$])|(?<=\\):(?!:)")
_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
#: Of PostgreSQL: no rights; and what begins the codes of mistakes in a statement, and in its values.
_RIGHTS, _MISTAKES = "42501", ("42", "22", "25", "0A", "3F")


class QueryRows:
    """The rows of the query, as frames.

    Rows without a time or an item are not there yet. Where the source `grows`, so are rows that are younger
    than `stream.late` on the clock `now`, and an empty frame says that there is nothing more for now.
    Raises Unreachable and goes on after it; BadStream with the database's own words for a wrong query.
    """

    def __init__(self, settings: Settings, now: Callable[[], Instant] | None, page: int = PAGE) -> None:
        self._settings = settings
        self._name = without_password(settings.stream.source)
        self._url = _url(settings)
        self._engine = _engine(self._url, settings)
        self._now = now
        self._most = page
        self._last: tuple[Any, Any] | None = None
        self._left = settings.stream.limit
        self._names: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return self

    def __next__(self) -> pd.DataFrame:
        """The next rows."""
        stream = self._settings.stream
        if self._left is not None and self._left <= 0:
            raise StopIteration
        rows, names = self._page()
        frame = pd.DataFrame(rows, columns=list(names))
        here = len(frame) if self._now is None else self._settled(frame, self._now() - stream.late)
        if not here and self._now is None:
            raise StopIteration
        if here:
            found = dict(zip(names, rows[here - 1], strict=True))
            self._last = found[str(stream.time)], found[str(stream.item)]
        # The page may end between two rows that are alike, so that they are one wherever it ends.
        given = frame.iloc[:here].drop_duplicates([stream.time, stream.item]).iloc[: self._left]
        self._left = None if self._left is None else self._left - len(given)
        return given

    def _page(self) -> tuple[list[tuple[Any, ...]], tuple[str, ...]]:
        stream = self._settings.stream
        rows = (
            sa.text(_COLON.sub(r"\:", f"{str(stream.query).rstrip().rstrip(';')}\n")).columns().subquery("q")
        )
        time: sa.ColumnClause[Any] = sa.column(str(stream.time))
        item: sa.ColumnClause[Any] = sa.column(str(stream.item))
        wanted = sa.select(sa.text("*")).select_from(rows).where(time.is_not(None), item.is_not(None))
        if self._last is not None:
            then, there = (sa.bindparam(None, each, type_=sa.types.NullType()) for each in self._last)
            wanted = wanted.where(sa.or_(time > then, sa.and_(time == then, item > there)))
        with self._told(), self._engine.connect() as connection:
            if self._url.get_backend_name() == "postgresql":
                connection = connection.execution_options(postgresql_readonly=True)
                connection.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")
            if not self._names:
                none = sa.select(sa.text("*")).select_from(rows).where(sa.text("1 = 0"))
                self._names = self._checked(tuple(connection.execute(none).keys()))
            found = connection.execute(wanted.order_by(time, item).limit(self._most)).all()
        return [tuple(row) for row in found], self._names

    def _checked(self, names: tuple[str, ...]) -> tuple[str, ...]:
        for key in ("time", "item"):
            wanted = str(getattr(self._settings.stream, key))
            if wanted not in names:
                raise BadStream(f"the query gives no column `{wanted}` (stream.{key}); {near(wanted, names)}")
        return names

    def _settled(self, frame: pd.DataFrame, until: Instant) -> int:
        """How many of these rows are old enough that none can come before them any more."""
        problems: list[Problem] = []
        layout = Layout(self._settings, ())
        times = rows_of(frame.reindex(columns=layout.columns), layout, 0, problems).items["time"]
        return len(frame) if problems else int(np.searchsorted(times, until, side="right"))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            said = self._words(error)
            if _is_mistake(error):
                raise BadStream(f"{self._name} refuses `stream.query`: {said}") from None
            if _code(error) == _RIGHTS:
                raise Unreachable(f"{self._name} may not be read: {said}.") from None
            raise Unreachable(f"{self._name} cannot be read: {said}.") from None
        except sa.exc.SQLAlchemyError as error:
            raise Unreachable(f"{self._name} cannot be read: {self._words(error)}.") from None

    def _words(self, error: sa.exc.SQLAlchemyError) -> str:
        """What the database says, with nothing in it that is secret."""
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        diagnosis = getattr(cause, "diag", None)
        parts = [getattr(diagnosis, "message_primary", None) or str(cause)]
        parts += [hint] if (hint := getattr(diagnosis, "message_hint", None)) else []
        said = " ".join(" ".join(parts).split()).rstrip(".")
        password = self._url.password
        return said.replace(password, "***") if password else said


def _is_mistake(error: sa.exc.DBAPIError) -> bool:
    """Whether the query is wrong, and not its database away."""
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorname", "") in (
            "SQLITE_ERROR",
            "SQLITE_MISMATCH",
            "SQLITE_RANGE",
        )
    if code := _code(error):
        return code != _RIGHTS and code.startswith(_MISTAKES)
    return isinstance(error, sa.exc.ProgrammingError | sa.exc.DataError)


def _code(error: sa.exc.DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _url(settings: Settings) -> sa.URL:
    """The database, with what the environment holds in place of `$NAME`. Raises BadFile."""

    def problem(message: str) -> BadFile:
        return BadFile([settings.places.problem("L211", "stream.source", message)])

    def filled(written: str | None) -> str | None:
        for name in _VARIABLE.findall(written or ""):
            if name not in os.environ:
                raise problem(f"the environment has no {name}, which `stream.source` names")
        return None if written is None else _VARIABLE.sub(lambda found: os.environ[found[1]], written)

    scheme = settings.stream.source.partition("://")[0]
    try:
        url = sa.make_url(settings.stream.source)
        url.get_dialect()
    except sa.exc.NoSuchModuleError:
        message = f"there is no kind of source `{scheme}://`; {near(scheme, ('s3', *_KNOWN))}"
        raise problem(message) from None
    except (sa.exc.ArgumentError, ValueError):
        message = f"this is no URL of a database; write {scheme}://USER@HOST/DATABASE"
        raise problem(message) from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    return url.set(username=filled(url.username), password=filled(url.password))


def _engine(url: sa.URL, settings: Settings) -> sa.Engine:
    if url.get_backend_name() == "sqlite":
        path = settings.path(url.database or "")
        if not path.is_file():
            message = f"there is no database {url.database or 'in memory'}"
            raise BadFile([settings.places.problem("L201", "stream.source", message)])

        def connect() -> sqlite3.Connection:
            # Read only: a name with a slip in it must not make a new database.
            where = f"file:{quote(str(path.resolve()))}?mode=ro"
            return sqlite3.connect(where, uri=True, timeout=PATIENCE, check_same_thread=False)

        return sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool)
    options = {"connect_timeout": PATIENCE} if url.get_backend_name() == "postgresql" else {}
    try:
        return sa.create_engine(url, connect_args=options, poolclass=sa.NullPool)
    except ModuleNotFoundError as error:
        message = f"{url.drivername} needs the module {error.name}, which is not installed"
        raise BadFile([settings.places.problem("L211", "stream.source", message)]) from error
