"""What may happen between two servers: a real one that answers as it is told to, and one that passes on."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """What is answered. With `cut`, fewer bytes come than were announced."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    cut: bool = False


@contextmanager
def answering(answer: Callable[[Asked], Told]) -> Iterator[tuple[str, list[Asked]]]:
    """A server on this machine that answers so; gives its address and what it was asked."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append(Asked(self.command, self.path, dict(self.headers), body))
            told = answer(asked[-1])
            self.send_response_only(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.body) + (100 if told.cut else 0)))
            self.end_headers()
            self.close_connection = told.cut
            with suppress(ConnectionError):  # who asked may not have waited
                self.wfile.write(told.body)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def passed_on(asked: Asked, to: str) -> Told:
    """What another server answers to the same request."""
    headers = {
        name: value for name, value in asked.headers.items() if name.lower() not in ("host", "connection")
    }
    got = httpx.request(asked.method, to + asked.path, headers=headers, content=asked.body, timeout=60.0)
    return Told(got.status_code, got.content, {"Content-Type": got.headers.get("content-type", "")})


@dataclass
class Post:
    """A post office that takes everything in, and delivers it badly: lost, twice, in any order."""

    chance: random.Random
    letters: list[Asked] = field(default_factory=list)

    def take(self, asked: Asked) -> Told:
        """Take a letter in, as if it were delivered."""
        self.letters.append(asked)
        return Told()

    def deliver(self, to: str, copies: Sequence[int] = (0, 1, 1, 2)) -> list[int]:
        """Deliver what was taken in so far; gives the answers to what was delivered."""
        bag = [letter for letter in self.letters for _ in range(self.chance.choice(copies))]
        self.letters.clear()
        self.chance.shuffle(bag)
        return [passed_on(letter, to).status for letter in bag]
