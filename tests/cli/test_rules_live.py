"""What an operator types at night to stop, change and take back rules, and what the terminal says."""

from __future__ import annotations

import getpass
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.furniture import furnished
from tests.loops import DAY, RULES, write_loop

from flyball.bootstrap import driver, open_loop
from flyball.cli.main import main

pytestmark = pytest.mark.slow
ME = getpass.getuser()
SHADOW = """
  - id: late
    mode: shadow                               # looked at only
    because: "{queue.depth} items"
    when: queue.depth > 10
    then: [{scale: batch.size, by: 1.5}]
"""
SCENARIOS = """
rules: ../rules.yaml
every: 1h
scenarios:
  - name: thirty items are many
    rule: busy
    signals: {queue.depth: 0 30 30 3}
    verdict: . FIRE on clear
"""
Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loop that has run for two days."""
    directory = furnished(write_loop(tmp_path_factory.mktemp("played") / "loop", RULES + SHADOW))
    app = open_loop(directory, {"loop.architecture": "adaptive"})
    try:
        list(driver(app).play(app.clock.now() + 2 * DAY))
    finally:
        app.close()
    return directory


@pytest.fixture
def loop(played: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    directory = tmp_path / "loop"
    shutil.copytree(played, directory)
    toml = directory / "loop.toml"
    toml.write_text(toml.read_text().replace('"parallel"', '"adaptive"'))
    (directory / "tests").mkdir()
    (directory / "tests" / "busy.yaml").write_text(SCENARIOS)
    return directory


@pytest.fixture
def run(loop: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on the loop; gives its exit code and all that it said."""

    def command(*words: str | Path) -> tuple[int, str]:
        with pytest.raises(SystemExit) as end:
            main([*map(str, words), "--loop", str(loop)])
        said = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, said.out + said.err

    return command


def test_an_override_is_set_seen_and_taken_off(run: Run) -> None:
    code, said = run("knobs", "set", "batch.size", "300", "--for", "2h", "--because", "two are ill")
    assert code == 0
    assert f"batch.size is now 300, by {ME} for 2h, until" in said
    assert "two are ill" in said
    _, status = run("status")
    assert f"override  batch.size 300 by {ME} for 2h more (until" in status
    _, listed = run("knobs", "ls")
    assert "batch.size*" in listed
    assert f"  batch.size 300 by {ME} for 2h more" in listed
    assert run("knobs", "clear", "batch.size")[1].endswith("its value is 40 now\n")
    assert run("knobs", "clear", "batch.size") == (
        2,
        "flyball: nobody overrides `batch.size`; overridden: nothing\n",
    )
    assert f"person: {ME} set batch.size to 300 until" in run("decisions", "--limit", "3")[1]


def test_without_a_time_it_says_that_it_stays(run: Run) -> None:
    _, said = run("knobs", "set", "batch.size", "300", "--because", "two are ill")
    assert f"by {ME}, until somebody clears it: two are ill" in said


def test_a_rule_is_paused_and_goes_on(run: Run) -> None:
    assert (
        f"busy is paused, by {ME} for 1h, until"
        in run("rules", "pause", "busy", "--for", "1h", "--because", "x")[1]
    )
    assert f"paused    busy by {ME} for 1h more" in run("status")[1]
    assert "busy is looked at again from the next look on" in run("rules", "resume", "busy")[1]
    assert run("rules", "resume", "busy") == (2, "flyball: busy is not paused\n")


def test_a_promotion_shows_the_record_and_changes_one_word(run: Run, loop: Path) -> None:
    before = (loop / "rules.yaml").read_text()
    _, dry = run("rules", "promote", "late", "--dry-run")
    assert "late in shadow since" in dry
    assert "would have changed  batch.size 40 → 60" in dry
    assert (loop / "rules.yaml").read_text() == before
    _, said = run("rules", "promote", "late", "--because", "two good days")
    assert "late is now live (rules.yaml:" in said
    assert (loop / "rules.yaml").read_text() == before.replace("mode: shadow  ", "mode: live    ")
    assert "shadow    looked at" not in run("status")[1]
    run("rules", "shadow", "late")
    assert (loop / "rules.yaml").read_text() == before
    assert "shadow    looked at, never applied: late" in run("status")[1]


def test_a_file_is_applied_listed_and_rolled_back(run: Run, loop: Path, tmp_path: Path) -> None:
    before = (loop / "rules.yaml").read_text()
    after = before.replace("queue.depth > 20", "queue.depth > 25")
    (tmp_path / "next.yaml").write_text(after)
    _, dry = run("rules", "apply", tmp_path / "next.yaml", "--dry-run")
    assert "+    when: queue.depth > 25" in dry
    assert "1 of 1 scenarios hold" in dry
    assert (loop / "rules.yaml").read_text() == before
    code, said = run("rules", "apply", tmp_path / "next.yaml", "--because", "fewer alarms")
    assert (code, (loop / "rules.yaml").read_text()) == (0, after)
    assert "changed: busy; other rules keep their state" in said
    listed = json.loads(run("rules", "history", "--json")[1])
    assert [(each["by"], each["because"]) for each in listed] == [
        ("", "the file the loop began with"),
        (ME, "fewer alarms"),
    ]
    assert listed[0]["decisions"]["fired"] > 0
    assert listed[0]["models"]
    assert "+    when: queue.depth > 25" in run("rules", "history", listed[1]["digest"][:8], "--diff")[1]
    assert run("rules", "rollback", "--because", "too few")[0] == 0
    assert (loop / "rules.yaml").read_text() == before
    assert "there is no rule file before" in run("rules", "rollback", "--because", "x")[1]
    run("rules", "rollback", listed[1]["digest"][:8], "--because", "x")
    assert (loop / "rules.yaml").read_text() == after


REFUSED = {
    "a scenario does not hold": ("queue.depth > 50", "not applied: 0 of 1 scenarios hold"),
    "a mistake": ("queue.dept > 50", "not applied: 1 mistake"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_not_right_is_not_applied(name: str, run: Run, loop: Path, tmp_path: Path) -> None:
    condition, said = REFUSED[name]
    before = (loop / "rules.yaml").read_text()
    (tmp_path / "next.yaml").write_text(before.replace("queue.depth > 20", condition))
    code, told = run("rules", "apply", tmp_path / "next.yaml", "--because", "x")
    assert code == 1
    assert said in told
    assert (loop / "rules.yaml").read_text() == before


def test_every_answer_is_there_for_programs_too(run: Run, loop: Path) -> None:
    answers: dict[str, Any] = {}
    for words in (
        ("knobs", "set", "batch.size", "300", "--because", "x"),
        ("knobs", "clear", "batch.size"),
        ("rules", "pause", "busy", "--because", "x"),
        ("rules", "resume", "busy"),
        ("rules", "promote", "late", "--dry-run"),
        ("rules", "apply", str(loop / "rules.yaml"), "--because", "x"),
        ("rules", "history"),
        ("knobs", "ls"),
        ("status",),
    ):
        code, said = run(*words, "--json")
        assert code == 0
        answers[" ".join(words[:2])] = json.loads(said)
    assert answers["knobs set"]["until"] is None
    assert answers["rules promote"]["record"]["looks"] > 40
    assert answers["rules apply"]["scenarios"] == {"count": 1, "failed": []}
    assert answers["status"]["shadow"] == ["late"]
