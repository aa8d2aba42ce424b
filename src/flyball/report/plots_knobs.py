"""The plot of the knobs that moved, each in a row of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flyball.core.control import Target
from flyball.core.ids import Instant
from flyball.core.knobs import KNOBS, Knob, Value
from flyball.report import words
from flyball.report.data import KnobLine, Story
from flyball.report.figure import BOTTOM, TOP, Figure, Trace, axis, layout, ms, points, wrapped

#: How high one knob's plot is, in pixels; of more knobs than these only those that moved most are drawn.
HEIGHT, MOST = 92, 12


def knobs(story: Story) -> Figure | None:
    """The knobs that moved, each in a row of its own; None where none did."""
    lines = story.knobs[:MOST]
    if not lines:
        return None
    data: list[Trace] = []
    spec = layout(TOP + BOTTOM + HEIGHT * len(lines), story.began, story.ended)
    spec["annotations"] = []
    for index, line in enumerate(lines):
        suffix = "" if index == 0 else str(index + 1)
        high = 1 - index / len(lines)
        domain = [high - 0.68 / len(lines), high - 0.14 / len(lines)]
        knob = KNOBS[Target.of(line.name).knob]
        spec[f"yaxis{suffix}"] = _knob_axis(knob, line, domain)
        data += _knob_traces(knob, line, f"y{suffix}", story.ended)
        unit = f", {knob.unit}" if knob.unit else ""
        spec["annotations"].append(
            {
                "text": f"<b>{wrapped(line.name)}</b>{unit}",
                "xref": "paper",
                "yref": "paper",
                "x": 0,
                "y": high - 0.14 / len(lines),
                "xanchor": "left",
                "yanchor": "bottom",
                "showarrow": False,
                "font": {"size": 13},
            }
        )
    spec["xaxis"]["anchor"] = "free"
    spec["xaxis"]["position"] = 0
    turns = sum(len(line.steps) - 1 for line in story.knobs)
    most = story.knobs[0]
    title = f"{words.counted(len(story.knobs), 'knob')} moved, {words.times(turns)} in all"
    if len(story.knobs) > 1:
        title += f"; {most.name} most ({len(most.steps) - 1})"
    return Figure(
        "knobs",
        title,
        "Only the knobs whose value changed. A mark is a change: point at it for who turned it, and why.",
        data,
        spec,
    )


def _knob_axis(knob: Knob, line: KnobLine, domain: Sequence[float]) -> dict[str, Any]:
    if knob.kind not in ("word", "flag"):
        return axis(domain=domain, nticks=3)
    values = _places(knob, line)
    names = ["off" if name == "False" else "on" if name == "True" else name for name in values]
    return axis(
        domain=domain, tickvals=list(range(len(values))), ticktext=names, range=[-0.4, len(values) - 0.6]
    )


def _knob_traces(knob: Knob, line: KnobLine, yaxis: str, ended: Instant) -> list[Trace]:
    places = _places(knob, line)

    def place(value: Value) -> float | int:
        return places.index(str(value)) if places else float(value)

    x = [at for at, *_ in line.steps]
    y = [place(value) for _, value, _, _ in line.steps]
    steps = {
        "type": "scatter",
        "x": [*map(ms, x), ms(ended)],
        "y": [*y, y[-1]],
        "mode": "lines",
        "line": {"shape": "hv", "color": "@loop", "width": 2},
        "hoverinfo": "skip",
        "showlegend": False,
        "yaxis": yaxis,
    }
    texts = [
        f"<b>{wrapped(line.name)}: {wrapped(words.number(before))} → {wrapped(words.number(value))}</b>"
        f"<br>{words.moment(at)}, by {wrapped(by)}<br>{wrapped(because)}"
        for (_, before, *_), (at, value, by, because) in zip(line.steps, line.steps[1:], strict=False)
    ]
    marker = {"symbol": "diamond", "size": 6, "color": "@decided"}
    return [steps, points(x[1:], y[1:], texts, yaxis=yaxis, marker=marker)]


def _places(knob: Knob, line: KnobLine) -> list[str]:
    """The words that the knob had, in the order of the catalogue; none for a number."""
    had = {str(value) for _, value, _, _ in line.steps}
    known = knob.words if knob.kind == "word" else ("False", "True") if knob.kind == "flag" else ()
    return [word for word in known if word in had]
