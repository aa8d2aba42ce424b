"""How fast answers become labels: the pure merge alone, the whole integrate lane, and from end to end.

pure    `core.labels.merge` on items with one and with three answers, nothing read and nothing written
lane    answers that wait, through claim, merge, commit, validation and proof, on SQLite or PostgreSQL
end     answers that come at a steady rate through the one writer while the lane runs beside it: from the
        moment at which each was to be sent until its label stands, an open loop

python -m benchmarks.merge --out merge.json
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.machine import machine
from tests.postgres import a_loop, needed

from flyball.adapters.group_commit import GroupCommit
from flyball.adapters.segments import FileSegments
from flyball.adapters.shelf_memory import MemoryShelf
from flyball.adapters.sql import open_store
from flyball.adapters.stream import open_stream
from flyball.bootstrap import App, assemble, settings_of
from flyball.core.due import Go
from flyball.core.facts import AnswerGiven, LabelSettled, Recorded
from flyball.core.ids import AnnotatorId, ItemId, Position
from flyball.core.labels.merge import merge
from flyball.ports import Answer, Receipt
from flyball.work import contract
from flyball.work.accept import Given, accept

TOML = """
version = 1
id = "{loop}"
[stream]
source = "benchmarks.merge:items"
item = "item"
time = "time"
label = "label"
[stream.options]
rows = {rows}
[loop]
rules = "rules.yaml"
[knobs]
"integrate.batch" = {batch}
"""
RULES = "version: 1\nevery: 1d\nrules:\n  - {id: a, because: b, when: queue.depth > 9, then: {do: alert}}\n"


def items(rows: int) -> pd.DataFrame:
    """Items that came long ago."""
    names = [f"item-{number:07d}" for number in range(rows)]
    labels = ["fraud" if number % 3 == 0 else "fine" for number in range(rows)]
    return pd.DataFrame({"item": names, "time": np.arange(rows, dtype=float), "x": 1.0, "label": labels})


def main() -> None:
    """Measure, print, write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=20_000, help="that wait for the lane")
    parser.add_argument("--batch", type=int, default=200, help="jobs that a pass takes")
    parser.add_argument("--rate", type=float, default=500.0, help="answers a second, from end to end")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long they come")
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--out", type=Path, default=None, help="JSON with the figures and the machine")
    chosen = parser.parse_args()
    waiting, steady = chosen.answers, int(chosen.rate * chosen.seconds)
    with (
        tempfile.TemporaryDirectory() as folder,
        a_loop() if chosen.postgres else nullcontext("merge") as loop,
    ):
        directory = Path(folder)
        rows = waiting + steady
        (directory / "loop.toml").write_text(TOML.format(loop=loop, rows=rows, batch=chosen.batch))
        (directory / "rules.yaml").write_text(RULES)
        app = _opened(directory, needed() if chosen.postgres else str(directory / "loop.db"))
        with closing(app.tools.store):
            found: dict[str, Any] = {
                "pure merges/s": {str(count): pure(app, count) for count in (1, 3)},
                "lane": lane(app, waiting),
                "end to end": end_to_end(app, waiting, chosen.rate, steady),
            }
    found |= {"batch": chosen.batch, "store": "PostgreSQL" if chosen.postgres else "SQLite"}
    _show(found)
    if chosen.out:
        chosen.out.write_text(json.dumps({**found, "machine": machine()}, indent=2) + "\n")


def _opened(directory: Path, store: str) -> App:
    settings = settings_of(directory)
    opened = open_stream(settings)
    kept = open_store(store, salt=os.urandom, loop=settings.id)
    app = assemble(settings, opened, kept, FileSegments(directory / "segments"), MemoryShelf())
    ingest = app.lanes["ingest"]
    while isinstance(due := ingest.due(app.clock.now()), Go):
        begun = ingest.begin(due, app.clock.now())
        assert begun is not None
        ingest.finish(begun, ingest.perform(begun), app.clock.now())
    contract.reload(app.tools, app.clock.now())
    return app


def pure(app: App, answers: int, items: int = 20_000) -> float:
    """Merges a second of items with so many answers each."""
    rules = contract.in_force(app.tools)
    said = [
        [
            Recorded(
                Position(1 + number * answers + each),
                1.0,
                AnswerGiven(ItemId(f"item-{number}"), AnnotatorId(f"ann-{each}"), "fine"),
            )
            for each in range(answers)
        ]
        for number in range(items)
    ]
    began = time.perf_counter()
    for each in said:
        merge(each, rules, answers)
    return items / (time.perf_counter() - began)


