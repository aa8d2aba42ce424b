"""A training through the whole lane beside bare LightGBM on the same rows, in the same run.

Bare is `lgb.train` on a matrix that is there already. The lane reads the labels as of its pins from SQLite,
gathers features from segments, trains, writes the snapshot, and registers the model in MLflow.

    python -m benchmarks.lane --rows 200000 --out lane.json
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from benchmarks.machine import machine

from flyball.bootstrap import App, open_loop
from flyball.core.due import Go
from flyball.work import train

WIDTH = 20
SETTINGS = """
version = 1
id = "lane"
[stream]
source = "benchmarks.lane:items"
item = "item"
time = "time"
label = "label"
[stream.options]
rows = {rows}
[start]
labelled = {rows}
[loop]
rules = "rules.yaml"
[clock]
kind = "virtual"
"""
RULES = "version: 1\nevery: 1d\nrules:\n  - {id: a, because: b, when: queue.depth > 9, then: {do: alert}}\n"


def items(rows: int) -> Iterator[pd.DataFrame]:
    """A linear concept in noise."""
    chance = np.random.default_rng(7)
    for first in range(0, rows, 20_000):
        count = min(20_000, rows - first)
        x = chance.normal(size=(count, WIDTH))
        frame = pd.DataFrame(x, columns=[f"x{n}" for n in range(WIDTH)])
        frame["label"] = (x[:, :4].sum(axis=1) + chance.normal(size=count) > 0).astype(int)
        frame["item"] = [f"i{n}" for n in range(first, first + count)]
        frame["time"] = np.arange(first, first + count, dtype=np.float64)
        yield frame


def main() -> None:
    """Measure, print, write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--out", type=Path, default=None)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / "loop.toml").write_text(SETTINGS.format(rows=chosen.rows))
        (directory / "rules.yaml").write_text(RULES)
        app = open_loop(directory)
        try:
            found = measure(app, chosen.rows)
        finally:
            app.close()
    for name, seconds in found["seconds"].items():
        print(f"{name:>10}: {seconds:.2f} s")
    print(f"over bare: {found['over']:+.2f} s, allowed {found['allowed']:.2f} s")
    if chosen.out:
        chosen.out.write_text(json.dumps({**found, "machine": machine()}, indent=2) + "\n")


def measure(app: App, rows: int) -> dict[str, Any]:
    """Take everything in, then time the lane and bare LightGBM one after the other."""
    ingest = app.lanes["ingest"]
    app.clock.set(float(2 * rows))  # type: ignore[union-attr]
    now = app.clock.now()
    while isinstance(due := ingest.due(now), Go):
        begun = ingest.begin(due, now)
        assert begun is not None
        ingest.finish(begun, ingest.perform(begun), now)
    app.tools.shelf.versions()  # MLflow's first time is not the lane's
    lane = app.lanes["train"]
    started = time.perf_counter()
    due = lane.due(now)
    assert isinstance(due, Go), due
    begun = lane.begin(due, now)
    assert begun is not None
    outcome: train.Outcome = lane.perform(begun)
    lane.finish(begun, outcome, now)
    through = time.perf_counter() - started
    snapshot = app.tools.segments.get(outcome.shelved.snapshot)
    matrix = np.column_stack([snapshot[f"x{n}"] for n in range(WIDTH)])
    target = (snapshot["label"] == "1").astype(np.float32)
    settings = app.tools.learner.settings(len(target), 2, 7)  # type: ignore[attr-defined]
    started = time.perf_counter()
    lgb.train(settings, lgb.Dataset(matrix, target, params=settings))
    bare = time.perf_counter() - started
    return {
        "rows": len(target),
        "seconds": {"bare": bare, "lane": through},
        "over": through - bare,
        "allowed": 0.15 * bare + 1.0,
    }


if __name__ == "__main__":
    main()
