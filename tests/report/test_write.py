"""The report as a command writes it: baselines played in processes of their own, and kept."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tests.furniture import furnished
from tests.loops import write_loop

from flyball.adapters.segments import parquet, table_of
from flyball.bootstrap import driver, open_loop
from flyball.core.ids import digest_of
from flyball.core.table import Table, texts
from flyball.errors import BadUsage
from flyball.report import write
from flyball.report.rivals import Task, played

TABLE = Table({"item": texts(["a"]), "p_yes": np.array([0.5])})


def task(name: str, content: bytes) -> Task:
    """Something to play that gives the table in `content`."""
    return Task(name, f"the {name} one", digest_of(name.encode()), partial(table_of, content))


def test_what_was_played_once_is_kept_and_damage_is_played_again(tmp_path: Path) -> None:
    said: list[str] = []
    whole = task("whole", parquet(TABLE))
    for _ in range(2):
        found, failures = played([whole], tmp_path, said.append)
        assert found["whole"]["item"].tolist() == ["a"]
        assert failures == ()
    assert said == ["playing the whole one, to compare with"]
    kept = next(tmp_path.glob("whole-*.parquet"))
    kept.write_bytes(b"cut short")
    played([whole], tmp_path, said.append)
    assert len(said) == 2
    assert table_of(kept.read_bytes())["item"].tolist() == ["a"]


def test_one_that_cannot_be_played_is_told_and_spoils_no_other(tmp_path: Path) -> None:
    said: list[str] = []
    tasks = [task("broken", b"no table"), task("whole", parquet(TABLE))]
    found, failures = played(tasks, tmp_path, said.append)
    assert list(found) == ["whole"]
    assert len(failures) == 1
    assert failures[0].startswith("It was not possible to play the broken one: ")
    assert failures[0] in said


@pytest.mark.slow
def test_a_loop_on_disk_gets_its_report_and_a_second_one_from_what_was_kept(tmp_path: Path) -> None:
    loop = furnished(write_loop(tmp_path / "loop"))
    app = open_loop(loop, {"loop.architecture": "adaptive", "clock.until": "2d"})
    try:
        app.started()
        for _ in driver(app).play(app.until):
            pass
        app.stopped("its time is up")
        asked = app.tools.state.asked
    finally:
        app.close()
    said: list[str] = []
    first = write(loop, tmp_path / "out" / "first.html", said.append).read_text()
    assert [line for line in said if line.startswith("playing the same loop")]
    assert f"asked its annotators for {asked} labels" in first
    assert "Random sampling with as many labels reached" in first
    assert "A model trained once and left alone reached" in first
    assert "started with other settings than loop.toml has now" in first
    again: list[str] = []
    assert write(loop, loop / "report.html", again.append).read_text() == first
    assert again == []
    assert not list(loop.glob(".report*"))


def test_a_directory_without_a_loop_is_told_apart_from_one(tmp_path: Path) -> None:
    with pytest.raises(BadUsage, match=r"holds no loop\.toml"):
        write(tmp_path, tmp_path / "report.html", print)
