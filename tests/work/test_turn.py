"""A person's override lies above every rule, for as long as was said, and everybody can see whose it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.rulings import Station

from flyball.core.knobs import Value
from flyball.errors import BadUsage, FlyballError
from flyball.work import views
from flyball.work.turn import lasting, overrides

DEEP: dict[str, Any] = {"queue_depth": 30.0, "answers_since_train": 0.0}


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path)


def value(station: Station, knob: str) -> Value:
    return station.steering.tools.knobs.value(knob, station.now)


def turn(station: Station, knob: str, to: str, lasts: float | None = None, **more: Any) -> dict[str, Any]:
    given = {"because": "the night shift", "lasts": lasts, **more}
    return station.ask("knob-set", knob=knob, value=to, **given)


def test_it_beats_an_active_rule_until_it_expires_and_the_rule_shows_again(station: Station) -> None:
    for _ in range(2):
        station.look(**DEEP)
    assert value(station, "sampler.reserve") == 0.5
    turn(station, "sampler.reserve", "20%", lasts=150.0)
    seen = []
    for _ in range(4):
        station.look(**DEEP)
        seen.append(value(station, "sampler.reserve"))
    assert seen == [0.2, 0.2, 0.5, 0.5]
    assert station.decisions().count("flyball expired") == 1


def test_without_a_time_it_stands_until_it_is_cleared(station: Station) -> None:
    turn(station, "batch.size", "300")
    for _ in range(50):
        station.look(**DEEP)
    found = station.ask("knob-clear", knob="batch.size", because="calm again")
    assert [each["value"] for each in found["taken_off"]] == [300]
    assert (value(station, "batch.size"), found["value"]) == (100, 100)


def test_the_second_person_takes_the_place_of_the_first_who_does_not_come_back(station: Station) -> None:
    turn(station, "batch.size", "300", by="ana")
    found = turn(station, "batch.size", "200", lasts=60.0, by="bob")
    assert [(each["by"], each["value"]) for each in found["replaces"]] == [("ana", 300)]
    station.look()
    station.look()
    assert value(station, "batch.size") == 100
    assert overrides(station.steering.tools.knobs, station.now) == []


def test_a_paused_rule_lets_go_and_says_who_paused_it(station: Station) -> None:
    for _ in range(2):
        station.look(**DEEP)
    turn(station, "rule.paused", "true", about="deep", lasts=90.0)
    for _ in range(3):
        station.look(**DEEP)
    decisions = views.decisions(station.store.log, rule="deep")
    assert [each["verdict"] for each in decisions] == [
        "fired",
        "ana paused deep until 1970-01-01 00:03:30",
        "cleared",
    ]
    assert decisions[-1]["because"] == "paused by ana: the night shift"
    assert station.held() == []


def test_all_rules_are_paused_where_none_is_named(station: Station) -> None:
    turn(station, "rule.paused", "yes")
    for _ in range(3):
        station.look(queue_depth=50.0, answers_since_train=50.0)
    assert station.decisions() == []
    with pytest.raises(
        BadUsage, match=r"deep is not paused; all rules are: `flyball knobs clear rule\.paused`"
    ):
        station.ask("knob-clear", knob="rule.paused", about="deep")


def test_the_architecture_can_be_set_by_a_person_and_rules_stop_to_act(station: Station) -> None:
    for _ in range(2):
        station.look(**DEEP)
    turn(station, "loop.architecture", "parallel", lasts=90.0)
    station.look(**DEEP)
    assert station.held() == ["loop.architecture person:ana"]
    assert station.turned()[-2].to == "parallel"


def test_an_override_survives_a_restart_with_its_owner_and_its_time(station: Station) -> None:
    turn(station, "batch.size", "300", lasts=600.0)
    station.look()
    station.restart()
    told = overrides(station.steering.tools.knobs, station.now)
    assert [(each["value"], each["by"], each["because"], each["left"]) for each in told] == [
        (300, "ana", "the night shift", 540.0)
    ]


WRITTEN = {
    "a share": ("sampler.reserve", "20%", 0.2),
    "a time": ("release.every", "2h", 7200.0),
    "a large number": ("batch.size", "1_000", 1000),
    "a word": ("sampler.name", "random", "random"),
    "a flag": ("score.paused", "on", True),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_value_is_written_as_in_a_rule_file(name: str, station: Station) -> None:
    knob, text, wanted = WRITTEN[name]
    assert turn(station, knob, text)["value"] == wanted
    assert value(station, knob) == wanted


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "too small": ({"knob": "batch.size", "to": "3"}, "`batch.size` is 10 to 5000 items; 3 is not"),
    "no number": ({"knob": "batch.size", "to": "many"}, "'many' is not"),
    "nearly a word": ({"knob": "sampler.name", "to": "entropi"}, "did you mean `entropy`"),
    "nearly a knob": ({"knob": "batch.sice", "to": "50"}, "did you mean `batch.size`"),
    "nearly a rule": ({"knob": "rule.paused", "to": "true", "about": "depe"}, "did you mean `deep`"),
    "one for all": ({"knob": "batch.size", "to": "50", "about": "ana"}, "one value for the whole loop"),
    "no reason": ({"knob": "batch.size", "to": "50", "because": " "}, "say why with --because"),
    "no time at all": ({"knob": "batch.size", "to": "50", "lasts": 0.0}, "lasts longer than nothing"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_told_in_a_sentence_and_nothing_is_written(name: str, station: Station) -> None:
    given, said = REFUSED[name]
    before = station.told()
    with pytest.raises(FlyballError, match=said):
        turn(station, **given)
    assert station.told() == before


@pytest.mark.parametrize("text", ["2", "two hours", "", "-2h", "3 looks"])
def test_a_length_of_time_says_its_unit(text: str) -> None:
    with pytest.raises(BadUsage, match="30s, 10m, 6h, 2d"):
        lasting(text)
