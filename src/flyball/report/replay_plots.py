"""The plots of a replay: a strip for each rule, the curves of the knobs that part, bars for a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flyball.core.control import Target
from flyball.core.ids import Instant
from flyball.core.knobs import KNOBS, Knob, Value
from flyball.core.rules.replay_lines import Stretch
from flyball.core.rules.replay_model import Curve, Replayed
from flyball.core.rules.sweep import Sweep, Swept
from flyball.report import words
from flyball.report.figure import BOTTOM, TOP, Figure, Trace, axis, layout, ms, rounded, titled, wrapped

#: How high a rule's strip and a knob's plot are, in pixels; and how many knobs are drawn.
STRIP, HEIGHT, MOST = 44, 110, 12
#: Before and after, in colour, and in how the line is drawn.
_SIDES = (("before", "loop/0.45", "solid", 5), ("after", "random", "dot", 2))


def rules(found: Replayed, sides: tuple[str, str]) -> Figure | None:
    """For each rule when it was pending and active: above on the one side, below on the other."""
    names = [each.rule for each in found.rules if _told(found, each.rule)]
    if not names:
        return None
    data: list[Trace] = []
    for place, (word, color) in enumerate((("before", "loop"), ("after", "random"))):
        for state, opacity, width in (("pending", "/0.35", 5), ("active", "", 11)):
            drawn = [each for each in found.stretches[place] if each.state == state and each.rule in names]
            data.append(_strip(drawn, names, place, f"{word}: {state}", f"@{color}{opacity}", width))
    height = TOP + BOTTOM + STRIP * len(names)
    spec = layout(height, found.since, found.until)
    spec["margin"] |= {"l": 220, "r": 24}
    places = list(range(len(names)))
    spec["yaxis"] = axis(
        tickvals=places, ticktext=[wrapped(name, 34) for name in names], range=[len(names) - 0.5, -0.5]
    )
    differ = sum(each.differences > 0 for each in found.rules)
    return Figure(
        "strips",
        f"{words.counted(differ, 'rule')} decide{'s' if differ == 1 else ''} otherwise at some time",
        f"Of each rule the upper strip is {sides[0]}, the lower one {sides[1]};"
        " thin and pale is pending, thick is active.",
        data,
        spec,
    )


def knobs(found: Replayed, sides: tuple[str, str]) -> Figure | None:
    """The knobs that stand elsewhere, each in a row of its own, with the moment from which on they do."""
    parted = [each for each in found.curves if each.parted is not None][:MOST]
    if not parted:
        return None
    data: list[Trace] = []
    spec = layout(TOP + BOTTOM + HEIGHT * len(parted), found.since, found.until)
    spec["annotations"], spec["shapes"] = [], []
    for index, curve in enumerate(parted):
        suffix = "" if index == 0 else str(index + 1)
        high = 1 - index / len(parted)
        domain = [high - 0.72 / len(parted), high - 0.2 / len(parted)]
        knob = KNOBS[Target.of(curve.knob).knob]
        spec[f"yaxis{suffix}"] = _knob_axis(knob, curve, domain)
        for place, (word, color, dash, width) in enumerate(_SIDES):
            steps = (curve.before, curve.after)[place]
            line = {"shape": "hv", "color": f"@{color}", "width": width, "dash": dash}
            data.append(_steps(steps, knob, curve, f"y{suffix}", found.until, line, word, index == 0))
        spec["annotations"].append(_title(curve, knob, high - 0.2 / len(parted)))
        spec["shapes"] += _parting(curve.parted, found.until, f"y{suffix}")
    spec["xaxis"] |= {"anchor": "free", "position": 0}
    first = min(each.parted for each in parted if each.parted is not None)
    return Figure(
        "parted",
        f"{words.counted(len(parted), 'knob')} would have stood elsewhere, from {words.moment(first)} on",
        f"Solid is {sides[0]}, dotted {sides[1]}. Where the ground is tinted the knob stood elsewhere before:"
        " the recording no longer speaks for it.",
        data,
        spec,
    )


def sweep(what: Sweep, rows: Sequence[Swept], number: int) -> Figure:
    """How often each value would have fired, and for how much of the time it would have been active."""
    texts = [each.text for each in rows]
    spec: dict[str, Any] = {
        "height": 400,
        "margin": {"l": 64, "r": 84, "t": TOP, "b": 56},
        "showlegend": False,
        "xaxis": axis(type="category", title=titled(f"{what.what}: now {what.now}")),
        "yaxis": axis(title=titled("times fired"), rangemode="tozero", domain=[0.56, 1], nticks=5),
        "yaxis2": axis(title=titled("hours active"), rangemode="tozero", domain=[0, 0.44], nticks=5),
    }
    spec["xaxis"]["anchor"] = "y2"
    bars = {
        "type": "bar",
        "name": "times fired",
        "x": texts,
        "y": [each.tally.fired for each in rows],
        "marker": {"color": "@loop"},
        "hovertemplate": "%{x}: fired %{y} times<extra></extra>",
    }
    hours = {
        **bars,
        "name": "hours active",
        "y": [rounded(each.tally.active / 3600) for each in rows],
        "yaxis": "y2",
        "marker": {"color": "@promoted"},
        "hovertemplate": "%{x}: active for %{y} h<extra></extra>",
    }
    counts = [each.tally.fired for each in rows]
    told = f"{what.rule} would have fired {min(counts):,} to {words.times(max(counts))}"
    return Figure(
        f"sweep{number}",
        told,
        "Signals and knobs are as they were recorded, whatever a value would have changed of them.",
        [bars, hours],
        spec,
    )


def _told(found: Replayed, rule: str) -> bool:
    return any(each.rule == rule for side in found.stretches for each in side)


def _strip(
    drawn: Sequence[Stretch], names: Sequence[str], place: int, name: str, color: str, width: int
) -> Trace:
    x: list[int | None] = []
    y: list[float | None] = []
    texts: list[str | None] = []
    rows = {rule: row for row, rule in enumerate(names)}
    for each in drawn:
        level = rows[each.rule] + (-0.17 if place == 0 else 0.17)
        about = f" @{each.about}" if each.about else ""
        when = f"{words.moment(each.begin)} to {words.moment(each.end)}"
        text = f"<b>{wrapped(each.rule + about)}</b><br>{name}<br>{when}"
        x += [ms(each.begin), ms(each.end), None]
        y += [level, level, None]
        texts += [text, text, None]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "y": y,
        "text": texts,
        "line": {"color": color, "width": width},
        "hovertemplate": "%{text}<extra></extra>",
        "connectgaps": False,
    }


def _steps(
    steps: Sequence[tuple[Instant, Value]],
    knob: Knob,
    curve: Curve,
    yaxis: str,
    until: Instant,
    line: dict[str, Any],
    name: str,
    first: bool,
) -> Trace:
    places = _places(knob, curve)
    y = [places.index(str(value)) if places else float(value) for _, value in steps]
    texts = [f"<b>{wrapped(curve.knob)}</b><br>{name}: {wrapped(words.number(value))}" for _, value in steps]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [*(ms(at) for at, _ in steps), ms(until)],
        "y": [*y, y[-1]],
        "text": [*texts, texts[-1]],
        "line": line,
        "yaxis": yaxis,
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": first,
        "legendgroup": name,
    }


def _knob_axis(knob: Knob, curve: Curve, domain: Sequence[float]) -> dict[str, Any]:
    places = _places(knob, curve)
    if not places:
        return axis(domain=domain, nticks=3)
    names = ["off" if name == "False" else "on" if name == "True" else name for name in places]
    return axis(
        domain=domain, tickvals=list(range(len(places))), ticktext=names, range=[-0.4, len(places) - 0.6]
    )


def _places(knob: Knob, curve: Curve) -> list[str]:
    """The words that the knob had on either side, in the order of the catalogue; none for a number."""
    had = {str(value) for side in (curve.before, curve.after) for _, value in side}
    known = knob.words if knob.kind == "word" else ("False", "True") if knob.kind == "flag" else ()
    return [word for word in known if word in had]


def _title(curve: Curve, knob: Knob, y: float) -> dict[str, Any]:
    unit = f", {knob.unit}" if knob.unit else ""
    return {
        "text": f"<b>{wrapped(curve.knob)}</b>{unit}",
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": y,
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 13},
    }


def _parting(at: Instant | None, until: Instant, yaxis: str) -> list[dict[str, Any]]:
    """The ground from which on the recording no longer speaks, and a line where it begins."""
    if at is None:
        return []
    common = {"xref": "x", "yref": f"{yaxis} domain", "y0": 0, "y1": 1, "layer": "below"}
    ground = {
        **common,
        "type": "rect",
        "x0": ms(at),
        "x1": ms(until),
        "fillcolor": "@random/0.08",
        "line": {"width": 0},
    }
    line = {"color": "@random", "width": 1}
    return [ground, {**common, "type": "line", "x0": ms(at), "x1": ms(at), "line": line}]
