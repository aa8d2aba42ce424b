"""What `loop.toml` says: every key read, every mistake at its place, all of them at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import flyball
from flyball.adapters.toml_file import FILE, load, override, parse
from flyball.errors import BadFile, BadUsage
from flyball.settings import Settings, config_digest, described, read, with_overrides

LEAST: Mapping[str, Any] = {"id": "a-loop", "stream": {"source": "x.csv", "time": "t"}}
PROJECTS = Path(flyball.__file__).parent / "projects"


def from_text(text: str) -> Settings:
    written, places = parse(text.encode())
    return read(written, Path("here"), places)


def complaints(text: str) -> list[tuple[int, str, str]]:
    """Line, code and message of each problem."""
    with pytest.raises(BadFile) as refused:
        from_text(text)
    return [(problem.line, problem.code, problem.message) for problem in refused.value.problems]


def test_two_keys_are_enough_and_all_else_has_a_default() -> None:
    settings = read(LEAST)
    assert settings.loop.architecture == "sequential"
    assert settings.knobs == {"loop.architecture": "sequential"}
    assert settings.clock.takes.train == 7200.0
    assert settings.budget.left(arrived=100, asked=0) is None
    assert settings.team.source == "none"


def test_times_shares_shifts_and_knobs_are_read_as_a_person_writes_them() -> None:
    settings = from_text(
        """
        version = 1
        id = "a-loop"
        [stream]
        source = "x.parquet"
        unit = "rows"
        row_lasts = "30m"
        begins = 2024-03-01
        label = "y"
        classes = [0, 1]
        [knobs]
        "batch.size" = 250
        sampler.reserve = "25%"
        "release.every" = "4h"
        "score.paused" = true
        [budget]
        share = "5%"
        [team]
        source = "simulated"
        size = 2
        accuracy = [0.9, 0.8]
        shift = "09:00-17:30"
        [clock]
        until = "30d"
        takes = { train = "1.5h", steer = "500ms" }
        """
    )
    assert settings.stream.row_lasts == 1800.0
    assert settings.stream.begins == 1709251200.0
    assert settings.stream.classes == ("0", "1")
    assert settings.knobs == {
        "batch.size": 250,
        "sampler.reserve": 0.25,
        "release.every": 14400.0,
        "score.paused": True,
        "loop.architecture": "sequential",
    }
    assert settings.budget.left(arrived=1000, asked=10) == 40
    assert settings.team.accuracy == (0.9, 0.8)
    assert (settings.team.shift.begins, settings.team.shift.ends) == (32400.0, 63000.0)
    assert settings.clock.end(1000.0) == 1000.0 + 30 * 86400.0
    assert (settings.clock.takes.train, settings.clock.takes.steer) == (5400.0, 0.5)
    assert settings.path("data/x") == Path("here/data/x")


def test_the_end_is_a_length_from_the_start_or_a_date() -> None:
    ends = [read({**LEAST, "clock": {"until": until}}).clock.end(86400.0) for until in ("2d", "1970-01-11")]
    assert ends == [3 * 86400.0, 10 * 86400.0]
    assert read(LEAST).clock.end(5.0) is None


def test_every_mistake_is_told_at_once_each_at_its_line() -> None:
    found = complaints(
        """version = 1
