"""The six lanes under one shape: may it start, begin, perform, finish; and what happens when it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flyball.core.due import Due, Go, Wait
from flyball.core.facts import AlertCleared, AlertRaised
from flyball.core.ids import Instant, Seconds
from flyball.errors import BadFile, BadStream, LeaseLost
from flyball.work.tools import Tools

#: How long a lane that failed rests: doubled each time in a row, up to an hour.
FIRST_REST, LONGEST_REST = 15.0, 3600.0


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


@dataclass(slots=True)
class _Rest:
    """Since when and until when a lane rests, after how many failures in a row; `why` for good."""

    failures: int = 0
    until: Instant = float("-inf")
    why: str | None = None


def failed(begun: Begun, error: Exception, now: Instant) -> Done:
    """What a lane says of a failure that it keeps no record of its own about."""
    return Done(f"failed: {type(error).__name__}: {error}", failed=True)


def guarded(lane: Lane, tools: Tools) -> Lane:
    """The same lane, which after a failure raises an alert and rests, so that the others go on.

    What can never mend itself (a stream or file that is wrong) stops the lane until the loop is started
    again. The alert is cleared by the first pass that goes well.
    """
    rest = _Rest()
    key = f"lane-{lane.name}"

    def note(error: Exception, now: Instant) -> None:
        if isinstance(error, LeaseLost):
            return
        rest.failures += 1
        pause: Seconds = min(FIRST_REST * 2 ** min(rest.failures - 1, 10), LONGEST_REST)
        rest.until = now + pause
        if isinstance(error, BadStream | BadFile):
            rest.why = f"stopped until the loop is started again: {error}"
        if key not in tools.state.alerts:
            tools.tell(now, AlertRaised(key, "warn", f"{lane.name}: {type(error).__name__}: {error}"))

    def due(now: Instant) -> Due:
        if rest.why is not None:
            return Wait(rest.why)
        if now < rest.until:
            return Wait("it failed and rests", rest.until)
        with tools.lock:
            return lane.due(now)

    def begin(go: Go, now: Instant) -> Begun | None:
        try:
            begun = lane.begin(go, now)
        except Exception as error:  # whatever is plugged in may throw anything; nothing is lost
            note(error, now)
            return None
        if begun is None:  # another process has the work, or has done it: ask again after a while
            rest.until = now + FIRST_REST
        return begun

    def finish(begun: Begun, outcome: Any, now: Instant) -> Done:
        try:
            done = lane.finish(begun, outcome, now)
        except Exception as error:
            note(error, now)
            return failed(begun, error, now)
        rest.failures = 0
        if key in tools.state.alerts:
            tools.tell(now, AlertCleared(key))
        return done

    def fail(begun: Begun, error: Exception, now: Instant) -> Done:
        done = failed(begun, error, now)
        try:
            done = lane.fail(begun, error, now)
        except Exception as second:
            note(second, now)
        note(error, now)
        return replace(done, failed=True)

    return Lane(lane.name, due, begin, lane.perform, finish, fail)
