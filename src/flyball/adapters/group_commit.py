"""One writer for many callers: what comes while it writes goes down together, each hears afterwards."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from flyball.errors import Unreachable

T = TypeVar("T")
R = TypeVar("R")

#: So many are written at once at the most, and so many wait.
MOST, DEPTH = 512, 20_000
#: How long a batch waits for more, where several callers were served together before.
LINGER = 0.002


class Full(Unreachable):
    """More is waiting to be written than can be taken on. Send it again in a moment."""


class Closed(Unreachable):
    """Nothing is taken any more: this process is ending. Send it to the next one."""


@dataclass(slots=True)
class _Waiter(Generic[T, R]):
    """Things to be written together, and who waits for that; `loop` where that is a coroutine."""

    things: Sequence[T]
    future: Future[Sequence[R]] | asyncio.Future[Sequence[R]]
    loop: asyncio.AbstractEventLoop | None = None


#: What became of a waiter's things.
_Outcome = tuple[_Waiter[T, R], Sequence[R] | Exception]


class GroupCommit(Generic[T, R]):
    """A thread that calls `write` with all that waits: up to `most` things, but a caller's always together.

    `write` gives a result for each thing once they are safe, or raises and has written none of them.
    What it raises reaches everybody whose things they were; where it may be the fault of one caller
    (anything but Unreachable), each is tried alone.
    """

    def __init__(
        self, write: Callable[[Sequence[T]], Sequence[R]], most: int = MOST, depth: int = DEPTH
    ) -> None:
        self._write, self._most, self.depth = write, most, depth
        self._queue: deque[_Waiter[T, R]] = deque()
        self._queued = 0
        self._together = 1
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many things wait to be written."""
        return self._queued

    @property
    def alive(self) -> bool:
        """Whether it still takes things and writes them."""
        return self._thread.is_alive() and not self._closed

    def written(self, things: Sequence[T]) -> Sequence[R]:
        """Have things written and wait for it. Raises Full, Closed, and what `write` raises."""
        future: Future[Sequence[R]] = Future()
        self._put(_Waiter(things, future))
        return future.result()

    async def write(self, things: Sequence[T]) -> Sequence[R]:
        """The same for a coroutine, which may go away meanwhile: what was taken is written all the same."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Sequence[R]] = loop.create_future()
        self._put(_Waiter(things, future, loop))
        return await future

    def close(self) -> None:
        """Take nothing more, write what waits, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _put(self, waiter: _Waiter[T, R]) -> None:
        with self._changed:
            if self._closed:
                raise Closed
            if self._queued + len(waiter.things) > self.depth:
                raise Full
            self._queue.append(waiter)
            self._queued += len(waiter.things)
            self._changed.notify()

    def _run(self) -> None:
        while waiters := self._next():
            outcomes = self._outcomes(waiters)
            with self._changed:
                self._queued -= sum(len(waiter.things) for waiter in waiters)
            self._tell(outcomes)

    def _next(self) -> list[_Waiter[T, R]]:
        """The next batch; none when it is closed and nothing is left."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            if self._together > 1 and len(self._queue) < self._together and not self._closed:
                self._changed.wait_for(
                    lambda: len(self._queue) >= self._together or self._queued >= self._most, LINGER
                )
            taken: list[_Waiter[T, R]] = []
            count = 0
            while self._queue and (not taken or count + len(self._queue[0].things) <= self._most):
                count += len(self._queue[0].things)
                taken.append(self._queue.popleft())
            self._together = len(taken)
            return taken

    def _outcomes(self, waiters: Sequence[_Waiter[T, R]]) -> list[_Outcome[T, R]]:
        things = [thing for waiter in waiters for thing in waiter.things]
        try:
            results = self._write(things)
        except Exception as error:
            if len(waiters) > 1 and not isinstance(error, Unreachable):
                return [outcome for waiter in waiters for outcome in self._outcomes([waiter])]
            return [(waiter, error) for waiter in waiters]
        found: list[_Outcome[T, R]] = []
        start = 0
        for waiter in waiters:
            found.append((waiter, results[start : start + len(waiter.things)]))
            start += len(waiter.things)
        return found

    def _tell(self, outcomes: Sequence[_Outcome[T, R]]) -> None:
        of_loops: dict[asyncio.AbstractEventLoop, list[_Outcome[T, R]]] = {}
        for outcome in outcomes:
            if outcome[0].loop is None:
                _settle([outcome])
            else:
                of_loops.setdefault(outcome[0].loop, []).append(outcome)
        for loop, theirs in of_loops.items():
            with suppress(RuntimeError):  # it is closed: who asked is gone with it; what was asked is done
                loop.call_soon_threadsafe(_settle, theirs)


def _settle(outcomes: Sequence[_Outcome[T, R]]) -> None:
    for waiter, result in outcomes:
        if waiter.future.done():
            continue
        if isinstance(result, Exception):
            waiter.future.set_exception(result)
        else:
            waiter.future.set_result(result)
