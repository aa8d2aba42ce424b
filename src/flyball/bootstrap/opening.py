"""Open a loop: on its stores, in memory, or to read it only."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from flyball.adapters.clock import Hold, RealClock, VirtualClock
from flyball.adapters.learners import open_learner
from flyball.adapters.stream import OpenedStream, open_stream
from flyball.adapters.stream_later import open_later
from flyball.adapters.toml_file import load
from flyball.bootstrap.app import App, Clock, Reading
from flyball.bootstrap.parts import (
    code_digest,
    make_clock,
    make_contracts,
    make_desk,
    make_lanes,
    make_steering,
    note_lacking,
)
from flyball.bootstrap.sources import make_sources
from flyball.core.chance import rng
from flyball.core.control import KnobState
from flyball.core.facts import KnobTurned
from flyball.core.loop import LoopState
from flyball.errors import BadUsage
from flyball.ports import Segments, Shelf, Store
from flyball.ports.checkpoints import Notary
from flyball.settings import Settings, config_digest
from flyball.twin.driver import VirtualDriver
from flyball.work import annotate, contract, integrate_proof
from flyball.work.evidence import Keeper
from flyball.work.tools import Tools


def open_loop(directory: Path, overrides: Mapping[str, Any] | None = None, *, whole: bool = False) -> App:
    """Open a loop to run it or to write to it. With a file as its store, only one process at a time may.

    `whole`: with its stream, for those who take items in. Others, who take in or merge answers, need only
    the store: they open the stream when they need it.
    Raises BadFile, BadStream, BadUsage, StoreLocked, NewerStore, Unreachable.
    """
    from flyball.adapters.segments_s3 import open_segments
    from flyball.adapters.shelf_mlflow import MlflowShelf
    from flyball.adapters.sql import open_store

    settings = settings_of(directory, overrides)
    opened = open_stream(settings) if whole else open_later(settings)
    store = open_store(located(settings, settings.stores.database), salt=os.urandom, loop=settings.id)
    try:
        store.jobs.recover(0.0, everyone=True)
        segments = open_segments(settings)
        where = located(settings, settings.stores.mlflow)
        shelf = MlflowShelf(settings.id, where, lambda digest: str(segments.path(digest)))
        real = RealClock()
        keeper = Keeper(store.log, store.evidence, notary_of(settings), real.now)
        app = assemble(settings, opened, store, segments, shelf)
        sources = make_sources(settings, app.tools)
        integrate_proof.take_up(app.tools, app.clock.now())
        return replace(app, keeper=keeper, sources=sources, environment=os.environ, wall=real.wall)
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
    clock = clock or make_clock(settings, max(opened.start, store.log.head().at))
    # What loads now takes real seconds, which would be days of a sped world.
    not_yet = Hold() if isinstance(clock, VirtualClock) else clock.working(clock.now())
    tools = Tools(
        settings=settings,
        classes=opened.classes,
        config=config_digest(settings),
        code=code_digest(),
        clock=clock,
        store=store,
        segments=segments,
        desk=make_desk(settings, opened, store, segments),
        shelf=shelf,
        learner=open_learner(settings.learner.name, settings.learner.parameters),
        knobs=KnobState.start({"loop.architecture": settings.loop.architecture, **settings.knobs}),
        contracts=make_contracts(settings),
    )
    tools.catch_up()
    contract.wake(tools, clock.now())
    note_lacking(tools, opened.lacking, clock.now())
    steering = make_steering(tools, opened.stream, clock.now())
    app = App(
        settings=settings,
        tools=tools,
        lanes=make_lanes(tools, opened, steering),
        clock=clock,
        stream=opened.stream,
        truth=opened.truth,
        steering=steering,
        until=settings.clock.end(opened.start),
        notes=opened.notes,
    )
    for batch in tools.state.open.values():
        annotate.offer(tools, batch.released, batch.at)
    not_yet.release()
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


@contextmanager
def reading(directory: Path) -> Iterator[Reading]:
    """Open a loop to read it, also beside the process that runs it."""
    from flyball.adapters.sql import holder, is_written, open_store, servers

    settings = settings_of(directory)
    where = located(settings, settings.stores.database)
    store = open_store(where, salt=os.urandom, read_only=True, loop=settings.id)
    try:
        state = LoopState()
        knobs = KnobState.start({"loop.architecture": settings.loop.architecture, **settings.knobs})
        for recorded in store.log.read():
            state.evolve(recorded)
            if isinstance(recorded.fact, KnobTurned):
                knobs = knobs.evolve(recorded.fact)
        alive, by = is_written(where, settings.id), holder(where)
        yield Reading(settings, store.log, store.items, state, knobs, alive, by, servers(where, settings.id))
    finally:
        store.close()


def settings_of(directory: Path, overrides: Mapping[str, Any] | None = None) -> Settings:
    """What `loop.toml` in this directory says, with flags over it. Raises BadUsage, BadFile.

    From then on, Python finds the modules in the directory: the operator's own sources and learners.
    """
    if not (directory / "loop.toml").is_file():
        raise BadUsage(
            f"{directory} holds no loop.toml; name the loop's directory with --loop,"
            " or make a loop with `flyball init DIRECTORY`"
        )
    here = directory.resolve()
    if str(here) not in sys.path:
        sys.path.insert(0, str(here))
    return load(here / "loop.toml", overrides)


def notary_of(settings: Settings) -> Notary:
    """What signs the loop's checkpoints; its private key is in the loop's directory, `checkpoints.key`."""
    from flyball.adapters.checkpoint_files import CheckpointFiles
    from flyball.adapters.checkpoint_s3 import CheckpointBucket

    place, private = settings.stores.checkpoints, settings.path("checkpoints.key")
    if place.startswith("s3://"):
        return CheckpointBucket(place, private, origin_of(settings))
    return CheckpointFiles(settings.path(place), private, origin_of(settings))


def origin_of(settings: Settings) -> str:
    """The name that the loop's checkpoints are signed under."""
    return f"flyball/{settings.id}"


@contextmanager
def opened_store(settings: Settings) -> Iterator[Store]:
    """A loop's store to read it only, without a fold of its log, also beside the process that writes it."""
    from flyball.adapters.sql import open_store

    where = located(settings, settings.stores.database)
    store = open_store(where, salt=os.urandom, read_only=True, loop=settings.id)
    try:
        yield store
    finally:
        store.close()


def located(settings: Settings, store: str) -> str:
    """A store as an address: a URL as it is written, a path from the loop's directory on."""
    return store if "://" in store else str(settings.path(store))
