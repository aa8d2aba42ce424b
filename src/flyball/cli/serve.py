"""Take answers in over HTTP and settle them into labels, without running the other lanes."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from flyball.adapters.clock import SpedClock, VirtualClock
from flyball.adapters.local_socket import listening
from flyball.adapters.prefect.hosting import hosted
from flyball.bootstrap import App, open_loop, performed
from flyball.cli.show import as_json, print_line
from flyball.cli.staying import settle
from flyball.core.due import Go
from flyball.errors import BadStream, BadUsage, StoreLocked, StoreStopped, Unreachable
from flyball.web.server import serving
from flyball.work import contract, served
from flyball.work.asked import carry_out

#: How often answers are taken in and settled where nothing wakes us, in seconds.
TICK = 0.2
_SPED = (
    'warning: clock.kind is "sped": the times of receipts (`at`) are of the loop\'s world, which runs faster'
    ' than ours; set it to "real" for answers that count'
)
#: For each event that came during a pass the next one waits so long, in seconds: captures and passes share
#: one interpreter, a thread that computes takes it from those that answer calls, and who answers goes first.
WAY = 0.001
#: How often the contract's file is looked at where no answer brings a look, in seconds.
LOOK = 3.0


def serve(loop: Path, host: str | None, port: int | None, *, json: bool) -> int:
    """Serve until SIGTERM or Ctrl-C; what was accepted is answered first."""
    try:
        app = open_loop(loop)
    except StoreLocked as locked:
        raise StoreLocked(
            f"{locked} A loop that `flyball run` runs takes answers in by itself with `run = true` under"
            " [api] in loop.toml."
        ) from locked
    try:
        if isinstance(app.clock, VirtualClock):
            raise BadUsage('nobody moves a virtual clock while answers come in: set clock.kind to "real"')
        if isinstance(app.clock, SpedClock):
            print_line(_SPED, sys.stderr)
        here = loop.resolve()
        hosted(lambda told: _serve(app, here, host, port, json, told))
    finally:
        app.close()
    if not json:
        print_line("ended: what was accepted is answered")
    return 0


async def _serve(
    app: App, loop: Path, host: str | None, port: int | None, json: bool, told: asyncio.Event
) -> None:
    settings = app.settings.api
    settings = replace(
        settings, host=settings.host if host is None else host, port=settings.port if port is None else port
    )
    running = asyncio.get_running_loop()
    changed = asyncio.Event()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(
            listening(loop, lambda request: carry_out(app.steering, request, app.clock.now()))
        )
        api, address = stack.enter_context(serving(app.tools, settings, app.environment, wall=app.wall))
        app.tools.changed = lambda: _woken(running, changed)
        served.begun(app.tools, os.getpid(), app.clock.now())
        settle()
        _say(address, loop, json)
        looked = running.time()
        ending = asyncio.create_task(told.wait())
        while not told.is_set():
            if api.over is not None:
                raise api.over
            look = running.time() - looked >= LOOK
            looked = running.time() if look else looked
            before = api.metrics.answered
            await asyncio.to_thread(_work, app, look)
            await asyncio.wait({ending}, timeout=(api.metrics.answered - before) * WAY)
            waking = asyncio.create_task(changed.wait())
            await asyncio.wait({waking, ending}, timeout=TICK, return_when=asyncio.FIRST_COMPLETED)
            waking.cancel()
            changed.clear()
        app.tools.changed = lambda: None
    served.ended(app.tools, os.getpid(), app.clock.now())


def _woken(running: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
    if not running.is_closed():
        running.call_soon_threadsafe(changed.set)


def _work(app: App, look: bool = False) -> None:
    """Take in what the desk and the sources have, sign what is due, and settle answers into labels.

    `look`: look at the contract's file too, though no answer came.
    """
    now, lane = app.clock.now(), app.lanes["integrate"]
    try:
        if look:
            app.tools.store.serving()
            contract.reload(app.tools, now)
        app.capture(now)
    except StoreStopped:
        raise
    except (Unreachable, BadStream) as error:  # what was not written down is kept, and tried again
        app.tools.warn(now, "capture", f"answers cannot be taken in: {error}")
    else:
        app.tools.over(now, "capture")
    due = lane.due(app.clock.now())
    if isinstance(due, Go) and (begun := lane.begin(due, app.clock.now())) is not None:
        performed(lane, begun, app.clock.now)


def _say(address: str, loop: Path, json: bool) -> None:
    if json:
        as_json({"address": address, "loop": str(loop), "pid": os.getpid()})
    else:
        print_line(f"{loop} takes answers in at {address}/v1/events until Ctrl-C; {address}/readyz, /metrics")
