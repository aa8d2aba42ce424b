"""What time it is in the loop's world: the real time, a world that runs faster, or one that is set."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from flyball.core.ids import Instant, Seconds


class Hold:
    """Work under way: until it is released, a sped world does not pass the moment when the work is over."""

    def __init__(self, release: Callable[[], None] = lambda: None) -> None:
        self._release = release

    def release(self) -> None:
        """The work is done. A second time changes nothing."""
        release, self._release = self._release, lambda: None
        release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class RealClock:
    """The wall clock in seconds since 1970. It never goes back, and never stands still.

    Where the wall is set back, this one goes half as fast until the wall is where it is: nothing waits for
    as long as the wall jumped. `ticks` counts seconds and is never set.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall, self._ticks = wall, ticks
        self._newest, self._ticked = wall(), ticks()
        self._lock = threading.Lock()

    def now(self) -> Instant:
        """This moment."""
        with self._lock:
            ticked = self._ticks()
            slow = self._newest + max(0.0, ticked - self._ticked) / 2
            wall = self._wall()
            self._newest, self._ticked = wall if wall >= self._newest else slow, ticked
            return self._newest

    def wall(self) -> Instant:
        """What the wall says, also where it was set back: for what others have dated."""
        return self._wall()

    def wall_seconds_until(self, instant: Instant) -> Seconds:
        """How long to wait for a moment; 0 for one that is past."""
        return max(0.0, instant - self.now())

    def working(self, until: Instant) -> Hold:
        """Real work takes the time it takes: nothing is held."""
        return Hold()


class SpedClock:
    """A world that starts at `start` and runs `speed` times as fast as the wall.

    Work in that world takes modelled time. While it is under way the world may not pass the moment
    when it is to be over, and waits there when the work is slower; it goes on from where it stood and
    catches nothing up. `wall` is a clock in seconds that never goes backwards.
    """

    def __init__(self, start: Instant, speed: float, wall: Callable[[], float] = time.monotonic) -> None:
        if not speed > 0:
            raise ValueError(f"a clock's speed is above zero, not {speed}")
        self._speed = speed
        self._wall = wall
        self._start, self._passed, self._wall_then = start, 0.0, wall()
        self._holds: dict[object, Instant] = {}
        self._lock = threading.Lock()

    def now(self) -> Instant:
        """This moment in the world."""
        with self._lock:
            return self._pass()

    def wall_seconds_until(self, instant: Instant) -> Seconds:
        """How long to wait for a moment, at least: while work holds the world, it takes longer."""
        return max(0.0, (instant - self.now()) / self._speed)

    def working(self, until: Instant) -> Hold:
        """Hold the world at `until` (at this moment, where that is past) until the hold is released."""
        token = object()
        with self._lock:
            self._pass()
            self._holds[token] = until
        return Hold(lambda: self._free(token))

    def _free(self, token: object) -> None:
        with self._lock:
            self._pass()
            self._holds.pop(token, None)

    def _pass(self) -> Instant:
        wall = self._wall()
        passed = self._passed + max(0.0, wall - self._wall_then) * self._speed
        if self._holds:
            passed = min(passed, max(self._passed, min(self._holds.values()) - self._start))
        self._passed, self._wall_then = passed, wall
        return self._start + passed


class VirtualClock:
    """A world whose time is set by whoever drives it, and never backwards."""

    def __init__(self, start: Instant = 0.0) -> None:
        self._now = start

    def now(self) -> Instant:
        """This moment, as it was set."""
        return self._now

    def set(self, instant: Instant) -> None:
        """Go to a moment. An earlier one raises ValueError."""
        if instant < self._now:
            raise ValueError(f"the clock stands at {self._now} and cannot go back to {instant}")
        self._now = instant
