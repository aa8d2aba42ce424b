"""Loops that are served in a test: on a real SQLite store, called in process or over a real socket."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
from tests.loops import SETTINGS, write_loop
from tests.stores import fresh_sqlite

from flyball.adapters.clock import RealClock
from flyball.adapters.segments import MemorySegments
from flyball.adapters.shelf_memory import MemoryShelf
from flyball.adapters.stream import open_stream
from flyball.adapters.toml_file import load
from flyball.bootstrap import App, assemble
from flyball.core.facts import AnswerGiven
from flyball.settings.outside import ApiSettings
from flyball.web.app import Api, make_app

T = TypeVar("T")
REAL = (
    SETTINGS.replace("transactions = 3000", "transactions = 1000")
    .replace("days = 6", "days = 2")
    .replace("labelled = 400", "labelled = 20")
    .replace('source = "simulated"', 'source = "none"')
    .replace('kind = "virtual"', 'kind = "real"')
    .replace('until = "6d"', "")
)
LOCAL = "http://127.0.0.1"


def event(**said: Any) -> dict[str, Any]:
    """A right event, with these keys set anew; None leaves one away."""
    plain = {"id": "e-1", "item": "tx-1", "annotator": "ann-1", "label": "fraud"} | said
    return {key: value for key, value in plain.items() if value is not None}


def body(**said: Any) -> bytes:
    """The same as bytes."""
    return json.dumps(event(**said)).encode()


@contextmanager
def a_loop(directory: Path) -> Iterator[App]:
    """A loop on SQLite, on the real clock, with nobody who answers."""
    settings = load(write_loop(directory, settings=REAL))
    store = fresh_sqlite(directory / "flyball.db")
    try:
        yield assemble(settings, open_stream(settings), store, MemorySegments(), MemoryShelf(), RealClock())
    finally:
        store.close()


@contextmanager
def an_api(directory: Path, token: str = "", settings: ApiSettings | None = None) -> Iterator[Api]:
    """The API of such a loop."""
    with a_loop(directory) as app:
        api = Api(app.tools, settings or ApiSettings(), token)
        try:
            yield api
        finally:
            api.close()


def asked(api: Api, ask: Callable[[httpx.AsyncClient], Awaitable[T]]) -> T:
    """Ask the app in process, without a socket."""

    async def run() -> T:
        # What a server would answer with 500 is an answer here too.
        transport = httpx.ASGITransport(app=make_app(api), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=LOCAL) as client:
            return await ask(client)

    return asyncio.run(run())


def posted(api: Api, content: bytes, kind: str = "application/json", **headers: str) -> httpx.Response:
    """Post one body."""
    given = {"content-type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return asked(api, lambda client: client.post("/v1/events", content=content, headers=given))


def captured(app_or_api: App | Api) -> Sequence[AnswerGiven]:
    """The answers in the log, in order."""
    read = app_or_api.tools.store.log.read(kinds=["answer-given"])
    return [each.fact for each in read if isinstance(each.fact, AnswerGiven)]


def environment(**more: str) -> dict[str, str]:
    """The environment of a process, without a token of ours in it."""
    return {name: value for name, value in os.environ.items() if name != "FLYBALL_TOKEN"} | more
