"""A served loop in a process of its own, to be killed: `python -m tests.web.process DIRECTORY`.

`--eager` answers before anything is written, which is wrong, and a test that cannot tell is worth nothing.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, cast

from flyball.adapters.clock import RealClock
from flyball.adapters.desk_nobody import NobodyDesk
from flyball.adapters.group_commit import GroupCommit
from flyball.adapters.segments import MemorySegments
from flyball.adapters.shelf_memory import MemoryShelf
from flyball.adapters.sql import open_store
from flyball.cli.show import print_line
from flyball.core.control import KnobState
from flyball.core.ids import Digest, Position
from flyball.errors import FlyballError
from flyball.ports import Receipt, Store
from flyball.settings import Settings
from flyball.settings.model import StreamSettings
from flyball.settings.outside import ApiSettings
from flyball.web.app import Api
from flyball.web.server import serving
from flyball.work.accept import Given
from flyball.work.tools import Tools

JSON = "application/json"


def tools_on(store: Store) -> Tools:
    """As much of a loop as capture needs; nothing heavy is imported for it."""
    stream = StreamSettings(source="none:none", item="id", time="time")
    return Tools(
        settings=Settings(id="served", stream=stream),
        classes=(),
        config=Digest("0" * 64),
        code=Digest("0" * 64),
        clock=RealClock(),
        store=store,
        segments=MemorySegments(),
        desk=NobodyDesk(),
        shelf=MemoryShelf(),
        learner=cast(Any, None),
        knobs=KnobState.start({}),
    )


class _Eager(GroupCommit[Given, Receipt]):
    """Says that it is written, and writes a moment later."""

    async def write(self, things: Sequence[Given]) -> Sequence[Receipt]:
        def later() -> None:
            time.sleep(0.05)
            with suppress(FlyballError):
                self.written(things)

        threading.Thread(target=later, daemon=True).start()
        return [Receipt(Position(1), 0.0, Digest("0" * 64), new=True) for _ in things]


class _EagerApi(Api):
    def __post_init__(self) -> None:
        self.writer = _Eager(self._write)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--eager", action="store_true")
    parser.add_argument("--largest", type=int, default=None, help="the largest file, in bytes")
    chosen = parser.parse_args()
    store = open_store(chosen.directory / "flyball.db", salt=os.urandom)
    if chosen.largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (chosen.largest, chosen.largest))
    made = _EagerApi if chosen.eager else Api
    with serving(tools_on(store), ApiSettings(port=0), {}, made=made) as (_, address):
        print_line(json.dumps({"address": address}))
        sys.stdin.read()
    store.close()


@dataclass(slots=True)
class Served:
    """A process that serves, and where."""

    process: subprocess.Popen[str]
    address: str
    acked: list[str] = field(default_factory=list)
    #: What was answered otherwise, or not at all.
    others: list[str] = field(default_factory=list)

    def hammer(self, clients: int, until: threading.Event, prefix: str) -> list[threading.Thread]:
        """Post events over so many connections until told; what was acknowledged is in `acked`."""

        def one(number: int) -> None:
            with closing(HTTPConnection(self.address.removeprefix("http://"), timeout=10)) as client:
                for count in itertools.count():
                    if until.is_set():
                        return
                    name = f"{prefix}-{number}-{count}"
                    said = {"id": name, "item": f"tx-{count}", "annotator": f"ann-{number}", "label": "x"}
                    try:
                        client.request("POST", "/v1/events", json.dumps(said), {"content-type": JSON})
                        with client.getresponse() as answer:
                            answer.read()
                    except (OSError, HTTPException) as error:
                        self.others.append(type(error).__name__)
                        return
                    (self.acked if answer.status < 300 else self.others).append(name)

        threads = [threading.Thread(target=one, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        return threads


@contextmanager
def a_process(directory: Path, *words: str) -> Iterator[Served]:
    """A process that serves; it is killed at the end."""
    command = [sys.executable, "-m", "tests.web.process", str(directory), *words]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Served(process, json.loads(process.stdout.readline())["address"])
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    main()
