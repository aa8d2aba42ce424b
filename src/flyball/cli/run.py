"""Run a loop: live with Prefect, or on a virtual clock; show it going on, and write the report at its end."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, suppress
from pathlib import Path
from typing import Any

from rich.live import Live as Screen

from flyball.adapters.clock import RealClock, SpedClock
from flyball.adapters.local_socket import listening
from flyball.adapters.prefect.hosting import hosted
from flyball.adapters.toml_file import override
from flyball.bootstrap import App, driver, hosting, open_loop, reading, settings_of
from flyball.cli import project
from flyball.cli.progress import Progress
from flyball.cli.show import as_json, print_line
from flyball.cli.staying import settle
from flyball.core.facts import LoopStopped
from flyball.errors import BadUsage, Unreachable
from flyball.live import Live
from flyball.work.asked import carry_out

DEMO = Path("runs/demo")
#: Where words for the person go.
Say = Callable[[str], None]
#: How often the screen is drawn anew, and a line is written where there is no screen, in seconds.
DRAW, WRITE = 0.5, 5.0
AT_ITS_END, TIME_IS_UP = "the stream is at its end", "its time is up"


def run(loop: Path, *, demo: bool, settings: Sequence[str], prefect: bool, report: bool, json: bool) -> int:
    """Run a loop to its end, or until Ctrl-C."""
    if demo:
        loop = DEMO
        _demo(loop)
    overrides = dict(override(text) for text in settings)
    say = _nothing if json else print_line
    say(f"opening {loop}")
    app = open_loop(loop, overrides, whole=True)
    for note in app.notes:
        say(f"note: {note}")
    try:
        if (over := _over(app)) is not None:
            say(f"nothing is left to do: {over}")
            because = over
        elif app.settings.clock.kind == "virtual":
            because = _recorded(app, lambda: _play(app, say))
        else:
            here = loop.resolve()
            because = _recorded(app, lambda: hosted(lambda told: _live(app, here, prefect, json, say, told)))
        found = {"loop": str(loop), "ended": because, **_summary(app)}
    finally:
        app.close()
    if report:
        say("writing the report")
        found["report"] = str(_report(loop, None, say))
    if json:
        as_json(found)
    else:
        counts = ", ".join(f"{found[name]:,} {name}" for name in ("labels", "models", "decisions"))
        say(f"ended: {because}; {counts}")
        if report:
            say(f"report: {found['report']}")
        say(f"look further:  flyball status --loop {loop}   flyball decisions --loop {loop}")
    return 0


def report(loop: Path, output: Path | None, *, json: bool) -> int:
    """Write the report."""
    path = _report(loop, output, _nothing if json else print_line)
    if json:
        as_json({"report": str(path)})
    else:
        print_line(f"report: {path}")
    return 0


def _report(loop: Path, output: Path | None, say: Say) -> Path:
    from flyball.report import write

    return write(loop, output or loop / "report.html", say)


def _demo(loop: Path) -> None:
    """Make the demo where it is not there. One that is at its end begins anew, its files as they are."""
    if not (loop / "loop.toml").exists():
        if loop.exists() and any(loop.iterdir()):
            raise BadUsage(f"{loop} holds something that is not the demo; move it away first")
        project.init(loop, "demo", json=False, dry_run=False)
        return
    settings = settings_of(loop)
    database = loop / settings.stores.database
    if not database.exists():
        return
    with reading(loop) as read:
        last = None
        for recorded in read.log.read(kinds=["loop-started", "loop-stopped"]):
            last = recorded.fact
    if not isinstance(last, LoopStopped) or last.because not in (AT_ITS_END, TIME_IS_UP):
        print_line("the demo was not at its end; it goes on from where it was")
        return
    print_line("the demo was at its end and begins anew; its settings and rules stay as they are")
    for name in (
        settings.stores.segments,
        settings.stores.checkpoints,
        settings.stores.mlflow,
        "prefect",
        "report",
    ):
        shutil.rmtree(loop / name, ignore_errors=True)
    for path in (*loop.glob(f"{settings.stores.database}*"), loop / "report.html"):
        path.unlink(missing_ok=True)


def _over(app: App) -> str | None:
    """Why a loop has ended for good, if it has."""
    if app.until is not None and app.clock.now() >= app.until:
        return TIME_IS_UP
    last = None
    for recorded in app.tools.store.log.read(kinds=["loop-started", "loop-stopped"]):
        last = recorded.fact
    ended = isinstance(last, LoopStopped) and last.because == AT_ITS_END
    return AT_ITS_END if ended and app.is_over(app.clock.now()) else None


def _recorded(app: App, run: Callable[[], str]) -> str:
    """Run, with its beginning and its end in the log."""
    app.started()
    because = run()
    app.stopped(because)
    return because


def _play(app: App, say: Say) -> str:
    progress = Progress(app, app.clock.now())
    then = time.monotonic()
    for _ in driver(app).play(app.until):
        if time.monotonic() - then > WRITE:
            then = time.monotonic()
            progress.refresh()
            say(progress.line())
    return AT_ITS_END if app.is_over(app.clock.now()) else TIME_IS_UP


async def _live(app: App, loop: Path, prefect: bool, quiet: bool, say: Say, told: asyncio.Event) -> str:
    assert isinstance(app.clock, RealClock | SpedClock)
    not_yet = app.clock.working(app.clock.now())  # a sped world begins when everything is ready
    live = Live(app, app.clock)

    async def end_when_told() -> None:
        await told.wait()
        say("ending: what is under way is finished first")
        live.stop("it was asked to end")

    async with AsyncExitStack() as stack:
        ending = asyncio.create_task(end_when_told())
        stack.callback(ending.cancel)
        stack.enter_context(hosting(loop, live.lane_pass))
        await stack.enter_async_context(
            listening(loop, lambda request: carry_out(app.steering, request, app.clock.now()))
        )
        if app.settings.api.run:
            from flyball.web.server import serving

            serve = serving(app.tools, app.settings.api, app.environment, wall=app.wall)
            _, address = stack.enter_context(serve)
            say(f"takes answers in at {address}/v1/events")
        if prefect and app.settings.stores.prefect != "none":
            from flyball.adapters.prefect.lanes import through_prefect

            say("starting Prefect and MLflow")
            warm = asyncio.create_task(asyncio.to_thread(_warm, app))
            try:
                where = app.settings.stores.prefect
                live.call = await stack.enter_async_context(through_prefect(app.settings.id, loop, where))
            except Unreachable as error:
                say(f"{error}\nthe loop goes on without Prefect; its lanes run all the same")
                message = f"{error}. The loop goes on without it."
                await asyncio.to_thread(app.tools.alert, app.clock.now(), "prefect", message)
            await warm
        settle()
        not_yet.release()
        showing = asyncio.create_task(_show(app, live, quiet, say))
        try:
            return await live.run()
        finally:
            showing.cancel()


def _warm(app: App) -> None:
    """Open the shelf while Prefect starts: the first time it takes seconds."""
    with suppress(Unreachable):  # the first training will say so
        app.tools.shelf.versions()


async def _show(app: App, live: Live, quiet: bool, say: Say) -> None:
    progress = Progress(app, app.clock.now())
    if quiet:
        return
    with ExitStack() as stack:
        screen = stack.enter_context(Screen(refresh_per_second=4)) if sys.stdout.isatty() else None
        while True:
            await asyncio.sleep(DRAW if screen else WRITE)
            await asyncio.to_thread(progress.refresh)
            if screen:
                screen.update(progress.screen(live.views))
            else:
                say(progress.line())


def _summary(app: App) -> dict[str, Any]:
    state = app.tools.state
    return {
        "items": state.arrived,
        "labels": state.answered_labels,
        "asked": state.asked,
        "batches": state.released,
        "models": len(state.models),
        "champion": state.champion,
        "decisions": sum(1 for _ in app.tools.store.log.read(kinds=["decision-made"])),
    }


def _nothing(*_: Any) -> None:
    pass
