"""The same as `log` on PostgreSQL: batches of 1, 10 and 100, by 1, 2 and 4 processes that write at once.

    log    what Flyball does: a turn at the end of the log, the question whether an answer came before,
           canonical JSON, salt and hash chain, tables that keep the history by their triggers
    loop   what one would write by hand: JSON and one `execute` for each row; no turn, no hash, no triggers
    rows   what the server itself can take: `executemany` of rows that were made beforehand
    group  batches of one again, as they come over HTTP: many callers in each process, whose events its one
           writer commits together (`adapters.group_commit`)

All of them wait for the disk with each commit. They alternate, so that all meet the same machine.

    python -m benchmarks.log_postgresql --out log-postgresql.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import psycopg
from benchmarks.log import TABLES, commit_of
from benchmarks.machine import machine
from psycopg import sql
from tests.postgres import a_loop, by_hand, needed

from flyball.adapters.group_commit import GroupCommit
from flyball.adapters.sql import open_store
from flyball.core.chain import verify
from flyball.ports import Commit, Receipt

BATCHES, WRITERS, WAYS = (1, 10, 100), (1, 2, 4), ("log", "loop", "rows")
#: How many wait at once in each process, each for its own event.
CALLERS = 32
#: So far apart are the facts of two writers.
_APART = 10**8


def main() -> None:
    """Measure, print a table, write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each figure is measured")
    parser.add_argument("--out", type=Path, default=None, help="JSON with the figures and the machine")
    chosen = parser.parse_args()
    found = measure(needed(), chosen.seconds)
    show(found)
    if chosen.out:
        chosen.out.write_text(json.dumps(found, indent=2) + "\n")


def measure(url: str, seconds: float) -> dict[str, Any]:
    """Every way with every batch and number of writers, each on tables of its own."""
    rows = []
    for batch in BATCHES:
        for writers in WRITERS:
            row: dict[str, Any] = {"batch": batch, "writers": writers}
            for way in WAYS:
                with a_loop() as loop:
                    _prepare(url, loop, way)
                    row[way] = _together(url, loop, way, batch, writers, seconds)
                    if way == "log":
                        _checked(url, loop)
            if batch == 1:
                with a_loop() as loop:
                    _prepare(url, loop, "log")
                    row["group"] = _together(url, loop, "group", 1, writers, seconds)
                    _checked(url, loop)
            row["share of loop"] = row["log"]["events/s"] / row["loop"]["events/s"]
            rows.append(row)
    with by_hand(url) as connection:
        version = connection.info.server_version
    return {
        "what": {"seconds": seconds, "durability": "synchronous_commit=on"},
        "rows": rows,
        "machine": machine(postgresql=f"{version // 10_000}.{version % 10_000}"),
    }


def show(found: dict[str, Any]) -> None:
    """A table for people."""
    ran_on = found["machine"]
    print(f"PostgreSQL {ran_on['postgresql']}, {ran_on['cores']} cores, load {ran_on['load']:.1f}; events/s")
    names = ("writers", *WAYS, "of loop", "p50 ms", "p99 ms")
    print(f"{'batch':>6}" + "".join(f"{name:>9}" for name in names) + f"{'CPU us':>8}")
    for row in found["rows"]:
        speeds = "".join(f"{row[way]['events/s']:9,.0f}" for way in WAYS)
        log = row["log"]
        print(
            f"{row['batch']:6}{row['writers']:9}{speeds}{row['share of loop']:9.0%}"
            f"{log['p50 ms']:9.2f}{log['p99 ms']:9.2f}{log['cpu us/event']:8.0f}"
        )
    print(f"batches of one, {CALLERS} callers in each process, committed together:")
    for row in found["rows"]:
        if group := row.get("group"):
            print(
                f"{row['writers']:15}{group['events/s']:9,.0f}{'':27}"
                f"{group['p50 ms']:9.2f}{group['p99 ms']:9.2f}{group['cpu us/event']:8.0f}"
            )


def _prepare(url: str, loop: str, way: str) -> None:
    store = open_store(url, salt=os.urandom, loop=loop)
    store.log.append(commit_of(range(_APART * 9, _APART * 9 + 100)), 1.8e9)
    store.close()
    if way != "log":
        with by_hand(url, loop) as connection:
            for table in ("event", "event_body"):
                connection.execute(
                    sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(sql.Identifier(table))
                )


def _checked(url: str, loop: str) -> None:
    store = open_store(url, salt=os.urandom, loop=loop, read_only=True)
    assert verify(store.evidence.links()) == ()
    store.close()


