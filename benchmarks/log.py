"""Facts per second that the log takes with full durability, next to bare sqlite3 loops on the same disk.

All write answers with the job that will merge each into the same tables, in transactions of `--batch`,
each on the disk when it returns, through the standard driver. Rounds alternate, so that all meet the
same disk.

    log    what Flyball does: it asks whether an answer came before, writes it as canonical JSON, salts
           and hashes it into the chain
    loop   what one would write by hand: JSON and one `execute` for each row, no question, no hash
    rows   what SQLite itself can take: `executemany` of rows that were made beforehand

    python benchmarks/log.py --out log.json
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import machine

from flyball.adapters.sql import open_store
from flyball.core.chain import verify
from flyball.core.facts import AnswerGiven
from flyball.core.ids import AnnotatorId, BatchId, ItemId, ModelVersion
from flyball.ports import Commit, Draft, NewJob, Store

TABLES = ("event", "event_body", "job")
#: One row for each of them.
Rows = tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]


def main() -> None:
    """Measure, print a table, write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000, help="events in each round")
    parser.add_argument("--batch", type=int, default=100, help="events in each transaction")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dir", type=Path, default=None, help="where to write; its disk is what is measured")
    parser.add_argument("--out", type=Path, default=None, help="JSON with the figures and the machine")
    chosen = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="flyball-log-", dir=chosen.dir))
    try:
        found = measure(place, chosen.events, chosen.batch, chosen.rounds)
    finally:
        shutil.rmtree(place)
    show(found)
    if chosen.out:
        chosen.out.write_text(json.dumps(found, indent=2) + "\n")


def measure(place: Path, events: int, batch: int, rounds: int) -> dict[str, Any]:
    """Alternate the log and the bare loop, then read all of it back and verify the chain."""
    store = open_store(place / "log.db", salt=os.urandom)
    template = place / "rows.db"
    _fill(open_store(template, salt=os.urandom), batch)
    bare = _Bare(place / "bare.db", template)
    ours: list[Timing] = []
    loops: list[Timing] = []
    bulks: list[Timing] = []
    for number in range(rounds):
        starts = range(number * events, (number + 1) * events, batch)
        commits = (commit_of(range(start, start + batch)) for start in starts)
        ours.append(_timed(lambda commit: store.log.append(commit, 1.8e9), commits))
        loops.append(_timed(bare.loop, (bare.facts(batch) for _ in starts)))
        bulks.append(_timed(bare.bulk, (bare.rows(batch) for _ in starts)))
    read, verified = _reading(store)
    store.close()
    return {
        "what": {
            "events": events * rounds,
            "batch": batch,
            "rounds": rounds,
            "durability": "synchronous=FULL",
        },
        "log": _summary(ours, events),
        "loop": _summary(loops, events),
        "rows": _summary(bulks, events),
        "share of loop": _best(ours, events) / _best(loops, events),
        "share of rows": _best(ours, events) / _best(bulks, events),
        "read events/s": read,
        "verified events/s": verified,
        "machine": machine(sqlite=sqlite3.sqlite_version),
    }


def show(found: dict[str, Any]) -> None:
    """A table for people."""
    print(f"{'':8}{'events/s':>12}{'median':>12}{'CPU us/event':>14}{'p50 ms':>9}{'p99 ms':>9}")
    for name in ("log", "loop", "rows"):
        row = found[name]
        print(
            f"{name:8}{row['best events/s']:12,.0f}{row['median events/s']:12,.0f}"
            f"{row['cpu us/event']:14.1f}{row['p50 ms']:9.2f}{row['p99 ms']:9.2f}"
        )
    print(
        f"the log reaches {found['share of loop']:.0%} of the loop, {found['share of rows']:.0%} of the rows"
    )
    print(f"reading {found['read events/s']:,.0f}/s, verifying {found['verified events/s']:,.0f}/s")


class Timing:
    """How long each transaction of a round took, and the CPU time of all."""

    def __init__(self, seconds: list[float], cpu: float) -> None:
        self.seconds = seconds
        self.cpu = cpu


def _timed(write: Callable[[Any], Any], batches: Iterable[Any]) -> Timing:
    seconds, cpu = [], 0.0
    for each in batches:
        start, busy = time.perf_counter(), time.process_time()
        write(each)
        seconds.append(time.perf_counter() - start)
        cpu += time.process_time() - busy
    return Timing(seconds, cpu)


