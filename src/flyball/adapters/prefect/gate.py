"""One flow run at a time starts or ends, because Prefect's server on SQLite cannot do two at once.

Six lanes side by side gave 1 to 108 runs each in 30 s without this, and 53 or 54 each with it:
whoever meets a locked database sleeps for seconds while the others go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Gate:
    """What every start and end of a flow run in this process passes through.

    `width`: how many may pass at once: 1 on SQLite, more on a server with PostgreSQL. Those who wait
    pass in the order in which they came.
    """

    def __init__(self, width: int = 1) -> None:
        self._places = asyncio.Semaphore(width)

    def passage(self) -> Passage:
        """A way through for one flow run."""
        return Passage(self._places)


class Passage:
    """One flow run's way through the gate: `async with` it around the call, `around` the body.

    The place is held from the call to the body's first step, and from the body's last to the end of
    the call. A run that is called inside of the body takes a passage of its own.
    """

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places = places
        self._held = False
        self._closed = False
        #: Set when the body begins, and when it is over and the place is held again.
        self.inside = asyncio.Event()
        self.over = asyncio.Event()
        #: What the body raised, once it is over.
        self.error: BaseException | None = None
        #: What the body gave, once it is over without an error.
        self.result: Any = None

    async def __aenter__(self) -> Self:
        await self._take()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        self._give_back()

    def around(self, body: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        """The same body, which leaves the gate free while it runs."""

        @wraps(body)
        async def run(*args: P.args, **kwargs: P.kwargs) -> T:
            self._give_back()
            self.inside.set()
            try:
                result = await body(*args, **kwargs)
                self.result = result
                return result
            except BaseException as error:
                self.error = error
                raise
            finally:
                await self._take()
                self.over.set()

        return run

    async def _take(self) -> None:
        # A run that its caller gave up must not hold a place that nobody gives back.
        if self._closed:
            return
        await self._places.acquire()
        self._held = True
        if self._closed:
            self._give_back()

    def _give_back(self) -> None:
        if self._held:
            self._held = False
            self._places.release()
