"""A loop that can run, and a loop as it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from flyball.adapters.clock import RealClock, SpedClock, VirtualClock
from flyball.core.control import KnobState
from flyball.core.facts import LoopStarted, LoopStopped
from flyball.core.ids import Instant, Seconds
from flyball.core.loop import LoopState
from flyball.errors import Unreachable
from flyball.ports import Items, Log, Stream, Truth
from flyball.settings import Settings
from flyball.work import capture, ingest
from flyball.work.evidence import Keeper
from flyball.work.lanes import Lane
from flyball.work.sources import Sources, poll
from flyball.work.steer import Steering
from flyball.work.tools import Tools

Clock = RealClock | SpedClock | VirtualClock


@dataclass(slots=True)
class App:
    """One loop that can run: its tools, its lanes by name, its clock, and what comes in from outside."""

    settings: Settings
    tools: Tools
    lanes: Mapping[str, Lane]
    clock: Clock
    stream: Stream
    truth: Truth | None
    steering: Steering
    until: Instant | None
    notes: tuple[str, ...] = ()
    #: Signs checkpoints of a log that outlives this process.
    keeper: Keeper | None = None
    #: Where answers come in from files and topics.
    sources: Sources | None = None
    #: Where secrets are read from that the settings only name, and what the clock on the wall says.
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    wall: Callable[[], Instant] = field(default_factory=lambda: RealClock().wall)

    def takes(self, lane: str) -> Seconds:
        """How long a pass of this lane lasts in the loop's world; in the real world as long as it lasts."""
        takes = self.settings.clock.takes
        return 0.0 if isinstance(self.clock, RealClock) else float(getattr(takes, lane, 0.0))

    def capture(self, now: Instant) -> None:
        """Take in what annotators said up to now, and tell how the team stands."""
        try:
            with self.tools.lock:
                capture.collect(self.tools, now)
        finally:  # where people work may be away; what is written down is signed all the same
            poll(self.tools, self.sources, now)
            if self.keeper is not None:
                self.keeper.look(self.tools, now)

    def is_over(self, now: Instant) -> bool:
        """Nothing more comes from the stream or from people, and no verdict is still to come."""
        with self.tools.lock:
            people_done = not self.tools.state.open or self.tools.desk.next_at(now) is None
            return ingest.ended(self.tools, self.stream) and people_done and not self.steering.undecided()

    def started(self) -> None:
        """Write down that this process runs the loop from now on."""
        settings, state = self.settings, self.tools.state
        fact = LoopStarted(
            config=self.tools.config,
            rules=state.rules or self.tools.config,
            code=self.tools.code,
            architecture=str(self.tools.knobs.value("loop.architecture", self.clock.now())),
            clock=settings.clock.kind,
        )
        self.tools.tell(self.clock.now(), fact)

    def stopped(self, because: str) -> None:
        """Write down that this process ended its run in order."""
        self.tools.tell(self.clock.now(), LoopStopped(because))

    def close(self) -> None:
        """Free the store and the rule engine."""
        if self.sources is not None:
            self.sources.close()
        if self.keeper is not None:
            with suppress(Unreachable):  # the next process signs what is left
                self.keeper.look(self.tools, self.clock.now(), at_once=True)
        self.steering.rulebook.engine.close()
        self.tools.store.close()


@dataclass(frozen=True, slots=True)
class Reading:
    """A loop as it stands, for commands that only read. `alive`: a process holds it for writing; `holder`:
    which one, where that is known. `servers`: the processes of which one may be serving it.
    """

    settings: Settings
    log: Log
    items: Items
    state: LoopState
    knobs: KnobState
    alive: bool
    holder: int | None = None
    servers: frozenset[int] = frozenset()
