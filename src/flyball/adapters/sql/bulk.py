"""Many plain values at once: statements are compiled by SQLAlchemy, the values go to the driver as they are.

Types that need no conversion make this safe, and hundreds of values in each commit make it worth it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import sqlalchemy as sa
from sqlalchemy.sql.compiler import SQLCompiler

from flyball.core.table import Column

#: More rows than these are worth the longer preparation.
_FEW = 4
_T = TypeVar("_T")
#: So many values go into one question: every database takes that many.
CHUNK = 512
#: Rows that are turned into columns at a time: few, so that they are gone before the collector counts them.
_BLOCK = 2_000


def chunked(values: Iterable[_T]) -> Iterator[list[_T]]:
    """Lists of a length that one question may hold."""
    rest = iter(values)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def insert(
    connection: sa.Connection, table: sa.Table, names: tuple[str, ...], values: Iterable[tuple[Any, ...]]
) -> None:
    """Insert rows, given as tuples in the order of `names`, which is that of the table."""
    listed = list(values)
    if len(listed) > _FEW and connection.dialect.name == "postgresql":
        _copy(connection, table, names, listed)
    elif listed:
        statement = _compiled(_insertion(table, names), connection.dialect)
        bound = listed if statement.positional else [dict(zip(names, row, strict=True)) for row in listed]
        with cursor_of(connection) as cursor:
            cursor.executemany(statement.string, bound)


def _copy(
    connection: sa.Connection, table: sa.Table, names: tuple[str, ...], values: list[tuple[Any, ...]]
) -> None:
    """Rows as PostgreSQL takes them fastest; triggers and keys look at each as they do otherwise."""
    statement, types = _copying(table, names, connection.dialect)
    with cursor_of(connection) as cursor, cursor.copy(statement) as copy:
        copy.set_types(types)
        for row in values:
            copy.write_row(row)


@contextmanager
def cursor_of(connection: sa.Connection) -> Iterator[Any]:
    """The driver's own cursor; its errors become those that SQLAlchemy would raise.

    A statement through it costs a tenth of one through SQLAlchemy, which shows where a commit is small.
    """
    cursor = connection.connection.cursor()
    base = connection.dialect.loaded_dbapi.Error
    try:
        yield cursor
    except base as error:
        lost = connection.dialect.is_disconnect(error, connection.connection.dbapi_connection, None)
        if lost:
            connection.invalidate(error)
        raise sa.exc.DBAPIError.instance(None, None, error, base, connection_invalidated=lost) from error
    finally:
        cursor.close()


@cache
def _copying(table: sa.Table, names: tuple[str, ...], dialect: sa.Dialect) -> tuple[str, list[str]]:
    quoted = dialect.identifier_preparer.quote
    columns = ", ".join(map(quoted, names))
    types = [table.c[name].type.compile(dialect).partition(" COLLATE")[0].lower() for name in names]
    return f"COPY {quoted(table.name)} ({columns}) FROM STDIN (FORMAT BINARY)", types


def among(
    connection: sa.Connection, column: sa.Column[Any], values: Sequence[Any], *more: sa.Column[Any]
) -> list[tuple[Any, ...]]:
    """`column`, and `more` beside it, of the rows whose `column` is one of these values."""
    found: list[tuple[Any, ...]] = []
    for chunk in chunked(values):
        # Lengths are rounded up, so that few statements are compiled; to ask twice for one does no harm.
        size = 1 << (len(chunk) - 1).bit_length()
        names = _places(size)
        statement = _compiled(_question(column, more, names), connection.dialect)
        padded = (*chunk, *chunk[-1:] * (size - len(chunk)))
        with cursor_of(connection) as cursor:
            found += cursor.execute(statement.string, _bound(statement, names, padded)).fetchall()
    return found


def columns(
    connection: sa.Connection, query: sa.Select[Any], values: Mapping[str, Any], dtypes: Sequence[Any]
) -> list[Column]:
    """What a query with these named values finds, column by column, past the rows that nobody needs."""
    statement, bound = _asked(connection, query, values)
    blocks: list[list[Column]] = [[np.empty(0, dtype=dtype)] for dtype in dtypes]
    with cursor_of(connection) as cursor:
        cursor.execute(statement.string, bound)
        while part := cursor.fetchmany(_BLOCK):
            for column, dtype, found in zip(blocks, dtypes, zip(*part, strict=True), strict=True):
                column.append(np.array(found, dtype=dtype))
    return [np.concatenate(column) for column in blocks]


def rows(
    connection: sa.Connection, query: sa.Select[Any], values: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """What a query with these named values finds, as the driver's own tuples."""
    statement, bound = _asked(connection, query, values)
    with cursor_of(connection) as cursor:
        found: list[tuple[Any, ...]] = cursor.execute(statement.string, bound).fetchall()
    return found


@cache
def text_of(query: sa.Select[Any], dialect: sa.Dialect) -> str:
    """A query that takes no values, as the driver understands it."""
    return str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def _asked(
    connection: sa.Connection, query: sa.Select[Any], values: Mapping[str, Any]
) -> tuple[SQLCompiler, Any]:
    statement = _compiled(query, connection.dialect)
    named = statement.construct_params(values)
    order = statement.positiontup
    return statement, named if order is None else tuple(named[name] for name in order)


def _bound(statement: SQLCompiler, names: tuple[str, ...], values: tuple[Any, ...]) -> Any:
    return values if statement.positional else dict(zip(names, values, strict=True))


@cache
def _places(size: int) -> tuple[str, ...]:
    return tuple(f"p{place}" for place in range(size))


@cache
def _insertion(table: sa.Table, names: tuple[str, ...]) -> sa.Insert:
    return table.insert().values({name: sa.bindparam(name) for name in names})


@cache
def _question(
    column: sa.Column[Any], more: tuple[sa.Column[Any], ...], names: tuple[str, ...]
) -> sa.Select[Any]:
    return sa.select(column, *more).where(column.in_([sa.bindparam(name) for name in names]))


@lru_cache(maxsize=256)
def _compiled(statement: sa.Insert | sa.Select[Any], dialect: sa.Dialect) -> SQLCompiler:
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    return compiled
