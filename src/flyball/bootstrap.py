"""The one place that knows every adapter: settings in, a loop that can run out."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from flyball.adapters.clock import RealClock, SpedClock, VirtualClock
from flyball.adapters.desk_nobody import NobodyDesk
from flyball.adapters.desk_simulated import SimulatedDesk
from flyball.adapters.detector_river import page_hinkley
from flyball.adapters.durable_rules import DurableEngine
from flyball.adapters.learners import open_learner
from flyball.adapters.rule_file import read as read_rules
from flyball.adapters.stream import OpenedStream, open_stream
from flyball.adapters.toml_file import load
from flyball.core.chance import rng
from flyball.core.control import KnobState
from flyball.core.due import Go
from flyball.core.facts import BatchReleased, KnobTurned, LoopStarted, LoopStopped
from flyball.core.gauges import Gauges
from flyball.core.ids import Digest, Instant, Seconds, digest_of
from flyball.core.knobs import ACTIONS, KNOBS
from flyball.core.loop import LoopState
from flyball.core.rules.words import Catalogue
from flyball.core.signals import SIGNALS
from flyball.errors import BadUsage
from flyball.ports import Desk, Items, Log, Offer, Segments, Shelf, Store, Stream, Truth
from flyball.settings import Settings, config_digest
from flyball.twin.driver import VirtualDriver
from flyball.work import annotate, capture, ingest, integrate, score, train
from flyball.work.lanes import Begun, Done, Lane, failed, guarded
from flyball.work.measure import Watch
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

    def takes(self, lane: str) -> Seconds:
        """How long a pass of this lane lasts in the loop's world; in the real world as long as it lasts."""
        takes = self.settings.clock.takes
        return 0.0 if isinstance(self.clock, RealClock) else float(getattr(takes, lane, 0.0))

    def capture(self, now: Instant) -> None:
        """Take in what annotators said up to now, and tell how the team stands."""
        capture.collect(self.tools, now)

    def is_over(self, now: Instant) -> bool:
        """Nothing more comes from the stream or from people."""
        state = self.tools.state
        nothing_comes = self.stream.next_at(state.cursor, state.labels_cursor) is None
        return nothing_comes and (not state.open or self.tools.desk.next_at(now) is None)

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
        self.steering.engine.close()
        self.tools.store.close()


@dataclass(frozen=True, slots=True)
class Reading:
    """A loop as it stands, for commands that only read."""

    settings: Settings
    log: Log
    items: Items
    state: LoopState
    knobs: KnobState


def open_loop(directory: Path, overrides: Mapping[str, Any] | None = None) -> App:
    """Open a loop to run it or to write to it. Only one process at a time may.

    Raises BadFile, BadStream, BadUsage, StoreLocked, NewerStore, Unreachable.
    """
    from flyball.adapters.segments import FileSegments
    from flyball.adapters.shelf_mlflow import MlflowShelf
    from flyball.adapters.sql import open_store

    settings = settings_of(directory, overrides)
    opened = open_stream(settings)
    store = open_store(located(settings, settings.stores.database), salt=os.urandom)
    try:
        store.jobs.recover(0.0, everyone=True)
        segments = FileSegments(settings.path(settings.stores.segments))
        where = located(settings, settings.stores.mlflow)
        shelf = MlflowShelf(settings.id, where, lambda digest: str(segments.path(digest)))
        return assemble(settings, opened, store, segments, shelf)
    except BaseException:
        store.close()
        raise


def simulate(settings: Settings, opened: OpenedStream) -> App:
    """The same loop in memory on a virtual clock: for baselines and trials. The same seed, the same log."""
    from flyball.adapters.memory_store import memory_store
    from flyball.adapters.segments import MemorySegments
    from flyball.adapters.shelf_memory import MemoryShelf

    chance = rng(settings.seed, "salt")
    store = memory_store(lambda count: chance.bytes(count))
    return assemble(settings, opened, store, MemorySegments(), MemoryShelf(), VirtualClock(opened.start))


