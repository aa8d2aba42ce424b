"""Hosting flows in a process that wants to end in order when it is told to."""

from __future__ import annotations

import asyncio
import contextvars
import signal
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


def hosted(main: Callable[[asyncio.Event], Coroutine[Any, Any, T]]) -> T:
    """Run `main` on an event loop in a thread of its own; SIGTERM and Ctrl-C set the event it is given.

    Prefect takes SIGTERM over in the main thread while a flow runs there, and gives it back to the
    wrong owner when flows overlap; in any other thread it leaves it alone. A second signal ends the
    process at once. To be called in the main thread.
    """
    result: Future[T] = Future()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                result.set_result(runner.run(main(stop)))
        except BaseException as error:
            result.set_exception(error)

    def told(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        loop.call_soon_threadsafe(stop.set)

    before = {number: signal.signal(number, told) for number in (signal.SIGTERM, signal.SIGINT)}
    # A new thread knows nothing of the settings in force here.
    worker = threading.Thread(target=contextvars.copy_context().run, args=(run,), name="lanes")
    worker.start()
    try:
        # A join without an end would keep the main thread from seeing signals.
        while worker.is_alive():
            worker.join(0.5)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return result.result()
