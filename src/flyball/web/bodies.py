"""Read a request's body: never more of it than is allowed, however it is packed, and not for ever."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import Message

from flyball.core.strict_json import Flaw
from flyball.web.api import Api, Held, Refused

#: How long the rest of a refused body is read and thrown away, in seconds.
LEFTOVER = 2.0
#: A client that hears "too large" while it is still sending is listened to for so much longer.
THROWN_AWAY = 16 << 20
#: The first byte of a body that is one object, after white space.
_OBJECT = b"{"
_LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl")


@dataclass(frozen=True, slots=True)
class Body:
    """A body as its sender wrote it, without the packing; `lines`: one value a line."""

    raw: bytes
    lines: bool


@asynccontextmanager
async def body_of(
    api: Api, request: Request, anything: bool = False, held: Held | None = None
) -> AsyncIterator[Body]:
    """The body of a request, while it is worked on. Raises Refused.

    `anything`: of whatever content type, for those who sign what they send. `held`: among which bodies it
    counts; without, among those of callers that are known.
    """
    lines = False if anything else _is_lines(request)
    packed = _is_packed(request)
    reading = _Reading(api, held or api.held, zlib.decompressobj(31) if packed else None, lines)
    try:
        try:
            reading.refuse_announced(request.headers.get("content-length"))
            async with asyncio.timeout(api.patience):
                while reading.more:
                    reading.take(await request.receive())
            reading.end()
        except Refused as refused:
            if reading.more:
                await throw_away(request)
            refused.headers["connection"] = "close"
            raise
        except TimeoutError:
            flaw = Flaw("slow_body", f"the body took longer than {api.patience:g} s to come")
            raise Refused(408, flaw, {"connection": "close"}) from None
        yield Body(bytes(reading.body), lines)
    finally:
        reading.let_go()


class _Reading:
    def __init__(self, api: Api, held: Held, unpack: zlib._Decompress | None, lines: bool) -> None:
        self._api, self._held, self._unpack, self._lines = api, held, unpack, lines
        self._most = api.settings.batch_bytes
        self._came = 0
        self.body = bytearray()
        #: Whether the rest of the body is still to come.
        self.more = True

    def refuse_announced(self, length: str | None) -> None:
        if length is not None and length.isdecimal() and int(length[:20]) > self._most:
            raise self._too_large()

    def take(self, message: Message) -> None:
        chunk: bytes = message.get("body", b"")
        self.more = bool(message.get("more_body"))
        if message["type"] == "http.disconnect":
            raise Refused(400, Flaw("cut_short", "the connection ended before the body did"))
        self._came += len(chunk)
        if self._came > self._most:
            raise self._too_large()
        if self._unpack is None:
            self._add(chunk)
            return
        try:
            while chunk and not self._unpack.eof:
                self._add(self._unpack.decompress(chunk, self._most - len(self.body) + 1))
                chunk = self._unpack.unconsumed_tail
        except zlib.error:
            raise _not_gzip("the body is no gzip") from None
        if self._unpack.unused_data or (chunk and self._unpack.eof):
            raise _not_gzip("something follows the end of the gzip")

    def _add(self, piece: bytes) -> None:
        if not piece:
            return
        if self._held.bytes + len(piece) > self._held.most:
            flaw = Flaw("busy", "too many large bodies come at the same time; send this again in a moment")
            raise Refused(503, flaw, {"retry-after": "1"})
        self._held.bytes += len(piece)
        self.body += piece
        if len(self.body) > self._limit():
            raise self._too_large()

    def _limit(self) -> int:
        single = not self._lines and self.body[:1024].lstrip(b" \t\r\n")[:1] == _OBJECT
        return self._api.settings.body_bytes if single else self._most

    def _too_large(self) -> Refused:
        message = f"the body is larger than {self._limit()} bytes; send less at a time"
        return Refused(413, Flaw("too_large", message))

    def end(self) -> None:
        if self._unpack is not None and not self._unpack.eof:
            raise _not_gzip("the gzip is cut short")

    def let_go(self) -> None:
        self._held.bytes -= len(self.body)


async def throw_away(request: Request) -> None:
    """Read on for a while and keep nothing, so that the sender hears why and no broken connection."""
    left = THROWN_AWAY
    try:
        async with asyncio.timeout(LEFTOVER):
            while left > 0:
                message = await request.receive()
                left -= max(1, len(message.get("body", b"")))
                if not message.get("more_body"):
                    return
    except TimeoutError:
        return


def _not_gzip(message: str) -> Refused:
    return Refused(400, Flaw("bad_gzip", message))


def _is_packed(request: Request) -> bool:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("gzip", "x-gzip"):
        return True
    if encoding in ("identity", ""):
        return False
    flaw = Flaw("unknown_encoding", "a body comes as it is, or packed once with gzip")
    raise Refused(415, flaw, {"accept-encoding": "gzip", "connection": "close"})


def _is_lines(request: Request) -> bool:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.replace(" ", "").replace('"', "").lower()
    if charset.startswith("charset=") and charset not in ("charset=utf-8", "charset=utf8"):
        raise Refused(415, Flaw("unknown_charset", "JSON is UTF-8"), {"connection": "close"})
    match kind.strip().lower():
        case "application/json":
            return False
        case lines if lines in _LINES:
            return True
        case _:
            flaw = Flaw(
                "unknown_type", "send application/json, or application/x-ndjson with one event a line"
            )
            raise Refused(415, flaw, {"connection": "close"})
