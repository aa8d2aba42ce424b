"""Streams from S3: files that come later, late, changed or not at all; and a server that goes away."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.buckets import SECRET, Proxy, a_proxy, client, fresh_bucket, known_here

from flyball.adapters.stream import OpenedStream, open_stream
from flyball.core.table import Table, stack
from flyball.errors import BadFile, BadStream, Unreachable
from flyball.settings import read

HOUR = 3600.0


@pytest.fixture(scope="module")
def running() -> Iterator[Proxy]:
    with pytest.MonkeyPatch.context() as patch, a_proxy() as started:
        known_here(patch, started.url)
        yield started


@pytest.fixture
def proxy(running: Proxy) -> Iterator[Proxy]:
    yield running
    running.faults.clear()
    running.away = False
    running.open.set()


@pytest.fixture
def bucket(proxy: Proxy) -> str:
    return fresh_bucket()


def hour(number: int, rows: int = 10) -> pd.DataFrame:
    """The payments of one hour."""
    times = [number * HOUR + row * HOUR / rows for row in range(rows)]
    return pd.DataFrame({"id": [f"{at:.0f}" for at in times], "t": times, "amount": times, "y": "ok"})


def put(bucket: str, key: str, frame: pd.DataFrame) -> None:
    file = io.BytesIO()
    if key.endswith(".parquet"):
        frame.to_parquet(file)
    else:
        frame.to_csv(file, index=False)
    client().put_object(Bucket=bucket, Key=key, Body=file.getvalue())


def opened(directory: Path, source: str, clock: str = "real", **stream: Any) -> OpenedStream:
    described = {"source": source, "item": "id", "time": "t", "every": "30ms", **stream}
    return open_stream(read({"id": "a", "stream": described, "clock": {"kind": clock}}, directory))


class Taker:
    """Takes what comes, as the loop does."""

    def __init__(self, stream: OpenedStream, cursor: int = 0) -> None:
        self.stream = stream.stream
        self.cursor = cursor
        self.taken: list[Table] = []

    def take(self) -> None:
        items, self.cursor = self.stream.arrivals(self.cursor, math.inf, 10**6)
        self.taken.append(items)

    def until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + 20
        while not done():
            assert time.monotonic() < end, f"{self.cursor} rows came in time"
            self.take()
            time.sleep(0.01)

    @property
    def items(self) -> list[str]:
        return [str(item) for table in self.taken for item in (table["item"] if len(table) else ())]


def ids(*frames: pd.DataFrame) -> list[str]:
    return [each for frame in frames for each in frame["id"]]


def test_files_that_come_while_the_loop_runs_are_new_arrivals(tmp_path: Path, bucket: str) -> None:
    put(bucket, "in/10.csv", hour(10))
    taker = Taker(opened(tmp_path, f"s3://{bucket}/in"))
    taker.until(lambda: taker.cursor == 10)
    assert taker.stream.next_at(10, 0) is not None
    put(bucket, "in/11.parquet", hour(11))
    put(bucket, "in/12.csv", hour(12))
    taker.until(lambda: taker.cursor == 30)
    taker.take()
    assert taker.items == ids(hour(10), hour(11), hour(12))


def test_a_label_becomes_known_once_a_later_row_is_there(tmp_path: Path, bucket: str) -> None:
    known = 11 * HOUR + 60
    put(bucket, "in/10.csv", hour(10).assign(known=[math.nan] * 9 + [known]))
    taker = Taker(opened(tmp_path, f"s3://{bucket}/in", label="y", label_time="known"))
    taker.until(lambda: taker.cursor == 10)
    assert not len(taker.stream.labels(0, math.inf, 10)[0])
    coming = taker.stream.next_at(10, 0)
    assert coming is not None
    assert coming > known, "the lane is not woken for what cannot be given yet"
    put(bucket, "in/11.csv", hour(11).assign(known=math.nan))
    taker.until(lambda: taker.cursor == 20)
    assert taker.stream.labels(0, math.inf, 10)[0]["known_at"].tolist() == [known]


def test_on_a_virtual_clock_a_prefix_ends_and_what_came_by_then_is_taken(tmp_path: Path, bucket: str) -> None:
    put(bucket, "in/10.csv", hour(10))
    taker = Taker(opened(tmp_path, f"s3://{bucket}/in", "virtual"))
    taker.stream.arrivals(0, 10 * HOUR, 1)
    put(bucket, "in/11.csv", hour(11))
    taker.take()
    assert taker.items == ids(hour(10), hour(11))
    assert taker.stream.next_at(20, 0) is None


def test_a_file_that_comes_late_is_taken_last_also_after_a_restart(tmp_path: Path, bucket: str) -> None:
    for number in (10, 12):
        put(bucket, f"in/{number}.csv", hour(number))
    taker = Taker(opened(tmp_path, f"s3://{bucket}/in"))
    taker.until(lambda: taker.cursor == 20)
    put(bucket, "in/11.csv", hour(11))
    again = Taker(opened(tmp_path, f"s3://{bucket}/in"), cursor=15)
    again.until(lambda: again.cursor == 30)
    taker.until(lambda: taker.cursor == 30)
    assert taker.items == ids(hour(10), hour(12), hour(11))
    assert again.items == taker.items[15:]
    times = stack([each for each in taker.taken if len(each)])["time"]
    assert set(times[20:]) == {times[19]}, "they came when they were found"


def test_without_the_ledger_a_late_file_is_no_longer_taken_for_one_in_its_place(
    tmp_path: Path, bucket: str
) -> None:
    put(bucket, "in/2.csv", hour(11))
    put(bucket, "in/10.csv", hour(10))
    put(bucket, "in/3.csv", hour(9))
    with pytest.raises(BadStream, match=r"in/3\.csv begins at 1970-01-01T09:00:00Z, and the file before it"):
        opened(tmp_path, f"s3://{bucket}/in")


def test_files_may_overlap(tmp_path: Path, bucket: str) -> None:
    put(bucket, "in/1.csv", hour(10))
    put(bucket, "in/2.csv", hour(10).assign(id=[f"b{row}" for row in range(10)]))
    taker = Taker(opened(tmp_path, f"s3://{bucket}/in", "virtual"))
    taker.take()
    assert taker.cursor == 20
    assert taker.taken[0]["time"].tolist() == [*hour(10)["t"], *[hour(10)["t"].iloc[-1]] * 10]


def test_after_a_restart_nothing_is_fetched_again(tmp_path: Path, bucket: str, proxy: Proxy) -> None:
    for number in range(10, 13):
        put(bucket, f"in/{number}.csv", hour(number))
    Taker(opened(tmp_path, f"s3://{bucket}/in", "virtual")).take()
    proxy.asked.clear()
    taker = Taker(opened(tmp_path, f"s3://{bucket}/in", "virtual"))
    taker.take()
    assert taker.cursor == 30
    assert [each for each in proxy.asked if "in/1" in each.partition("?")[0]] == []


def test_a_body_that_breaks_off_is_never_half_a_file(tmp_path: Path, bucket: str, proxy: Proxy) -> None:
    put(bucket, "in/10.csv", hour(10, rows=5000))
    proxy.faults.extend(["", "cut", "cut", "500"])
    taker = Taker(opened(tmp_path, f"s3://{bucket}/in", "virtual"))
    taker.take()
    assert taker.items == ids(hour(10, rows=5000))
    assert list((tmp_path / "cache").glob(".new-*")) == []


def test_a_file_of_any_size_is_read_some_rows_at_a_time(tmp_path: Path, bucket: str) -> None:
    for ending in ("csv", "parquet"):
        put(bucket, f"{ending}/1.{ending}", hour(10, rows=25_000))
        stream = opened(tmp_path, f"s3://{bucket}/{ending}", "virtual").stream
        assert len(stream.arrivals(0, math.inf, 10)[0]) == 10
        assert stream._buffered == 10_000  # type: ignore[attr-defined]


def test_a_limit_holds_across_files(tmp_path: Path, bucket: str) -> None:
    for number in range(10, 13):
        put(bucket, f"in/{number}.csv", hour(number))
    taker = Taker(opened(tmp_path, f"s3://{bucket}/in", limit=14))
    taker.until(lambda: taker.cursor == 14)
    assert taker.stream.next_at(14, 0) is None
    assert taker.items == ids(hour(10), hour(11))[:14]


def test_a_server_that_goes_away_is_said_holds_nobody_up_and_when_it_is_back_nothing_is_lost(
    tmp_path: Path, bucket: str, proxy: Proxy
) -> None:
    put(bucket, "in/10.csv", hour(10))
    taker = Taker(opened(tmp_path, f"s3://{bucket}/in"))
    taker.until(lambda: taker.cursor == 10)
    taker.until(lambda: taker.stream._caught_up)  # type: ignore[attr-defined]

    proxy.open.clear()
    put(bucket, "in/11.csv", hour(11))
    begin = time.monotonic()
    for _ in range(50):
        taker.stream.next_at(taker.cursor, 0)
        taker.take()
    assert time.monotonic() - begin < 1.0, "nobody waits for the server"
    proxy.away = True
    proxy.open.set()
    end = time.monotonic() + 20
    with pytest.raises(Unreachable, match="cannot be") as refused:
        while time.monotonic() < end:
            taker.take()
            time.sleep(0.01)
    assert SECRET not in str(refused.value)
    coming = taker.stream.next_at(taker.cursor, 0)
    assert coming is not None
    assert coming <= time.time()  # noqa: TID251
    proxy.away = False
    while taker.cursor < 20 and time.monotonic() < end:
        try:
            taker.take()
        except Unreachable:
            time.sleep(0.05)
    assert taker.items == ids(hour(10), hour(11))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda bucket: put(bucket, "in/10.csv", hour(10, rows=12)), "in/10.csv was changed since it was"),
        (lambda bucket: client().delete_object(Bucket=bucket, Key="in/10.csv"), "in/10.csv is gone"),
        (lambda bucket: put(bucket, "in/11.csv", hour(11).drop(columns="amount")), "no column `amount`"),
        (lambda bucket: put(bucket, "in/11.csv", hour(11)[::-1]), "in/11.csv is not in order of `t`: row 2"),
        (
            lambda bucket: client().put_object(Bucket=bucket, Key="in/11.parquet", Body=b"no parquet"),
            "in/11.parquet cannot be read",
        ),
        (
            lambda bucket: client().put_object(
                Bucket=bucket, Key="in/11.csv", Body="id,t\nä,1".encode("latin1")
            ),
            "in/11.csv is not UTF-8",
        ),
    ],
    ids=["changed", "gone", "a column less", "not in order", "no Parquet", "no UTF-8"],
)
def test_what_is_wrong_with_a_file_is_said_with_its_name(
    tmp_path: Path, bucket: str, change: Callable[[str], None], said: str
) -> None:
    put(bucket, "in/10.csv", hour(10))
    Taker(opened(tmp_path, f"s3://{bucket}/in", "virtual")).take()
    for copy in (tmp_path / "cache").iterdir():
        copy.unlink()
    change(bucket)
    with pytest.raises(BadStream) as refused:
        Taker(opened(tmp_path, f"s3://{bucket}/in", "virtual")).take()
    assert said in str(refused.value)
    assert f"s3://{bucket}/" in str(refused.value)


def test_what_cannot_be_opened_has_a_sentence_at_its_place(tmp_path: Path, bucket: str, proxy: Proxy) -> None:
    put(bucket, "in/10.csv", hour(10))
    with pytest.raises(BadFile, match=r"there is no file s3://.*/in/1O.csv; did you mean `in/10.csv`\?"):
        opened(tmp_path, f"s3://{bucket}/in/1O.csv")
    with pytest.raises(BadFile, match=r"s3://.*/out has no rows"):
        opened(tmp_path, f"s3://{bucket}/out")
    with pytest.raises(BadFile, match="has no column `when`"):
        opened(tmp_path, f"s3://{bucket}/in", time="when")
    with pytest.raises(Unreachable, match="There is no bucket nowhere-here"):
        opened(tmp_path, "s3://nowhere-here/in")
    proxy.faults.append("403")
    with pytest.raises(Unreachable, match=r"may not be listed .* need s3:ListBucket"):
        opened(tmp_path, f"s3://{bucket}/in")


def test_a_ledger_that_was_torn_by_a_kill_is_mended_and_one_that_was_edited_is_refused(
    tmp_path: Path, bucket: str
) -> None:
    put(bucket, "in/10.csv", hour(10))
    Taker(opened(tmp_path, f"s3://{bucket}/in", "virtual")).take()
    ledger = tmp_path / "stream-files.jsonl"
    whole = ledger.read_text()
    ledger.write_text(whole + whole[:20])
    put(bucket, "in/11.csv", hour(11))
    taker = Taker(opened(tmp_path, f"s3://{bucket}/in", "virtual"))
    taker.take()
    assert taker.cursor == 20
    taker = Taker(opened(tmp_path, f"s3://{bucket}/in", "virtual"))
    taker.take()
    assert taker.cursor == 20
    ledger.write_text("{}\n" + whole)
    with pytest.raises(BadFile, match="names no file that was taken in"):
        opened(tmp_path, f"s3://{bucket}/in")
