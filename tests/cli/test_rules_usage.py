"""What a terminal says to somebody who typed too little, too much, or named the wrong file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.loops import RULES, write_loop

from flyball.cli.main import main

SCENARIOS = "rules: ../rules.yaml\nevery: 1h\nscenarios:\n" + "".join(
    f"""  - name: thirty items are many, {number}
    rule: {rule}
    signals: {{queue.depth: 0 30 30 3, answers.since_train: 0}}
    verdict: {{{rule}: {verdict}}}
"""
    for number, (rule, verdict) in enumerate([("busy", ". FIRE on clear"), ("stale", ". . . .")] * 3)
)
OTHER = RULES.replace("- id: busy", "- id: crowded").replace("- id: stale", "- id: old")
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; gives its exit code and all that it said."""

    def command(*words: str | Path) -> tuple[int, str]:
        with pytest.raises(SystemExit) as end:
            main([*map(str, words)])
        said = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, said.out + said.err

    return command


TYPED = {
    "knobs set batch.size 300": 'flyball knobs set batch.size 300 --because "…"',
    "knobs set batch.size": 'flyball knobs set KNOB VALUE --because "…"',
    "knobs clear": "flyball knobs clear KNOB",
    "rules pause busy --for 2h": 'flyball rules pause busy --for 2h --because "…"',
    "rules pause": 'flyball rules pause RULE --because "…"',
    "rules pause busy --because --for 2h": 'flyball rules pause busy --because "…" --for 2h',
    "rules resume": "flyball rules resume RULE",
    "rules shadow": "flyball rules shadow RULE",
    "rules promote": "flyball rules promote RULE",
    "rules apply": "flyball rules apply FILE",
    "rules apply new.yaml --canary": 'flyball rules apply new.yaml --canary "…"',
    "rules replay": "flyball rules replay FILE",
    "rules diff old.yaml": "flyball rules diff OLD NEW",
    "rules why": "flyball rules why RULE",
}


@pytest.mark.parametrize("words", TYPED)
def test_whoever_leaves_something_out_is_told_what_to_type(words: str, run: Run) -> None:
    code, said = run(*words.split())
    assert code == 2
    assert said.splitlines()[-1] == f"  type:  {TYPED[words]}"


@pytest.mark.parametrize("command", ["canary --stop", "rollback"])
def test_a_reason_that_is_left_out_is_asked_for(command: str, run: Run, tmp_path: Path) -> None:
    code, said = run("rules", *command.split(), "--loop", write_loop(tmp_path))
    assert (code, "say why with --because" in said) == (2, True)


def test_words_that_belong_in_quotes_are_named(run: Run) -> None:
    code, said = run("rules", "pause", "busy", "--because", "two", "are", "ill")
    assert code == 2
    assert "nothing is known of these words: are ill" in said
    assert "stands in quotes" in said


SHADOWED = {
    "another knob": (("batch.size", "300"), "batch.size is turned at once"),
    "for a time": (("loop.architecture", "parallel", "--for", "2h"), "neither with --for nor with --about"),
}


@pytest.mark.parametrize("name", SHADOWED)
def test_cycles_in_shadow_are_refused_where_they_would_say_nothing(
    name: str, run: Run, tmp_path: Path
) -> None:
    words, said = SHADOWED[name]
    loop = write_loop(tmp_path)
    code, told = run("knobs", "set", *words, "--shadow", "3", "--because", "x", "--loop", loop)
    assert (code, said in told) == (2, True)


def test_a_scenario_file_is_known_for_one_and_the_command_that_plays_it_is_named(
    run: Run, tmp_path: Path
) -> None:
    loop = write_loop(tmp_path)
    (loop / "tests").mkdir()
    scenarios = loop / "tests" / "all.yaml"
    scenarios.write_text(SCENARIOS)
    code, said = run("rules", "check", scenarios)
    assert code == 2
    assert f"`flyball rules test {scenarios}` plays it" in said
    assert said.count("R011") == 1
    assert "1 mistake" in said
    assert run("rules", "test", scenarios, "--no-mutation")[0] == 0


def test_scenarios_about_other_rules_are_told_of_once_with_what_to_do(run: Run, tmp_path: Path) -> None:
    loop, other = write_loop(tmp_path / "loop"), tmp_path / "other.yaml"
    (loop / "tests").mkdir()
    (loop / "tests" / "all.yaml").write_text(SCENARIOS)
    other.write_text(OTHER)
    code, said = run("rules", "apply", other, "--dry-run", "--loop", loop)
    assert code == 1
    assert "6 of 6 scenarios beside" in said
    assert "other.yaml does not have: busy, stale. Is it the file that you mean?" in said
    assert said.count("busy") == 1
    assert "--no-tests" in said
    assert run("rules", "apply", other, "--dry-run", "--no-tests", "--loop", loop)[0] == 0


def test_scenarios_with_mistakes_of_their_own_are_told_with_each(run: Run, tmp_path: Path) -> None:
    loop, other = write_loop(tmp_path / "loop"), tmp_path / "other.yaml"
    (loop / "tests").mkdir()
    (loop / "tests" / "all.yaml").write_text(SCENARIOS.replace("queue.depth: 0", "queue.dept: 0"))
    other.write_text(OTHER)
    _, said = run("rules", "apply", other, "--dry-run", "--loop", loop)
    assert said.count("did you mean `queue.depth`?") == 6
