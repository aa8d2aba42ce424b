"""Facts per second that the log takes with full durability, next to a bare sqlite3 loop on the same disk.

Both write answers with the job that will merge each, in transactions of `--batch`, each on the disk
when it returns. The bare loop inserts rows of the same tables, made beforehand, through the standard
driver: no hashing, no JSON, no question whether an answer came before. Rounds alternate, so that both
meet the same disk.

    python benchmarks/log.py --out log.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from flyball.adapters.sql import open_store
from flyball.core.chain import verify
from flyball.core.facts import AnswerGiven
from flyball.core.ids import AnnotatorId, BatchId, ItemId, ModelVersion
from flyball.ports import Commit, Draft, NewJob, Store

TABLES = ("event", "event_body", "job")


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
    theirs: list[Timing] = []
    for number in range(rounds):
        starts = range(number * events, (number + 1) * events, batch)
        commits = (_commit(range(start, start + batch)) for start in starts)
        ours.append(_timed(lambda commit: store.log.append(commit, 1.8e9), commits))
        theirs.append(_timed(bare.write, (bare.rows(batch) for _ in starts)))
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
        "bare": _summary(theirs, events),
        "share of bare": _best(ours, events) / _best(theirs, events),
        "read events/s": read,
        "verified events/s": verified,
        "machine": {
            "cpu": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0],
            "system": platform.platform(),
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
        },
    }


def show(found: dict[str, Any]) -> None:
    """A table for people."""
    print(f"{'':8}{'events/s':>12}{'median':>12}{'CPU us/event':>14}{'p50 ms':>9}{'p99 ms':>9}")
    for name in ("log", "bare"):
        row = found[name]
        print(
            f"{name:8}{row['best events/s']:12,.0f}{row['median events/s']:12,.0f}"
            f"{row['cpu us/event']:14.1f}{row['p50 ms']:9.2f}{row['p99 ms']:9.2f}"
        )
    print(f"the log reaches {found['share of bare']:.0%} of the bare loop")
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


def _commit(numbers: range) -> Commit:
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
    store.log.append(_commit(range(batch)), 1.8e9)
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
            self._rows = {name: source.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES}
        self._marks = {name: ", ".join("?" * len(rows[0])) for name, rows in self._rows.items()}
        self._next = 1

    def rows(self, batch: int) -> dict[str, list[tuple[Any, ...]]]:
        """The next batch: the same rows, with numbers and keys of their own."""
        first, self._next = self._next, self._next + batch
        numbered: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES}
        for offset in range(batch):
            seq = first + offset
            _, source, _, _, kind, _, *rest = self._rows["event"][offset]
            named = (f"answer-{seq:09d}", os.urandom(32), kind, f"tx-{seq:09d}")
            numbered["event"].append((seq, source, *named, *rest))
            numbered["event_body"].append((seq, *self._rows["event_body"][offset][1:]))
            _, kind, _, _, *rest = self._rows["job"][offset]
            numbered["job"].append((seq, kind, f"tx-{seq:09d}", seq, *rest))
        return numbered

    def write(self, rows: dict[str, list[tuple[Any, ...]]]) -> None:
        """One transaction."""
        self._connection.execute("BEGIN IMMEDIATE")
        for name in TABLES:
            self._connection.executemany(f"INSERT INTO {name} VALUES ({self._marks[name]})", rows[name])
        self._connection.execute("COMMIT")


if __name__ == "__main__":
    main()
