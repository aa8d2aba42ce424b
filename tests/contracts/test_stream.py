"""What every stream promises: the same items and labels, each once, whoever asks how often."""

from __future__ import annotations

import gzip
import math
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from tests.buckets import client, fresh_bucket, known_here, server
from tests.postgres import a_loop, by_hand, needed

from flyball.adapters.stream import OpenedStream, open_stream
from flyball.adapters.stream_columns import lay_out
from flyball.adapters.stream_lazy import LazyStream, LazyTruth
from flyball.core.ids import ItemId
from flyball.core.table import Table, stack
from flyball.ports import Stream
from flyball.settings import Settings, read

ROWS = 400
FREE = 30
KINDS = (
    "parquet",
    "csv",
    "frame",
    "rows",
    "tables",
    "slices",
    "s3 file",
    "s3 prefix",
    "sqlite",
    pytest.param("postgres", marks=pytest.mark.slow),
)
#: Hypothesis draws how a stream is read; the stream itself is the same for all draws.
same_stream = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@cache
def made() -> pd.DataFrame:
    """Items with ties in time, labels that become known late, early, never; numbers, text, gaps."""
    chance = np.random.default_rng(3)
    time = np.sort(chance.integers(0, 300, ROWS)).astype(float) + 1_700_000_000
    known = time + chance.exponential(40.0, ROWS).round() - 5.0
    known[chance.random(ROWS) < 0.2] = np.nan
    return pd.DataFrame(
        {
            "id": [f"i{number:04d}" for number in range(ROWS)],
            "t": time,
            "amount": np.where(chance.random(ROWS) < 0.1, np.nan, chance.normal(size=ROWS)),
            "country": chance.choice(np.array(["de", "fr", None], dtype=object), ROWS),
            "code": chance.integers(-1, 3, ROWS),
            "flag": chance.random(ROWS) < 0.5,
            "y": chance.integers(0, 2, ROWS),
            "known": known,
        }
    )


def _rows() -> Iterator[dict[Any, Any]]:
    yield from made().to_dict("records")


def _tables() -> Iterator[Table]:
    frame = made()
    for start in range(0, ROWS, 130):
        part = frame.iloc[start : start + 130]
        yield Table({str(name): part[name].to_numpy() for name in part.columns})


def described(source: str, directory: Path = Path(), **more: str) -> Settings:
    """As `loop.toml` would describe it; without a real clock, what can grow has an end."""
    stream = {
        "source": source,
        **more,
        "item": "id",
        "time": "t",
        "categories": ["code"],
        "missing": [-1],
        "label": "y",
        "label_time": "known",
    }
    clock = {"kind": "virtual"} if more or source.startswith("s3://") else {}
    return read({"id": "a-loop", "stream": stream, "start": {"labelled": FREE}, "clock": clock}, directory)


@dataclass(frozen=True)
class Opening:
    """Opens the same stream anew each time, as a process does that starts again."""

    source: str
    directory: Path = Path()
    query: str | None = None

    def __call__(self) -> OpenedStream:
        more = {} if self.query is None else {"query": self.query}
        return open_stream(described(self.source, self.directory, **more))


def _slices() -> OpenedStream:
    """A lazy stream that is read 40 rows at a time."""
    described_so = described("slices")
    layout, _, _ = lay_out(made(), described_so)

    def make() -> Iterator[pd.DataFrame]:
        return (made().iloc[start : start + 40] for start in range(0, ROWS, 40))

    start = float(made()["t"].iloc[FREE - 1])
    stream, truth = LazyStream(make, layout, FREE), LazyTruth(make, layout)
    return OpenedStream(stream, truth, ("0", "1"), start, None, ())


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """A bucket with the stream in one file, and in several of both kinds."""
    with pytest.MonkeyPatch.context() as patch:
        known_here(patch, server())
        name, frame = fresh_bucket(), made()
        parts = [frame.iloc[:130], frame.iloc[130:260], frame.iloc[260:]]
        for key, content in {
            "one/x.parquet": frame.to_parquet(),
            "many/2024-01.parquet": parts[0].to_parquet(),
            "many/2024-02/part.csv": parts[1].to_csv(index=False).encode(),
            "many/2024-03.csv.gz": gzip.compress(parts[2].to_csv(index=False).encode()),
            "many/": b"",
            "many/_SUCCESS": b"",
            "many-more/2024-01.parquet": parts[0].to_parquet(),
        }.items():
            client().put_object(Bucket=name, Key=key, Body=content)
        yield name


