"""Events over HTTP as a labelling tool sends them: what one says, a connection, an open loop over many."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: In place of a status where the connection broke before there was one.
BROKEN = "broken"


def event_id(number: int, run: str) -> str:
    """The id of the event with this number."""
    return f"{run}-{number:09d}"


def said(number: int, run: str) -> dict[str, Any]:
    """The event with this number, of the size that a labelling tool sends."""
    return {
        "id": event_id(number, run),
        "item": f"tx-{number % 100_000:09d}",
        "annotator": f"ann-{number % 40:03d}",
        "label": "fraud" if number % 7 == 0 else "fine",
        "said_at": 1.8e9 + number / 100,
        "batch": f"batch-{number // 200:05d}",
        "seconds": 12.5,
    }


def content(events: Sequence[dict[str, Any]]) -> bytes:
    """The body of a request with these events."""
    return json.dumps(events[0] if len(events) == 1 else list(events)).encode()


class Line:
    """A connection that speaks as much HTTP as is needed: a library would cost more than the server.

    Where it broke, or the server closed it, the next `post` opens it anew.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.removeprefix("http://").partition(":")
        self._at = host, int(port)
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect; its two ends. Raises OSError."""
        self.close()
        self._ends = await asyncio.open_connection(*self._at, limit=1 << 20)
        self._ends[1].get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._ends

    async def post(self, content: bytes) -> int:
        """Send events; the status of the answer. Raises OSError or EOFError where the connection breaks."""
        ends = self._ends
        reader, writer = await self.open() if ends is None or ends[0].at_eof() else ends
        head = "POST /v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        try:
            writer.write(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(answer.partition(b"content-length: ")[2].split(b"\r\n", 1)[0]))
        except (OSError, EOFError):
            self.close()
            raise
        if b"\r\nconnection: close" in answer:
            self.close()
        return int(answer[9:12])

    def close(self) -> None:
        """Hang up, if it is open."""
        if self._ends is not None:
            self._ends[1].close()
            self._ends = None


@dataclass(slots=True)
class Sent:
    """What became of the events of a run.

    `accepted`: the numbers of those that were answered with 202. `waited`: how long each of these did, in
    seconds, from the moment at which it was to be sent.
    """

    run: str
    statuses: Counter[int | str] = field(default_factory=Counter)
    accepted: array[int] = field(default_factory=lambda: array("q"))
    waited: array[float] = field(default_factory=lambda: array("d"))
    seconds: float = 0.0

    def percentiles(self) -> dict[str, float | None]:
        """How long those that were accepted waited, in milliseconds; None where none was."""
        shares = {"p50 ms": 50, "p99 ms": 99, "p99.9 ms": 99.9, "max ms": 100}
        if not self.waited:
            return dict.fromkeys(shares)
        return {name: float(np.percentile(self.waited, share) * 1e3) for name, share in shares.items()}


def sent(address: str, rate: int, seconds: float, lines: int) -> Sent:
    """Send at a fixed rate; an event that finds no free connection waits, and that counts."""
    return asyncio.run(_sent(address, rate, seconds, lines))


async def _sent(address: str, rate: int, seconds: float, lines: int) -> Sent:
    found = Sent(os.urandom(4).hex())
    free: asyncio.Queue[Line] = asyncio.Queue()
    for _ in range(lines):
        line = Line(address)
        with suppress(OSError):  # the events will tell
            await line.open()
        free.put_nowait(line)
    began = time.perf_counter() + 0.1

    async def send(number: int) -> None:
        line = await free.get()
        try:
            status: int | str = await line.post(content([said(number, found.run)]))
        except (OSError, EOFError):
            status = BROKEN
        finally:
            free.put_nowait(line)
        found.statuses[status] += 1
        if status == 202:
            found.waited.append(time.perf_counter() - began - number / rate)
            found.accepted.append(number)

    async with asyncio.TaskGroup() as sending:
        for number in range(int(rate * seconds)):
            wait = began + number / rate - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            sending.create_task(send(number))
    found.seconds = time.perf_counter() - began
    while not free.empty():
        free.get_nowait().close()
    return found
