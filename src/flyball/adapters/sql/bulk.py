"""Many plain values at once: statements are compiled by SQLAlchemy, the values go to the driver as they are.

Types that need no conversion make this safe, and hundreds of values in each commit make it worth it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import sqlalchemy as sa
from sqlalchemy.sql.compiler import SQLCompiler

from flyball.core.table import Column

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
    statement = _compiled(_insertion(table, names), connection.dialect)
    if listed := [_bound(statement, names, row) for row in values]:
        connection.exec_driver_sql(statement.string, listed)


def among(
    connection: sa.Connection, column: sa.Column[Any], values: Sequence[Any], *more: sa.Column[Any]
) -> Iterator[sa.Row[Any]]:
    """`column`, and `more` beside it, of the rows whose `column` is one of these values."""
    for chunk in chunked(values):
        # Lengths are rounded up, so that few statements are compiled; to ask twice for one does no harm.
        size = 1 << (len(chunk) - 1).bit_length()
        names = _places(size)
        statement = _compiled(_question(column, more, names), connection.dialect)
        padded = (*chunk, *chunk[-1:] * (size - len(chunk)))
        yield from connection.exec_driver_sql(statement.string, _bound(statement, names, padded))


def columns(
    connection: sa.Connection, query: sa.Select[Any], values: Mapping[str, Any], dtypes: Sequence[Any]
) -> list[Column]:
    """What a query with these named values finds, column by column, past the rows that nobody needs."""
    statement = _compiled(query, connection.dialect)
    named = statement.construct_params(values)
    order = statement.positiontup
    bound: Any = named if order is None else tuple(named[name] for name in order)
    blocks: list[list[Column]] = [[np.empty(0, dtype=dtype)] for dtype in dtypes]
    cursor = connection.connection.cursor()
    try:
        cursor.execute(statement.string, bound)
        while part := cursor.fetchmany(_BLOCK):
            for column, dtype, found in zip(blocks, dtypes, zip(*part, strict=True), strict=True):
                column.append(np.array(found, dtype=dtype))
    finally:
        cursor.close()
    return [np.concatenate(column) for column in blocks]


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
