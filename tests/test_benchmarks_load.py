"""What the benchmark under load tells: of losses, of broken connections, of a server that ends at once."""

from __future__ import annotations

import asyncio
import sys
import threading
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from benchmarks.lines import BROKEN, Sent, event_id, sent
from benchmarks.load import against, served
from tests.stores import answer, chance

from flyball.adapters.memory_store import memory_store
from flyball.ports import Commit, Draft, Store

RUN = "c0ffee00"
GONE = b""
TAKEN = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}"
REFUSED = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


def kept(*numbers: int) -> Store:
    """A log with the events of these numbers; one that is there twice came from two sources."""
    store = memory_store(chance())
    for at, number in enumerate(numbers):
        source = "api" if number not in numbers[:at] else "desk"
        store.log.append(Commit([Draft(answer("tx-1"), source, event_id(number, RUN))]), 10.0)
    return store


def accepted(*numbers: int) -> Sent:
    return Sent(RUN, accepted=array("q", numbers))


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ((1, 2, 3), (0, 0, 0)),
        ((1, 3), (1, 0, 0)),
        ((1, 2, 2, 3), (0, 1, 0)),
        ((1, 2, 3, 4), (0, 0, 1)),
        ((1, 3, 4), (1, 0, 1)),
        ((1, 2, 2), (1, 1, 0)),
    ],
    ids=["all, once", "one lost", "one twice", "one unasked", "one lost, one unasked", "one lost, one twice"],
)
def test_a_loss_is_told_whatever_else_was_kept(numbers: tuple[int, ...], told: tuple[int, ...]) -> None:
    assert tuple(against(kept(*numbers).evidence, accepted(1, 2, 3)).values()) == told


@contextmanager
def answering(*answers: bytes) -> Iterator[str]:
    """A server that gives these answers in turn, again and again; it hangs up where there is none."""
    turn = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal turn
        while head := await reader.read(65_536):
            assert head.startswith(b"POST /v1/events ")
            turn, said = turn + 1, answers[turn % len(answers)]
            writer.write(said)
            if said in (GONE, REFUSED):
                break
        writer.close()

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(talk, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(server.wait_closed())
        loop.close()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("lines", [4, 64])
@pytest.mark.parametrize(
    ("answers", "counted"),
    [
        ([TAKEN, GONE], {202: 30, BROKEN: 30}),
        ([TAKEN, REFUSED], {202: 30, 503: 30}),
        ([GONE], {BROKEN: 60}),
    ],
    ids=["every other breaks", "every other is refused and hung up on", "all break"],
)
def test_every_event_is_counted_whatever_became_of_its_connection(
    lines: int, answers: Sequence[bytes], counted: dict[int | str, int]
) -> None:
    with answering(*answers) as address:
        found = sent(address, 1_000, 0.06, lines)
    assert found.statuses == counted
    assert len(found.accepted) == len(found.waited) == counted.get(202, 0)
    assert (found.percentiles()["max ms"] is None) == (202 not in counted)


def test_a_server_that_nobody_reaches_breaks_every_event() -> None:
    with answering(GONE) as address:
        pass
    assert sent(address, 1_000, 0.06, 4).statuses == {BROKEN: 60}


@pytest.mark.timeout(20)
def test_a_server_that_ends_at_its_start_ends_the_run_with_a_sentence() -> None:
    with (
        pytest.raises(SystemExit, match=r"ended at its start with exit code 3.*: not this"),
        served([sys.executable, "-c", "print('not this'); raise SystemExit(3)"]),
    ):
        pass
