"""Durable events per second through the ways in, by clients and batch, beside a bare SQLite loop.

All write answers with the job that will merge each, on the same disk, each on it (`synchronous=FULL`) before
anybody hears of it. Per shape (clients, events in each call) the rounds alternate between:

    bare     what one would write by hand: JSON, one `execute` for each row, one transaction for all that
             the clients have under way (as group commit does it), no question, no hash, no threads
    inside   the one writer that all clients share, called in process: strict reading, keys, chain, receipts
    http     the same over HTTP on this machine; the clients are processes of their own and share its cores

The open loop sends at a fixed rate whatever the answers do, and measures from the moment at which an event
was to be sent.

    python -m benchmarks.ingest --out ingest.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import shutil
import sqlite3
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.lines import Line, content, said, sent
from benchmarks.log import _Bare
from benchmarks.machine import machine
from tests.web.process import tools_on

from flyball.adapters.sql import open_store
from flyball.cli.staying import settle
from flyball.core.strict_json import Reader
from flyball.ports import Answer
from flyball.settings.outside import ApiSettings
from flyball.web.app import Api, capture
from flyball.web.server import serving
from flyball.work.accept import Given, accept
from flyball.work.events_in import answer_of

CLIENTS, BATCHES = (1, 8, 32, 128), (1, 10, 100)
AIM, OPEN_RATE, OPEN_AIM = 0.6, 1_000, 0.025
#: So many connections that an event hardly ever waits for a free one: what is measured is the server.
CONNECTIONS = 64


@dataclass(slots=True)
class Timing:
    """Events that were written in so many seconds, and how long each call took."""

    events: int = 0
    seconds: float = 0.0
    calls: list[float] = field(default_factory=list)

    def add(self, other: Timing) -> None:
        """Take another round in."""
        self.events += other.events
        self.seconds += other.seconds
        self.calls += other.calls

    def summary(self) -> dict[str, float]:
        """What is told of it."""
        calls = sorted(self.calls)
        at = {f"p{share:g} ms": calls[int(len(calls) * share / 100)] * 1e3 for share in (50, 99, 99.9)}
        return {"events/s": self.events / self.seconds, **at}


def main() -> None:
    """Measure, print a table, write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--open-seconds", type=float, default=15.0)
    parser.add_argument("--clients", type=int, nargs="*", default=CLIENTS)
    parser.add_argument("--batches", type=int, nargs="*", default=BATCHES)
    parser.add_argument("--dir", type=Path, default=None, help="where to write; its disk is what is measured")
    parser.add_argument("--out", type=Path, default=None, help="JSON with the figures and the machine")
    chosen = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="flyball-ingest-", dir=chosen.dir))
    try:
        found = measure(place, chosen)
    finally:
        shutil.rmtree(place)
    if chosen.out:
        chosen.out.write_text(json.dumps(found, indent=2) + "\n")