def assemble(
    settings: Settings,
    opened: OpenedStream,
    store: Store,
    segments: Segments,
    shelf: Shelf,
    clock: Clock | None = None,
) -> App:
    """Put a loop together from its parts, and take in what its log holds."""
    clock = clock or _clock(settings, max(opened.start, store.log.head().at))
    tools = Tools(
        settings=settings,
        classes=opened.classes,
        config=config_digest(settings),
        code=code_digest(),
        clock=clock,
        store=store,
        segments=segments,
        desk=_desk(settings, opened, store.log),
        shelf=shelf,
        learner=open_learner(settings.learner.name, settings.learner.parameters),
        knobs=KnobState.start({"loop.architecture": settings.loop.architecture, **settings.knobs}),
    )
    tools.catch_up()
    steering = _steering(tools, opened.stream, clock.now())
    app = App(
        settings=settings,
        tools=tools,
        lanes=_lanes(tools, opened.stream, steering),
        clock=clock,
        stream=opened.stream,
        truth=opened.truth,
        steering=steering,
        until=settings.clock.end(opened.start),
        notes=opened.notes,
    )
    for batch in tools.state.open.values():
        annotate.offer(tools, batch.released, batch.at)
    return app


def driver(app: App) -> VirtualDriver:
    """What plays a loop whose clock is virtual."""
    if not isinstance(app.clock, VirtualClock):
        raise BadUsage('only a loop with a virtual clock can be played; set clock.kind to "virtual"')
    return VirtualDriver(
        lanes=tuple(app.lanes.values()),
        clock=app.clock,
        takes={name: app.takes(name) for name in app.lanes},
        capture=app.capture,
        next_answer=app.tools.desk.next_at,
        is_over=app.is_over,
    )


#: What runs a lane of a loop that this process hosts, by the loop's directory.
_hosts: dict[Path, Callable[[str], Awaitable[dict[str, Any]]]] = {}


@contextmanager
def hosting(directory: Path, run: Callable[[str], Awaitable[dict[str, Any]]]) -> Iterator[None]:
    """Let this process's flows of that loop run their lanes through `run`."""
    _hosts[directory.resolve()] = run
    try:
        yield
    finally:
        _hosts.pop(directory.resolve(), None)


async def run_lane(lane: str, loop: str) -> dict[str, Any]:
    """Run a lane's due work once: in the process that hosts the loop, or by opening the loop for it."""
    directory = Path(loop).resolve()
    if host := _hosts.get(directory):
        return await host(lane)
    return await asyncio.to_thread(_once, lane, directory)


def _once(name: str, directory: Path) -> dict[str, Any]:
    app = open_loop(directory)
    try:
        app.capture(app.clock.now())
        lane = app.lanes[name]
        due = lane.due(app.clock.now())
        if not isinstance(due, Go):
            return {"lane": name, "about": due.why}
        begun = lane.begin(due, app.clock.now())
        if begun is None:
            return {"lane": name, "about": "nothing to do"}
        done = performed(lane, begun, app.clock.now)
        return {"lane": name, "about": done.about, **done.numbers}
    finally:
        app.close()


def performed(lane: Lane, begun: Begun, now: Callable[[], Instant]) -> Done:
    """Perform what began and write down what came out, or that nothing did."""
    try:
        outcome = lane.perform(begun)
    except Exception as error:  # user code may throw anything; the lane writes it down
        return lane.fail(begun, error, now())
    return lane.finish(begun, outcome, now())


@contextmanager
def reading(directory: Path) -> Iterator[Reading]:
    """Open a loop to read it, also beside the process that runs it."""
    from flyball.adapters.sql import open_store

    settings = settings_of(directory)
    store = open_store(located(settings, settings.stores.database), salt=os.urandom, read_only=True)
    try:
        state = LoopState()
        knobs = KnobState.start({"loop.architecture": settings.loop.architecture, **settings.knobs})
        for recorded in store.log.read():
            state.evolve(recorded)
            if isinstance(recorded.fact, KnobTurned):
                knobs = knobs.evolve(recorded.fact)
        yield Reading(settings, store.log, store.items, state, knobs)
    finally:
        store.close()