id = "A Loop"
sed = 7
[stream]
source = "x.csv"
unit = "second"
features = [
  "a",  # ]
  "b = 3",
]
[clock]
speed = -1
takes = { train = "2 hours" }
[knobs]
"batch.size" = 3
sampler.name = "entropi"
batch.sise = 5
[team]
weekend = "no"
"""
    )
    assert [(line, code) for line, code, _ in found] == [
        (2, "L104"),
        (3, "L102"),
        (6, "L104"),
        (12, "L104"),
        (13, "L104"),
        (15, "L106"),
        (16, "L106"),
        (17, "L105"),
        (19, "L104"),
    ]
    said = " ".join(message for _, _, message in found)
    for hint in (
        "did you mean `seed`",
        "did you mean `seconds`",
        "`entropy`",
        "`batch.size`",
        "10m",
        "10 up to",
    ):
        assert hint in said


def test_a_problem_shows_the_line_and_points_at_the_key() -> None:
    with pytest.raises(BadFile) as refused:
        from_text('id = "x"\n[stream]\nsource = "x.csv"\n  untit = 3\ntime = "t"\n')
    assert str(refused.value).splitlines() == [
        "loop.toml:4:3: L102 unknown key `stream.untit`; did you mean `unit`?",
        "      untit = 3",
        "      ^^^^^",
    ]


def test_brackets_and_equals_signs_within_texts_do_not_move_the_places() -> None:
    written, places = parse(
        b'a = """\n[no]\nb = 1 ]\n"""\nc = [ { d = "]" }, [\n"x=#" ] ]\n[s.t] # [u]\n\'e.f\' = 1\ng . h=2\n'
    )
    assert written["s"]["t"]["e.f"] == 1
    assert {name: line for name, (line, _, _) in places.of.items()} == {
        "a": 1,
        "c": 5,
        "s.t": 7,
        "s.t.e.f": 8,
        "s.t.g.h": 9,
    }


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("id = first\n", 1, "text stands in quotes"),
        ('id = "a"\nid = "b"\n', 2, "overwrite"),
        ('a = 1\nb = "open\n', 2, "not TOML"),
        ("a = [1,\n", 1, "not TOML"),
    ],
    ids=["no quotes", "a key twice", "a quote is left open", "a bracket is left open"],
)
def test_what_is_not_toml_is_told_with_its_line(text: str, line: int, says: str) -> None:
    ((found, code, message),) = complaints(text)
    assert (found, code) == (line, "L101")
    assert says in message


def test_a_file_that_is_not_text_is_told_so() -> None:
    with pytest.raises(BadFile, match=r"loop\.toml:2:1: L101 this line is not UTF-8"):
        parse(b'id = "a"\nname = "\xff"\n')


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"stream": {"source": "x.csv"}}, "`stream.time` is missing"),
        ({"stream": {"source": "x.csv", "unit": "rows"}}, "row_lasts"),
        ({"stream": {"source": "x.csv", "time": "t", "label_time": "u"}}, "`label_time` needs `label`"),
        (
            {"stream": {"source": "x.csv", "time": "t", "label": "y", "natural_label": "n"}},
            "`natural_label` needs `label_time`",
        ),
        ({"start": {"labelled": 10}}, "`start.labelled` needs"),
        ({"team": {"source": "simulated"}}, "a simulated team needs"),
        ({"team": {"accuracy": [0.9, 0.8]}}, "lists 2 annotators, `team.size` is 5"),
        ({"knobs": {"loop.architecture": "adaptive"}}, "write this under \\[loop\\]"),
        ({"version": 2}, "up to 1, not 2"),
        ({"stream": "x.csv"}, "is a section and cannot be"),
        ({"learner": {"parameters": {"x": float("nan")}}}, "cannot hold nan"),
    ],
    ids=[
        "no time",
        "rows of no length",
        "a label's time without a label",
        "a natural label without a time",
        "free labels without a label",
        "a team that knows nothing",
        "accuracies for others",
        "the architecture as a knob",
        "a newer file",
        "a section that is a text",
        "a number that is none",
    ],
)
def test_settings_that_cannot_work_are_refused(more: Mapping[str, Any], says: str) -> None:
    with pytest.raises(BadFile, match=says):
        read({**LEAST, **more})


def test_what_is_missing_is_told_with_its_meaning() -> None:
    with pytest.raises(BadFile, match=r"`id` is missing: the loop's name(.|\n)*`stream.source` is missing"):
        read({"stream": {}})


def test_a_flag_stands_above_the_file_and_is_checked_like_it() -> None:
    settings = with_overrides(
        read(LEAST), {"clock.speed": 9, "knobs.batch.size": 50, "clock.takes.train": "1m"}
    )
    assert (settings.clock.speed, settings.knobs["batch.size"], settings.clock.takes.train) == (9.0, 50, 60.0)
    with pytest.raises(BadFile) as refused:
        with_overrides(settings, {"clock.spede": 9, "knobs.batch.size": 5})
    assert {problem.code for problem in refused.value.problems} == {"L102", "L106"}
    with pytest.raises(BadFile, match="`id` is not a section"):
        with_overrides(settings, {"id.x": 9})


def test_a_flag_changes_a_knob_however_the_file_writes_it() -> None:
    settings = from_text('id = "a"\n[stream]\nsource = "x.csv"\ntime = "t"\n[knobs]\nbatch.size = 200\n')
    assert with_overrides(settings, {"knobs.batch.size": 50}).knobs["batch.size"] == 50
    assert settings.knobs["batch.size"] == 200


@pytest.mark.parametrize("text", ["clock.speed", "=3", ""], ids=["no value", "no name", "nothing"])
def test_a_flag_of_no_form_is_refused(text: str) -> None:
    with pytest.raises(BadUsage, match="name=value"):
        override(text)


def test_the_digest_names_what_the_loop_does_and_not_where_it_keeps_things() -> None:
    settings = read(LEAST, Path("here"))
    moved = with_overrides(read(LEAST, Path("there")), {"stores.database": "other.db"})
    changed = with_overrides(settings, {"knobs.batch.size": 101})
    assert config_digest(moved) == config_digest(settings) != config_digest(changed)


SECTIONS = ("stream", "start", "pool", "loop", "learner", "knobs", "budget", "team", "clock", "stores")
KEYS = sorted({each.name.rpartition(".")[2] for each in described()} | {"batch", "size", "batch.size", ""})
ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    10**30,
    1.5,
    float("inf"),
    "",
    "1h",
    "0s",
    "99:99-00:00",
    "2024-13-01",
    [],
    ["a", 1],
    {"x": 1},
)


@given(st.sampled_from(SECTIONS), st.dictionaries(st.sampled_from(KEYS), st.sampled_from(ODD), max_size=4))
def test_whatever_is_written_there_are_settings_or_problems(section: str, values: dict[str, Any]) -> None:
    try:
        read({**LEAST, section: values})
    except BadFile as refused:
        assert refused.problems


def test_every_key_has_a_meaning_and_a_default_or_must_be_given() -> None:
    keys = {each.name: each for each in described()}
    assert [name for name, each in keys.items() if each.required] == [
        "id",
        "stream.source",
        "sources.NAME.kind",
    ]
    assert all(each.meaning.endswith(".") for each in keys.values())
    assert keys["clock.takes.train"].default == 7200.0


def test_where_there_is_no_file_the_answer_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BadUsage, match="flyball init"):
        load(tmp_path)


@pytest.mark.parametrize("project", ["simple", "demo"])
def test_the_ready_loops_can_be_read(project: str) -> None:
    settings = load(PROJECTS / project / FILE, {"clock.kind": "virtual"})
    assert settings.clock.kind == "virtual"
    assert settings.loop.architecture == {"simple": "sequential", "demo": "adaptive"}[project]
    assert settings.directory == PROJECTS / project
