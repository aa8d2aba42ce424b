"""A worker that is killed while it merges holds its items up for no longer than its lease."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tests.crash.life import written
from tests.postgres import a_loop, needed
from tests.stores import answer, arrive, chance

from flyball.adapters.clock import VirtualClock
from flyball.adapters.segments import MemorySegments
from flyball.adapters.shelf_memory import MemoryShelf
from flyball.adapters.sql import open_store
from flyball.bootstrap import assemble
from flyball.core.due import Go
from flyball.core.facts import LabelSettled
from flyball.ports import Commit, Draft, NewJob
from flyball.work.integrate_proof import prove
from flyball.work.integrate_retry import lease

pytestmark = pytest.mark.slow

DAY = 86_400.0
CLAIMS = """
import os, sys, time
from flyball.adapters.sql import open_store
store = open_store(sys.argv[1], salt=os.urandom, loop=sys.argv[2])
print(len(store.jobs.claim("merge", 1000.0, 10, float(sys.argv[3]))), flush=True)
time.sleep(600)
"""


def test_what_a_killed_worker_held_is_merged_by_another_once_the_lease_is_over(tmp_path: Path) -> None:
    with a_loop() as loop:
        settings, stream = written(tmp_path, loop)
        with closing(open_store(needed(), salt=chance(), loop=loop)) as store:
            clock = VirtualClock(1000.0)
            app = assemble(settings, stream, store, MemorySegments(), MemoryShelf(), clock)
            names = [f"known-{number}" for number in range(5)]
            arrive(store, *names)
            jobs = [NewJob("merge", name, of) for of, name in enumerate(names)]
            store.log.append(Commit([Draft(answer(name)) for name in names], jobs), 1000.0)
            held = lease(app.tools)
            assert held <= 70
            command = [sys.executable, "-c", CLAIMS, needed(), loop, str(held)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
                assert worker.stdout is not None
                assert worker.stdout.readline() == "5\n"
                os.kill(worker.pid, signal.SIGKILL)
            lane = app.lanes["integrate"]

            def labels_at(now: float) -> int:
                clock.set(now)
                while isinstance(due := lane.due(now), Go):
                    begun = lane.begin(due, now)
                    assert begun is not None
                    lane.finish(begun, lane.perform(begun), now)
                return sum(isinstance(each.fact, LabelSettled) for each in store.log.read())

            assert labels_at(1000.0 + held - 1) == 0, "it could be at work still"
            assert labels_at(1000.0 + held + 1) == 5
            assert prove(store).holds
            assert prove(store).merged == 5


def test_answers_from_a_clock_that_was_ahead_are_merged_once_it_is_right_again(tmp_path: Path) -> None:
    """What it wrote keeps its time, and what comes later is not before it; but nobody waits for that time."""
    settings, stream = written(tmp_path, "clock")
    path = str(tmp_path / "loop.db")
    now = 1.8e9
    with closing(open_store(path, salt=chance())) as ahead:
        arrive(ahead, "known", now=now)
        ahead.log.append(Commit([Draft(answer("known"))], [NewJob("merge", "known", 0)]), now + DAY)
    with closing(open_store(path, salt=chance())) as store:
        app = assemble(settings, stream, store, MemorySegments(), MemoryShelf(), VirtualClock(now))
        lane = app.lanes["integrate"]
        due = lane.due(now)
        assert isinstance(due, Go)
        begun = lane.begin(due, now)
        assert begun is not None
        lane.finish(begun, lane.perform(begun), now)
        label = next(each for each in store.log.read() if isinstance(each.fact, LabelSettled))
        assert label.at == now + DAY
        assert prove(store).merged == 1
