"""Capturing from Python: into a loop that nothing runs, through the process that does, and over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from tests.loops import write_loop
from tests.web.served import REAL, a_loop, captured

from flyball.adapters.local_socket import listening, socket_of
from flyball.api import Capture, capture_to
from flyball.bootstrap import App
from flyball.bootstrap.opening import opened_store, settings_of
from flyball.core.facts import AnswerGiven
from flyball.errors import BadFile, BadUsage, Conflict, Unreachable
from flyball.settings.outside import ApiSettings
from flyball.web.server import serving
from flyball.work.asked import carry_out

pytestmark = pytest.mark.slow
SAID: Mapping[str, Any] = {"id": "e-1", "item": "tx-1", "annotator": "ann-1", "label": "fraud"}
TOKEN = "canary-token-of-this-loop"


@contextmanager
def through(way: str, directory: Path) -> Iterator[Capture]:
    """A capture that goes one of the three ways."""
    if way == "opened":
        write_loop(directory, settings=REAL)
        with capture_to(directory) as capture:
            yield capture
        return
    with a_loop(directory) as app:
        if way == "served":
            given = ApiSettings(port=0, token=TOKEN)
            with serving(app.tools, given, {}) as (_, address), capture_to(address, TOKEN) as capture:
                yield capture
        else:
            with answering(app, directory), capture_to(directory) as capture:
                yield capture


@contextmanager
def answering(app: App, directory: Path) -> Iterator[None]:
    """The local socket of a process that runs the loop."""
    begun, over = Event(), Event()

    async def serve() -> None:
        async with listening(directory, lambda request: carry_out(app.steering, request, app.clock.now())):
            begun.set()
            while not over.is_set():
                await asyncio.sleep(0.01)

    thread = Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert begun.wait(20)
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("way", ["opened", "socket", "served"])
def test_it_is_the_same_whichever_way_events_go(way: str, tmp_path: Path) -> None:
    directory = tmp_path / "loop"
    with through(way, directory) as capture:
        first = capture({**SAID, "said_at": datetime(2026, 11, 20, 9, tzinfo=UTC)})
        again = capture({**SAID, "said_at": datetime(2026, 11, 20, 9, tzinfo=UTC)})
        assert (first.new, again.new, again.hash) == (True, False, first.hash)
        with pytest.raises(Conflict):
            capture({**SAID, "label": "legit"})
        receipts = capture.many(
            ['{"id":"e-2","item":"tx-2","annotator":"x","label":"1"}', {**SAID, "label": "2"}]
        )
        assert [(each.new, each.conflict) for each in receipts] == [(True, False), (False, True)]
        with pytest.raises(BadFile) as refused:
            capture({"id": "e-3", "itm": "tx-3"})
        told = str(refused.value)
        assert "did you mean `item`?" in told and "annotator" in told and "label" in told
    with opened_store(settings_of(directory)) as store:
        facts = [each.fact for each in store.log.read(kinds=["answer-given"])]
    assert [fact.item for fact in facts if isinstance(fact, AnswerGiven)] == ["tx-1", "tx-2"]


def test_a_socket_that_a_killed_process_left_behind_is_no_hindrance(tmp_path: Path) -> None:
    import socket

    directory = write_loop(tmp_path / "loop", settings=REAL)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(socket_of(directory)))
    with capture_to(directory) as capture:
        assert capture(SAID).new


def refusal(of: type[Exception], where: str | Path, event: Mapping[str, Any]) -> str:
    """What is said where an event cannot be captured."""
    with pytest.raises(of) as refused, capture_to(where, TOKEN) as capture:
        capture(event)
    return str(refused.value)


def test_what_cannot_be_written_or_reached_is_a_sentence_without_the_token(tmp_path: Path) -> None:
    away = refusal(Unreachable, "http://127.0.0.1:9", SAID)
    assert "does not answer as Flyball does" in away
    here = tmp_path / "loop"
    local = datetime(2026, 11, 20)  # noqa: DTZ001 -- that is what is refused
    other = ApiSettings(port=0, token="another-token-than-that")
    with a_loop(here) as app:
        with serving(app.tools, other, {}) as (_, address):
            wrong = refusal(BadUsage, address, SAID)
        assert "refuses us" in wrong
        assert TOKEN not in wrong + away
        assert "`said_at` is a time without a zone" in refusal(BadUsage, here, {**SAID, "said_at": local})
        assert "cannot be written as JSON" in refusal(BadUsage, here, {**SAID, "seconds": float("nan")})
        assert not captured(app)


def test_many_large_events_go_in_pieces_that_a_server_takes(tmp_path: Path) -> None:
    with (
        a_loop(tmp_path / "loop") as app,
        serving(app.tools, ApiSettings(port=0, token=TOKEN), {}) as (api, address),
        capture_to(address, TOKEN) as capture,
    ):
        assert api.settings.batch_bytes < 15 * 900_000
        events = [{**SAID, "id": f"e-{n}", "fields": {"note": "n" * 900_000}} for n in range(15)]
        receipts = capture.many(events)
        assert [each.new for each in receipts] == [True] * 15
        assert len(captured(app)) == 15


def test_what_a_server_never_takes_is_the_callers_mistake_in_the_servers_words(tmp_path: Path) -> None:
    small = ApiSettings(port=0, token=TOKEN, body_bytes=1024, batch_bytes=2048)
    with a_loop(tmp_path / "loop") as app, serving(app.tools, small, {}) as (_, address):
        said = refusal(BadUsage, address, {**SAID, "fields": {"note": "n" * 5000}})
        assert "larger than 2048 bytes" in said
