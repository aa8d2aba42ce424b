"""A lane that fails: what becomes of its work, and of the others."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest
from tests.loops import DAY, facts, little, play, write_loop
from tests.stores import chance
from tests.web.served import a_loop, captured

from flyball.adapters.clock import RealClock, SpedClock
from flyball.adapters.memory_store import memory_store
from flyball.adapters.segments import MemorySegments
from flyball.adapters.shelf_memory import MemoryShelf
from flyball.adapters.stream import open_stream
from flyball.adapters.toml_file import load
from flyball.bootstrap import App, assemble
from flyball.cli.serve import _work
from flyball.core.due import Go, Wait
from flyball.core.facts import LoopStopped
from flyball.core.ids import AnnotatorId, Instant, ItemId
from flyball.errors import BadStream, StoreStopped, Unreachable
from flyball.live import Live
from flyball.ports import Answer, Commit, Log, Receipt
from flyball.work.lanes import Begun, Done, Lane, failed, guarded


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


class Flaky:
    """A log that takes nothing while `away` says why."""

    def __init__(self, log: Log) -> None:
        self._log, self.away = log, cast(Exception | None, None)
        self.tried = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def append(self, commit: Commit, now: Instant) -> tuple[Receipt, ...]:
        if self.away is not None:
            self.tried += 1
            raise self.away
        return self._log.append(commit, now)


def writing(app: App, log: Flaky) -> Lane:
    """A lane that writes one fact a pass, on a log that may be away."""
    app.tools.store = replace(app.tools.store, log=cast(Log, log))

    def finish(begun: Begun, outcome: Any, now: Instant) -> Done:
        app.tools.tell(now, LoopStopped("one more pass"))
        return Done("done")

    lane = replace(app.lanes["score"], due=lambda now: Go("it is time"), begin=lambda go, now: Begun("1", 0))
    return guarded(replace(lane, finish=finish, fail=failed), app.tools)


def test_a_store_that_is_away_for_several_tries_stops_no_lane_and_is_told_when_it_is_back(
    tmp_path: Path,
) -> None:
    with a_loop(tmp_path / "loop") as app:
        log = Flaky(app.tools.store.log)
        lane, now = writing(app, log), app.clock.now()
        log.away = Unreachable("nobody is there")
        for _ in range(4):
            assert isinstance(lane.due(now), Go)
            assert lane.finish(Begun("1", 0), None, now).failed
            resting = lane.due(now)
            assert isinstance(resting, Wait) and resting.until is not None
            now = resting.until
        assert log.tried >= 4
        log.away = None
        assert isinstance(lane.due(now), Go)
        assert "nobody is there" in str(app.tools.state.alerts["lane-score"].fact)
        assert not lane.finish(Begun("1", 0), None, now).failed
        assert not app.tools.state.alerts
        assert len(facts(app, "alert-raised")) == len(facts(app, "alert-cleared")) == 1


def test_a_store_that_takes_nothing_any_more_for_good_ends_the_lanes(tmp_path: Path) -> None:
    with a_loop(tmp_path / "loop") as app:
        log = Flaky(app.tools.store.log)
        lane, now = writing(app, log), app.clock.now()
        log.away = StoreStopped("flyball.db is not written any more since its disk failed: I/O error.")
        with pytest.raises(StoreStopped, match="not written any more"):
            lane.finish(Begun("1", 0), None, now)


def test_answers_that_cannot_be_taken_in_are_told_when_the_store_is_back(tmp_path: Path) -> None:
    with a_loop(tmp_path / "loop") as app:
        log = Flaky(app.tools.store.log)
        app.tools.store = replace(app.tools.store, log=cast(Log, log))
        app.tools.uncaptured = [Answer("e-1", ItemId("tx-1"), AnnotatorId("ann-1"), "fraud", None, None)]
        assert isinstance(app.clock, RealClock)
        live = Live(app, app.clock)
        log.away = Unreachable("nobody is there")
        for _ in range(3):
            live._captured()
            _work(app)
        log.away = None
        live._captured()
        assert [fact.item for fact in captured(app)] == ["tx-1"]
        assert not app.tools.state.alerts
        (told,) = facts(app, "alert-raised")
        assert "answers cannot be taken in: nobody is there" in str(told.fact)


def test_a_lane_that_rests_does_not_wait_for_as_long_as_the_clock_was_set_back(tmp_path: Path) -> None:
    app = little(tmp_path)

    def throws(now: Instant) -> Go | Wait:
        tried.append(now)
        raise RuntimeError("no")

    tried: list[Instant] = []
    lane = guarded(replace(app.lanes["score"], due=throws), app.tools)
    for now in (10_000.0, 10_001.0, 1_000.0, 1_001.0):
        lane.due(now)
    assert tried == [10_000.0, 1_000.0]


def test_a_sped_world_is_over_with_its_run_however_long_the_cleaning_up_takes(tmp_path: Path) -> None:
    app, wall = little(tmp_path), [0.0]
    app.clock = clock = SpedClock(app.clock.now(), 100_000, wall=lambda: wall[0])
    live = Live(app, clock)
    live.stop("it was asked to end")
    asyncio.run(live.run())
    last = clock.now()
    wall[0] += 5.0  # Prefect ends; in that world it would have been nearly six days
    app.stopped(live.because)
    (stopped,) = app.tools.store.log.read(kinds=["loop-stopped"])
    assert stopped.at == last


def test_a_sped_world_begins_when_its_loop_is_put_together_however_long_that_takes(tmp_path: Path) -> None:
    settings = load(write_loop(tmp_path), {"clock.kind": "sped", "clock.speed": 100_000})
    opened, seconds = open_stream(settings), count()
    clock = SpedClock(opened.start, 100_000, wall=lambda: float(next(seconds)))  # each look takes a second
    app = assemble(settings, opened, memory_store(chance()), MemorySegments(), MemoryShelf(), clock)
    (first, *_) = app.tools.store.log.read()
    assert next(seconds) > 5
    assert first.at <= opened.start + 2 * 100_000
