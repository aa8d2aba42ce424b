"""Streams from a query: every row once, whoever writes it when, and the database's own words for trouble."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from sqlalchemy import make_url
from tests.buckets import SECRET
from tests.postgres import a_loop, by_hand, needed

from flyball.adapters.stream import OpenedStream, open_stream
from flyball.adapters.stream_sql import QueryRows
from flyball.core.table import Table
from flyball.errors import BadFile, BadStream, Unreachable
from flyball.settings import Settings, read
from flyball.settings.places import Places

QUERY = "select * from payments"


class Shop:
    """A database of payments."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.do("create table payments (id text, t real, amount real)")

    def do(self, statement: str, *rows: tuple[Any, ...]) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            if rows:
                connection.executemany(statement, rows)
            else:
                connection.execute(statement)

    def pay(self, *rows: tuple[str, float | None]) -> None:
        if rows:
            self.do("insert into payments values (?, ?, 1.5)", *rows)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop.db")


def described(
    directory: Path, clock: str = "virtual", places: Places | None = None, **stream: Any
) -> Settings:
    stream = {
        "source": "sqlite:///shop.db",
        "query": QUERY,
        "item": "id",
        "time": "t",
        "every": "20ms",
        "late": "10s",
        **stream,
    }
    return read({"id": "a", "stream": stream, "clock": {"kind": clock}}, directory, places)


def items(opened: OpenedStream) -> Table:
    return opened.stream.arrivals(0, math.inf, 10**9)[0]


def names(table: Table) -> list[str]:
    return [str(item) for item in table["item"]] if len(table) else []


# --- each row once


def test_rows_come_in_order_of_time_and_item_whatever_the_order_in_the_table(shop: Shop) -> None:
    shop.pay(("c", 2.0), ("b", 1.0), ("a", 2.0), ("d", 0.5))
    assert names(items(open_stream(described(shop.path.parent)))) == ["d", "b", "a", "c"]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(st.lists(st.integers(0, 3), max_size=9), max_size=6),
    page=st.integers(1, 5),
)
def test_wherever_pages_end_and_whenever_rows_are_written_none_is_lost_and_none_comes_twice(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]], page: int
) -> None:
    shop = Shop(tmp_path_factory.mktemp("shop") / "shop.db")
    now = 0.0
    rows = QueryRows(described(shop.path.parent), lambda: now, page)
    told: list[str] = []
    written: list[tuple[float, str]] = []
    for number, steps in enumerate(batches):
        new = [(number * 10.0 + step, f"{len(written) + row:03d}") for row, step in enumerate(steps)]
        written += new
        shop.pay(*[(item, at) for at, item in reversed(new)])
        for _ in range(3):
            told += list(next(rows)["id"])
        now += 10.0
    now += 10.0
    while len(frame := next(rows)):
        told += list(frame["id"])
    assert told == [item for _, item in sorted(written)]
    again = QueryRows(described(shop.path.parent), None, page + 1)
    assert [item for frame in again for item in frame["id"]] == told


def test_rows_that_are_younger_than_late_wait_for_those_that_may_still_come_before_them(shop: Shop) -> None:
    now = 100.0
    shop.pay(("a", 80.0), ("c", 95.0))
    rows = QueryRows(described(shop.path.parent), lambda: now)
    assert list(next(rows)["id"]) == ["a"]
    assert not len(next(rows))
    shop.pay(("b", 94.0))
    now = 105.0
    assert list(next(rows)["id"]) == ["b", "c"]


def test_a_row_without_a_time_is_not_there_yet(shop: Shop) -> None:
    shop.pay(("a", 1.0), ("b", None))
    rows = QueryRows(described(shop.path.parent), lambda: 1000.0)
    assert list(next(rows)["id"]) == ["a"]
    shop.do("update payments set t = 2.0 where id = 'b'")
    assert list(next(rows)["id"]) == ["b"]


def test_the_same_row_twice_is_one_wherever_a_page_ends(shop: Shop) -> None:
    shop.pay(("a", 1.0), ("a", 1.0), ("b", 1.0), ("b", 1.0), ("a", 2.0))
    for page in range(1, 6):
        rows = QueryRows(described(shop.path.parent), None, page)
        assert [item for frame in rows for item in frame["id"]] == ["a", "b", "a"]


def test_rows_that_are_written_while_the_loop_runs_arrive(shop: Shop) -> None:
    shop.pay(("a", 1.0))
    stream = open_stream(described(shop.path.parent, "real")).stream
    assert names(stream.arrivals(0, math.inf, 10)[0]) == ["a"]
    shop.pay(("b", 2.0), ("c", 3.0))
    end = time.monotonic() + 20
    came: list[str] = []
    while len(came) < 2 and time.monotonic() < end:
        came += names(stream.arrivals(1 + len(came), math.inf, 10)[0])
    assert came == ["b", "c"]
    assert stream.next_at(3, 0) is not None


