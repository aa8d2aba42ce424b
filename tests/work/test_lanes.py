"""A lane that fails: what becomes of its work, and of the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.loops import DAY, facts, little, play

from flyball.core.due import Go, Wait
from flyball.core.ids import Instant
from flyball.errors import BadStream, Unreachable
from flyball.work.lanes import Begun, Done, guarded


def test_a_training_whose_end_could_not_be_written_down_is_done_again(tmp_path: Path) -> None:
    app = little(tmp_path)
    train = app.lanes["train"]
    thrown: list[str] = []

    def finish(begun: Begun, outcome: Any, now: Instant) -> Done:
        if not thrown:
            thrown.append(begun.name)
            raise Unreachable("the disk is full")
        return train.finish(begun, outcome, now)

    app.lanes = {**app.lanes, "train": guarded(replace(train, finish=finish), app.tools)}
    play(app, 2 * DAY)
    runs = [r.fact.run for r in facts(app, "model-trained")]  # type: ignore[union-attr]
    assert runs[0] == thrown[0]
    assert len(set(runs)) == len(runs)
    assert not app.tools.state.alerts


def test_a_stream_that_breaks_stops_its_lane_and_no_other(tmp_path: Path) -> None:
    app = little(tmp_path)
    play(app, 2 * DAY)

    def broken(now: Instant) -> Go | Wait:
        raise BadStream("row 17 has no time")

    app.lanes = {**app.lanes, "ingest": guarded(replace(app.lanes["ingest"], due=broken), app.tools)}
    models = len(app.tools.state.models)
    play(app, DAY)
    assert "row 17 has no time" in str(app.tools.state.alerts["lane-ingest"].fact)
    assert app.tools.state.cycles > 0
    assert len(app.tools.state.models) >= models
    dues = [r.at for r in facts(app, "looked")]
    assert dues[-1] >= app.clock.now() - 3700


def test_a_lane_that_fails_again_and_again_rests_longer_and_longer(tmp_path: Path) -> None:
    app = little(tmp_path)

    def throws(now: Instant) -> Go | Wait:
        raise RuntimeError("no")

    lane = guarded(replace(app.lanes["score"], due=throws), app.tools)
    rests, now = [], 0.0
    for _ in range(4):
        due = lane.due(now)
        assert isinstance(due, Wait)
        assert due.until is not None
        rests.append(due.until - now)
        now = due.until
    assert rests == [15.0, 30.0, 60.0, 120.0]
