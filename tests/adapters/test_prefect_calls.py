"""Lanes as flow runs on a real server: fair to each other, bounded, and no worse off without Prefect."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from tests.furniture import furnished

from flyball.adapters.prefect import environment
from flyball.adapters.prefect.calls import Unanswered, call_flow
from flyball.adapters.prefect.gate import Gate
from flyball.adapters.prefect.runs import LaneRun, close_orphans, lane_intervals
from flyball.adapters.prefect.server import LocalServer
from flyball.errors import Unreachable

pytestmark = pytest.mark.slow

LANES = ("ingest", "score", "annotate", "integrate", "train", "steer")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnished(tmp_path_factory.mktemp("loop"), prefect=True)


@pytest.fixture(scope="module")
def started(directory: Path) -> Iterator[LocalServer]:
    with LocalServer(directory) as server:
        yield server


@pytest.fixture
def server(started: LocalServer, directory: Path) -> Iterator[LocalServer]:
    """The server, which a test may stop: it is there again for the next one."""
    started.start()
    with environment.applied(environment.settings_for(directory, started.url)):
        yield started


def flow_of(name: str, body: Callable[[], Awaitable[Any]]) -> Any:
    from prefect import flow

    @flow(name=name, log_prints=False)
    async def lane(loop: str = ".") -> Any:
        return await body()

    return lane


def played(main: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(main)


def runs_of(server: LocalServer, lane: str) -> list[LaneRun]:
    return [run for run in lane_intervals(server.url) if run.lane == lane]


async def nothing() -> dict[str, str]:
    return {"about": "nothing to do"}


async def failing() -> None:
    raise ValueError("the body's own")


def test_a_lane_gets_what_its_flow_gave_and_prefect_has_the_run(server: LocalServer) -> None:
    assert played(call_flow(flow_of("quick", nothing), Gate(), loop=".")) == {"about": "nothing to do"}
    (run,) = runs_of(server, "quick")
    assert run.state == "COMPLETED"
    assert run.end is not None
    assert run.start <= run.end


def test_what_the_body_raises_comes_out_as_it_is_and_the_run_is_failed(server: LocalServer) -> None:
    with pytest.raises(ValueError, match="the body's own"):
        played(call_flow(flow_of("failing", failing), Gate()))
    assert [run.state for run in runs_of(server, "failing")] == ["FAILED"]


def test_a_flow_that_is_called_wrongly_is_not_prefects_fault(server: LocalServer) -> None:
    with pytest.raises(TypeError, match="lop"):
        played(call_flow(flow_of("quick", nothing), Gate(), lop="."))


def test_six_lanes_side_by_side_each_get_their_share(server: LocalServer, directory: Path) -> None:
    async def work() -> None:
        await asyncio.sleep(0.05)

    async def lane(name: str, gate: Gate, until: float) -> None:
        flow = flow_of(f"fair-{name}", work)
        while time.monotonic() < until:
            await call_flow(flow, gate)

    async def main() -> None:
        gate, until = Gate(), time.monotonic() + 15
        await asyncio.gather(*(lane(name, gate, until) for name in LANES))

    played(main())
    runs = [run for run in lane_intervals(server.url) if run.lane.startswith("fair-")]
    assert {run.state for run in runs} == {"COMPLETED"}
    count = Counter(run.lane for run in runs)
    assert len(count) == len(LANES)
    assert max(count.values()) - min(count.values()) <= 2


def test_bodies_of_different_lanes_overlap(server: LocalServer) -> None:
    async def main() -> None:
        meeting = asyncio.Barrier(3)
        flows = [flow_of(f"meet-{name}", meeting.wait) for name in LANES[:3]]
        gate = Gate()
        await asyncio.gather(*(call_flow(flow, gate) for flow in flows))

    played(main())
    runs = [run for run in lane_intervals(server.url) if run.lane.startswith("meet-")]
    assert len(runs) == 3
    for one, two in combinations(runs, 2):
        assert one.end is not None
        assert two.end is not None
        assert max(one.start, two.start) < min(one.end, two.end)


def test_the_api_and_the_file_tell_the_same_story(server: LocalServer, directory: Path) -> None:
    played(call_flow(flow_of("quick", nothing), Gate()))
    told = lane_intervals(server.url)
    assert told
    assert lane_intervals(environment.database_of(directory)) == told


@pytest.mark.parametrize("source", ["http://127.0.0.1:9/api", "no/such.db"], ids=["API", "file"])
def test_intervals_that_cannot_be_read_are_one_sentence(source: str) -> None:
    with pytest.raises(Unreachable, match=r"^Prefect"):
        lane_intervals(source)


def test_a_run_that_is_cancelled_does_not_stay_under_way(server: LocalServer) -> None:
    async def main() -> None:
        begun = asyncio.Event()

        async def long() -> None:
            begun.set()
            await asyncio.Event().wait()

        run = asyncio.create_task(call_flow(flow_of("cancelled", long), Gate()))
        await begun.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    played(main())
    assert [run.state for run in runs_of(server, "cancelled")] == ["CRASHED"]


def test_what_a_killed_process_left_under_way_is_closed_at_the_next_start(
    server: LocalServer, directory: Path
) -> None:
    script = f"""
