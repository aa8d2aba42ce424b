"""Facts per second that `flyball verify` reads and proves: with and without bytes, by one process or several.

A log of answers with raw bytes is written first, then verified from the file against its checkpoints, as
the command does it: rows read in pages, keys, hashes and Merkle roots computed, bytes held against their
commitments. The time in which processes start is part of theirs. CPU seconds of all processes are told
beside the wall's, and the load, because other work may be going on.

    python -m benchmarks.verify --out verify.json
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import tempfile
import time
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.machine import machine

from flyball.adapters.checkpoint_files import KEYS, CheckpointFiles, keys_of, read
from flyball.adapters.sql import open_store
from flyball.adapters.sql.store import LOOP
from flyball.cli.evidence_pieces import cores, side_by_side
from flyball.core.chain import Link, verify
from flyball.core.facts import AnswerGiven
from flyball.core.ids import AnnotatorId, BatchId, ItemId, ModelVersion
from flyball.ports import Commit, Draft, Store
from flyball.work.evidence import Keeper, verified

ORIGIN = "flyball/measured"
#: Facts in each transaction while the log is written.
BATCH = 1_000
#: Links that are verified in memory.
LINKS = 200_000


def main() -> None:
    """Measure, print a table, write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--facts", type=int, default=1_000_000)
    parser.add_argument("--bytes", type=int, default=500, help="raw bytes of each fact")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=cores())
    parser.add_argument("--out", type=Path, default=None, help="JSON with the figures and the machine")
    chosen = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="flyball-verify-"))
    try:
        found = measure(place, chosen.facts, chosen.bytes, chosen.rounds, chosen.processes)
    finally:
        shutil.rmtree(place)
    for name, figures in found["figures"].items():
        wall, cpu = figures["facts_per_second"], figures["facts_per_cpu_second"]
        load = figures["load"]
        print(f"{name:34} {wall:>10,.0f} facts/s   {cpu:>10,.0f} facts per CPU second   load {load:.1f}")
    if chosen.out:
        chosen.out.write_text(json.dumps(found, indent=2) + "\n")


def measure(place: Path, facts: int, size: int, rounds: int, processes: int) -> dict[str, Any]:
    """The best of some rounds of each way."""
    store = open_store(place / "log.db", salt=os.urandom)
    notary = CheckpointFiles(place / "checkpoints", place / "key", ORIGIN)
    keeper = Keeper(store.log, store.evidence, notary, time.time)
    for start in range(0, facts, BATCH):
        store.log.append(Commit([_draft(number, size) for number in range(start, start + BATCH)]), 1.0)
        keeper.sign()
    keeper.sign(at_once=True)
    links = list(islice(store.evidence.links(bodies=True), LINKS))
    bare = [link._replace(salt=None, body=None, raw=None) for link in links]
    figures = {
        f"{count} process{'es' * (count > 1)}, {'with' if bodies else 'without'} bytes": _best(
            rounds, facts, partial(_whole, place, store, bodies, count)
        )
        for count in sorted({1, processes})
        for bodies in (False, True)
    }
    figures["chain alone in memory, without"] = _best(rounds, len(bare), lambda: _chain(bare))
    figures["chain alone in memory, with"] = _best(rounds, len(links), lambda: _chain(links))
    store.close()
    body = sum(len(link.body or b"") for link in links[:100]) // 100
    return {"facts": facts, "raw_bytes": size, "body_bytes": body, "machine": machine(), "figures": figures}


def _whole(place: Path, store: Store, bodies: bool, count: int) -> None:
    kept = read(place / "checkpoints", keys_of(place / "checkpoints" / KEYS))
    pieces = side_by_side(str(place / "log.db"), LOOP, bodies, count) if count > 1 else None
    *_, found = verified(store.evidence, store.log, kept.signed, ORIGIN, bodies, pieces)
    assert not found.count and found.window == 0


def _chain(links: list[Link]) -> None:
    assert not verify(links)


def _best(rounds: int, facts: int, work: Any) -> dict[str, float]:
    walls, cpus = [], []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), _cpu()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(_cpu() - cpu)
    return {
        "facts_per_second": facts / min(walls),
        "facts_per_cpu_second": facts / min(cpus),
        "load": os.getloadavg()[0],
    }


def _cpu() -> float:
    """Seconds that this process and those that it started and saw end took of a processor."""
    each = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in each)


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