def test_a_database_that_goes_away_is_said_and_when_it_is_back_nothing_is_lost(shop: Shop) -> None:
    shop.pay(("a", 1.0))
    rows = QueryRows(described(shop.path.parent), lambda: 1000.0)
    assert list(next(rows)["id"]) == ["a"]
    shop.pay(("b", 2.0))
    away = shop.path.rename(shop.path.with_name("away.db"))
    for _ in range(2):
        with pytest.raises(Unreachable, match="cannot be read: unable to open database file"):
            next(rows)
    away.rename(shop.path)
    assert list(next(rows)["id"]) == ["b"]


# --- any query, any value


@pytest.mark.parametrize(
    "query",
    [
        "select id, t, amount from payments;",
        "select * from payments -- all of them",
        "with these as (select * from payments) select * from these",
        "select id, t, amount, ':name' as said, '12:30' as at from payments where id not like 'x%'",
        "select id || '?' as id, t, 10 % 3 as amount, 'a\\:b' as said from payments",
        "select id, cast(t as real) as t, count(*) as amount from payments group by id, t order by t desc",
    ],
)
def test_any_select_will_do(shop: Shop, query: str) -> None:
    shop.pay(("a", 1.0), ("b", 2.0), ("x", 3.0))
    table = items(open_stream(described(shop.path.parent, query=query)))
    assert [name.rstrip("?") for name in names(table)][:2] == ["a", "b"]
    assert query.count("said") == 0 or set(table["said"]) <= {":name", "a\\:b"}


def test_a_limit_is_one_over_all_pages(shop: Shop) -> None:
    shop.pay(*[(f"{row:02d}", float(row)) for row in range(20)])
    rows = QueryRows(described(shop.path.parent, limit=7), None, 3)
    assert sum(map(len, rows)) == 7


def test_a_column_that_is_empty_at_first_a_label_and_times_as_dates(shop: Shop) -> None:
    shop.do("create table more (id integer, at text, known text, fraud, amount)")
    day = "2024-01-0{} 10:00:00+02:00"
    shop.do(
        "insert into more values (?, ?, ?, ?, ?)",
        (1, day.format(1), None, None, None),
        (2, day.format(2), day.format(4), 1, "3.50"),
        (3, day.format(3), None, 0, None),
    )
    more: dict[str, Any] = {
        "query": "select * from more",
        "time": "at",
        "unit": "iso",
        "label": "fraud",
        "label_time": "known",
    }
    opened = open_stream(described(shop.path.parent, **more))
    assert items(opened)["time"][0] == pd.Timestamp("2024-01-01T08:00Z").timestamp()
    labels, _ = opened.stream.labels(0, math.inf, 10)
    assert list(labels["item"]) == ["2"]
    assert opened.classes == ("0", "1")


# --- what is wrong


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        ({"query": "select * from paiments"}, "refuses `stream.query`: no such table: paiments"),
        ({"query": "selekt 1"}, "refuses `stream.query`: near"),
        ({"query": "select id, amount from payments"}, "the query gives no column `t` (stream.time)"),
        ({"item": "idd"}, "no column `idd` (stream.item); did you mean `id`?"),
        ({"query": "delete from payments returning *"}, "refuses `stream.query`"),
        ({"query": "select * from payments where t > 99"}, "sqlite:///shop.db has no rows"),
        ({"source": "sqlite:///shpo.db"}, "there is no database shpo.db"),
        ({"source": "sqlite://"}, "there is no database in memory"),
        (
            {"source": "postgrseql://host/shop"},
            "no kind of source `postgrseql://`; did you mean `postgresql`?",
        ),
        ({"source": "mysql://host/shop"}, "needs the module MySQLdb, which is not installed"),
        ({"source": "postgresql://host:port/shop"}, "this is no URL of a database"),
        ({"source": "postgresql://me:$NO_SUCH@host/shop"}, "the environment has no NO_SUCH"),
        ({"unit": "rows", "row_lasts": "1s"}, 'unit = "rows" needs rows that have an order'),
        ({"item": None}, "`stream.item` is missing"),
        ({"query": None}, "`stream.query` is missing"),
        ({"source": "shop.csv"}, "`query` needs a database's URL"),
        ({"source": "s3://a/b"}, "the name of a bucket is 3 to 63"),
    ],
)
def test_what_is_wrong_is_a_sentence(shop: Shop, stream: dict[str, Any], said: str) -> None:
    shop.pay(("a", 1.0))
    given: dict[str, Any] = {key: value for key, value in stream.items() if value is not None}
    with pytest.raises((BadFile, BadStream)) as refused:
        written = described(shop.path.parent, **given)
        absent = [key for key, value in stream.items() if value is None]
        if absent:
            section = {key: value for key, value in written.written["stream"].items() if key not in absent}
            written = read({"id": "a", "stream": section}, shop.path.parent)
        open_stream(written)
    assert said in str(refused.value)


