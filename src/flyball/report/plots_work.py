"""The plots of the work: the queue and the team, and the lanes beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from flyball.core.ids import Instant, Seconds
from flyball.report import words
from flyball.report.data import Look, Story
from flyball.report.figure import (
    BOTTOM,
    TOP,
    Figure,
    Trace,
    axis,
    layout,
    ms,
    rounded,
    titled,
    wrapped,
)
from flyball.report.lanes import Lanes, Span, overlap, rows
from flyball.report.quality import begin_of, cell_of

#: How high one row of a lane is, in pixels.
ROW = 26
#: A plot of more bars than these is read by nobody; more points than these show nothing more.
MOST_BARS, MOST_POINTS = 62, 1000
#: The colour of each lane; a lane that is not named has the last.
COLORS = {
    "ingest": "static",
    "score": "loop",
    "annotate": "random",
    "integrate": "promoted",
    "train": "drift",
    "steer": "decided",
}


def queue(story: Story) -> Figure | None:
    """How much work waited, and how long annotators had none; None where no look was taken."""
    if not story.looks:
        return None
    looks = thinned(story.looks)
    x = [look.at for look in looks]
    spec = layout(380, story.began, story.ended)
    spec["yaxis"] = axis(title=titled("items"), rangemode="tozero", domain=[0.44, 1])
    spec["yaxis2"] = axis(
        title=titled("share idle"), range=[0, 1.02], tickformat=".0%", domain=[0, 0.33], tickvals=[0, 0.5, 1]
    )
    spec["xaxis"]["anchor"] = "y2"
    spec["bargap"] = 0.12
    length = cell_of(story.ended - story.began, MOST_BARS)
    data = [
        _line(x, looks, "queue.depth", "wait for annotators", "loop", "solid")
        | {"fill": "tozeroy", "fillcolor": "@loop/0.18"},
        _line(x, looks, "backlog.depth", "answered, not settled yet", "random", "dot"),
        _idle(story.looks, length),
    ]
    how = (
        "The queue: items that are with annotators and lack an answer"
        + (", the mean over stretches of equal length. " if len(looks) < len(story.looks) else ". ")
        + "Idle: the share of their time on shift in which annotators had no work, a bar for each stretch of"
        f" {words.lasting(length)}. From the signals of each look."
    )
    return Figure("queue", queue_title(story.looks), how, data, spec)


def lanes(found: Lanes) -> Figure | None:
    """Every lane's work as bars, a readable stretch of it first; None where nothing ran."""
    if not found.spans:
        return None
    begin = min(span.begin for span in found.spans)
    end = max(span.end for span in found.spans)
    data: list[Trace] = []
    labels: list[tuple[float, str]] = []
    below = 0
    for lane in reversed(found.names):
        spans = [span for span in found.spans if span.lane == lane]
        places = rows(spans)
        color = COLORS.get(lane, "static")
        data.append(_bars(spans, [below + place for place in places], color))
        labels.append((below + max(places) / 2, lane))
        below += max(places) + 1
    clock = "wall clock, UTC" if found.wall else "the loop's time, UTC"
    spec = layout(TOP + BOTTOM + 70 + ROW * below, begin, end)
    spec["xaxis"] |= {
        "range": list(_stretch(found.spans, begin, end)),
        "title": titled(clock),
        "rangeslider": {"visible": True, "thickness": 0.1, "range": [ms(begin), ms(end)]},
    }
    spec["yaxis"] = axis(
        range=[-0.7, below - 0.3],
        tickvals=[place for place, _ in labels],
        ticktext=[wrapped(name) for _, name in labels],
        fixedrange=True,
        showgrid=False,
    )
    spec["dragmode"] = "pan"
    spec["showlegend"] = False
    return Figure("lanes", lanes_title(found), _lanes_how(found), data, spec)