@pytest.fixture(scope="module")
def postgres_with_rows() -> Iterator[str]:
    """The URL of a database with the stream in a table, which the loop's own schema shields."""
    with a_loop() as schema, by_hand(needed(), schema) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        connection.execute(
            "CREATE TABLE payments (id text, t double precision, amount double precision, country text,"
            " code int, flag boolean, y int, known double precision)"
        )
        rows = made().astype(object).where(made().notna(), None).itertuples(index=False)
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO payments VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", list(rows))
        yield f"{needed()}{'&' if '?' in needed() else '?'}options=-csearch_path%3D{schema}"


@pytest.fixture(params=KINDS)
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], OpenedStream]]:
    module = ModuleType("made_for_the_stream_contract")
    module.__dict__.update(frame=made, rows=_rows, tables=_tables)
    sys.modules[module.__name__] = module
    match request.param:
        case "parquet":
            made().to_parquet(tmp_path / "x.parquet")
            yield Opening(str(tmp_path / "x.parquet"))
        case "csv":
            made().to_csv(tmp_path / "x.csv", index=False)
            yield Opening(str(tmp_path / "x.csv"))
        case "slices":
            yield _slices
        case "s3 file" | "s3 prefix":
            bucket: str = request.getfixturevalue("bucket")
            if request.param == "s3 file":
                yield Opening(f"s3://{bucket}/one/x.parquet", tmp_path)
            else:
                yield Opening(f"s3://{bucket}/many", tmp_path)
        case "sqlite":
            with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
                made().to_sql("payments", connection, index=False)
            yield Opening("sqlite:///x.db", tmp_path, "select * from payments")
        case "postgres":
            yield Opening(request.getfixturevalue("postgres_with_rows"), tmp_path, "select * from payments")
        case name:
            yield Opening(f"{module.__name__}:{name}")
    del sys.modules[module.__name__]


@pytest.fixture
def whole(opening: Callable[[], OpenedStream]) -> tuple[Table, Table]:
    return everything(opening().stream)


def everything(stream: Stream) -> tuple[Table, Table]:
    items, count = stream.arrivals(0, math.inf, 10**6)
    labels, known = stream.labels(0, math.inf, 10**6)
    assert stream.next_at(count, known) is None
    return items, labels


def same(one: Table, other: Table) -> bool:
    return one.names == other.names and all(
        pd.Series(one[name]).equals(pd.Series(other[name])) for name in one.names
    )


def test_every_source_gives_the_same_items_and_labels(opening: Callable[[], OpenedStream]) -> None:
    items, labels = everything(opening().stream)
    frame = made()
    assert items.names == ("item", "time", "amount", "country", "code", "flag")
    assert list(items["item"]) == list(frame["id"])
    assert items["time"].tolist() == frame["t"].tolist()
    assert np.array_equal(items["amount"], frame["amount"].to_numpy(), equal_nan=True)
    assert list(items["country"]) == [None if pd.isna(word) else word for word in frame["country"]]
    assert list(items["code"]) == [None if code == -1 else str(code) for code in frame["code"]]
    assert items["flag"].tolist() == frame["flag"].astype(float).tolist()
    assert len(labels) == FREE + int(frame["known"].iloc[FREE:].notna().sum())


def test_columns_have_the_kinds_that_tables_promise(opening: Callable[[], OpenedStream]) -> None:
    stream = opening().stream
    items, labels = everything(stream)
    assert {feature.name: feature.kind for feature in stream.features} == {
        "amount": "number",
        "country": "category",
        "code": "category",
        "flag": "number",
    }
    assert [items[name].dtype.kind for name in items.names] == ["O", "f", "f", "O", "O", "f"]
    assert [labels[name].dtype.kind for name in ("item", "label", "known_at")] == ["O", "O", "f"]
    assert set(labels["label"]) == {"0", "1"}