def lane(app: App, answers: int) -> dict[str, float]:
    """Answers a second through the lane, the first and the last quarter of the passes apart."""
    for first in range(0, answers, 500):
        accept(
            app.tools, [_given(number) for number in range(first, min(first + 500, answers))], app.clock.now()
        )
    passes: list[tuple[int, float]] = []
    began, busy = time.perf_counter(), time.process_time()
    while (done := _pass(app)) is not None:
        passes.append(done)
    lasted = time.perf_counter() - began
    quarter = max(len(passes) // 4, 1)
    return {
        "answers/s": answers / lasted,
        "first quarter": _rate(passes[:quarter]),
        "last quarter": _rate(passes[-quarter:]),
        "cpu us/answer": (time.process_time() - busy) / answers * 1e6,
        "passes": len(passes),
    }


def _rate(passes: Sequence[tuple[int, float]]) -> float:
    return sum(count for count, _ in passes) / sum(seconds for _, seconds in passes)


def _pass(app: App) -> tuple[int, float] | None:
    integrate, now = app.lanes["integrate"], app.clock.now()
    began = time.perf_counter()
    due = integrate.due(now)
    if not isinstance(due, Go):
        return None
    begun = integrate.begin(due, now)
    assert begun is not None
    done = integrate.finish(begun, integrate.perform(begun), app.clock.now())
    assert not done.failed, done.about
    return int(done.numbers["answers"]), time.perf_counter() - began


def end_to_end(app: App, first: int, rate: float, answers: int) -> dict[str, float]:
    """Percentiles of the time from an answer's intended sending to its label, in milliseconds."""
    tools = app.tools
    changed = threading.Event()
    tools.changed = changed.set
    group: GroupCommit[Given, Receipt] = GroupCommit(lambda given: accept(tools, given, app.clock.now()))
    start, over = app.clock.now() + 0.2, threading.Event()
    before = tools.store.log.head().seq

    def send(offset: int) -> None:
        for number in range(offset, answers, 8):
            meant = start + number / rate
            if (wait := meant - app.clock.now()) > 0:
                time.sleep(wait)
            group.written([_given(first + number, meant)])

    senders = [threading.Thread(target=send, args=(offset,)) for offset in range(8)]
    for sender in senders:
        sender.start()

    def watch() -> None:
        for sender in senders:
            sender.join()
        over.set()
        changed.set()

    threading.Thread(target=watch).start()
    while not over.is_set() or tools.store.jobs.waiting("merge").ready:
        if _pass(app) is None:
            changed.wait(0.05)
            changed.clear()
    group.close()
    meant = {fact.item: fact.said_at for fact in _facts(app, before, AnswerGiven)}
    taken = {recorded.fact.item: recorded.at for recorded in _recorded(app, before, LabelSettled)}  # type: ignore[union-attr]
    late = np.array([taken[item] - (said or 0.0) for item, said in meant.items()]) * 1e3
    named = {f"p{share:g} ms": float(np.percentile(late, share)) for share in (50, 95, 99, 99.9)}
    return {"rate": rate, "answers": len(late), **named, "most ms": float(late.max())}


def _recorded(app: App, after: int, kind: type[Any]) -> list[Recorded]:
    return list(app.tools.store.log.read(Position(after), kinds=[kind.kind]))


def _facts(app: App, after: int, kind: type[Any]) -> list[Any]:
    return [recorded.fact for recorded in _recorded(app, after, kind)]


def _given(number: int, said_at: float | None = None) -> Given:
    label = "fraud" if number % 7 == 0 else "fine"
    annotator = AnnotatorId(f"ann-{number % 40}")
    answer = Answer(f"answer-{number}", ItemId(f"item-{number:07d}"), annotator, label, None, said_at)
    return Given(answer, "benchmark")


def _show(found: dict[str, Any]) -> None:
    print(f"{found['store']}, load {os.getloadavg()[0]:.1f}")
    for count, rate in found["pure merges/s"].items():
        print(f"pure merge, {count} answers an item: {rate:,.0f} items/s")
    through = found["lane"]
    print(
        f"lane, {found['batch']} jobs a pass: {through['answers/s']:,.0f} answers/s, first quarter"
        f" {through['first quarter']:,.0f}, last {through['last quarter']:,.0f},"
        f" {through['cpu us/answer']:,.0f} us of CPU an answer"
    )
    end = found["end to end"]
    told = ", ".join(f"{name} {value:,.0f}" for name, value in end.items() if name.endswith(" ms"))
    print(f"end to end at {end['rate']:,.0f} answers/s, {end['answers']:,} answers: {told}")


if __name__ == "__main__":
    main()
