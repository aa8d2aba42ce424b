"""POST /v1/events: one event, an array of them, or one a line; answered once they are safe."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from flyball.core.strict_json import BadJson, Flaw, Read, Reader, lines, pointer
from flyball.ports import Answer, Receipt
from flyball.web.api import Api, Refused, answered, capture, told
from flyball.web.bodies import Body, body_of
from flyball.work.events_in import answer_of, skew_of
from flyball.work.handed import SOURCE

PATH = "/v1/events"
#: The most events in one body; and from how many bytes on a body is read in a thread.
MOST, LARGE = 5_000, 32_768


@dataclass(frozen=True, slots=True)
class Piece:
    """One event of a body: an answer, or what is wrong with it."""

    where: str
    answer: Answer | None
    flaws: tuple[Flaw, ...] = ()


def poster(api: Api) -> Callable[[Request], Awaitable[Response]]:
    """What answers a request with events. It raises Refused."""
    reader = Reader()

    async def post(request: Request) -> Response:
        async with body_of(api, request) as body:
            most = api.settings.body_bytes
            if len(body.raw) > LARGE:
                pieces, many = await asyncio.to_thread(parsed, body, most, Reader())
            else:
                pieces, many = parsed(body, most, reader)
            return await _taken(api, pieces, many)

    return post


def parsed(body: Body, most: int, reader: Reader) -> tuple[list[Piece], bool]:
    """The events of a body, and whether it may hold many. Raises Refused where it cannot be read.

    `most`: the bytes of one event.
    """
    try:
        if body.lines:
            return _limited(_of_lines(body.raw, most, reader)), True
        if body.raw.lstrip(b" \t\r\n")[:1] == b"[":
            return _limited(_of_array(body.raw, most, reader)), True
        return [_piece("", reader.one(body.raw), most)], False
    except BadJson as error:
        raise Refused(400, error.flaw) from None


def _of_array(raw: bytes, most: int, reader: Reader) -> Iterator[Piece]:
    for place, read in enumerate(reader.elements(raw)):
        yield _piece(pointer(place), read, most)


def _of_lines(raw: bytes, most: int, reader: Reader) -> Iterator[Piece]:
    for number, line in lines(raw):
        where = pointer(number - 1)
        if len(line) > most:  # and it is not read at all
            yield _piece(where, Read(None, line), most)
        else:
            yield _piece(where, reader.line(line, number), most)


def _limited(pieces: Iterator[Piece]) -> list[Piece]:
    found: list[Piece] = []
    for piece in pieces:
        if len(found) == MOST:
            raise Refused(
                413, Flaw("too_many", f"the body holds more than {MOST} events; send less at a time")
            )
        found.append(piece)
    if not found:
        raise Refused(400, Flaw("empty", "the body holds no event"))
    return found


def _piece(where: str, read: Read, most: int) -> Piece:
    if len(read.raw) > most:
        return Piece(where, None, (Flaw("too_large", f"this event is larger than {most} bytes", where),))
    answer = answer_of(read)
    if isinstance(answer, Answer):
        return Piece(where, answer)
    return Piece(where, None, tuple(flaw.at(where) for flaw in answer))


async def _taken(api: Api, pieces: Sequence[Piece], many: bool) -> Response:
    if not many and pieces[0].flaws:
        raise Refused(_status(pieces[0].flaws), pieces[0].flaws)
    answers = [piece.answer for piece in pieces if piece.answer is not None]
    receipts = iter(await capture(api, answers, SOURCE)) if answers else iter(())
    results: list[tuple[int, dict[str, Any]]] = []
    for piece in pieces:
        if piece.answer is None:
            results.append((_status(piece.flaws), told(piece.flaws)))
            for flaw in piece.flaws:
                api.metrics.refuse(flaw.code)
        else:
            results.append(receipt_of(piece.answer, next(receipts), piece.where))
    if not many:
        return answered(*results[0])
    return answered(overall([status for status, _ in results]), [{"status": s, **v} for s, v in results])


def receipt_of(answer: Answer, receipt: Receipt, where: str = "") -> tuple[int, dict[str, Any]]:
    """The status and the body with which an event is answered."""
    stands: dict[str, Any] = {
        "id": answer.event_id,
        "seq": receipt.seq,
        "at": datetime.fromtimestamp(receipt.at, UTC).isoformat(timespec="microseconds")[:-6] + "Z",
        "hash": receipt.hash,
        "new": receipt.new,
    }
    if receipt.conflict:
        message = "this id stands for other bytes; the first stands, and both are kept"
        return 409, {**told([Flaw("idempotency_conflict", message, where + "/id")]), "first": stands}
    if (skew := skew_of(answer.said_at, receipt.at)) is not None:
        stands["skew"] = skew
    return (202 if receipt.new else 200), stands


def overall(statuses: Sequence[int]) -> int:
    """The status of many: theirs where it is one, 202 where all stand and some are new, else 207.

    >>> overall([200, 200]), overall([200, 202]), overall([202, 409])
    (200, 202, 207)
    """
    different = set(statuses)
    if len(different) == 1:
        return statuses[0]
    return 202 if different <= {200, 202} else 207


def _status(flaws: Sequence[Flaw]) -> int:
    return 413 if flaws[0].code == "too_large" else 400
