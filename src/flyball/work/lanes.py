"""The six lanes under one shape: may it start, begin, perform, finish; and what happens when it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flyball.core.due import Due, Go, Wait
from flyball.core.ids import Instant, Seconds
from flyball.errors import BadFile, BadStream, LeaseLost, StoreStopped
from flyball.work.tools import Tools

#: How long a lane that failed rests: doubled each time in a row, up to an hour.
FIRST_REST, LONGEST_REST = 15.0, 3600.0
#: The lane in which as many processes work as there are; each of the others is left to the one that leads.
TOGETHER = "integrate"


@dataclass(frozen=True, slots=True)
class Begun:
    """Work that has begun: what it is, its fixed inputs, and what a person may read about it."""

    name: str
    inputs: Any
    about: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What a pass came to, in words and numbers."""

    about: str
    numbers: Mapping[str, Any] = field(default_factory=dict)
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Lane:
    """One kind of work.

    `due` asks and changes nothing. `begin` fixes the inputs and writes them down; None when there turns
    out to be nothing to do. `perform` is the slow part: it reads and computes, and writes nothing but
    what is named by its content. `finish` writes down what came out. `fail` writes down that nothing did.
    """

    name: str
    due: Callable[[Instant], Due]
    begin: Callable[[Go, Instant], Begun | None]
    perform: Callable[[Begun], Any]
    finish: Callable[[Begun, Any, Instant], Done]
    fail: Callable[[Begun, Exception, Instant], Done]


def failed(begun: Begun, error: Exception, now: Instant) -> Done:
    """What a lane says of a failure that it keeps no record of its own about."""
    return Done(f"failed: {type(error).__name__}: {error}", failed=True)


def guarded(lane: Lane, tools: Tools) -> Lane:
    """The same lane, which after a failure raises an alert and rests, so that the others go on.

    What can never mend itself (a stream or file that is wrong) stops the lane until the loop is started
    again. The alert is cleared by the first pass that goes well; one that the store was not there to take
    is told when it is back. A store that takes nothing any more for good ends it all: StoreStopped is raised.
    """
    guard = _Guard(lane, tools)
    return Lane(lane.name, guard.due, guard.begin, lane.perform, guard.finish, guard.fail)


@dataclass(slots=True)
class _Guard:
    """Since how many failures in a row a lane rests, and until when; `why` where it rests for good."""

    lane: Lane
    tools: Tools
    failures: int = 0
    since: Instant = float("-inf")
    until: Instant = float("-inf")
    why: str | None = None

    def due(self, now: Instant) -> Due:
        if self.why is not None:
            return Wait(self.why)
        if self.since <= now < self.until:  # a clock that was set back holds nobody up
            return Wait("it failed and rests", self.until)
        try:
            with self.tools.lock:
                if self.lane.name != TOGETHER and not self.tools.store.leads():
                    return Wait("another process of this loop does this", now + FIRST_REST)
                self._look()
                self.tools.catch_up_on_alerts(now)
                return self.lane.due(now)
        except Exception as error:
            self._note(error, now)
            return Wait("it failed and rests", self.until if self.why is None else None)

    def begin(self, go: Go, now: Instant) -> Begun | None:
        try:
            self._look()
            begun = self.lane.begin(go, now)
        except Exception as error:  # whatever is plugged in may throw anything; nothing is lost
            self._note(error, now)
            return None
        if begun is None:  # another process has the work, or has done it: ask again after a while
            self.since, self.until = now, now + FIRST_REST
        return begun

    def finish(self, begun: Begun, outcome: Any, now: Instant) -> Done:
        try:
            self._look()
            done = self.lane.finish(begun, outcome, now)
        except Exception as error:  # the work is given back, to be done again
            return self.fail(begun, error, now)
        self.failures = 0
        self.tools.over(now, self._key)
        return done

    def fail(self, begun: Begun, error: Exception, now: Instant) -> Done:
        done = failed(begun, error, now)
        try:
            done = self.lane.fail(begun, error, now)
        except Exception as second:
            self._note(second, now)
        self._note(error, now)
        return replace(done, failed=True)

    def _look(self) -> None:
        """Take in what was written past these tools: by other processes, or as it came in from outside."""
        if self.tools.store.shared or self.tools.behind:
            self.tools.catch_up()

    @property
    def _key(self) -> str:
        return f"lane-{self.lane.name}"

    def _note(self, error: Exception, now: Instant) -> None:
        if isinstance(error, LeaseLost):
            return
        if isinstance(error, StoreStopped):
            raise error
        self.failures += 1
        pause: Seconds = min(FIRST_REST * 2 ** min(self.failures - 1, 10), LONGEST_REST)
        self.since, self.until = now, now + pause
        if isinstance(error, BadStream | BadFile):
            self.why = f"stopped until the loop is started again: {error}"
        self.tools.warn(now, self._key, f"{self.lane.name}: {type(error).__name__}: {error}")