@same_stream
@given(steps=st.lists(st.tuples(st.integers(-20, 90), st.integers(1, 90)), max_size=40))
def test_it_does_not_matter_who_asks_when_and_for_how_many(
    opening: Callable[[], OpenedStream], whole: tuple[Table, Table], steps: list[tuple[int, int]]
) -> None:
    opened = opening()
    now, cursor, known = float(made()["t"].iloc[0]), 0, 0
    parts: list[tuple[Table, Table]] = []
    for step, limit in [*steps, (10**9, 10**6)]:
        now = max(now, now + step)
        items, cursor = opened.stream.arrivals(cursor, now, limit)
        labels, known = opened.stream.labels(known, now, limit)
        parts.append((items, labels))
    items, labels = whole
    assert same(stack([part for part, _ in parts]), items)
    assert same(stack([part for _, part in parts]), labels)


@same_stream
@given(cursor=st.integers(0, ROWS), known=st.integers(0, 300))
def test_a_process_that_starts_again_goes_on_where_the_last_one_was(
    opening: Callable[[], OpenedStream], whole: tuple[Table, Table], cursor: int, known: int
) -> None:
    items, labels = whole
    again = opening().stream
    next_at = again.next_at(cursor, known)
    rest, _ = again.arrivals(cursor, math.inf, 10**6)
    rest_known, _ = again.labels(known, math.inf, 10**6)
    assert same(rest, items.take(slice(cursor, None)))
    assert same(rest_known, labels.take(slice(known, None)))
    coming = [*rest["time"][:1], *rest_known["known_at"][:1]]
    assert next_at == min(coming, default=None)


def test_an_earlier_cursor_gives_the_same_again(opening: Callable[[], OpenedStream]) -> None:
    stream = opening().stream
    items, labels = everything(stream)
    assert same(stream.arrivals(0, math.inf, 10**6)[0], items)
    assert same(stream.labels(0, math.inf, 10**6)[0], labels)
    assert same(stream.arrivals(17, math.inf, 5)[0], items.take(slice(17, 22)))


def test_nothing_comes_before_its_time_and_what_is_due_comes(opening: Callable[[], OpenedStream]) -> None:
    stream = opening().stream
    now = float(made()["t"].iloc[100])
    items, cursor = stream.arrivals(0, now, 10**6)
    labels, known = stream.labels(0, now, 10**6)
    assert items["time"].max() <= now
    assert labels["known_at"].max() <= now
    next_at = stream.next_at(cursor, known)
    assert next_at is not None
    assert next_at > now
    assert len(stream.arrivals(cursor, next_at, 1)[0]) + len(stream.labels(known, next_at, 1)[0]) > 0


def test_where_nothing_has_come_the_answer_is_an_empty_table_of_the_same_columns(
    opening: Callable[[], OpenedStream],
) -> None:
    stream = opening().stream
    items, labels = everything(stream)
    for part, whole in ((stream.arrivals(3, 0.0, 10), items), (stream.labels(3, 0.0, 10), labels)):
        table, cursor = part
        assert (len(table), cursor, table.names) == (0, 3, whole.names)


def test_labels_come_in_order_once_for_each_item_and_not_before_it(
    opening: Callable[[], OpenedStream],
) -> None:
    items, labels = everything(opening().stream)
    came = dict(zip(items["item"], items["time"], strict=True))
    assert all(before <= after for before, after in pairwise(labels["known_at"]))
    assert len(set(labels["item"])) == len(labels)
    assert all(at >= came[item] for item, at in zip(labels["item"], labels["known_at"], strict=True))
    free = list(items["item"][:FREE])
    at_once = {item for item, at in zip(labels["item"], labels["known_at"], strict=True) if at == came[item]}
    assert set(free) <= at_once


def test_the_world_begins_when_the_free_labels_are_there(opening: Callable[[], OpenedStream]) -> None:
    opened = opening()
    items, _ = opened.stream.arrivals(0, opened.start, 10**6)
    labels, _ = opened.stream.labels(0, opened.start, 10**6)
    assert FREE <= len(items) < FREE + 5
    assert set(items["item"][:FREE]) <= set(labels["item"])


def test_the_truth_is_known_for_every_item_also_before_anything_was_read(
    opening: Callable[[], OpenedStream],
) -> None:
    opened = opening()
    assert opened.truth is not None
    assert opened.classes == ("0", "1")
    asked = [ItemId("i0399"), ItemId("i0000"), ItemId("nobody")]
    truth = made()["y"].astype(str)
    assert list(opened.truth.of(asked)) == [truth.iloc[399], truth.iloc[0], None]