def settings_of(directory: Path, overrides: Mapping[str, Any] | None = None) -> Settings:
    """What `loop.toml` in this directory says, with flags over it. Raises BadUsage, BadFile."""
    if not (directory / "loop.toml").is_file():
        raise BadUsage(
            f"{directory} holds no loop.toml; name the loop's directory with --loop,"
            " or make a loop with `flyball init DIRECTORY`"
        )
    return load(directory.resolve() / "loop.toml", overrides)


def located(settings: Settings, store: str) -> str:
    """A store as an address: a URL as it is written, a path from the loop's directory on."""
    return store if "://" in store else str(settings.path(store))


def code_digest() -> Digest:
    """The digest of this Flyball's own code: one of the pins of every run."""
    package = Path(__file__).parent
    names = sorted(package.rglob("*.py"))
    written = (path.relative_to(package).as_posix().encode() + path.read_bytes() for path in names)
    return digest_of(b"\0".join(written))


def _clock(settings: Settings, start: Instant) -> Clock:
    match settings.clock.kind:
        case "sped":
            return SpedClock(start, settings.clock.speed)
        case "virtual":
            return VirtualClock(start)
        case _:
            return RealClock()


def _desk(settings: Settings, opened: OpenedStream, log: Log) -> Desk:
    if settings.team.source == "none":
        return NobodyDesk()
    if opened.truth is None:
        raise BadUsage(
            "a simulated team needs to know the true labels: name their column as stream.label in loop.toml"
        )
    released = [(r.at, r.fact) for r in log.read(kinds=["batch-released"])]
    history = [
        (Offer(fact.batch, fact.items, fact.answers_needed), at)
        for at, fact in released
        if isinstance(fact, BatchReleased)
    ]
    return SimulatedDesk(settings.team, opened.truth, opened.classes, settings.seed, history)


def _steering(tools: Tools, stream: Stream, now: Instant) -> Steering:
    catalogue = Catalogue(SIGNALS, KNOBS, ACTIONS)
    path = tools.settings.path(tools.settings.loop.rules)
    steering = Steering(
        tools=tools,
        engine=DurableEngine(),
        features=stream.features,
        watch=Watch(page_hinkley()),
        gauges=Gauges(tools.settings.budget),
        source=lambda: (path.read_bytes(), tools.settings.loop.rules),
        read=lambda content, name: read_rules(content, name, catalogue)[0],
    )
    steering.wake(now)
    return steering


def _lanes(tools: Tools, stream: Stream, steering: Steering) -> dict[str, Lane]:
    features = stream.features
    lanes = (
        Lane(
            "ingest",
            partial(ingest.due, tools, stream),
            partial(ingest.begin, tools, stream),
            partial(ingest.perform, tools),
            partial(ingest.finish, tools),
            failed,
        ),
        Lane(
            "integrate",
            partial(integrate.due, tools),
            partial(integrate.begin, tools),
            partial(integrate.perform, tools),
            partial(integrate.finish, tools),
            partial(integrate.fail, tools),
        ),
        Lane(
            "train",
            partial(train.due, tools),
            partial(train.begin, tools, features),
            partial(train.perform, tools),
            partial(train.finish, tools),
            partial(train.fail, tools),
        ),
        Lane("steer", steering.due, steering.begin, steering.perform, steering.finish, failed),
        Lane(
            "score",
            partial(score.due, tools),
            partial(score.begin, tools, features),
            partial(score.perform, tools),
            partial(score.finish, tools),
            partial(score.fail, tools),
        ),
        Lane(
            "annotate",
            partial(annotate.due, tools, stream),
            partial(annotate.begin, tools),
            lambda begun: None,
            lambda begun, outcome, now: annotate.finish(begun),
            failed,
        ),
    )
    return {lane.name: guarded(lane, tools) for lane in lanes}