def thinned(looks: Sequence[Look], most: int = MOST_POINTS) -> Sequence[Look]:
    """At most so many looks: each the mean of as many that followed each other."""
    size = -(-len(looks) // most)
    if size <= 1:
        return looks
    found = []
    for start in range(0, len(looks), size):
        part = looks[start : start + size]
        values = {name: _mean([look.values[name] for look in part]) for name in part[0].values}
        found.append(Look(part[len(part) // 2].at, values))
    return found


def queue_title(looks: Sequence[Look]) -> str:
    """How deep the queue was and how much annotators idled, over the looks at which somebody was on shift."""
    depth = [depth for look in looks if (depth := look.values["queue.depth"]) is not None]
    said = []
    if depth:
        said.append(f"At most {max(depth):,.0f} items waited for annotators")
    if (idle := idle_share(looks)) is not None:
        said.append(
            f"{'those' if said else 'annotators'} on shift had no work {words.percent(idle)} of the time"
        )
    return ", and ".join(said) or "What waited, and who had no work"


def idle_share(looks: Iterable[Look]) -> float | None:
    """The share of their time on shift in which annotators had no work; None where nobody was on shift."""
    weighted = [
        (idle, active)
        for look in looks
        if (idle := look.values["annotators.idle"]) is not None
        and (active := look.values["annotators.active"])
    ]
    if not weighted:
        return None
    return sum(share * active for share, active in weighted) / sum(active for _, active in weighted)


def lanes_title(found: Lanes) -> str:
    """How far training ran beside other lanes."""
    shares = overlap(found.spans, "train")
    if not shares:
        return "When each lane was at work"
    return f"Other lanes were at work during {words.percent(shares['any'])} of the time that training took"


def _lanes_how(found: Lanes) -> str:
    source = (
        "From Prefect's own record of the flow runs, by the wall clock."
        if found.wall
        else "From the loop's log, in the loop's own time; only work that takes long is in it."
    )
    shares = overlap(found.spans, "train")
    beside = ", ".join(f"{name} {words.percent(shares[name])}" for name in found.names if name in shares)
    told = f" Of the time in training, beside: {beside}." if beside else ""
    return f"{source}{told} A stretch from the middle is shown; drag it, or the window in the overview below."


def _line(x: Sequence[Instant], looks: Sequence[Look], name: str, label: str, color: str, dash: str) -> Trace:
    return {
        "type": "scatter",
        "x": [ms(at) for at in x],
        "y": [rounded(look.values[name]) for look in looks],
        "mode": "lines",
        "name": label,
        "line": {"color": f"@{color}", "width": 1.5, "dash": dash, "shape": "hv"},
        "hovertemplate": f"{label}: %{{y}}<br>%{{x}}<extra></extra>",
    }


def _idle(looks: Sequence[Look], length: Seconds) -> Trace:
    shares = [
        (begin, share)
        for begin, part in groupby(looks, lambda look: begin_of(look.at, length))
        if (share := idle_share(part)) is not None
    ]
    return {
        "type": "bar",
        "x": [ms(begin + length / 2) for begin, _ in shares],
        "y": [rounded(share) for _, share in shares],
        "width": length * 1000 * 0.86,
        "yaxis": "y2",
        "name": "annotators on shift without work",
        "marker": {"color": "@static/0.55"},
        "hovertemplate": "%{y:.0%} idle<br>%{x}<extra></extra>",
    }


def _bars(spans: Sequence[Span], places: Sequence[int], color: str) -> Trace:
    x: list[int | None] = []
    y: list[int | None] = []
    texts: list[str] = []
    for span, place in zip(spans, places, strict=True):
        told = f"<b>{wrapped(span.lane)}</b>, {words.lasting(span.end - span.begin)}<br>{wrapped(span.about)}"
        x += [ms(span.begin), ms(span.end), None]
        y += [place, place, None]
        texts += [told, told, ""]
    return {
        "type": "scatter",
        "x": x,
        "y": y,
        "mode": "lines",
        "line": {"color": f"@{color}", "width": 13},
        "text": texts,
        "hovertemplate": "%{text}<extra></extra>",
    }


def _stretch(spans: Sequence[Span], begin: Instant, end: Instant) -> tuple[int, int]:
    """A tenth of the time, around the training nearest to the middle."""
    middle, half = (begin + end) / 2, (end - begin) / 20 or 1.0
    trained = [span.begin for span in spans if span.lane == "train"]
    around = min(trained, key=lambda at: abs(at - middle), default=middle)
    return ms(around - half), ms(around + half)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
