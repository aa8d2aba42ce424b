"""Facts per second that `flyball verify` reads and proves, with and without their bytes, on one core.

A log of answers with raw bytes is written first, then verified from the file against its checkpoints, as
the command does it: rows read in pages, keys, hashes and Merkle roots computed, bytes held against their
commitments. CPU seconds of the process are told beside the wall's, because other work may be going on.

    python -m benchmarks.verify --out verify.json
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import machine

from flyball.adapters.checkpoint_files import KEYS, CheckpointFiles, keys_of, read
from flyball.adapters.sql import open_store
from flyball.core.chain import Link, verify
from flyball.core.facts import AnswerGiven
from flyball.core.ids import AnnotatorId, BatchId, ItemId, ModelVersion
from flyball.ports import Commit, Draft, Store
from flyball.work.evidence import Keeper, verified

ORIGIN = "flyball/measured"
#: Facts in each transaction while the log is written.
BATCH = 1_000


def main() -> None:
    """Measure, print a table, write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--facts", type=int, default=200_000)
    parser.add_argument("--bytes", type=int, default=500, help="raw bytes of each fact")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=None, help="JSON with the figures and the machine")
    chosen = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="flyball-verify-"))
    try:
        found = measure(place, chosen.facts, chosen.bytes, chosen.rounds)
    finally:
        shutil.rmtree(place)
    for name, figures in found["figures"].items():
        wall, cpu = figures["facts_per_second"], figures["facts_per_cpu_second"]
        print(f"{name:34} {wall:>10,.0f} facts/s   {cpu:>10,.0f} facts per CPU second")
    if chosen.out:
        chosen.out.write_text(json.dumps(found, indent=2) + "\n")


def measure(place: Path, facts: int, size: int, rounds: int) -> dict[str, Any]:
    """The best of some rounds of each way."""
    store = open_store(place / "log.db", salt=os.urandom)
    notary = CheckpointFiles(place / "checkpoints", place / "key", ORIGIN)
    keeper = Keeper(store.log, store.evidence, notary, time.time)
    for start in range(0, facts, BATCH):
        store.log.append(Commit([_draft(number, size) for number in range(start, start + BATCH)]), 1.0)
        keeper.sign()
    keeper.sign(at_once=True)
    links = list(store.evidence.links(bodies=True))
    bare = [link._replace(salt=None, body=None, raw=None) for link in links]
    figures = {
        "whole command, without bytes": _best(rounds, facts, lambda: _whole(place, store, bodies=False)),
        "whole command, with bytes": _best(rounds, facts, lambda: _whole(place, store, bodies=True)),
        "chain alone in memory, without": _best(rounds, facts, lambda: _chain(bare)),
        "chain alone in memory, with": _best(rounds, facts, lambda: _chain(links)),
    }
    store.close()
    body = sum(len(link.body or b"") for link in links[:100]) // 100
    return {"facts": facts, "raw_bytes": size, "body_bytes": body, "machine": machine(), "figures": figures}


def _whole(place: Path, store: Store, bodies: bool) -> None:
    kept = read(place / "checkpoints", keys_of(place / "checkpoints" / KEYS))
    *_, found = verified(store.evidence, store.log, kept.signed, ORIGIN, bodies)
    assert not found.count and found.window == 0


def _chain(links: list[Link]) -> None:
    assert not verify(links)


def _best(rounds: int, facts: int, work: Any) -> dict[str, float]:
    walls, cpus = [], []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {"facts_per_second": facts / min(walls), "facts_per_cpu_second": facts / min(cpus)}


def _draft(number: int, size: int) -> Draft:
    batch = BatchId(f"batch-{number // 300}")
    fact = AnswerGiven(
        item=ItemId(f"item-{number:08}"),
        annotator=AnnotatorId(f"annotator-{number % 7}"),
        label="fraud",
        batch=batch,
        said_at=1_700_000_000.25 + number,
        seconds=12.5,
        model=ModelVersion(3),
    )
    return Draft(fact, "desk", f"{batch}/{number}", (b"%08d" % number) * (size // 8))


if __name__ == "__main__":
    main()
