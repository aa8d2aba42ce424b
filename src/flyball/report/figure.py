"""Figures as Plotly reads them: plain values, with colours by name so that a page can be light or dark.

A colour is "@name" or "@name/opacity"; the page's script puts in what it stands for. Text from data is
escaped, because Plotly reads a little HTML in texts.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from flyball.core.ids import Instant

Trace = dict[str, Any]
#: Vertical room for titles and the time axis, in pixels.
TOP, BOTTOM = 36, 40


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot and what is read around it: a title that says what there is to see, and how it was made."""

    name: str
    title: str
    how: str
    data: Sequence[Trace]
    layout: Mapping[str, Any]

    def as_json(self) -> str:
        """What the page's script draws; safe within a script element."""
        text = json.dumps({"data": self.data, "layout": self.layout}, separators=(",", ":"), allow_nan=False)
        return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def ms(at: Instant) -> int:
    """A moment as Plotly's date axes take it."""
    return round(at * 1000)


def rounded(value: float | None) -> float | None:
    """A number with as many digits as a plot can show."""
    return None if value is None else float(f"{value:.4g}")


def wrapped(text: str, width: int = 64) -> str:
    """Text for a hover label: escaped, in lines that fit.

    >>> wrapped("a < b")
    'a &lt; b'
    """
    return "<br>".join(escape(line) for line in textwrap.wrap(text, width)) or ""


def layout(height: int, begin: Instant, end: Instant, **more: Any) -> dict[str, Any]:
    """What all figures have in common: a time axis in UTC, quiet lines, room for nothing else."""
    margin = (end - begin) * 0.01 or 1.0
    return {
        "height": height,
        "margin": {"l": 84, "r": 128, "t": TOP, "b": BOTTOM},
        "hovermode": "closest",
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "itemwidth": 44},
        "xaxis": {
            "type": "date",
            "range": [ms(begin - margin), ms(end + margin)],
            "hoverformat": "%Y-%m-%d %H:%M",
            **axis(title=titled("date (UTC)")),
        },
        **more,
    }


def axis(**more: Any) -> dict[str, Any]:
    """An axis that keeps in the background."""
    return {
        "gridcolor": "@grid",
        "linecolor": "@grid",
        "zerolinecolor": "@grid",
        "zeroline": False,
        "automargin": True,
        **more,
    }


def titled(text: str) -> dict[str, Any]:
    """The title of an axis, no louder than its numbers."""
    return {"text": text, "font": {"size": 13, "color": "@quiet"}, "standoff": 8}


def aside(at: Instant, y: float, text: str, color: str) -> dict[str, Any]:
    """A word to the right of where a line ends; left out where the page is narrow."""
    return {
        "name": "aside",
        "x": ms(at),
        "y": rounded(y),
        "text": text,
        "xanchor": "left",
        "xshift": 10,
        "showarrow": False,
        "font": {"color": f"@{color}", "size": 13},
    }


def band(
    x: Sequence[int],
    low: Sequence[float],
    high: Sequence[float],
    color: str,
    group: str,
    opacity: float = 0.16,
) -> Trace:
    """The area between two lines."""
    return {
        "type": "scatter",
        "x": [*x, *reversed(x)],
        "y": [*map(rounded, high), *reversed([rounded(value) for value in low])],
        "fill": "toself",
        "fillcolor": f"@{color}/{opacity}",
        "line": {"width": 0},
        "mode": "lines",
        "hoverinfo": "skip",
        "showlegend": False,
        "legendgroup": group,
    }


def uprights(moments: Iterable[Instant], top: float, color: str, dash: str) -> Trace:
    """Vertical lines from 0 to `top`."""
    x: list[int | None] = []
    y: list[float | None] = []
    for at in moments:
        x += [ms(at), ms(at), None]
        y += [0, top, None]
    return {
        "type": "scatter",
        "x": x,
        "y": y,
        "mode": "lines",
        "line": {"color": f"@{color}", "width": 1, "dash": dash},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def points(x: Sequence[Instant], y: Sequence[Any], texts: Sequence[str], **more: Any) -> Trace:
    """Marks with a text each. `texts` are escaped already."""
    return {
        "type": "scatter",
        "x": [ms(at) for at in x],
        "y": list(y),
        "mode": "markers",
        "text": list(texts),
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
        **more,
    }
