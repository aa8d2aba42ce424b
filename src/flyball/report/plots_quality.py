"""The plots of quality over time, with what happened meanwhile in a strip below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flyball.core.facts import QualityMeasured
from flyball.core.ids import Instant
from flyball.core.learning.interval import Measured
from flyball.report import words
from flyball.report.data import MOVED, Story
from flyball.report.figure import (
    Figure,
    Trace,
    aside,
    axis,
    band,
    layout,
    ms,
    points,
    rounded,
    titled,
    uprights,
    wrapped,
)
from flyball.report.quality import LEAST, LOOP, RANDOM, STATIC, Quality

#: For each contender its colour, its dash, its mark, and the words on its line.
LOOKS: dict[str, tuple[str, str, str, str]] = {
    STATIC: ("static", "dot", "diamond", "static model"),
    RANDOM: ("random", "dash", "square", "random sampling"),
    LOOP: ("loop", "solid", "circle", "this loop"),
}
#: Where the strip ends and the plot begins, as shares of the height.
STRIP, PLOT = 0.17, 0.23
#: Of more new models than these only the newest have a line through the plot.
MOST_UPRIGHTS = 100
#: The measures of the reserve, the one that says most first.
RESERVE = ("val.ap", "val.kappa", "val.loss")
NAMES = {"val.ap": "average precision", "val.kappa": "Cohen's kappa", "val.loss": "log loss"}


def quality(story: Story, found: Quality) -> Figure:
    """Quality by period for every contender, with what happened in a strip below."""
    data: list[Trace] = []
    top = 0.0
    ends: list[tuple[str, Instant, float]] = []
    for name in (each for each in LOOKS if each in found.overall):
        known = [(period, value) for period in found.periods if (value := period.values[name]) is not None]
        if not known:
            continue
        color, dash, symbol, label = LOOKS[name]
        x = [(period.begin + period.end) / 2 for period, _ in known]
        y = [value[0] for _, value in known]
        top = max(top, *(value[2] for _, value in known))
        low, high = ([value[bound] for _, value in known] for bound in (1, 2))
        data.append(band([ms(at) for at in x], low, high, color, name, 0.18 if name == LOOP else 0.1))
        texts = [_told(found, index) for index, each in enumerate(found.periods) if each.values[name]]
        data.append(
            points(x, [rounded(value) for value in y], texts)
            | {
                "mode": "lines+markers",
                "line": {"color": f"@{color}", "dash": dash, "width": 3 if name == LOOP else 2},
                "marker": {"symbol": symbol, "size": 8 if name == LOOP else 7, "color": f"@{color}"},
                "name": label,
                "legendgroup": name,
                "showlegend": True,
            }
        )
        ends.append((name, x[-1], y[-1]))
    top = max(top * 1.04, 0.1)
    marks, axes = strip(story, top)
    spec = _over_the_strip(layout(540, story.began, story.ended, **axes))
    spec["yaxis"] = axis(title=titled(_axis(found)), range=[min(0.0, _lowest(found)), top], domain=[PLOT, 1])
    spec["annotations"] = _on_the_lines(ends, top)
    return Figure("quality", _title(found), _how(found), [*marks, *data], spec)


def reserve(story: Story, alone: bool) -> Figure | None:
    """What the loop measured itself, on its reserve. `alone`: there is no other plot of quality."""
    name = next((name for name in RESERVE if any(name in fact.metrics for _, fact in story.measured)), None)
    if name is None:
        return None
    known = [(at, fact, fact.metrics[name]) for at, fact in story.measured if name in fact.metrics]
    x = [at for at, _, _ in known]
    data = [
        band([ms(at) for at in x], [v[1] for _, _, v in known], [v[2] for _, _, v in known], "static", "own"),
        points(x, [rounded(v[0]) for _, _, v in known], [_reserve_told(*each, NAMES[name]) for each in known])
        | {
            "mode": "lines+markers",
            "line": {"color": "@loop", "width": 2},
            "marker": {"size": 5, "color": "@loop"},
        },
    ]
    top = max(v[2] for _, _, v in known) * 1.04 or 1.0
    title = titled(NAMES[name])
    if alone:
        marks, axes = strip(story, top)
        spec = _over_the_strip(layout(460, story.began, story.ended, **axes))
        spec["yaxis"] = axis(title=title, rangemode="tozero", domain=[PLOT, 1])
        data = [*marks, *data]
    else:
        spec = layout(230, story.began, story.ended, yaxis=axis(title=title, rangemode="tozero"))
        spec["margin"] = {**spec["margin"], "t": 12}
    _, fact, value = known[-1]
    said = f"On its own reserve the loop last measured {NAMES[name]} {words.measured(value)}"
    how = (
        f"Each point is measured on the newest labels of items that chance alone chose, at most 500 of them"
        f" ({fact.labels:,} at the end, {fact.positives:,} of them outside the commonest class), by the"
        " scores given before anybody labelled them. The band is a 95% bootstrap interval. Rules can read"
        " this one; it is late and uncertain where labels are few."
    )
    return Figure("reserve", said, how, data, spec)


def strip(story: Story, top: float) -> tuple[list[Trace], dict[str, Any]]:
    """What happened meanwhile: marks in a strip, lines through the plot above; and the strip's axis."""
    applied = [told for told in story.rule_decisions if is_applied(told)]
    drifts = [
        (
            f"<b>{'the error changed' if drift.error else 'features moved'}</b> {words.moment(drift.at)}<br>"
            + wrapped(_moved(drift.share, drift.moved))
        )
        for drift in story.drifts
    ]
    models = [
        f"<b>model {fact.model}</b> {words.moment(at)}<br>" + wrapped(fact.because)
        for at, fact in story.promoted
    ]
    decided = [
        f"<b>{wrapped(told['rule'])}</b> {words.moment(told['at'])}<br>{wrapped(told['because'])}<br>"
        + wrapped("; ".join(words.change(change) for change in told["changes"]))
        for told in applied
    ]
    found = ["x" if drift.error else "circle-open" for drift in story.drifts]
    symbols = ["triangle-up" if fact.proven else "triangle-up-open" for _, fact in story.promoted]
    marks = [
        uprights([at for at, _ in story.promoted[-MOST_UPRIGHTS:]], top, "promoted/0.2", "solid"),
        uprights([drift.at for drift in story.drifts if drift.error], top, "drift", "dash"),
        uprights([drift.at for drift in story.drifts if not drift.error], top, "drift/0.6", "dot"),
        _row(
            [drift.at for drift in story.drifts], 2, drifts, {"symbol": found, "color": "@drift", "size": 9}
        ),
        _row(
            [at for at, _ in story.promoted], 1, models, {"symbol": symbols, "color": "@promoted", "size": 9}
        ),
        _row(
            [told["at"] for told in applied],
            0,
            decided,
            {"symbol": "diamond", "color": "@decided", "size": 7},
        ),
    ]
    rows = axis(
        domain=[0, STRIP],
        range=[-0.6, 2.6],
        tickvals=[2, 1, 0],
        ticktext=["drift", "new model", "decision"],
        fixedrange=True,
    )
    return marks, {"yaxis2": rows}