def _together(url: str, loop: str, way: str, batch: int, writers: int, seconds: float) -> dict[str, float]:
    context = multiprocessing.get_context("spawn")
    barrier, told = context.Barrier(writers), context.Queue()
    arguments = [(url, loop, way, batch, number, seconds, barrier, told) for number in range(writers)]
    processes = [context.Process(target=_write, args=each) for each in arguments]
    for process in processes:
        process.start()
    found = [told.get(timeout=60 + 10 * seconds) for _ in processes]
    for process in processes:
        process.join()
    each = sorted(second for timing, _, _ in found for second in timing)
    events = sum(len(timing) * batch for timing, _, _ in found)
    return {
        "events/s": sum(len(timing) * batch / lasted for timing, _, lasted in found),
        "p50 ms": each[len(each) // 2] * 1e3,
        "p99 ms": each[int(len(each) * 0.99)] * 1e3,
        "cpu us/event": sum(cpu for _, cpu, _ in found) / events * 1e6,
    }


def _write(
    url: str, loop: str, way: str, batch: int, number: int, seconds: float, barrier: Barrier, told: Queue[Any]
) -> None:
    starts = count(number * _APART + 1_000, batch)
    if way == "group":
        told.put(_grouped(url, loop, starts, seconds, barrier))
        return
    with psycopg.connect(url) as connection:
        store = open_store(url, salt=os.urandom, loop=loop) if way == "log" else None
        bare = _Bare(connection, loop, batch)

        def once() -> None:
            first = next(starts)
            if store is None:
                getattr(bare, way)(first)
            else:
                store.log.append(commit_of(range(first, first + batch)), 1.8e9)

        for _ in range(6):  # until all statements are prepared
            once()
        barrier.wait(60)
        timing: list[float] = []
        began, busy = time.perf_counter(), time.process_time()
        while (start := time.perf_counter()) - began < seconds:
            once()
            timing.append(time.perf_counter() - start)
        told.put((timing, time.process_time() - busy, time.perf_counter() - began))
        if store is not None:
            store.close()


def _grouped(
    url: str, loop: str, numbers: Iterator[int], seconds: float, barrier: Barrier
) -> tuple[list[float], float, float]:
    """Callers that each wait for their own event before they send the next."""
    store = open_store(url, salt=os.urandom, loop=loop)

    def write(events: Sequence[int]) -> Sequence[Receipt]:
        alone = [commit_of(range(event, event + 1)) for event in events]
        jobs = [replace(commit.jobs[0], of=of) for of, commit in enumerate(alone)]
        return store.log.append(Commit([commit.facts[0] for commit in alone], jobs, apart=True), 1.8e9)

    group: GroupCommit[int, Receipt] = GroupCommit(write)
    timing: list[float] = []

    async def caller(until: float) -> None:
        while (start := time.perf_counter()) < until:
            await group.write([next(numbers)])
            timing.append(time.perf_counter() - start)

    async def callers(lasting: float) -> None:
        until = time.perf_counter() + lasting
        await asyncio.gather(*(caller(until) for _ in range(CALLERS)))

    asyncio.run(callers(0.3))  # until all statements are prepared
    barrier.wait(60)
    timing.clear()
    began, busy = time.perf_counter(), time.process_time()
    asyncio.run(callers(seconds))
    found = timing, time.process_time() - busy, time.perf_counter() - began
    group.close()
    store.close()
    return found


class _Bare:
    """The rows of one commit, written again and again under new numbers with nothing around it."""

    def __init__(self, connection: psycopg.Connection[Any], loop: str, batch: int) -> None:
        self._connection = connection
        connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(loop)))
        self._rows, self._insert = {}, {}
        for name in TABLES:
            query = sql.SQL("SELECT * FROM {} ORDER BY 1 LIMIT {}").format(sql.Identifier(name), batch)
            self._rows[name] = connection.execute(query).fetchall()
            places = sql.SQL(", ").join([sql.Placeholder()] * len(self._rows[name][0]))
            self._insert[name] = sql.SQL("INSERT INTO {} VALUES ({})").format(sql.Identifier(name), places)
        connection.commit()

    def loop(self, start: int) -> None:
        """One transaction, fact by fact."""
        cursor = self._connection.cursor()
        for event, (seq, salt, body, raw), job in self._batch(start):
            cursor.execute(self._insert["event"], event)
            written = json.dumps(json.loads(body), sort_keys=True).encode()
            cursor.execute(self._insert["event_body"], (seq, salt, written, raw))
            cursor.execute(self._insert["job"], job)
        self._connection.commit()

    def rows(self, start: int) -> None:
        """One transaction, each table at once."""
        cursor = self._connection.cursor()
        for name, rows in zip(TABLES, zip(*self._batch(start), strict=True), strict=True):
            cursor.executemany(self._insert[name], rows)
        self._connection.commit()

    def _batch(self, start: int) -> list[tuple[Any, Any, Any]]:
        made = []
        for offset in range(len(self._rows["event"])):
            event, body, job = (self._rows[name][offset] for name in TABLES)
            seq = start + offset
            named = (seq, event[1], f"answer-{seq:09d}", os.urandom(32), event[4], f"tx-{seq:09d}")
            item = f"tx-{seq:09d}"
            made.append(((*named, *event[6:]), (seq, *body[1:]), (seq, job[1], item, seq, *job[4:])))
        return made


if __name__ == "__main__":
    main()