def _summary(rounds: Sequence[Timing], events: int) -> dict[str, float]:
    each = sorted(second for timing in rounds for second in timing.seconds)
    return {
        "best events/s": _best(rounds, events),
        "median events/s": statistics.median(events / sum(timing.seconds) for timing in rounds),
        "cpu us/event": min(timing.cpu for timing in rounds) / events * 1e6,
        "p50 ms": each[len(each) // 2] * 1e3,
        "p99 ms": each[int(len(each) * 0.99)] * 1e3,
    }


def _best(rounds: Sequence[Timing], events: int) -> float:
    return max(events / sum(timing.seconds) for timing in rounds)


def commit_of(numbers: range) -> Commit:
    """Answers with these numbers, each with its job."""
    drafts = [
        Draft(
            AnswerGiven(
                item=ItemId(f"tx-{number:09d}"),
                annotator=AnnotatorId(f"ann-{number % 40:03d}"),
                label="fraud" if number % 7 == 0 else "fine",
                batch=BatchId(f"batch-{number // 200:05d}"),
                said_at=1.8e9 + number / 100,
                seconds=12.5,
                model=ModelVersion(7),
            ),
            source="desk",
            event_id=f"answer-{number:09d}",
        )
        for number in numbers
    ]
    return Commit(drafts, [NewJob("merge", f"tx-{number:09d}", of) for of, number in enumerate(numbers)])


def _reading(store: Store) -> tuple[float, float]:
    start = time.perf_counter()
    count = sum(1 for _ in store.log.read())
    read = count / (time.perf_counter() - start)
    start = time.perf_counter()
    assert verify(store.evidence.links()) == ()
    return read, count / (time.perf_counter() - start)


def _fill(store: Store, batch: int) -> None:
    store.log.append(commit_of(range(batch)), 1.8e9)
    store.close()


class _Bare:
    """The rows of one commit, written again and again under new numbers with nothing around it."""

    def __init__(self, path: Path, template: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        with sqlite3.connect(template) as source:
            for name in TABLES:
                query = (
                    "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql NOT NULL AND type <> 'trigger'"
                )
                for (sql,) in source.execute(query, (name,)):
                    self._connection.execute(sql)
            rows = {name: source.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES}
        self._rows = rows
        self._insert = {
            name: f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[name][0]))})" for name in TABLES
        }
        self._next = 1

    def rows(self, batch: int) -> list[Rows]:
        """The next batch: the same rows, with numbers and keys of their own."""
        first, self._next = self._next, self._next + batch
        return [self._row(first + offset, offset) for offset in range(batch)]

    def facts(self, batch: int) -> list[tuple[Rows, dict[str, Any]]]:
        """The next batch with each body as values that are still to be written as JSON."""
        return [(rows, json.loads(rows[1][2])) for rows in self.rows(batch)]

    def _row(self, seq: int, offset: int) -> Rows:
        event, body, job = (self._rows[name][offset] for name in TABLES)
        named = (seq, event[1], f"answer-{seq:09d}", os.urandom(32), event[4], f"tx-{seq:09d}")
        return (
            (*named, *event[6:]),
            (seq, *body[1:]),
            (seq, job[1], f"tx-{seq:09d}", seq, *job[4:]),
        )

    def bulk(self, batch: list[Rows]) -> None:
        """One transaction, each table at once."""
        self._connection.execute("BEGIN IMMEDIATE")
        for name, rows in zip(TABLES, zip(*batch, strict=True), strict=True):
            self._connection.executemany(self._insert[name], rows)
        self._connection.execute("COMMIT")

    def loop(self, batch: list[tuple[Rows, dict[str, Any]]]) -> None:
        """One transaction, fact by fact."""
        self._connection.execute("BEGIN IMMEDIATE")
        for (event, (seq, salt, _, raw), job), said in batch:
            self._connection.execute(self._insert["event"], event)
            body = json.dumps(said, sort_keys=True).encode()
            self._connection.execute(self._insert["event_body"], (seq, salt, body, raw))
            self._connection.execute(self._insert["job"], job)
        self._connection.execute("COMMIT")


if __name__ == "__main__":
    main()
