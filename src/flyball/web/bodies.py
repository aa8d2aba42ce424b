"""Read a request's body: never more of it than is allowed, however it is packed, and not for ever."""

from __future__ import annotations

import asyncio
import zlib
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import lru_cache

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


def body_of(
    api: Api, request: Request, anything: bool = False, held: Held | None = None
) -> AbstractAsyncContextManager[Body]:
    """The body of a request, while it is worked on. Raises Refused, here or when it is entered.

    `anything`: of whatever content type, for those who sign what they send. `held`: among which bodies it
    counts; without, among those of callers that are known.
    """
    return _Reading(api, request, anything, held or api.held)


class _Reading:
    def __init__(self, api: Api, request: Request, anything: bool, held: Held) -> None:
        headers = request.headers
        self._api, self._request, self._held = api, request, held
        self._lines = False if anything else _is_lines(headers.get("content-type", ""))
        packed = _is_packed(headers.get("content-encoding", ""))
        self._unpack = zlib.decompressobj(31) if packed else None
        self._announced = headers.get("content-length")
        self._most = api.settings.batch_bytes
        #: What is not larger than this is not too large, whatever it is.
        self._small = min(api.settings.body_bytes, self._most)
        self._came = 0
        self._body = bytearray()
        #: Whether the rest of the body is still to come.
        self._more = True

    async def __aenter__(self) -> Body:
        try:
            await self._read()
        except BaseException:
            self._let_go()
            raise
        return Body(bytes(self._body), self._lines)

    async def __aexit__(self, *raised: object) -> None:
        self._let_go()

    async def _read(self) -> None:
        try:
            self._refuse_announced()
            async with asyncio.timeout(self._api.patience):
                while self._more:
                    self._take(await self._request.receive())
            if self._unpack is not None and not self._unpack.eof:
                raise _not_gzip("the gzip is cut short")
        except Refused as refused:
            if self._more:
                await throw_away(self._request)
            refused.headers["connection"] = "close"
            raise
        except TimeoutError:
            flaw = Flaw("slow_body", f"the body took longer than {self._api.patience:g} s to come")
            raise Refused(408, flaw, {"connection": "close"}) from None

    def _refuse_announced(self) -> None:
        length = self._announced
        if length is not None and length.isdecimal() and int(length[:20]) > self._most:
            raise self._too_large()

    def _take(self, message: Message) -> None:
        chunk: bytes = message.get("body", b"")
        self._more = bool(message.get("more_body"))
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
                self._add(self._unpack.decompress(chunk, self._most - len(self._body) + 1))
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
        self._body += piece
        if len(self._body) > self._small and len(self._body) > self._limit():
            raise self._too_large()

    def _limit(self) -> int:
        single = not self._lines and self._body[:1024].lstrip(b" \t\r\n")[:1] == _OBJECT
        return self._api.settings.body_bytes if single else self._most

    def _too_large(self) -> Refused:
        message = f"the body is larger than {self._limit()} bytes; send less at a time"
        return Refused(413, Flaw("too_large", message))

    def _let_go(self) -> None:
        self._held.bytes -= len(self._body)


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


def _is_packed(header: str) -> bool:
    encoding = header.strip().lower()
    if encoding in ("gzip", "x-gzip"):
        return True
    if encoding in ("identity", ""):
        return False
    flaw = Flaw("unknown_encoding", "a body comes as it is, or packed once with gzip")
    raise Refused(415, flaw, {"accept-encoding": "gzip", "connection": "close"})


@lru_cache(maxsize=64)
def _is_lines(header: str) -> bool:
    kind, _, parameters = header.partition(";")
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
