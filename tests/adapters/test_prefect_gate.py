"""The gate: one start or end at a time, and no body waits for another's."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from flyball.adapters.prefect.gate import Gate, Passage


class Door:
    """Stands for Prefect: it counts who starts or ends a run at one moment."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0

    async def pass_through(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1


async def run_flow(gate: Gate, door: Door, body: Coroutine[Any, Any, Any]) -> Any:
    """A flow run as Prefect does it: a transition, the body, a transition."""

    async def fn() -> Any:
        return await body

    async with gate.passage() as passage:
        await door.pass_through()
        try:
            return await passage.around(fn)()
        finally:
            await door.pass_through()


async def pause() -> str:
    await asyncio.sleep(0)
    return "done"


async def failing() -> None:
    await asyncio.sleep(0)
    raise ValueError("the body's own")


@pytest.mark.parametrize("width", [1, 3], ids=["SQLite: one at a time", "PostgreSQL: three at a time"])
def test_no_more_runs_start_or_end_at_once_than_the_gate_is_wide(width: int) -> None:
    async def main() -> int:
        gate, door = Gate(width), Door()
        await asyncio.gather(*(run_flow(gate, door, pause()) for _ in range(20)))
        return door.most

    assert asyncio.run(main()) == width


def test_while_a_body_runs_others_start_and_end() -> None:
    async def main() -> list[str]:
        gate, door, order = Gate(), Door(), []
        begun, release = asyncio.Event(), asyncio.Event()

        async def long() -> None:
            order.append("the long body begins")
            begun.set()
            await release.wait()
            order.append("the long body ends")

        async def short() -> None:
            order.append("a short run")

        slow = asyncio.create_task(run_flow(gate, door, long()))
        await begun.wait()
        for _ in range(2):
            await run_flow(gate, door, short())
        release.set()
        await slow
        return order

    assert asyncio.run(main()) == [
        "the long body begins",
        "a short run",
        "a short run",
        "the long body ends",
    ]


def test_a_run_inside_of_a_run_has_a_passage_of_its_own() -> None:
    async def main() -> Any:
        gate, door = Gate(), Door()

        async def outer() -> Any:
            return await run_flow(gate, door, pause())

        return await asyncio.wait_for(run_flow(gate, door, outer()), 5)

    assert asyncio.run(main()) == "done"


async def cancelled(gate: Gate, door: Door) -> None:
    run = asyncio.create_task(run_flow(gate, door, asyncio.Event().wait()))
    await run_flow(gate, door, pause())
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


async def failed(gate: Gate, door: Door) -> None:
    with pytest.raises(ValueError, match="the body's own"):
        await run_flow(gate, door, failing())


async def given_up(gate: Gate, door: Door) -> None:
    """The caller leaves while the run goes on and wants to end later."""
    release = asyncio.Event()
    async with gate.passage() as passage:
        late = asyncio.create_task(passage.around(release.wait)())
        await passage.inside.wait()
    release.set()
    await late


@pytest.mark.parametrize("how", [cancelled, failed, given_up])
def test_however_a_run_ends_the_gate_is_free_afterwards(how: Any) -> None:
    async def main() -> Any:
        gate, door = Gate(), Door()
        await how(gate, door)
        return await asyncio.wait_for(run_flow(gate, door, pause()), 5)

    assert asyncio.run(main()) == "done"


def test_a_passage_knows_what_the_body_gave() -> None:
    async def main() -> Passage:
        async with Gate().passage() as passage:
            await passage.around(pause)()
        return passage

    passage = asyncio.run(main())
    assert (passage.over.is_set(), passage.result, passage.error) == (True, "done", None)
