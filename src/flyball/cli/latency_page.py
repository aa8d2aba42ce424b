"""The page of `flyball latency --html`: one plot, one table, no script."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from flyball.report.html import Html, join, table, tag

#: The plot, in pixels, and the room around it.
WIDTH, HEIGHT, ROOM = 760, 320, 64
#: Each stage has a colour and a dash of its own.
STAGES: Mapping[str, tuple[str, str, str]] = {
    "release_to_answer": ("release to answer", "#0072b2", "none"),
    "answer_to_captured": ("answer to captured", "#b35900", "8 4"),
    "captured_to_integrated": ("captured to integrated", "#00705a", "2 4"),
    "settled_to_trained": ("settled to trained", "#a0407f", "10 3 2 3"),
}
_STYLE = "body{font:15px system-ui;margin:2em;max-width:60em}td,th{padding:.2em .7em;text-align:left}"
_TICKS = ((1, "1s"), (10, "10s"), (60, "1m"), (600, "10m"), (3600, "1h"), (36000, "10h"), (86400, "1d"))


def page(
    loop: str,
    verdict: str,
    rows: Sequence[Mapping[str, Any]],
    head: Sequence[str],
    cells: Sequence[Sequence[str]],
) -> str:
    """The whole page."""
    title = f"{loop}: latency by size of batch"
    parts = [tag("h1", title), tag("p", verdict)]
    if rows:
        parts += [_plot(rows), table(title, head, cells)]
    top = tag("head", tag("meta", charset="utf-8"), tag("title", title), tag("style", _STYLE))
    return f"<!doctype html>\n{tag('html', top, tag('body', *parts), lang='en')}\n"


def _plot(rows: Sequence[Mapping[str, Any]]) -> Html:
    """The p95 of each stage over the size, on a scale of powers; seconds below one are drawn as one."""
    values = [row[stage]["p95"] for row in rows for stage in STAGES if row[stage]["p95"] is not None]
    top = max(10.0, *values) if values else 10.0

    def place(index: int) -> float:
        return ROOM + (WIDTH - 2 * ROOM) * index / max(1, len(rows) - 1)

    def level(seconds: float) -> float:
        share = math.log(max(1.0, seconds)) / math.log(top)
        return HEIGHT - ROOM + (2 * ROOM - HEIGHT) * share

    grid = [_tick(level(at), name) for at, name in _TICKS if at <= top]
    sizes = [
        tag("text", str(row["size"]), x=f"{place(i):.0f}", y=HEIGHT - ROOM + 20, text_anchor="middle")
        for i, row in enumerate(rows)
    ]
    lines = [
        _line(
            [(place(i), level(row[s]["p95"])) for i, row in enumerate(rows) if row[s]["p95"] is not None],
            *STAGES[s],
            index,
        )
        for index, s in enumerate(STAGES)
    ]
    told = "p95 of each stage over the size of the batch"
    return tag(
        "svg", join([*grid, *sizes, *lines]), width=WIDTH, height=HEIGHT + 10, role="img", aria_label=told
    )


def _tick(y: float, name: str) -> Html:
    line = tag("line", x1=ROOM, x2=WIDTH - ROOM, y1=f"{y:.0f}", y2=f"{y:.0f}", stroke="#ccc")
    return join([line, tag("text", name, x=ROOM - 8, y=f"{y + 5:.0f}", text_anchor="end")])


def _line(points: Sequence[tuple[float, float]], name: str, color: str, dash: str, index: int) -> Html:
    shown = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
    look = {"stroke": color, "stroke_dasharray": dash, "stroke_width": 2, "fill": "none"}
    dots = [tag("circle", cx=f"{x:.0f}", cy=f"{y:.0f}", r=3, fill=color) for x, y in points]
    x = ROOM + index * 165
    key = tag("line", x1=x, x2=x + 24, y1=HEIGHT, y2=HEIGHT, **look)
    return join(
        [tag("polyline", points=shown, **look), *dots, key, tag("text", name, x=x + 28, y=HEIGHT + 5)]
    )
