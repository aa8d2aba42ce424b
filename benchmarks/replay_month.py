"""A month of answers, read back: the chain verified, the state folded, every label worked out anew.

A month is 800 answers a minute for 8 hours on 22 days: 8,448,000. Each is written with its job as capture
writes it, in commits of 500. Then, each on its own and from the log alone:

    verify         the hash chain, without bodies and with them
    fold           where the loop stands, as every start of a process works it out
    merge          the label of every item by the contract, twice; both must come to the same digest

    python -m benchmarks.replay_month --share 0.1 --out replay-month.json
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.log import commit_of
from benchmarks.machine import machine

from flyball.adapters.sql import open_store
from flyball.core.chain import verify
from flyball.core.facts import AnswerGiven, Recorded
from flyball.core.ids import ItemId
from flyball.core.labels.contract import Contract
from flyball.core.labels.merge import merge
from flyball.core.loop import LoopState
from flyball.ports import Store

MONTH = 800 * 60 * 8 * 22
BATCH = 500


def main() -> None:
    """Write, read back, print, write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of a month")
    parser.add_argument("--dir", type=Path, default=None, help="where to write: a month takes about 9 GB")
    parser.add_argument("--out", type=Path, default=None, help="JSON with the figures and the machine")
    chosen = parser.parse_args()
    events = int(MONTH * chosen.share) // BATCH * BATCH
    with tempfile.TemporaryDirectory(prefix="flyball-month-", dir=chosen.dir) as folder:
        path = Path(folder) / "loop.db"
        with closing(open_store(path, salt=os.urandom)) as store:
            found = measure(store, events)
        found["bytes/event"] = sum(each.stat().st_size for each in path.parent.iterdir()) / events
    _show(found)
    if chosen.out:
        chosen.out.write_text(json.dumps({**found, "machine": machine()}, indent=2) + "\n")


def measure(store: Store, events: int) -> dict[str, Any]:
    """Each step on its own; seconds for so many events."""
    seconds: dict[str, float] = {}
    cpu: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        began, busy = time.perf_counter(), time.process_time()
        came = work()
        seconds[name], cpu[name] = time.perf_counter() - began, time.process_time() - busy
        return came

    timed("write", lambda: _written(store, events))
    assert timed("verify, without bodies", lambda: verify(store.evidence.links(bodies=False))) == ()
    assert timed("verify, with bodies", lambda: verify(store.evidence.links())) == ()
    state = timed("fold", lambda: _folded(store))
    assert state.seq == events
    digests = {timed(name, lambda: _merged(store)) for name in ("merge", "merge again")}
    assert len(digests) == 1, "the same log gives the same labels"
    return {"events": events, "seconds": seconds, "cpu seconds": cpu, "digest": digests.pop()}


def _written(store: Store, events: int) -> None:
    for first in range(0, events, BATCH):
        store.log.append(commit_of(range(first, first + BATCH)), 1.8e9 + first / 100)


def _folded(store: Store) -> LoopState:
    state = LoopState()
    for recorded in store.log.read():
        state.evolve(recorded)
    return state


def _merged(store: Store) -> str:
    """The digest of all labels in the order in which their items were first spoken of."""
    contract = Contract.implied(("fine", "fraud"))
    digest = hashlib.sha256()
    said: dict[ItemId, list[Recorded]] = {}

    def settle() -> None:
        for item, answers in said.items():
            outcome = merge(answers, contract)
            digest.update(f"{item} {outcome.label} {outcome.answers}\n".encode())
        said.clear()

    # Answers about one item stand together in this log; a batch of them is taken at a time.
    for recorded in store.log.read(kinds=[AnswerGiven.kind]):
        assert isinstance(recorded.fact, AnswerGiven)
        said.setdefault(recorded.fact.item, []).append(recorded)
        if len(said) > 10_000:
            settle()
    settle()
    return digest.hexdigest()


def _show(found: dict[str, Any]) -> None:
    events = found["events"]
    print(f"{events:,} answers, {found['bytes/event']:,.0f} bytes each, load {os.getloadavg()[0]:.1f}")
    for name, seconds in found["seconds"].items():
        month = seconds * MONTH / events
        busy = found["cpu seconds"][name] * MONTH / events
        print(
            f"{name:>24}: {seconds:8.1f} s, {events / seconds:10,.0f}/s;"
            f" a month {month:8,.0f} s, {busy:8,.0f} s of CPU"
        )


if __name__ == "__main__":
    main()
