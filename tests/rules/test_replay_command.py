"""`flyball rules why`, `replay` and `diff` as an operator meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.furniture import furnished
from tests.loops import RULES, SETTINGS, write_loop

from flyball.bootstrap import driver, open_loop
from flyball.cli.main import app
from flyball.cli.times import moment_of
from flyball.errors import BadUsage

DAY = 86400.0


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loop on its stores that ran for four days, and an edited rule file beside its own."""
    place = tmp_path_factory.mktemp("loop") / "loop"
    directory = furnished(write_loop(place, settings=SETTINGS.replace('"parallel"', '"adaptive"')))
    opened = open_loop(directory)
    try:
        list(driver(opened).play(opened.clock.now() + 4 * DAY))
    finally:
        opened.close()
    (directory / "edited.yaml").write_text(RULES.replace("queue.depth > 20", "queue.depth > 35"))
    return directory


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """The exit code of a command and what it printed."""
    code = app(["rules", *words], exit_on_error=False)
    return code if isinstance(code, int) else 0, capsys.readouterr().out


@pytest.mark.slow
def test_a_rule_says_why_and_why_not_at_any_moment(loop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("--loop", str(loop))
    code, now = said(capsys, "why", "busy", *where)
    assert (code, "queue.depth > 20" in now, "until" in now) == (0, True, True)
    _, same = said(capsys, "why-not", "busy", "--at", "now", *where)
    assert same == now
    _, first = said(capsys, "why", "busy", "--at", "look 1", "--json", *where)
    told = json.loads(first)
    _, again = said(capsys, "why", "busy", "--at", str(told["look"]), "--json", *where)
    assert json.loads(again) == told
    assert told["as_recorded"] is True
    assert max(map(len, now.splitlines())) <= 100


@pytest.mark.slow
def test_an_unchanged_file_ends_with_0_and_an_edited_one_with_1(
    loop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--since", "30d", "--loop", str(loop))
    assert said(capsys, "replay", str(loop / "rules.yaml"), *where)[0] == 0
    page = loop / "replay.html"
    code, text = said(capsys, "replay", str(loop / "edited.yaml"), "--html", str(page), *where)
    assert (code, "the recording no longer speaks for" in text) == (1, True)
    assert "Plotly" in page.read_text()
    code, text = said(capsys, "diff", str(loop / "rules.yaml"), str(loop / "edited.yaml"), *where)
    assert (code, "busy when: queue.depth > 20 → queue.depth > 35" in text) == (1, True)
    assert said(capsys, "diff", str(loop / "edited.yaml"), str(loop / "edited.yaml"), *where)[0] == 0
    code, text = said(
        capsys, "replay", str(loop / "rules.yaml"), "--sweep", "busy.for=0s..3h/4", "--json", *where
    )
    (sweep,) = json.loads(text)["sweeps"]
    assert [each["text"] for each in sweep["values"]] == ["0s", "1h", "2h", "3h"]


@pytest.mark.slow
def test_where_no_process_runs_times_count_back_from_the_end_of_the_recording_and_it_says_so(
    loop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--json", "--loop", str(loop))
    # Somebody turns a knob long after: that adds to the log, and not to what was recorded of signals.
    app(["knobs", "set", "batch.size", "50", "--because", "x", "--loop", str(loop)], exit_on_error=False)
    capsys.readouterr()
    _, whole = said(capsys, "replay", str(loop / "rules.yaml"), "--since", "300d", *where)
    end = json.loads(whole)["until"]
    assert not any("No process" in note for note in json.loads(whole)["notes"])
    for words in (["replay", "rules.yaml"], ["diff", "rules.yaml", "edited.yaml"]):
        files = [str(loop / each) for each in words[1:]]
        _, text = said(capsys, words[0], *files, "--since", "2h", *where)
        found = json.loads(text)
        assert (found["until"], found["until"] - found["since"], found["looks"]) == (end, 7200.0, 3)
        assert any("No process runs this loop: `2h` is counted from the end" in n for n in found["notes"])
    _, text = said(capsys, "why", "busy", "--at", "1h ago", *where)
    assert json.loads(text)["why"]["at"] == end - 3600.0
    assert len(json.loads(text)["notes"]) == 1


@pytest.mark.slow
def test_a_decision_has_the_time_of_its_look_in_every_command(
    loop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--loop", str(loop))
    app(["decisions", "--rule", "busy", "--json", *where], exit_on_error=False)
    made = json.loads(capsys.readouterr().out)
    assert all(each["at"] == each["due"] <= each["written"] for each in made)
    app(["decisions", "--rule", "busy", "--limit", "1", *where], exit_on_error=False)
    listed = capsys.readouterr().out.splitlines()[0]
    _, told = said(capsys, "why", "busy", "--at", str(made[-1]["seq"]), *where)
    assert listed[:19] in told.splitlines()[0]


@pytest.mark.parametrize("text", ["soon", "30", "-5", "2026-13-01", "0d ago"])
def test_a_time_that_is_none_is_told_with_how_to_write_one(text: str) -> None:
    with pytest.raises(BadUsage, match="write `30"):
        moment_of(text, 0.0)
