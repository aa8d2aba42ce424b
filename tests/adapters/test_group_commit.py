"""One writer for many: it answers after the write, in order, and one bad caller harms no other."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from itertools import chain

import pytest

from flyball.adapters.group_commit import Closed, Full, GroupCommit
from flyball.errors import Unreachable


class Disk:
    """Keeps what is written; waits where it is told to, and refuses what it is told to."""

    def __init__(self) -> None:
        self.commits: list[list[int]] = []
        self.may = threading.Event()
        self.may.set()
        self.error: Exception | None = None

    def write(self, things: Sequence[int]) -> list[str]:
        self.may.wait(30)
        if self.error is not None:
            raise self.error
        if -1 in things:
            raise ValueError("-1 cannot be written")
        self.commits.append(list(things))
        return [f"#{thing}" for thing in things]


def test_each_gets_the_results_of_its_own_things() -> None:
    disk = Disk()
    writer = GroupCommit(disk.write)
    found: dict[int, Sequence[str]] = {}

    def caller(number: int) -> None:
        found[number] = writer.written([number, number + 1000])

    threads = [threading.Thread(target=caller, args=(number,)) for number in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert found == {number: [f"#{number}", f"#{number + 1000}"] for number in range(200)}


def test_a_caller_whose_event_loop_closes_meanwhile_does_not_end_the_writer() -> None:
    disk = Disk()
    disk.may.clear()
    writer = GroupCommit(disk.write)

    class Closing(asyncio.SelectorEventLoop):
        """Seems open until it is called."""

        def call_soon_threadsafe(self, *_: object, **__: object) -> asyncio.Handle:
            raise RuntimeError("Event loop is closed")

    loop = Closing()
    asking = loop.create_task(writer.write([1]))
    loop.call_later(0.02, loop.stop)
    loop.run_forever()
    disk.may.set()
    assert writer.written([2]) == ["#2"]
    assert writer.alive and [*chain(*disk.commits)] == [1, 2]
    asking.cancel()
    loop.run_until_complete(asyncio.gather(asking, return_exceptions=True))
    loop.close()
    writer.close()


def test_what_comes_while_it_writes_goes_down_together_but_never_too_much_at_once() -> None:
    disk = Disk()
    disk.may.clear()
    writer = GroupCommit(disk.write, most=10)

    async def all_of_them() -> list[Sequence[str]]:
        asking = [asyncio.create_task(writer.write([number])) for number in range(25)]
        await asyncio.sleep(0)
        disk.may.set()
        return await asyncio.gather(*asking)

    assert asyncio.run(all_of_them()) == [[f"#{number}"] for number in range(25)]
    assert [*chain(*disk.commits)] == list(range(25))
    assert len(disk.commits) < 25 and max(map(len, disk.commits)) <= 10
    writer.close()


def test_nobody_hears_before_it_is_written() -> None:
    disk = Disk()
    disk.may.clear()
    writer = GroupCommit(disk.write)

    async def ask() -> bool:
        asking = asyncio.create_task(writer.write([1]))
        await asyncio.sleep(0.05)
        early = asking.done()
        disk.may.set()
        await asking
        return early

    assert not asyncio.run(ask())
    writer.close()


def test_one_that_cannot_be_written_takes_no_other_with_it() -> None:
    disk = Disk()
    disk.may.clear()
    writer = GroupCommit(disk.write)

    async def ask() -> list[Sequence[str] | BaseException]:
        asking = [asyncio.create_task(writer.write([thing])) for thing in (1, -1, 2)]
        await asyncio.sleep(0.05)
        disk.may.set()
        return await asyncio.gather(*asking, return_exceptions=True)

    first, bad, last = asyncio.run(ask())
    assert (first, last) == (["#1"], ["#2"]) and isinstance(bad, ValueError)
    writer.close()


def test_a_disk_that_failed_is_not_asked_again_for_each_of_them() -> None:
    disk = Disk()
    disk.may.clear()
    disk.error = Unreachable("the disk failed")
    writer = GroupCommit(disk.write)
    asked = 0

    async def ask() -> list[Sequence[str] | BaseException]:
        asking = [asyncio.create_task(writer.write([thing])) for thing in range(50)]
        await asyncio.sleep(0.05)
        disk.may.set()
        return await asyncio.gather(*asking, return_exceptions=True)

    answers = asyncio.run(ask())
    assert all(isinstance(answer, Unreachable) for answer in answers) and asked == 0
    disk.error = None
    assert writer.written([7]) == ["#7"], "it goes on where the disk does"
    writer.close()


def test_more_than_it_holds_is_refused_at_once() -> None:
    disk = Disk()
    disk.may.clear()
    writer = GroupCommit(disk.write, depth=3)

    async def ask() -> None:
        asking = asyncio.create_task(writer.write([1, 2]))
        await asyncio.sleep(0)
        began = time.perf_counter()
        with pytest.raises(Full):
            await writer.write([3, 4])
        assert time.perf_counter() - began < 1
        disk.may.set()
        await asking

    asyncio.run(ask())
    writer.close()
    assert disk.commits == [[1, 2]]


def test_closing_writes_what_was_taken_and_takes_nothing_more() -> None:
    disk = Disk()
    disk.may.clear()
    writer = GroupCommit(disk.write)
    threads = [threading.Thread(target=writer.written, args=([number],)) for number in range(5)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 10
    while writer.waiting < 5 and time.monotonic() < deadline:
        time.sleep(0.001)
    closing = threading.Thread(target=writer.close)
    closing.start()
    disk.may.set()
    closing.join()
    for thread in threads:
        thread.join()
    assert sorted(chain(*disk.commits)) == list(range(5))
    with pytest.raises(Closed):
        writer.written([9])
