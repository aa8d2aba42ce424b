"""What somebody who is sent the report can count on."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from tests.reports import Played

from flyball.core.facts import RulesLoaded
from flyball.core.ids import Digest
from flyball.report.data import Story
from flyball.report.figure import Figure
from flyball.report.lanes import Lanes
from flyball.report.page import page
from flyball.report.plots_knobs import knobs
from flyball.report.plots_quality import quality as plot_quality
from flyball.report.plots_quality import reserve
from flyball.report.plots_work import lanes, queue

#: What can make a browser ask a network for something.
LOADS = {"src", "srcset", "data", "poster", "action", "formaction", "background", "manifest", "ping"}
HOSTILE = "</script><script>alert('x')</script><img src=x onerror=alert(1)>"


class Read(HTMLParser):
    """The elements of a page, with the text of scripts, styles and all else."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.styles: list[str] = []
        self.text: list[str] = []
        self._within: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._within.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        while self._within and self._within.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        name, attributes = self._within[-1] if self._within else ("", {})
        if name == "script":
            self.scripts.append((attributes, data))
        elif name == "style":
            self.styles.append(data)
        else:
            self.text.append(data)

    def names(self) -> list[str]:
        """The elements' names in order."""
        return [name for name, _ in self.elements]


@pytest.fixture(scope="module")
def text(played: Played) -> str:
    return page(played.story, played.quality, played.lanes, ["a note"])


def test_the_page_asks_nothing_of_any_network(text: str) -> None:
    read = Read(text)
    for name, attributes in read.elements:
        assert not LOADS & set(attributes), name
        assert str(attributes.get("href", "#")).startswith("#"), name
    assert not {"link", "iframe", "object", "embed", "base", "form"} & set(read.names())
    assert not [style for style in read.styles if "url(" in style or "@import" in style]


def test_the_browser_is_told_to_load_nothing_and_to_run_these_scripts_only(text: str) -> None:
    read = Read(text)
    rules = next(
        str(attributes["content"])
        for name, attributes in read.elements
        if name == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    run = [script for attributes, script in read.scripts if attributes.get("type") is None]
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in run]
    assert len(run) == 2
    assert rules.startswith("default-src 'none';")
    assert re.findall(r"'sha256-([^']+)'", rules) == digests
    assert "unsafe-eval" not in rules
    assert "http" not in rules


def test_the_page_is_small_enough_to_send(text: str) -> None:
    assert len(text.encode()) < 8_000_000


def test_the_same_log_gives_the_same_page(played: Played, text: str) -> None:
    assert page(played.story, played.quality, played.lanes, ["a note"]) == text


def test_every_plot_stands_in_the_page_with_a_title_and_what_it_draws(text: str) -> None:
    read = Read(text)
    places = {attributes.get("id") for _, attributes in read.elements}
    drawn = [(a, json.loads(script)) for a, script in read.scripts if a.get("type") == "application/json"]
    assert {a["data-plot"] for a, _ in drawn} == {
        f"plot-{name}" for name in ("quality", "reserve", "queue", "lanes", "knobs")
    }
    assert all(a["data-plot"] in places and spec["data"] for a, spec in drawn)
    assert read.names().count("figure") == read.names().count("figcaption") == len(drawn)


def test_the_tables_hold_every_model_and_every_decision(played: Played, text: str) -> None:
    said = " ".join(Read(text).text)
    for told in played.story.models:
        assert str(told["snapshot"])[:12] in said
    for told in played.story.decisions:
        assert str(told["because"]) in said
    assert played.story.rules is not None
    assert played.story.rules.digest in said


def test_the_key_figures_are_those_of_the_log(played: Played, text: str) -> None:
    said = " ".join(Read(text).text)
    state = played.app.tools.state
    assert f"{state.arrived:,} items arrived" in said
    assert f"{state.asked:,} labels of the {played.story.budget:,} that its budget allowed" in said
    assert f"It trained {len(state.models)} models" in said


def test_what_data_says_is_text_and_never_markup(played: Played) -> None:
    story = played.story
    hostile = {**story.decisions[-1], "rule": HOSTILE, "because": HOSTILE, "about": HOSTILE, "live": True}
    story = replace(
        story,
        decisions=(*story.decisions, hostile),
        models=tuple({**told, "received": HOSTILE} for told in story.models),
        rules=RulesLoaded(Digest("0" * 64), HOSTILE, HOSTILE),
    )
    read = Read(page(story, played.quality, played.lanes, [HOSTILE]))
    clean = Read(page(played.story, played.quality, played.lanes, ["a note"]))
    assert HOSTILE in " ".join(read.text)
    assert "img" not in read.names()
    assert read.names().count("script") == clean.names().count("script")


def test_a_password_in_the_settings_is_not_in_the_page(played: Played) -> None:
    written = {"stores": {"database": "postgresql://ana:secret@db/loop"}}
    settings = replace(played.story.read.settings, written=written)
    story = replace(played.story, read=replace(played.story.read, settings=settings))
    text = page(story, None, played.lanes, [])
    assert "secret" not in text
    assert "postgresql://ana:" in text


def test_a_loop_in_which_nothing_happened_has_a_page_too(silent: Story) -> None:
    said = " ".join(Read(page(silent, None, Lanes((), wall=False), ["nothing to compare"])).text)
    assert "Nothing has arrived yet." in said
    assert "No model was trained yet." in said
    assert "nothing to compare" in said


def test_without_the_truth_the_page_shows_what_the_loop_measured_itself(played: Played) -> None:
    text = page(played.story, None, played.lanes, [])
    assert "On its own reserve the loop last measured" in text
    plots = [a.get("data-plot") for a, _ in Read(text).scripts]
    assert "plot-reserve" in plots
    assert "plot-quality" not in plots


def _plain(value: Any) -> Any:
    """The same with a colour for every name of one."""
    match value:
        case str():
            return "#123456" if value.startswith("@") else value
        case list():
            return [_plain(each) for each in value]
        case dict():
            return {key: _plain(each) for key, each in value.items()}
        case _:
            return value


def test_plotly_knows_every_word_of_every_plot(played: Played) -> None:
    from plotly.graph_objects import Figure as Known

    story = played.story
    figures: list[Figure | None] = [
        plot_quality(story, played.quality),
        reserve(story, alone=False),
        reserve(story, alone=True),
        queue(story),
        lanes(played.lanes),
        knobs(story),
    ]
    for figure in figures:
        assert figure is not None
        assert figure.title
        assert figure.how
        Known(_plain(json.loads(figure.as_json())))
