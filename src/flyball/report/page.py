"""The report as one HTML page that asks nothing of any network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from flyball.report import plots_knobs, plots_quality, plots_work, summary, tables, words
from flyball.report.data import Story
from flyball.report.figure import Figure
from flyball.report.html import Html, details, html, join, tag
from flyball.report.lanes import Lanes
from flyball.report.quality import Quality


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with its heading."""

    name: str
    heading: str
    body: Html


def page(story: Story, quality: Quality | None, lanes: Lanes, notes: Sequence[str]) -> str:
    """The whole page. `notes` are what a reader should know about the comparisons."""
    settings = story.read.settings
    sections = [
        Section("quality", "Quality", _quality(story, quality, notes)),
        Section("work", "People and machines", _work(story, lanes)),
        Section("models", "Models", tables.models(story)),
        Section("decisions", "Decisions", tables.decisions(story)),
        Section("alerts", "Alerts", tables.alerts(story)),
        Section("rules", "Rules and settings", join([tables.rule_file(story), tables.settings(story)])),
    ]
    parts = (
        _head(story, quality, lanes, sections),
        tag("main", *(_section(each) for each in sections)),
        tag("footer", tag("p", _made(story))),
    )
    return document(f"{settings.id}: what the loop did", *parts)


def document(title: str, *parts: Html) -> str:
    """A whole page around these parts, with Plotly and what draws the plots in it."""
    script, plotly = _own("page.js"), _plotly()
    body = tag("body", *parts, _script(plotly), _script(script))
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy(plotly, script)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        Html(f"<style>{_own('page.css')}</style>"),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def policy(*scripts: str) -> str:
    """What the page may do: run these scripts, and nothing from anywhere else.

    Styles are free, because Plotly writes them into its elements; they can load nothing.
    """
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:;"
        " base-uri 'none'; form-action 'none'"
    )


def figure(plot: Figure | None) -> Html:
    """A plot under its title, with how it was made."""
    if plot is None:
        return html("")
    height = plot.layout["height"]
    return tag(
        "figure",
        tag("h3", plot.title),
        tag(
            "div",
            tag("noscript", "This plot needs scripts; the numbers are in the tables."),
            id=f"plot-{plot.name}",
            class_="plot",
            style=f"min-height: {height}px",
            role="img",
            aria_label=plot.title,
        ),
        tag("figcaption", plot.how),
        Html(f'<script type="application/json" data-plot="plot-{plot.name}">{plot.as_json()}</script>'),
    )


def _head(story: Story, quality: Quality | None, lanes: Lanes, sections: Sequence[Section]) -> Html:
    settings = story.read.settings
    when = f"{words.moment(story.began)} to {words.moment(story.ended)} UTC"
    architecture = str(story.read.knobs.value("loop.architecture", story.ended))
    clock = {"sped": "a sped-up world", "virtual": "a simulated world"}.get(
        story.started.clock if story.started else "real", "real time"
    )
    shown = [
        tag("div", tag("dt", what), tag("dd", tag("b", value), tag("span", meaning)))
        for what, value, meaning in summary.tiles(story, quality, lanes)
    ]
    links = [tag("a", each.heading, href=f"#{each.name}") for each in sections]
    return tag(
        "header",
        tag("p", f"{when}  ·  {architecture}  ·  {clock}", class_="when"),
        tag("h1", settings.id),
        tag("p", summary.paragraph(story, quality), class_="lead"),
        tag("dl", *shown, class_="tiles"),
        tag("nav", *links, aria_label="parts of this page"),
    )


def _section(section: Section) -> Html:
    return tag("section", tag("h2", section.heading), section.body, id=section.name)


def _quality(story: Story, quality: Quality | None, notes: Sequence[str]) -> Html:
    told = [tag("p", note, class_="note") for note in notes]
    if quality is None:
        return join([*told, figure(plots_quality.reserve(story, alone=True))])
    caution = (
        "Each contender saw the same stream with the same seed. The intervals say what chance in which items"
        " came would change; each baseline was played once, so they leave out the chance in one drawing of"
        " its labels."
    )
    return join(
        [
            figure(plots_quality.quality(story, quality)),
            *told,
            tables.periods(quality),
            details("How the comparison is made", tag("p", _made_how(), " ", caution)),
            figure(plots_quality.reserve(story, alone=False)),
        ]
    )


def _work(story: Story, lanes: Lanes) -> Html:
    plots = [plots_work.queue(story), plots_work.lanes(lanes), plots_knobs.knobs(story)]
    shown = [figure(plot) for plot in plots if plot is not None]
    return join(shown) if shown else tag("p", "Nothing has run yet.", class_="quiet")


def _made_how() -> str:
    return (
        "The static model is the loop's own first model: trained once, on what the loop had then, and asked"
        " about every item since. Random sampling is this loop played again on a virtual clock, with the same"
        " settings, stream, seed, annotators and number of labels; only that chance chooses what is labelled"
        " and that no rule turns a knob."
    )


def _made(story: Story) -> str:
    from flyball import __version__

    return (
        f"Made by Flyball {__version__} from {story.read.state.seq:,} facts of this loop's log. The page is"
        " one file, asks nothing of any network, and can be sent to anybody."
    )


def _script(text: str) -> Html:
    return Html(f"<script>{text}</script>")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _own(name: str) -> str:
    return files("flyball.report").joinpath(name).read_text(encoding="utf-8")


def _plotly() -> str:
    """Plotly's script as its package carries it, such as a browser reads it: with plain ends of lines."""
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs().replace("\r\n", "\n").replace("\r", "\n")
    return script
