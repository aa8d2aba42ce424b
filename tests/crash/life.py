"""One life of a process that takes answers in as over HTTP and merges them, up to where it is killed.

Everything in it is the product's own: the app that serves, its writer, the lanes, the store, the keeper of
checkpoints, the segments. The points are reached from outside, at what passes between the parts.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from flyball.adapters.checkpoint_files import CheckpointFiles
from flyball.adapters.clock import VirtualClock
from flyball.adapters.segments import FileSegments
from flyball.adapters.shelf_memory import MemoryShelf
from flyball.adapters.sql import bulk, open_store
from flyball.adapters.stream import OpenedStream, open_stream
from flyball.bootstrap import App, assemble
from flyball.core.due import Go
from flyball.core.facts import AlertCleared
from flyball.core.table import Table
from flyball.ports import Commit, Draft, NewJob, Store
from flyball.settings import Settings
from flyball.settings.outside import ApiSettings
from flyball.web.app import Api, make_app
from flyball.work.evidence import Keeper

#: Where a process is killed, in the order of an answer's way.
POINTS = (
    "after the body was read",
    "after it was found to be good",
    "in the transaction, before the event",
    "between the event and its job",
    "before the commit",
    "after the commit, before the answer",
    "after the claim",
    "in the middle of a merge",
    "after the label, before its job is done",
    "before a dead letter",
    "in the middle of a checkpoint",
    "in the middle of publishing a snapshot",
)
BODY, GOOD, IN_TRANSACTION, BETWEEN, COMMIT, UNANSWERED, CLAIMED, MERGE, LABEL, DEAD, CHECKPOINT, SNAPSHOT = (
    POINTS
)
ITEMS = 400
#: What is told instead of an answer's id once the process is ready to take answers.
OPEN = "open"
TOML = """
version = 1
id = "{loop}"
[stream]
source = "tests.crash.life:items"
item = "item"
time = "time"
label = "label"
[loop]
rules = "rules.yaml"
[knobs]
"integrate.batch" = 4
[clock]
kind = "virtual"
takes = {{ integrate = "0s" }}
"""
RULES = "version: 1\nevery: 1d\nrules:\n  - {id: a, because: b, when: queue.depth > 999, then: {do: alert}}\n"


def items() -> pd.DataFrame:
    """Items that all arrive at once."""
    names = [f"item-{number:03d}" for number in range(ITEMS)]
    labels = ["fraud" if number % 3 == 0 else "fine" for number in range(ITEMS)]
    return pd.DataFrame({"item": names, "time": np.arange(ITEMS, dtype=float), "x": 1.0, "label": labels})


@dataclass(slots=True)
class Death:
    """Waits for a point to be reached so many times. None: it lives to its end."""

    point: str | None = None
    times: int = 1

    def at(self, point: str) -> None:
        """This point is reached."""
        if point == self.point:
            self.times -= 1
            if self.times == 0:
                os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class World:
    """What lives of one loop share: its directory, its settings, its stream, and where its store is.

    `early`: it answers before it has written, which is the control.
    """

    directory: Path
    settings: Settings
    opened: OpenedStream
    store: str
    early: bool = False

    def open(self) -> Store:
        """The store as any process opens it."""
        return open_store(self.store, salt=os.urandom, loop=self.settings.id)


@dataclass(slots=True)
class Life:
    """What a child process does. `told` hears when it is ready, and id, position, hash of each receipt."""

    world: World
    death: Death
    told: Callable[[str, int, str], object]
    app: App = field(init=False)
    door: Any = field(init=False)
    keeper: Keeper = field(init=False)
    segments: FileSegments = field(init=False)

    def live(self, bodies: Sequence[list[dict[str, Any]]]) -> None:
        """Take these bodies in one after the other, with the work of the lanes between them."""
        self._watch()
        self._open()
        self.told(OPEN, 0, "")
        self._arrive()
        for number, body in enumerate(bodies):
            asyncio.run(self._post(json.dumps(body).encode(), body))
            if number % 2:
                self._work()
        self._work(rest=True)
        self.door.state.api.close()
        self.app.tools.store.close()

    # --- what it is made of

    def _open(self) -> None:
        world = self.world
        store = world.open()
        store.jobs.recover(0.0, everyone=True)
        store = replace(store, jobs=_Watched(store.jobs, {"claim": lambda: self.death.at(CLAIMED)}))
        self.segments = FileSegments(world.directory / "segments")
        clock = VirtualClock(max(1e6, store.log.head().at + 1))
        self.app = assemble(world.settings, world.opened, store, self.segments, MemoryShelf(), clock)
        origin = f"flyball/{world.settings.id}"
        notary = CheckpointFiles(world.directory / "checkpoints", world.directory / "checkpoints.key", origin)
        self.keeper = Keeper(store.log, store.evidence, notary, clock.now)
        api = Api(self.app.tools, ApiSettings())
        write = api.writer.write

        async def watched(things: Any) -> Any:
            self.death.at(GOOD)
            return await write(things)

        self.door = make_app(api)
        api.writer.write = watched  # type: ignore[method-assign]

    def _watch(self) -> None:
        sa.event.listen(sa.Engine, "begin", lambda connection: connection.info.update(did=set()))
        sa.event.listen(sa.Engine, "before_cursor_execute", self._statement)
        sa.event.listen(sa.Engine, "commit", self._commit)
        really_write, really_replace, really_insert = os.write, os.replace, bulk.insert

        def write(file: int, data: bytes) -> int:
            if b"peaks " in data and self.death.point == CHECKPOINT:
                really_write(file, data[: len(data) // 2])
                self.death.at(CHECKPOINT)
            return really_write(file, data)

        def rename(source: Any, target: Any, **more: Any) -> None:
            self.death.at(SNAPSHOT)
            really_replace(source, target, **more)
            self.death.at(SNAPSHOT)

        def insert(connection: sa.Connection, table: sa.Table, *rows: Any) -> None:
            self._inserting(connection, table.name)
            really_insert(connection, table, *rows)

        os.write, os.replace, bulk.insert = write, rename, insert  # type: ignore[assignment]

    def _statement(
        self, connection: sa.Connection, cursor: Any, statement: str, values: Any, context: Any, many: bool
    ) -> None:
        if statement.startswith("INSERT INTO dead "):
            self.death.at(DEAD)
        elif statement.split(None, 3)[:2] == ["UPDATE", "job"] and "done" in str(values):
            connection.info.setdefault("did", set()).add("done")

    def _inserting(self, connection: sa.Connection, table: str) -> None:
        did: set[str] = connection.info.setdefault("did", set())
        if table == "event":
            self.death.at(MERGE if "done" in did else IN_TRANSACTION)
            did.add("event")
        elif table == "job":
            self.death.at(BETWEEN)
            did.add("job")

    def _commit(self, connection: sa.Connection) -> None:
        did: set[str] = connection.info.get("did", set())
        if "job" in did and "done" not in did:
            self.death.at(COMMIT)
        if {"done", "event"} <= did:
            self.death.at(LABEL)

    # --- what it does

    def _arrive(self) -> None:
        lane = self.app.lanes["ingest"]
        while isinstance(due := lane.due(self.app.clock.now()), Go):
            begun = lane.begin(due, self.app.clock.now())
            assert begun is not None
            lane.finish(begun, lane.perform(begun), self.app.clock.now())

    async def _post(self, content: bytes, body: list[dict[str, Any]]) -> None:
        asked = iter([{"type": "http.request", "body": content, "more_body": False}])
        got: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            message = next(asked, {"type": "http.disconnect"})
            self.death.at(BODY)
            return message

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self.death.at(UNANSWERED)
            got.append(message)

        if self.world.early:
            for event in body:
                self.told(event["id"], 0, "")
        headers = {
            "content-type": "application/json",
            "content-length": str(len(content)),
            "host": "localhost",
        }
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "path": "/v1/events",
            "raw_path": b"/v1/events",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "scheme": "http",
        }
        await self.door(scope, receive, send)
        told = json.loads(b"".join(message.get("body", b"") for message in got[1:]))
        assert got[0]["status"] in (200, 202, 207), told
        for each in told:
            assert each["status"] in (200, 202), each
            if not self.world.early:
                self.told(each["id"], each["seq"], each["hash"])

    def _work(self, rest: bool = False) -> None:
        app, tools = self.app, self.app.tools
        assert isinstance(app.clock, VirtualClock)
        lane = app.lanes["integrate"]
        for _ in range(60 if rest else 1):
            app.clock.set(app.clock.now() + 1)
            while isinstance(due := lane.due(app.clock.now()), Go):
                begun = lane.begin(due, app.clock.now())
                if begun is None:
                    break
                lane.finish(begun, lane.perform(begun), app.clock.now())
            waiting = tools.store.jobs.waiting("merge")
            if not (waiting.ready or waiting.running):
                break
        self._give_up()
        self.keeper.sign(at_once=True)
        self._publish()

    def _give_up(self) -> None:
        """A job that cannot be done: one each time, which goes to the dead letters."""
        log, jobs, now = self.app.tools.store.log, self.app.tools.store.jobs, self.app.clock.now()
        name = f"hopeless-{now}"
        log.append(Commit([Draft(AlertCleared(name))], [NewJob("hopeless", name, 0)]), now)
        for job in jobs.claim("hopeless", now, 9, 60.0):
            jobs.fail(job, "hopeless", "it can never be done", now, None)

    def _publish(self) -> None:
        """A table under the name of its content, then the note that points to it."""
        position = self.app.tools.store.log.head().seq
        table = Table({"up_to": np.array([position]), "label": np.array(["fine"], dtype=object)})
        digest = self.segments.put(table)
        self.app.tools.store.log.append(Commit(notes={"snapshot": digest}), self.app.clock.now())


class _Watched:
    """A part of the store that tells when one of its methods came back with something."""

    def __init__(self, part: Any, after: dict[str, Callable[[], None]]) -> None:
        self._part, self._after = part, after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._part, name)
        if name not in self._after:
            return method

        def called(*given: Any, **named: Any) -> Any:
            came = method(*given, **named)
            if came:
                self._after[name]()
            return came

        return called


def written(directory: Path, loop: str) -> tuple[Settings, OpenedStream]:
    """The settings and the stream of such a loop, which is written into a directory."""
    from flyball.bootstrap import settings_of

    (directory / "loop.toml").write_text(TOML.format(loop=loop))
    (directory / "rules.yaml").write_text(RULES)
    settings = settings_of(directory)
    return settings, open_stream(settings)


def numbered(start: int, count: int) -> Iterator[list[dict[str, Any]]]:
    """Bodies of one to three events about items of their own."""
    number = start
    while number < start + count:
        size = min(1 + number % 3, start + count - number)
        yield [
            {
                "id": f"answer-{each}",
                "item": f"item-{each:03d}",
                "annotator": f"ann-{each % 4}",
                "label": "fraud" if each % 2 else "fine",
                "said_at": 1e6,
            }
            for each in range(number, number + size)
        ]
        number += size