import asyncio, os
from pathlib import Path
from prefect import flow
from flyball.adapters.prefect import environment
from flyball.adapters.prefect.calls import call_flow
from flyball.adapters.prefect.gate import Gate

@flow(name="orphan")
async def orphan():
    os.kill(os.getpid(), 9)

with environment.applied(environment.settings_for(Path({str(directory)!r}), {server.url!r})):
    asyncio.run(call_flow(orphan, Gate(), tags=["loop:mine"]))
"""
    subprocess.run([sys.executable, "-c", script], check=False)
    assert [run.state for run in runs_of(server, "orphan")] == ["RUNNING"]
    assert close_orphans(server.url, "loop:somebody-elses") == 0
    assert close_orphans(server.url, "loop:mine") == 1
    assert [run.state for run in runs_of(server, "orphan")] == ["CRASHED"]
    assert close_orphans(server.url) == 0


def test_when_the_server_goes_away_during_a_run_its_result_is_not_lost(server: LocalServer) -> None:
    async def last() -> dict[str, int]:
        server.stop()
        return {"merged": 3}

    with pytest.raises(Unanswered, match="did not answer when the run was over") as said:
        played(call_flow(flow_of("last", last), Gate()))
    assert (said.value.ran, said.value.result) == (True, {"merged": 3})


def test_when_there_is_no_server_every_lane_is_told_so(server: LocalServer) -> None:
    async def main() -> list[Any]:
        gate = Gate()
        calls = [call_flow(flow_of(name, nothing), gate) for name in LANES]
        return await asyncio.gather(*calls, return_exceptions=True)

    server.stop()
    for said in played(main()):
        assert isinstance(said, Unanswered)
        assert not said.ran


def test_a_server_that_hangs_does_not_hang_the_lanes(server: LocalServer) -> None:
    assert server.process is not None

    async def hang() -> str:
        assert server.process is not None
        os.kill(server.process, signal.SIGSTOP)
        return "done"

    async def main() -> Unanswered:
        gate = Gate()
        with pytest.raises(Unanswered):
            await call_flow(flow_of("steer", nothing), gate, patience=2.0)
        with pytest.raises(Unanswered) as said:
            await call_flow(flow_of("steer", nothing), gate, patience=2.0)
        return said.value

    try:
        with pytest.raises(Unanswered) as said:
            # Long enough for a run to begin on a busy machine: it is its end that is not answered.
            played(call_flow(flow_of("hangs", hang), Gate(), patience=10.0))
        assert said.value.result == "done"
        assert not played(main()).ran
    finally:
        os.kill(server.process, signal.SIGCONT)


def test_a_process_that_hosts_flows_ends_in_order_when_it_is_told_to(
    server: LocalServer, directory: Path
) -> None:
    script = f"""
import asyncio
from pathlib import Path
from prefect import flow
from flyball.adapters.prefect import environment
from flyball.adapters.prefect.calls import call_flow
from flyball.adapters.prefect.gate import Gate
from flyball.adapters.prefect.hosting import hosted

@flow(name="hosted")
async def lane(seconds: float) -> float:
    print("begun", flush=True)
    await asyncio.sleep(seconds)
    return seconds

async def main(stop):
    gate = Gate()
    runs = [asyncio.create_task(call_flow(lane, gate, seconds=seconds)) for seconds in (0.1, 2.0)]
    await stop.wait()
    return await asyncio.gather(*runs)

with environment.applied(environment.settings_for(Path({str(directory)!r}), {server.url!r})):
    print(hosted(main))
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert [process.stdout.readline() for _ in range(2)] == ["begun\n", "begun\n"]
            process.send_signal(signal.SIGTERM)
            assert process.stdout.read() == "[0.1, 2.0]\n"
            assert process.wait() == 0
        finally:
            process.kill()
    assert [run.state for run in runs_of(server, "hosted")] == ["COMPLETED", "COMPLETED"]