def _over_the_strip(spec: dict[str, Any]) -> dict[str, Any]:
    """The time axis below the strip rather than between it and the plot."""
    spec["xaxis"] |= {"anchor": "y2"}
    return spec


def is_applied(told: Mapping[str, Any]) -> bool:
    """Whether a decision moved something: not in shadow, not overruled, not held back wholly by a limit."""
    moved = any("to" not in each or each["to"] != each.get("from") for each in told["changes"])
    return bool(told["live"]) and moved and not told.get("overruled_by")


def _row(x: Sequence[Instant], row: int, texts: Sequence[str], marker: Mapping[str, Any]) -> Trace:
    return points(x, [row] * len(x), texts, yaxis="y2", marker=dict(marker))


def _moved(share: float | None, moved: Sequence[tuple[str, float]]) -> str:
    most = ", ".join(f"{name} {distance:.2g}" for name, distance in moved)
    return f"{words.percent(share)} of the features moved, most: {most}" if share is not None else ""


def _title(found: Quality) -> str:
    own = f"{found.metric} {found.overall[LOOP][0]:.2f}" if LOOP in found.overall else found.metric
    against = [
        f"{found.overall[name][0]:.2f} {words_of}"
        for name, words_of in ((RANDOM, "with labels chosen at random"), (STATIC, "without new labels"))
        if name in found.overall
    ]
    return own[0].upper() + own[1:] + (f", against {' and '.join(against)}" if against else "")


def _how(found: Quality) -> str:
    what = (
        f"Average precision of class {found.positive}, which is rare"
        if found.positive is not None
        else "Cohen's kappa, as no class of two is rare"
    )
    return (
        f"{what}, of the prediction made when each item arrived, against its true label, which the loop did"
        f" not have. Each point is a period with at least {LEAST} items outside the commonest class; bands"
        " are 95% bootstrap intervals. Uprights: the model's error changed (dashed, crosses below), over"
        f" {words.percent(MOVED)} of the features moved (dotted, rings), a new model took over (faint,"
        " triangles; open where too few labels could prove it better)."
    )


def _axis(found: Quality) -> str:
    return "average precision (0 to 1)" if found.positive is not None else "Cohen's kappa (up to 1)"


def _lowest(found: Quality) -> float:
    lows = [value[1] for period in found.periods for value in period.values.values() if value]
    return min(lows, default=0.0)


def _told(found: Quality, index: int) -> str:
    period = found.periods[index]
    lines = [f"<b>{words.stretch(period.begin, period.end)}</b>"]
    lines.extend(
        f"{label}: {words.measured(value)}"
        for name, (_, _, _, label) in reversed(LOOKS.items())
        if (value := period.values.get(name)) is not None
    )
    lines.append(f"{period.items:,} items, {period.positives:,} outside the commonest class")
    return "<br>".join(lines)


def _reserve_told(at: Instant, fact: QualityMeasured, value: Measured, name: str) -> str:
    return (
        f"<b>{words.moment(at)}</b><br>{name} {words.measured(value)}<br>"
        f"{fact.labels} labels, {fact.positives} outside the commonest class"
    )


def _on_the_lines(ends: Sequence[tuple[str, Instant, float]], top: float) -> list[dict[str, Any]]:
    """A name at the end of each line, none above another."""
    apart = top * 0.075
    placed: list[dict[str, Any]] = []
    last = -apart
    for name, at, y in sorted(ends, key=lambda end: end[2]):
        last = max(y, last + apart)
        color, _, _, label = LOOKS[name]
        placed.append(aside(at, last, f"<b>{label}</b>" if name == LOOP else label, color))
    return placed
