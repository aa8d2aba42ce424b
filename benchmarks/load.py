"""A server under load for minutes, as operators run it: `flyball serve` on a loop of its own, from outside.

held    events at a steady rate, each in a request of its own: how long each waits for its receipt, counted
        from the moment at which it was to be sent, and how long after the last one no answer waits any more
burst   more than it can take, likewise: each event is accepted or refused (429, 503), and what was accepted
        is in the log, once

The server settles answers into labels at the same time, in the same process; who sends takes some of the
same cores.

    python -m benchmarks.load --out load.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pandas as pd
import psutil
from benchmarks.ingest import _content, _Line, said
from benchmarks.machine import machine

from flyball.adapters.sql import open_store
from flyball.bootstrap.opening import open_loop
from flyball.core.due import Go

ITEMS = 100_000
#: So long it is waited at most until no answer waits.
PATIENCE = 900.0
TOML = """
version = 1
id = "load"
[stream]
source = "benchmarks.load:items"
item = "item"
time = "time"
label = "label"
[loop]
rules = "rules.yaml"
"""
RULES = "version: 1\nevery: 1d\nrules:\n  - {id: a, because: b, when: queue.depth > 9, then: {do: alert}}\n"


def items() -> pd.DataFrame:
    """The items that events of `benchmarks.ingest.said` are about; they came long ago."""
    names = [f"tx-{number:09d}" for number in range(ITEMS)]
    labels = ["fraud" if number % 3 == 0 else "fine" for number in range(ITEMS)]
    return pd.DataFrame({"item": names, "time": np.arange(ITEMS, dtype=float), "x": 1.0, "label": labels})


def main() -> None:
    """Measure, print, write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=1_000, help="events a second that are to be held")
    parser.add_argument("--seconds", type=float, default=1_800.0)
    parser.add_argument("--burst-rate", type=int, default=5_000)
    parser.add_argument("--burst-seconds", type=float, default=60.0)
    parser.add_argument("--dir", type=Path, default=None, help="where to write; its disk is what is measured")
    parser.add_argument("--out", type=Path, default=None, help="JSON with the figures and the machine")
    chosen = parser.parse_args()
    found: dict[str, Any] = {}
    for name, rate, seconds, lines in (
        ("held", chosen.rate, chosen.seconds, 64),
        ("burst", chosen.burst_rate, chosen.burst_seconds, 512),
    ):
        if seconds:
            with tempfile.TemporaryDirectory(prefix="flyball-load-", dir=chosen.dir) as folder:
                found[name] = measure(Path(folder), rate, seconds, lines)
            _show(name, found[name])
    if chosen.out:
        chosen.out.write_text(json.dumps({**found, "machine": machine()}, indent=2) + "\n")


def measure(directory: Path, rate: int, seconds: float, lines: int) -> dict[str, Any]:
    """What a fresh server makes of so many events a second over so many connections."""
    (directory / "loop.toml").write_text(TOML)
    (directory / "rules.yaml").write_text(RULES)
    _filled(directory)
    with _served(directory) as (address, process):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            sending = pool.apply_async(sent, (address, rate, seconds, lines))
            while not sending.ready():
                sending.wait(30.0)
                print(f"  {_backlog(address):,} answers wait, {_memory(process):,.0f} MiB", file=sys.stderr)
            found: Sent = sending.get()
        backlog, last = _backlog(address), time.perf_counter()
        while _backlog(address) and time.perf_counter() - last < PATIENCE:
            time.sleep(0.2)
        merged = time.perf_counter() - last
        left, memory = _backlog(address), _memory(process)
    with closing(open_store(directory / "flyball.db", salt=os.urandom, read_only=True)) as store:
        kept = store.evidence.accounts().captured
    return {
        "rate": rate,
        "seconds": seconds,
        "sent in": found.seconds,
        "answers by status": dict(sorted(found.statuses.items())),
        **found.percentiles(),
        "accepted and not kept": found.statuses[202] - kept,
        "backlog at the end": backlog,
        "seconds until no answer waited": merged if not left else None,
        "most memory, MiB": memory,
    }


def _filled(directory: Path) -> None:
    with closing(open_loop(directory, whole=True)) as app:
        ingest = app.lanes["ingest"]
        while isinstance(due := ingest.due(app.clock.now()), Go):
            begun = ingest.begin(due, app.clock.now())
            assert begun is not None
            ingest.finish(begun, ingest.perform(begun), app.clock.now())


@contextmanager
def _served(directory: Path) -> Iterator[tuple[str, psutil.Process]]:
    command = [sys.executable, "-m", "flyball", "serve", "--loop", str(directory), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            told = "".join(iter(process.stdout.readline, "}\n")) + "}"
            yield json.loads(told)["address"], psutil.Process(process.pid)
        finally:
            process.terminate()


def _backlog(address: str) -> int:
    with urlopen(f"{address}/metrics", timeout=60) as told:
        found = re.search(r"^flyball_backlog (\S+)$", told.read().decode(), re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


def _memory(process: psutil.Process) -> float:
    """The most that the process had resident so far."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


@dataclass(slots=True)
class Sent:
    """What became of the events, by status, and how long each that was accepted waited, in seconds."""

    statuses: Counter[int]
    waited: array[float]
    seconds: float

    def percentiles(self) -> dict[str, float]:
        """In milliseconds."""
        return {
            f"p{share:g} ms": float(np.percentile(self.waited, share) * 1e3) for share in (50, 99, 99.9, 100)
        }


def sent(address: str, rate: int, seconds: float, lines: int) -> Sent:
    """Send at a fixed rate; an event that finds no free connection waits, and that counts."""
    run = os.urandom(4).hex()
    found = Sent(Counter(), array("d"), 0.0)

    async def go() -> None:
        free: asyncio.Queue[_Line] = asyncio.Queue()
        for _ in range(lines):
            free.put_nowait(await _Line.to(address))
        began = time.perf_counter() + 0.1

        async def send(number: int) -> None:
            line = await free.get()
            status = await line.post(_content([said(number, run)]))
            found.statuses[status] += 1
            if status == 202:
                found.waited.append(time.perf_counter() - began - number / rate)
            free.put_nowait(line)

        sending: set[asyncio.Task[None]] = set()
        for number in range(int(rate * seconds)):
            wait = began + number / rate - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(send(number))
            sending.add(task)
            task.add_done_callback(sending.discard)
        await asyncio.gather(*sending)
        found.seconds = time.perf_counter() - began

    asyncio.run(go())
    return found


def _show(name: str, found: dict[str, Any]) -> None:
    print(f"{name}: {found['rate']:,} events/s for {found['seconds']:g} s, load {os.getloadavg()[0]:.1f}")
    for what, value in list(found.items())[2:]:
        print(f"  {what:32} {value:,.1f}" if isinstance(value, float) else f"  {what:32} {value}")


if __name__ == "__main__":
    main()
