"""Rows scored per second through segments and a model, next to bare Parquet and LightGBM, in turns.

Both read a million items from Parquet, score them with the same trees and write the items with their
scores to Parquet. Ours goes through `Segments` and `Model`: it also checks what it read against its
name, names what it wrote by its content, and waits until that is on the disk.

    python -m benchmarks.scoring --out scoring.json
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.machine import machine
from benchmarks.training import alternate, world

from flyball.adapters.learner_lightgbm import LightgbmLearner
from flyball.adapters.segments import FileSegments
from flyball.core.table import Table, texts


def main() -> None:
    """Measure, print a table, write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is timed")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dir", type=Path, default=None, help="where to write; its disk is what is measured")
    parser.add_argument("--out", type=Path, default=None, help="JSON with the figures and the machine")
    chosen = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="flyball-scoring-", dir=chosen.dir))
    try:
        found = measure(place, chosen.rows, chosen.features, chosen.rounds, chosen.threads)
    finally:
        shutil.rmtree(place)
    for name in ("bare", "ours"):
        print(f"{name}: {chosen.rows / found[name]['seconds']:,.0f} rows/s")
    print(f"ours reaches {found['share of bare']:.0%} of bare, by CPU time {found['cpu share of bare']:.0%}")
    if chosen.out:
        chosen.out.write_text(json.dumps(found, indent=2) + "\n")


def measure(place: Path, rows: int, width: int, rounds: int, threads: int) -> dict[str, Any]:
    """Alternate bare and ours; the best of each counts, for anything else is the machine's noise."""
    table, labels, features = world(rows, width)
    few = slice(0, min(rows, 50_000))
    learner = LightgbmLearner({"num_threads": threads})
    model = learner.fit(table.take(few), labels[few], None, features, seed=1)
    names = [feature.name for feature in features]
    items = table.having(item=texts(f"item-{n}" for n in range(rows)))
    segments = FileSegments(place)
    digest = segments.put(items)
    pq.write_table(pa.table(dict(items.columns)), place / "bare.parquet")
    del table, items

    def bare() -> None:
        read = pq.read_table(place / "bare.parquet")
        matrix = np.column_stack([read[name].to_numpy() for name in names])
        p = np.asarray(model.booster.predict(matrix, num_threads=threads))
        pq.write_table(pa.table({"item": read["item"], "p_no": 1 - p, "p_yes": p}), place / "scores.parquet")

    def ours() -> None:
        read = segments.get(digest)
        p = model.scores(read.select(names))
        written = segments.put(Table({"item": read["item"], "p_no": p[:, 0], "p_yes": p[:, 1]}))
        segments.path(written).unlink()

    times = alternate({"bare": bare, "ours": ours}, rounds)
    return {
        "what": {"rows": rows, "features": width, "rounds": rounds, "threads": threads},
        **times,
        "share of bare": times["bare"]["seconds"] / times["ours"]["seconds"],
        "cpu share of bare": times["bare"]["cpu seconds"] / times["ours"]["cpu seconds"],
        "machine": machine(),
    }


if __name__ == "__main__":
    main()
