"""A rule file put in force by a command: file and log agree whatever is killed, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rulings import RULES, Doom, Killed, Station

from flyball.core.ids import digest_of
from flyball.errors import BadFile, BadUsage

EAGER = RULES.replace("queue.depth > 20", "queue.depth > 2")
FEWER = RULES[: RULES.index("  - id: stale")]
BROKEN = RULES.replace("queue.depth", "queue.dept")


def test_who_and_why_stand_beside_the_file(tmp_path: Path) -> None:
    station = Station(tmp_path)
    station.put(EAGER, "the team is larger now")
    assert station.path.read_text() == EAGER
    assert [(each.by, each.because, each.text) for each in station.loaded()] == [
        ("", "", RULES),
        ("ana", "the team is larger now", EAGER),
    ]


def test_a_save_by_hand_is_loaded_too_and_nobody_is_named(tmp_path: Path) -> None:
    station = Station(tmp_path)
    station.put(EAGER, "the team is larger now")
    station.path.write_text(FEWER)
    station.look()
    station.path.write_text(EAGER)
    station.look()
    assert [each.by for each in station.loaded()] == ["", "ana", "", ""]


def test_what_was_saved_by_hand_before_a_command_can_be_had_again(tmp_path: Path) -> None:
    station = Station(tmp_path)
    station.path.write_text(FEWER)
    found = station.put(EAGER)
    assert [each.text for each in station.loaded()] == [RULES, FEWER, EAGER]
    assert (found["before"], found["added"]) == (digest_of(FEWER.encode()), ["stale", "once", "tried"])


def test_a_file_with_mistakes_that_a_command_replaces_is_kept_beside(tmp_path: Path) -> None:
    station = Station(tmp_path)
    station.path.write_text(BROKEN)
    found = station.put(EAGER)
    assert Path(found["set_aside"]).read_text() == BROKEN
    assert station.path.read_text() == EAGER


def test_a_file_with_mistakes_changes_nothing(tmp_path: Path) -> None:
    station = Station(tmp_path)
    before = station.told()
    with pytest.raises(BadFile, match="did you mean"):
        station.put(BROKEN)
    assert (station.path.read_text(), station.told()) == (RULES, before)


def test_an_edit_of_a_file_that_somebody_else_saved_meanwhile_is_refused(tmp_path: Path) -> None:
    station = Station(tmp_path)
    station.path.write_text(FEWER)
    with pytest.raises(BadUsage, match="saved by somebody else just now"):
        station.ask("rules-put", content=EAGER, of=digest_of(RULES.encode()))
    assert station.path.read_text() == FEWER


def test_the_same_file_again_is_no_news(tmp_path: Path) -> None:
    station = Station(tmp_path)
    before = station.told()
    assert not station.put(RULES)["changed"]
    assert station.told() == before


def test_a_file_that_was_saved_in_place_and_is_then_applied_has_its_owner(tmp_path: Path) -> None:
    station = Station(tmp_path)
    station.path.write_text(EAGER)
    assert station.put(EAGER, "tested")["changed"]
    assert [each.because for each in station.loaded()] == ["", "tested"]


def test_rules_that_were_not_changed_keep_their_state(tmp_path: Path) -> None:
    station = Station(tmp_path)
    for _ in range(2):
        station.look(queue_depth=30, answers_since_train=50)
    station.put(RULES.replace("since_train > 30", "since_train > 40"))
    station.look(queue_depth=30, answers_since_train=50)
    assert station.decisions().count("deep fired") == 1
    assert station.held() == ["sampler.reserve hold:deep"]
    station.put(EAGER)
    assert station.held() == []


STEPS = [Doom(at, after) for at in range(8) for after in (False, True)]


@pytest.mark.parametrize("broken_before", [False, True], ids=["over a good file", "over a broken one"])
@pytest.mark.parametrize("doom", STEPS, ids=lambda doom: f"{'after' if doom.after else 'before'}-{doom.at}")
def test_killed_at_any_write_the_file_is_in_force_with_its_owner_or_was_never_there(
    doom: Doom, broken_before: bool, tmp_path: Path
) -> None:
    station, oracle = Station(tmp_path / "killed"), Station(tmp_path / "whole")
    for each in (station, oracle):
        for _ in range(2):
            each.look(queue_depth=30, answers_since_train=50)
        if broken_before:
            each.path.write_text(BROKEN)
    station.doom.at, station.doom.after = station.doom.steps + (doom.at or 0), doom.after
    try:
        station.put(EAGER, "the team is larger now")
    except Killed:
        applied = station.path.read_text() == EAGER
    else:
        applied = True
    station.doom.at = None
    station.restart()
    if applied:
        oracle.put(EAGER, "the team is larger now")
    else:
        oracle.restart()
    for each in (station, oracle):
        for _ in range(5):
            each.look(queue_depth=30, answers_since_train=50)
    assert station.path.read_text() == oracle.path.read_text()
    assert station.told() == oracle.told()
