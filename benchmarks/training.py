"""What the LightGBM learner adds to bare LightGBM: the same rows, the same parameters, in turns.

Bare is `lgb.train` on a matrix and numeric labels that are there already; ours is `Learner.fit` from a
table of columns and labels as text. What is left over is all that Flyball adds to a training before
the snapshot is written. One thread by default: then CPU time tells the work apart from the waiting.

    python -m benchmarks.training --out training.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
from benchmarks.machine import machine

from flyball.adapters.learner_lightgbm import LightgbmLearner
from flyball.core.table import Column, Feature, Table


def main() -> None:
    """Measure, print a table, write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is timed")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=None, help="JSON with the figures and the machine")
    chosen = parser.parse_args()
    found = measure(chosen.rows, chosen.features, chosen.rounds, chosen.threads)
    for name in ("bare", "ours"):
        print(f"{name}: {found[name]['seconds']:.2f} s, {found[name]['cpu seconds']:.2f} s of CPU time")
    print(f"over bare: {found['over bare']:+.1%}, CPU time {found['cpu over bare']:+.1%}")
    if chosen.out:
        chosen.out.write_text(json.dumps(found, indent=2) + "\n")


def measure(rows: int, width: int, rounds: int, threads: int) -> dict[str, Any]:
    """Alternate bare and ours; the best of each counts, for anything else is the machine's noise."""
    table, labels, features = world(rows, width)
    learner = LightgbmLearner({"num_threads": threads})
    settings = learner.settings(rows, classes=2, seed=1)
    matrix = np.column_stack([table[feature.name] for feature in features])
    target = (labels == "yes").astype(np.float32)

    def bare() -> lgb.Booster:
        return lgb.train(settings, lgb.Dataset(matrix, target, params=settings))

    def ours() -> Any:
        return learner.fit(table, labels, None, features, seed=1)

    times = alternate({"bare": bare, "ours": ours}, rounds)
    return {
        "what": {
            "rows": rows,
            "features": width,
            "rounds": rounds,
            "threads": threads,
            "trees": settings["num_iterations"],
        },
        **times,
        "over bare": times["ours"]["seconds"] / times["bare"]["seconds"] - 1,
        "cpu over bare": times["ours"]["cpu seconds"] / times["bare"]["cpu seconds"] - 1,
        "machine": machine(lightgbm=lgb.__version__),
    }


def world(rows: int, width: int) -> tuple[Table, Column, tuple[Feature, ...]]:
    """Items of two classes by column, with some values missing."""
    rng = np.random.default_rng(0)
    columns = {f"x{n}": rng.normal(size=rows) for n in range(width)}
    drive = columns["x0"] + columns["x1"] * columns["x2"] + rng.normal(size=rows)
    columns["x3"][rng.random(rows) < 0.05] = np.nan
    labels = np.array(["no", "yes"], dtype=object)[(drive > 1).astype(int)]
    return Table(columns), labels, tuple(Feature(name) for name in columns)


def alternate(works: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, dict[str, float]]:
    """The best time of each by the clock and by the CPU, and the median, over rounds of all in turn."""
    wall: dict[str, list[float]] = {name: [] for name in works}
    cpu: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            began, spent = time.perf_counter(), time.process_time()
            work()
            wall[name].append(time.perf_counter() - began)
            cpu[name].append(time.process_time() - spent)
    return {
        name: {
            "seconds": min(wall[name]),
            "cpu seconds": min(cpu[name]),
            "median seconds": statistics.median(wall[name]),
        }
        for name in works
    }


if __name__ == "__main__":
    main()
