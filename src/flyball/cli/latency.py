"""The command `latency`: each stage by the size of the batch, as a table and as a page with a plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flyball.bootstrap import opened_store, settings_of
from flyball.cli.latency_page import page
from flyball.cli.show import as_json, lasting, number, print_line, table
from flyball.work import latency as work

HEAD = ("size", "batches", "answer", "captured", "integrated", "trained", "batch", "labels/h", "")


def latency(loop: Path, *, html: Path | None, json: bool) -> int:
    """Show the stages by size of batch."""
    settings = settings_of(loop)
    with opened_store(settings) as store:
        rows = work.latency(store.log)
    if html is not None:
        words = page(settings.id, _verdict(rows), rows, HEAD, [_cells(row) for row in rows])
        html.write_text(words, encoding="utf-8")
    if json:
        as_json(rows)
    elif not rows:
        print_line(_verdict(rows))
    else:
        print_line("p50 / p95 of: release to answer, answer to captured, captured to integrated,")
        print_line("settled to trained; a whole batch; labels settled an hour while it was out\n")
        print_line(table(map(_cells, rows), HEAD))
        print_line("\n" + _verdict(rows))
    if html is not None and not json:
        print_line(f"page: {html}")
    return 0


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    stages = [f"{lasting(row[s]['p50'])} / {lasting(row[s]['p95'])}" for s in work.STAGES]
    size = str(row["size"]) if row["size"] == row["to"] else f"{row['size']} to {row['to']}"
    batches = f"{row['settled']} of {row['batches']}"
    whole = lasting(row["batch_seconds"])
    return (size, batches, *stages, whole, number(row["labels_per_hour"]), "chokes" if row["chokes"] else "")


def _verdict(rows: Sequence[dict[str, Any]]) -> str:
    choked = next((row for row in rows if row["chokes"]), None)
    if choked is not None:
        return (
            f"the loop begins to choke at {choked['size']} items: they take much longer than the size before"
            " and hardly bring more labels an hour"
        )
    if not rows:
        return "no batch was released yet"
    if len(rows) < 2:
        return "batches of one size say nothing about others; try another batch.size"
    return f"no sign of choking up to {rows[-1]['to']} items"