def test_a_password_is_never_shown_and_may_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = SECRET.replace("/", "")
    monkeypatch.setenv("SHOP_PASSWORD", password)
    for written in (password, "$SHOP_PASSWORD"):
        url = f"postgresql://me:{written}@127.0.0.1:1/shop"
        lines = ("[stream]", f'source = "{url}"')
        places = Places("loop.toml", lines, {"stream.source": (2, 1, 6)})
        with pytest.raises(Unreachable) as refused:
            open_stream(described(tmp_path, source=url, places=places))
        assert str(refused.value).startswith("postgresql://me:***@127.0.0.1:1/shop cannot be read:")
        assert password not in str(refused.value)
        assert password not in str(places.problem("L201", "stream.source", "so it is"))


# --- PostgreSQL


@pytest.fixture
def postgres() -> Iterator[tuple[str, Callable[[str], object]]]:
    """The URL of a database, and what runs a statement in it."""
    with a_loop() as schema, by_hand(needed(), schema) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        joined = "&" if "?" in needed() else "?"
        yield (
            f"{needed()}{joined}options=-csearch_path%3D{schema}",
            lambda statement: connection.execute(statement.encode()),
        )


@pytest.mark.slow
def test_every_kind_of_value_of_postgresql_becomes_what_a_stream_may_hold(
    tmp_path: Path, postgres: tuple[str, Callable[[str], object]]
) -> None:
    url, do = postgres
    do("create type place as enum ('shop', 'web')")
    do(
        "create table paid (id uuid, at timestamptz, amount numeric(10,2), part real, flag boolean,"
        " note varchar(9), place place, count bigint, day date, said jsonb)"
    )
    one, two, three = (f"00000000-0000-0000-0000-00000000000{number}" for number in (1, 2, 3))
    do(
        f"insert into paid values ('{two}', '2024-03-31 03:30+02', 3.50, 'NaN', true, null, 'web', null,"
        f" '2024-01-01', '{{}}'), ('{one}', '2024-03-31 01:30+00', null, 0.5, null, 'a%:b', 'shop', 4, null,"
        f" null), ('{three}', '2024-03-31 01:29:59.5+00', 1e3, null, false, '', null, 5, null, null)"
    )
    given: dict[str, Any] = {"source": url, "query": "select * from paid;", "time": "at", "unit": "iso"}
    opened = open_stream(described(tmp_path, **given))
    table = items(opened)
    assert names(table) == [three, one, two], "in order of time, then of item"
    assert table["time"].tolist() == [1711848599.5, 1711848600.0, 1711848600.0]
    kinds = {feature.name: feature.kind for feature in opened.stream.features}
    assert kinds == {
        "amount": "number",
        "part": "number",
        "flag": "number",
        "note": "category",
        "place": "category",
        "count": "number",
    }
    assert table["amount"].tolist() == pytest.approx([1000.0, math.nan, 3.5], nan_ok=True)
    assert table["flag"].tolist() == pytest.approx([0.0, math.nan, 1.0], nan_ok=True)
    assert list(table["note"]) == ["", "a%:b", None]
    assert list(table["place"]) == [None, "shop", "web"]
    assert any("day is left out" in note for note in opened.notes)
    for page in (1, 2):
        paged = QueryRows(described(tmp_path, **given), None, page)
        assert [str(item) for frame in paged for item in frame["id"]] == names(table)


@pytest.mark.slow
def test_a_password_is_not_shown_in_the_words_of_the_database_either(
    tmp_path: Path, postgres: tuple[str, Callable[[str], object]]
) -> None:
    url, do = postgres
    do("create table paid (id text, t text)")
    given = make_url(url).set(password="swordfish").render_as_string(hide_password=False)
    query = "select 'swordfish'::int as id, t from paid"
    with pytest.raises(BadStream, match=r"invalid input syntax for type integer: \"\*\*\*\"") as refused:
        open_stream(described(tmp_path, source=given, query=query))
    assert "swordfish" not in str(refused.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("select * from nowhere", 'refuses `stream.query`: relation "nowhere" does not exist'),
        ("select id, nextval('once') as t from paid", "cannot execute nextval() in a read-only transaction"),
        ("select id, amount / 0 as t from paid", "refuses `stream.query`: division by zero"),
        ("select 1 as id, pg_sleep(0) as t, * from pg_authid", "permission denied"),
    ],
)
def test_postgresql_says_in_its_own_words_what_is_wrong_with_a_query(
    tmp_path: Path, postgres: tuple[str, Callable[[str], object]], query: str, said: str
) -> None:
    url, do = postgres
    do("create table paid (id text, amount int)")
    do("insert into paid values ('a', 1)")
    do("create sequence once")
    role = f"reader_{url.rpartition('-')[2]}"
    do(f"create role {role}")
    if "authid" in query:
        url += f" -crole={role}"
    try:
        with pytest.raises((BadStream, Unreachable)) as refused:
            open_stream(described(tmp_path, source=url, query=query))
        assert said in str(refused.value)
    finally:
        do(f"drop role {role}")
