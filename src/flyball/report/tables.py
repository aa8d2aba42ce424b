"""The tables of the report: models, decisions, alerts, periods, and what was in force."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flyball.report import words
from flyball.report.data import Story, flat
from flyball.report.html import Html, details, html, join, table, tag
from flyball.report.plots_quality import LOOKS, is_applied
from flyball.report.quality import Quality

#: The newest so many decisions are listed; `flyball decisions` lists all.
MOST = 500
_PASSWORD = re.compile(r"(://[^:/@\s]*):[^@/\s]+@")


def models(story: Story) -> Html:
    """Every model version with what it learned from and how it was received."""
    if not story.models:
        return tag("p", "No model was trained yet.", class_="quiet")
    rows = [
        (
            tag("b", told["version"]),
            badge(told["alias"]) if told["alias"] else "",
            words.moment(told["trained_at"]),
            f"{told['rows']:,}",
            words.lasting(told["seconds"]),
            told["received"],
            tag("code", told["snapshot"][:12]),
        )
        for told in reversed(story.models)
    ]
    head = ("version", "", "trained (UTC)", "labels", "took", "how it was received", "snapshot")
    return table("model versions", head, rows, numbers=(0, 3), prose=(5,))


def decisions(story: Story) -> Html:
    """What looks concluded, promotions and rule files among them; the newest first."""
    if not story.decisions:
        return tag("p", "Nothing was decided yet.", class_="quiet")
    shown = story.decisions[-MOST:]
    rows = [
        (
            words.moment(told["at"]),
            tag("code", told["rule"])
            if not told.get("about")
            else tag("code", f"{told['rule']}@{told['about']}"),
            told["verdict"],
            told["because"],
            "; ".join(words.change(change) for change in told["changes"]),
            _applied(told),
        )
        for told in reversed(shown)
    ]
    left = len(story.decisions) - len(shown)
    more = (
        tag(
            "p",
            f"The newest {MOST:,}; `flyball decisions` lists the {left:,} before them too.",
            class_="quiet",
        )
        if left
        else ""
    )
    search = tag(
        "input",
        type="search",
        placeholder="find a rule, a word, a knob",
        aria_label="find in the decisions",
        data_finds="decided",
    )
    head = ("when (UTC)", "rule", "verdict", "why", "what changed", "applied")
    listed = table("decisions", head, rows, prose=(3, 4))
    return join([search, tag("div", listed, id="decided"), more])


def alerts(story: Story) -> Html:
    """What somebody should have known."""
    if not story.alerts:
        return tag("p", "No alert was raised.", class_="quiet")
    rows = [
        (
            words.moment(alert.at),
            words.moment(alert.until) if alert.until is not None else badge("stands"),
            alert.severity,
            tag("code", alert.key),
            alert.message,
        )
        for alert in reversed(story.alerts)
    ]
    head = ("raised (UTC)", "over (UTC)", "severity", "about", "message")
    return table("alerts", head, rows, prose=(4,))


def periods(quality: Quality) -> Html:
    """The numbers of the plot of quality."""
    names = [name for name in reversed(list(LOOKS)) if name in quality.overall]
    rows = [
        (
            words.stretch(period.begin, period.end),
            f"{period.items:,}",
            f"{period.positives:,}",
            *(words.measured(value) if (value := period.values[name]) else words.NONE for name in names),
        )
        for period in quality.periods
    ]
    everything = (
        tag("b", "everything"),
        f"{quality.items:,}",
        f"{quality.positives:,}",
        *(tag("b", words.measured(quality.overall[name])) for name in names),
    )
    head = ("period", "items", "outside the commonest class", *(LOOKS[name][3] for name in names))
    shown = table("quality by period", head, [*rows, everything], numbers=(1, 2))
    return details("The numbers", shown)


def rule_file(story: Story) -> Html:
    """The rules in force at the end, with their digest."""
    rules = story.rules
    if rules is None:
        return tag("p", "No rule file took effect.", class_="quiet")
    told = tag(
        "p", tag("code", rules.name), " with the digest ", tag("code", rules.digest, class_="digest"), "."
    )
    loads = sum(told["verdict"] == "loaded" for told in story.decisions)
    note = tag("p", f"Rule files took effect {loads:,} times; this is the last one.") if loads > 1 else ""
    return join([told, note, details("The file", tag("pre", rules.text))])


def settings(story: Story) -> Html:
    """What loop.toml says, passwords left out."""
    rows = [
        (tag("code", name), tag("code", _said(value))) for name, value in flat(story.read.settings.written)
    ]
    return details("loop.toml", table("settings", ("key", "value"), rows, prose=(1,)))


def badge(text: object) -> Html:
    """A word that stands out."""
    return tag("span", text, class_="badge")


def _applied(told: Mapping[str, Any]) -> Html:
    if told.get("overruled_by"):
        return html(f"overruled by {told['overruled_by']}")
    if "due" in told and not told["live"]:
        return html("no: in shadow" if told["changes"] else "")
    if not told["changes"]:
        return html("")
    return badge("yes") if is_applied(told) else html("no: held back")


def _said(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return _PASSWORD.sub(r"\1:…@", text)
