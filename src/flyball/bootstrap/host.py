"""Run a lane's due work once, in the process that hosts the loop or by opening the loop for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flyball.bootstrap.opening import open_loop
from flyball.core.due import Go
from flyball.core.ids import Instant
from flyball.work.lanes import TOGETHER, Begun, Done, Lane

#: What runs a lane of a loop that this process hosts, by the loop's directory.
_hosts: dict[Path, Callable[[str], Awaitable[dict[str, Any]]]] = {}


@contextmanager
def hosting(directory: Path, run: Callable[[str], Awaitable[dict[str, Any]]]) -> Iterator[None]:
    """Let this process's flows of that loop run their lanes through `run`."""
    _hosts[directory.resolve()] = run
    try:
        yield
    finally:
        _hosts.pop(directory.resolve(), None)


async def run_lane(lane: str, loop: str) -> dict[str, Any]:
    """Run a lane's due work once: in the process that hosts the loop, or by opening the loop for it."""
    directory = Path(loop).resolve()
    if host := _hosts.get(directory):
        return await host(lane)
    return await asyncio.to_thread(_once, lane, directory)


def _once(name: str, directory: Path) -> dict[str, Any]:
    app = open_loop(directory, whole=name != TOGETHER)
    try:
        app.capture(app.clock.now())
        lane = app.lanes[name]
        due = lane.due(app.clock.now())
        if not isinstance(due, Go):
            return {"lane": name, "about": due.why}
        begun = lane.begin(due, app.clock.now())
        if begun is None:
            return {"lane": name, "about": "nothing to do"}
        done = performed(lane, begun, app.clock.now)
        return {"lane": name, "about": done.about, **done.numbers}
    finally:
        app.close()


def performed(lane: Lane, begun: Begun, now: Callable[[], Instant]) -> Done:
    """Perform what began and write down what came out, or that nothing did."""
    try:
        outcome = lane.perform(begun)
    except Exception as error:  # user code may throw anything; the lane writes it down
        return lane.fail(begun, error, now())
    return lane.finish(begun, outcome, now())
