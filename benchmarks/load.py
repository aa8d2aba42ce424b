"""A server under load for minutes, as operators run it: `flyball serve` on a loop of its own, from outside.

held    events at a steady rate, each in a request of its own: how long each waits for its receipt, counted
        from the moment at which it was to be sent, and how long after the last one no answer waits any more
burst   more than it can take, likewise: each event is accepted or refused (429, 503)

What was accepted is then looked for in the log by its id: each is there, once. The server settles answers
into labels at the same time, in the same process; who sends takes some of the same cores.

    python -m benchmarks.load --out load.json
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pandas as pd
import psutil
from benchmarks.lines import Sent, event_id, sent
from benchmarks.machine import machine

from flyball.adapters.sql import open_store
from flyball.bootstrap.opening import open_loop
from flyball.core.due import Go
from flyball.core.facts import AnswerGiven
from flyball.ports import Evidence

ITEMS = 100_000
#: So long it is waited at most until no answer waits; and how often it is told how things stand.
PATIENCE, TOLD = 900.0, 30.0
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
    """The items that events of `benchmarks.lines.said` are about; they came long ago."""
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
    command = [sys.executable, "-m", "flyball", "serve", "--loop", str(directory), "--port", "0", "--json"]
    with served(command) as server:
        before, began = server.cpu(), time.perf_counter()
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            sending = pool.apply_async(sent, (server.address, rate, seconds, lines))
            while not sending.ready():
                server.tell(time.perf_counter() - began)
                sending.wait(TOLD)
            found: Sent = sending.get()
        last, backlog = time.perf_counter(), server.backlog()
        while (left := server.backlog()) != 0 and server.lives() and time.perf_counter() - last < PATIENCE:
            time.sleep(0.2)
        rest, cpu, memory = time.perf_counter() - last, server.cpu() - before, server.memory()
        lived = server.lives()
    with closing(open_store(directory / "flyball.db", salt=os.urandom, read_only=True)) as store:
        kept, standing = against(store.evidence, found), store.evidence.accounts().standing
    count, settled = len(found.accepted), standing.get("merged", 0) + standing.get("superseded", 0)
    return {
        "rate": rate,
        "seconds": seconds,
        "sent in": found.seconds,
        "answers by status": dict(sorted(found.statuses.items(), key=str)),
        **found.percentiles(),
        **kept,
        "backlog at the end": backlog,
        "seconds until no answer waited": rest if left == 0 else None,
        "answers settled a second": settled / (found.seconds + rest),
        "CPU of the server, us an accepted event": cpu * 1e6 / count if count else None,
        "most memory, MiB": memory,
        "the server lived to the end": lived,
    }


def against(evidence: Evidence, found: Sent) -> dict[str, int]:
    """What was accepted against what the log has, event by event: nothing is set off against anything."""
    links = evidence.links(bodies=False)
    kept = Counter(link.event_id for link in links if link.kind == AnswerGiven.kind)
    missing = sum(event_id(number, found.run) not in kept for number in found.accepted)
    return {
        "accepted and not kept": missing,
        "kept more than once": sum(times > 1 for times in kept.values()),
        "kept and not accepted": len(kept) - (len(found.accepted) - missing),
    }


def _filled(directory: Path) -> None:
    with closing(open_loop(directory, whole=True)) as app:
        ingest = app.lanes["ingest"]
        while isinstance(due := ingest.due(app.clock.now()), Go):
            begun = ingest.begin(due, app.clock.now())
            assert begun is not None
            ingest.finish(begun, ingest.perform(begun), app.clock.now())


@dataclass(slots=True)
class Server:
    """A process that serves, as others see it. Once it has ended, its numbers stay as they were."""

    address: str
    process: psutil.Process
    _memory: float = 0.0

    def lives(self) -> bool:
        """Whether it has not ended."""
        return self.process.status() != psutil.STATUS_ZOMBIE

    def backlog(self) -> int | None:
        """The answers that wait; None where it does not say."""
        return self._numbers().get("flyball_backlog")

    def cpu(self) -> float:
        """The seconds of processor time that it took so far."""
        times = self.process.cpu_times()
        return times.user + times.system

    def memory(self) -> float:
        """The most that it had resident so far, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        if found := re.search(r"VmHWM:\s+(\d+) kB", status):
            self._memory = int(found[1]) / 1024
        return self._memory

    def tell(self, seconds: float) -> None:
        """Print how things stand, after so many seconds."""
        numbers = self._numbers()
        accepted, waiting = (
            f"{numbers[name]:,}" if name in numbers else "?"
            for name in ('flyball_capture_events_total{outcome="new"}', "flyball_backlog")
        )
        told = f"{accepted} events accepted, {waiting} answers wait, {self.memory():,.0f} MiB"
        print(f"  {seconds:5.0f} s: {told}", file=sys.stderr)

    def _numbers(self) -> dict[str, int]:
        try:
            with urlopen(f"{self.address}/metrics", timeout=60) as told:
                found = re.findall(r"^(flyball_\S+) (\S+)$", told.read().decode(), re.MULTILINE)
        except OSError:
            return {}
        return {name: int(float(value)) for name, value in found}


@contextmanager
def served(command: Sequence[str]) -> Iterator[Server]:
    """The server that this command starts; SystemExit, with a sentence, where it ends at its start."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = ""
        for line in process.stdout:
            told += line
            if line == "}\n":
                break
        else:
            code = process.wait()
            sys.exit(
                f"the server ended at its start with exit code {code}, before it told its address: {told}"
            )
        try:
            yield Server(json.loads(told)["address"], psutil.Process(process.pid))
        finally:
            process.terminate()


def _show(name: str, found: dict[str, Any]) -> None:
    print(f"{name}: {found['rate']:,} events/s for {found['seconds']:g} s, load {os.getloadavg()[0]:.1f}")
    for what, value in list(found.items())[2:]:
        print(f"  {what:40} {value:,.1f}" if isinstance(value, float) else f"  {what:40} {value}")


if __name__ == "__main__":
    main()
