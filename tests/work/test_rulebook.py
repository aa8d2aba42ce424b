"""A look that fails or is killed counts once; what a file says is in force or refused, and told once."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rulings import RULES, Doom, Killed, Station

from flyball.core.facts import RulesRefused

BROKEN = RULES.replace("queue.depth", "queue.dept")
MEAN = RULES.replace("when: queue.depth > 20", "when: avg(queue.depth, 3m) > 20")
STEPS = [Doom(at, after) for at in range(2) for after in (False, True)]


@pytest.mark.parametrize("restarted", [True, False], ids=["restarted", "in the same process"])
@pytest.mark.parametrize("doom", STEPS, ids=lambda doom: f"{'after' if doom.after else 'before'}-{doom.at}")
def test_a_look_that_breaks_off_at_any_write_is_neither_lost_nor_taken_twice(
    doom: Doom, restarted: bool, tmp_path: Path
) -> None:
    station, oracle = Station(tmp_path / "broken", MEAN), Station(tmp_path / "whole", MEAN)
    for each in (station, oracle):
        each.look(queue_depth=0.0, answers_since_train=0.0)
        each.look(queue_depth=30.0, answers_since_train=50.0)
        each.path.write_text(MEAN.replace("since_train > 30", "since_train > 40"))
    station.doom.at, station.doom.after = station.doom.steps + (doom.at or 0), doom.after
    try:
        station.look(queue_depth=40.0, answers_since_train=50.0)
    except Killed:
        station.doom.at = None
        if restarted:
            station.restart()
        station.steer()
    oracle.look(queue_depth=40.0, answers_since_train=50.0)
    for depth in (30.0, 0.0, 0.0, 50.0):
        for each in (station, oracle):
            each.look(queue_depth=depth, answers_since_train=0.0)
    assert station.looked() == oracle.looked()
    assert station.told() == oracle.told()


def test_a_file_with_mistakes_is_refused_once_whatever_is_restarted(tmp_path: Path) -> None:
    station = Station(tmp_path)
    station.path.write_text(BROKEN)
    for _ in range(3):
        station.look()
        station.restart()
    refused = [each.fact for each in station.log("rules-refused") if isinstance(each.fact, RulesRefused)]
    assert len(refused) == 1
    assert "rules" in station.steering.tools.state.alerts
    station.path.write_text(RULES)
    station.look()
    assert "rules" not in station.steering.tools.state.alerts
    assert len(station.loaded()) == 1


def test_a_file_that_comes_back_after_a_mistake_does_not_begin_anew(tmp_path: Path) -> None:
    station = Station(tmp_path)
    for text in (RULES, RULES, BROKEN, "", RULES[:200], RULES, RULES):
        station.path.write_text(text)
        station.look(queue_depth=30.0)
    assert station.decisions() == ["tried fired", "deep fired"]
    assert station.held() == ["sampler.reserve hold:deep"]


def test_two_saves_between_two_looks_are_the_last_one(tmp_path: Path) -> None:
    station = Station(tmp_path)
    station.path.write_text(RULES[: RULES.index("  - id: stale")])
    station.path.write_text(RULES)
    station.look(queue_depth=30.0)
    assert [each.text for each in station.loaded()] == [RULES]


def test_the_rules_of_before_serve_where_the_file_is_broken_before_the_first_look(tmp_path: Path) -> None:
    station = Station(tmp_path)
    station.path.write_text(BROKEN)
    station.restart()
    for _ in range(2):
        station.look(queue_depth=30.0)
    assert "deep fired" in station.decisions()
