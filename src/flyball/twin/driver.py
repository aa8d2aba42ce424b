"""The loop on a virtual clock: the same lanes, performed at once, finished when they would have been."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from flyball.core.due import Go
from flyball.core.ids import Instant, Seconds
from flyball.work.lanes import Begun, Lane

#: The lane that only watches: it never keeps a loop going.
WATCHES = "steer"


class SetClock(Protocol):
    """A clock that the driver sets."""

    def now(self) -> Instant: ...

    def set(self, now: Instant) -> None: ...


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass of a lane: what it did and from when to when."""

    lane: str
    began: Instant
    ended: Instant
    about: str


@dataclass(slots=True)
class VirtualDriver:
    """Plays lanes in order of time. `takes` is how long each lane's pass lasts in the loop's world.

    `capture` takes in what annotators said up to a moment; `next_answer` is when they say more.
    The same lanes and the same seed give the same log, fact for fact.
    """

    lanes: tuple[Lane, ...]
    clock: SetClock
    takes: Mapping[str, Seconds]
    capture: Callable[[Instant], object]
    next_answer: Callable[[Instant], Instant | None]
    is_over: Callable[[Instant], bool]
    _ends: list[tuple[Instant, int, Lane, Begun, Any]] = field(default_factory=list)
    _busy: set[str] = field(default_factory=set)
    _order: Iterator[int] = field(default_factory=itertools.count)

    def play(self, until: Instant | None = None) -> Iterator[Pass]:
        """Go from event to event until nothing is left to happen (or `until`); each pass as it ends."""
        while True:
            now = self.clock.now()
            self.capture(now)
            yield from self._end(now)
            waits = self._start_what_may(now)
            if self._ends and self._ends[0][0] <= now:
                continue  # it ends at once, and may let others start
            next_at = self._next(waits, now)
            if next_at is None or self._nothing_left(waits, now) or (until is not None and next_at > until):
                return
            self.clock.set(next_at)

    def _start_what_may(self, now: Instant) -> dict[str, Instant | None]:
        """Start every free lane that is due; until when each of the others waits."""
        waits: dict[str, Instant | None] = {}
        for lane in self.lanes:
            if lane.name in self._busy:
                continue
            due = lane.due(now)
            if not isinstance(due, Go):
                waits[lane.name] = due.until
                continue
            begun = lane.begin(due, now)
            if begun is None:
                continue
            self._busy.add(lane.name)
            end = now + self.takes.get(lane.name, 0.0)
            heapq.heappush(self._ends, (end, next(self._order), lane, begun, self._perform(lane, begun)))
        return waits

    def _nothing_left(self, waits: Mapping[str, Instant | None], now: Instant) -> bool:
        """Whether only steering, which looks for ever, would go on."""
        asleep = {name for name, until in waits.items() if until is None}
        others = {lane.name for lane in self.lanes if lane.name != WATCHES}
        return others <= asleep and not self._ends and self.is_over(now)

    def _perform(self, lane: Lane, begun: Begun) -> Any:
        try:
            return lane.perform(begun)
        except Exception as error:  # whatever user code throws is written down by the lane, at its end
            return _Thrown(error)

    def _end(self, now: Instant) -> Iterator[Pass]:
        while self._ends and self._ends[0][0] <= now:
            end, _, lane, begun, outcome = heapq.heappop(self._ends)
            self._busy.discard(lane.name)
            done = (
                lane.fail(begun, outcome.error, now)
                if isinstance(outcome, _Thrown)
                else lane.finish(begun, outcome, now)
            )
            yield Pass(lane.name, end - self.takes.get(lane.name, 0.0), end, done.about)

    def _next(self, waits: Mapping[str, Instant | None], now: Instant) -> Instant | None:
        moments = [*waits.values(), self.next_answer(now), *(end for end, *_ in self._ends[:1])]
        return min((moment for moment in moments if moment is not None and moment > now), default=None)


@dataclass(frozen=True, slots=True)
class _Thrown:
    error: Exception