def measure(place: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """Every shape, then the open loop."""
    store = open_store(place / "served.db", salt=os.urandom)
    template = place / "rows.db"
    _fill(template)
    bare = _Bare(place / "bare.db", template)
    shapes: list[dict[str, Any]] = []
    print(
        f"{'clients':>7}{'batch':>6}{'':10}{'events/s':>10}{'of bare':>9}{'p50 ms':>9}{'p99':>8}{'p99.9':>8}"
    )
    settle()  # as the process that serves does
    with serving(tools_on(store), ApiSettings(port=0), {}) as (api, address):
        for clients in chosen.clients:
            for batch in chosen.batches:
                ways = {"bare": Timing(), "inside": Timing(), "http": Timing()}
                for _ in range(chosen.rounds):
                    ways["bare"].add(_bare(bare, clients, batch, chosen.seconds))
                    ways["inside"].add(asyncio.run(_inside(api, clients, batch, chosen.seconds)))
                    ways["http"].add(_http(address, clients, batch, chosen.seconds))
                shapes.append(_told(clients, batch, ways))
        opened = _open(address, OPEN_RATE, chosen.open_seconds)
    store.close()
    print(
        f"open loop, {OPEN_RATE} events/s for {chosen.open_seconds:g} s from {CONNECTIONS} connections: "
        + ", ".join(f"{name} {value:.1f}" for name, value in opened.items())
        + f"; aim p99 {OPEN_AIM * 1e3:g} ms"
    )
    return {
        "what": {"seconds": chosen.seconds, "rounds": chosen.rounds, "durability": "synchronous=FULL"},
        "shapes": shapes,
        "open loop": {"rate": OPEN_RATE, **opened},
        "machine": machine(sqlite=sqlite3.sqlite_version),
    }


def _told(clients: int, batch: int, ways: dict[str, Timing]) -> dict[str, Any]:
    told: dict[str, Any] = {"clients": clients, "batch": batch}
    for name, timing in ways.items():
        told[name] = timing.summary()
        share = told[name]["events/s"] / told["bare"]["events/s"]
        told[name]["of bare"] = share
        mark = "" if name == "bare" or share >= AIM else "  below the aim"
        print(
            f"{clients:7}{batch:6}   {name:7}{told[name]['events/s']:10,.0f}{share:9.0%}"
            f"{told[name]['p50 ms']:9.1f}{told[name]['p99 ms']:8.1f}{told[name]['p99.9 ms']:8.1f}{mark}"
        )
    return told


def _fill(path: Path) -> None:
    """A hundred events as they are kept: the rows that the bare loop writes, with the bytes as received."""
    store = open_store(path, salt=os.urandom)
    reader = Reader()
    raw = [json.dumps(said(number, "rows")).encode() for number in range(100)]
    answers = [answer for one in raw if isinstance(answer := answer_of(reader.one(one)), Answer)]
    accept(tools_on(store), [Given(answer, "api") for answer in answers], 1.8e9)
    store.close()


def _bare(bare: _Bare, clients: int, batch: int, seconds: float) -> Timing:
    """One transaction for what all clients have under way, at the most as much as group commit takes."""
    size = min(clients * batch, 512)
    found, end = Timing(), time.perf_counter() + seconds
    while (now := time.perf_counter()) < end:
        facts: list[Any] = []
        while len(facts) < size:
            facts += bare.facts(min(100, size - len(facts)))
        start = time.perf_counter()  # the making of the rows is not theirs
        bare.loop(facts)
        took = time.perf_counter() - start
        found.add(Timing(size, took, [took]))
        end += start - now
    return found


async def _inside(api: Api, clients: int, batch: int, seconds: float) -> Timing:
    """So many callers in this process, each with one call under way."""
    run = os.urandom(4).hex()
    found, began = Timing(), time.perf_counter()
    end = began + seconds

    async def client(number: int) -> None:
        count = number * 1_000_000
        while time.perf_counter() < end:
            raw = [json.dumps(said(count + each, run)).encode() for each in range(batch)]
            count += batch
            start = time.perf_counter()
            reader = Reader()
            answers = [answer for one in raw if isinstance(answer := answer_of(reader.one(one)), Answer)]
            receipts = await capture(api, answers, "api")
            found.calls.append(time.perf_counter() - start)
            assert all(receipt.new for receipt in receipts)
            found.events += batch

    await asyncio.gather(*(client(number) for number in range(clients)))
    found.seconds = time.perf_counter() - began
    return found


def _http(address: str, clients: int, batch: int, seconds: float) -> Timing:
    """So many connections, from two processes where there are more than one."""
    workers = min(clients, 2)
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        pool.map(_awake, range(workers))
        asked = [(address, clients // workers, batch, seconds, number) for number in range(workers)]
        parts = pool.starmap(_closed, asked)
    found = Timing()
    for part in parts:
        found.add(part)
    found.seconds = max(part.seconds for part in parts)
    return found


def _awake(number: int) -> int:
    return number


def _closed(address: str, clients: int, batch: int, seconds: float, worker: int) -> Timing:
    """Connections that each wait for an answer before they ask again."""
    run = os.urandom(4).hex()

    async def go() -> Timing:
        found, began = Timing(), time.perf_counter()

        async def client(number: int) -> None:
            line = Line(address)
            await line.open()
            count = number * 1_000_000
            while time.perf_counter() - began < seconds:
                events = content([said(count + each, run) for each in range(batch)])
                count += batch
                start = time.perf_counter()
                assert await line.post(events) == 202
                found.calls.append(time.perf_counter() - start)
                found.events += batch
            line.close()

        await asyncio.gather(*(client(number) for number in range(clients)))
        found.seconds = time.perf_counter() - began
        return found

    return asyncio.run(go())


def _open(address: str, rate: int, seconds: float) -> dict[str, float]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(sent, (address, rate, seconds, CONNECTIONS))
    assert set(found.statuses) == {202}, found.statuses
    return Timing(len(found.waited), found.seconds, list(found.waited)).summary()


if __name__ == "__main__":
    main()
