"""The loop on a live clock: overlapping Prefect flows in one process, and going on without Prefect."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flyball.adapters.clock import Hold, RealClock, SpedClock
from flyball.bootstrap import App
from flyball.core.due import Go, Wait
from flyball.core.ids import Instant
from flyball.errors import BadStream, StoreStopped, Unreachable
from flyball.work.lanes import Done

#: The shortest time between two passes of a lane, by the wall clock: real, and sped up.
GAP_REAL, GAP_SPED = 1.0, 0.02
#: How often answers are taken in, and how long a lane sleeps at the most.
TICK, LONGEST_SLEEP = 0.02, 1.0
#: After Prefect went away, how long until it is asked again.
PREFECT_AGAIN = 30.0

#: Runs one pass of a lane as a flow run and gives what the lane's body gave.
Caller = Callable[[str], Awaitable[Mapping[str, Any]]]


@dataclass(slots=True)
class LaneView:
    """What a person sees of a lane: what it does now, why it waits, what it did last."""

    doing: str = ""
    waits: str = ""
    last: str = ""
    passes: int = 0


@dataclass(slots=True)
class Live:
    """Runs the lanes of one loop until its stream is at its end, the end of its time, or `stop`.

    `call` runs a lane through Prefect; None runs every lane directly.
    """

    app: App
    clock: RealClock | SpedClock
    call: Caller | None = None
    views: dict[str, LaneView] = field(default_factory=dict)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _begun: dict[str, asyncio.Event] = field(default_factory=dict)
    _starting: dict[str, Hold] = field(default_factory=dict)
    _asleep: set[str] = field(default_factory=set)
    _out: set[asyncio.Task[None]] = field(default_factory=set)
    _prefect_again: float = 0.0
    because: str = ""

    def stop(self, because: str) -> None:
        """End in order: what is under way is finished, nothing new begins."""
        self.because = self.because or because
        self._stop.set()
        self._changed.set()

    async def run(self) -> str:
        """Run, and say why it ended."""
        loop = asyncio.get_running_loop()

        def tell() -> None:
            loop.call_soon_threadsafe(self._changed.set)

        self.app.tools.changed = tell
        self.views = {name: LaneView() for name in self.app.lanes}
        self._begun = {name: asyncio.Event() for name in self.app.lanes}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._capture())
                group.create_task(self._watch())
                for name in self.app.lanes:
                    group.create_task(self._drive(name, group))
        except ExceptionGroup as several:
            raise several.exceptions[0] from several  # the first brought the others down
        finally:
            # Whoever cleans up takes real seconds; a sped world, where they would be days, ends here.
            self.clock.working(self.clock.now())
        self.app.tools.changed = lambda: None
        return self.because

    async def lane_pass(self, name: str) -> dict[str, Any]:
        """One pass of a lane: what its flow's body calls. In a sped-up world it lasts its modelled time."""
        app, lane, clock = self.app, self.app.lanes[name], self.clock
        now = clock.now()
        due = await asyncio.to_thread(lane.due, now)
        if not isinstance(due, Go):
            return {"lane": name, "about": due.why}
        end = now + app.takes(name)
        with clock.working(end):
            self._let_go(name)
            begun = await asyncio.to_thread(lane.begin, due, now)
            self._begun[name].set()
            if begun is None:
                return {"lane": name, "about": "nothing to do"}
            self.views[name].doing = begun.about or due.why
            done = await self._performed(name, begun, end)
        if name == "annotate":
            await self._until_settled(begun.name)
        self.views[name].last, self.views[name].doing = done.about, ""
        self.views[name].passes += 1
        return {"lane": name, "about": done.about, **done.numbers}

    async def _performed(self, name: str, begun: Any, end: Instant) -> Done:
        lane, clock = self.app.lanes[name], self.clock
        try:
            outcome = await asyncio.to_thread(lane.perform, begun)
        except Exception as error:  # user code may throw anything; the lane writes it down
            return await asyncio.to_thread(lane.fail, begun, error, clock.now())
        await self._reach(end)
        return await asyncio.to_thread(lane.finish, begun, outcome, clock.now())

    async def _drive(self, name: str, group: asyncio.TaskGroup) -> None:
        gap = GAP_REAL if self.app.settings.clock.kind == "real" else GAP_SPED
        while not self._stop.is_set():
            due = await asyncio.to_thread(self.app.lanes[name].due, self.clock.now())
            if isinstance(due, Wait):
                self.views[name].waits = due.why
                await self._sleep(name, due.until)
                continue
            self.views[name].waits = ""
            # A sped world stands still until the pass has begun: Prefect's time is not the world's.
            self._starting[name] = self.clock.working(self.clock.now())
            self._begun[name].clear()
            flow = group.create_task(self._flow(name))
            if name == "annotate":  # its flow run lasts as long as the batch is out
                self._out.add(flow)
                flow.add_done_callback(self._out.discard)
                begun = asyncio.create_task(self._begun[name].wait())
                await asyncio.wait({flow, begun}, return_when=asyncio.FIRST_COMPLETED)
                begun.cancel()
            else:
                await flow
            self._let_go(name)
            await asyncio.sleep(gap)

    def _let_go(self, name: str) -> None:
        if (hold := self._starting.pop(name, None)) is not None:
            hold.release()

    async def _flow(self, name: str) -> None:
        loop = asyncio.get_running_loop()
        if self.call is None or loop.time() < self._prefect_again:
            await self.lane_pass(name)
            return
        try:
            await self.call(name)
        except Unreachable as error:
            self._prefect_again = loop.time() + PREFECT_AGAIN
            if isinstance(error, StoreStopped):
                raise
            message = f"{error}. The loop goes on without it."
            await asyncio.to_thread(self.app.tools.warn, self.clock.now(), "prefect", message)
        else:
            await asyncio.to_thread(self.app.tools.over, self.clock.now(), "prefect")

    async def _capture(self) -> None:
        while not self._stop.is_set():
            await asyncio.to_thread(self._captured)
            await asyncio.sleep(TICK)

    def _captured(self) -> None:
        now, tools = self.clock.now(), self.app.tools
        try:
            self.app.capture(now)
        except StoreStopped:
            raise
        except (Unreachable, BadStream) as error:  # what was not written down is kept, and tried again
            tools.warn(now, "capture", f"answers cannot be taken in: {error}")
        else:
            tools.over(now, "capture")

    async def _watch(self) -> None:
        """End when the time is up, or when nothing is left to happen."""
        quiet = 0
        while not self._stop.is_set():
            await asyncio.sleep(0.1)
            if self.app.until is not None and self.clock.now() >= self.app.until:
                self.stop("its time is up")
            others = {name for name in self.app.lanes if name != "steer"}
            quiet = quiet + 1 if others <= self._asleep and not self._out else 0
            if quiet >= 5 and await asyncio.to_thread(self._nothing_left):
                self.stop("the stream is at its end")

    def _nothing_left(self) -> bool:
        """Ask everybody once more: a lane may have fallen asleep just before it was needed."""
        now = self.clock.now()
        dues = [lane.due(now) for name, lane in self.app.lanes.items() if name != "steer"]
        try:
            over = self.app.is_over(now)
        except Unreachable:  # the store is away; nobody knows
            return False
        return over and all(isinstance(due, Wait) and due.until is None for due in dues)

    async def _until_settled(self, batch: str) -> None:
        while batch in self.app.tools.state.open and not self._stop.is_set():
            await self._wait_for_change(LONGEST_SLEEP)

    async def _sleep(self, name: str, until: Instant | None) -> None:
        seconds = LONGEST_SLEEP
        if until is not None:
            seconds = min(seconds, max(0.0, self.clock.wall_seconds_until(until)))
        else:
            self._asleep.add(name)
        await self._wait_for_change(max(seconds, 0.005))
        self._asleep.discard(name)

    async def _wait_for_change(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return
        await asyncio.sleep(0.01)  # let those who wait for the same change see it
        if not self._stop.is_set():
            self._changed.clear()

    async def _reach(self, moment: Instant) -> None:
        while (seconds := self.clock.wall_seconds_until(moment)) > 0:
            await asyncio.sleep(min(seconds, LONGEST_SLEEP))
