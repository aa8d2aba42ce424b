"""Capture answers from Python: `with capture_to("DIRECTORY") as capture: capture({…})`.

What is captured is safe when the call returns. It works beside a process that runs or serves the loop, and
where none does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyball.core.ids import Digest, Position, canonical
from flyball.errors import BadFile, BadUsage, Conflict, FlyballError, Problem, Unreachable
from flyball.ports import Receipt
from flyball.work import handed

if TYPE_CHECKING:
    from flyball.bootstrap import App

__all__ = ["Capture", "Event", "Receipt", "capture_to"]

#: An event as docs/how-to/send-answers.md describes it, or one that is written as JSON already.
Event = Mapping[str, Any] | str | bytes
#: So many are handed over at once, and so many bytes.
TOGETHER, BYTES = 500, 4 << 20


@dataclass(frozen=True, slots=True)
class Capture:
    """Captures events. The same again gives the first receipt, with `new` False."""

    _send: Callable[[Sequence[bytes]], Sequence[Receipt]]

    def __call__(self, event: Event) -> Receipt:
        """Capture one. Raises Conflict where its id stands for another, BadFile with all that is wrong."""
        (receipt,) = self.many([event])
        if receipt.conflict:
            raise Conflict
        return receipt

    def many(self, events: Sequence[Event]) -> tuple[Receipt, ...]:
        """Capture several; gives their receipts in order. `conflict`: the id stands for something else.

        Raises BadFile with everything that is wrong with any of them, and then has captured none.
        """
        written = [_written(event) for event in events]
        handed.answers_of(written)
        return tuple(receipt for chunk in _chunks(written) for receipt in self._send(chunk))


@contextmanager
def capture_to(loop: str | os.PathLike[str], token: str | None = None) -> Iterator[Capture]:
    """Capture into a loop: its directory, or the address under which it is served.

    With a directory, events go through the process that runs the loop; where none does, the loop is opened,
    and while it is, `flyball run` must wait. With an address, `token` is shown, or what FLYBALL_TOKEN holds.
    Raises BadUsage, BadFile, StoreLocked, Unreachable.
    """
    with ExitStack() as stack:
        where = os.fspath(loop)
        if where.startswith(("http://", "https://")):
            yield Capture(stack.enter_context(_over_http(where, token)))
        else:
            yield Capture(stack.enter_context(_here(Path(where))))


@contextmanager
def _here(directory: Path) -> Iterator[Callable[[Sequence[bytes]], Sequence[Receipt]]]:
    from flyball.bootstrap import App, reach

    opened: list[App] = []

    def send(events: Sequence[bytes]) -> Sequence[Receipt]:
        if not opened:
            request = {"command": "capture", "events": [event.decode() for event in events]}
            reached = reach(directory, request)
            if not isinstance(reached, App):
                return [Receipt(**each) for each in reached["receipts"]]
            opened.append(reached)
        tools = opened[0].tools
        return handed.taken(tools, handed.answers_of(events), tools.clock.now())

    try:
        yield send
    finally:
        for app in opened:
            app.close()


@contextmanager
def _over_http(address: str, token: str | None) -> Iterator[Callable[[Sequence[bytes]], Sequence[Receipt]]]:
    import httpx

    shown = token or os.environ.get("FLYBALL_TOKEN", "")
    headers = {"content-type": "application/x-ndjson"}
    if shown:
        headers["authorization"] = f"Bearer {shown}"
    with httpx.Client(base_url=address, headers=headers, timeout=30.0) as client:

        def send(events: Sequence[bytes]) -> Sequence[Receipt]:
            try:
                # One value on one line: inside a text of JSON there is no line feed.
                lines = (event.replace(b"\n", b" ") for event in events)
                got = client.post("/v1/events", content=b"\n".join(lines))
                told = got.json()
            except (httpx.HTTPError, ValueError) as error:
                message = f"{address} does not answer as Flyball does ({type(error).__name__}); send it again"
                raise Unreachable(message) from None
            if not isinstance(told, list):
                raise _refused(address, got.status_code, told)
            problems = [
                Problem(flaw["code"], f"{flaw['where'] or 'the event'}: {flaw['message']}")
                for each in told
                if each["status"] not in (200, 202, 409)
                for flaw in each.get("mistakes", [each])
            ]
            if problems:
                raise BadFile(problems)
            return [_receipt(each) for each in told]

        yield send


def _chunks(events: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """As many at once as may be; one that is too large for that goes alone."""
    chunk: list[bytes] = []
    size = 0
    for event in events:
        if chunk and (len(chunk) == TOGETHER or size + len(event) > BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(event)
        size += len(event) + 1
    if chunk:
        yield chunk


def _receipt(told: Mapping[str, Any]) -> Receipt:
    first = told.get("first", told)
    at = datetime.fromisoformat(first["at"]).timestamp()
    return Receipt(Position(first["seq"]), at, Digest(first["hash"]), first["new"], told["status"] == 409)


def _refused(address: str, status: int, told: Any) -> FlyballError:
    said = told.get("message", "") if isinstance(told, Mapping) else ""
    if status in (401, 403):
        return BadUsage(f"{address} refuses us: {said}")
    if 400 <= status < 500 and status not in (408, 429):  # these two may go well the next time
        return BadUsage(f"{address} refuses this ({status}): {said}")
    return Unreachable(f"{address} takes nothing at the moment ({status}): {said}")


def _written(event: Event) -> bytes:
    if isinstance(event, bytes):
        text = event
    elif isinstance(event, str):
        text = event.encode()
    else:
        try:
            text = canonical({name: _plain(name, value) for name, value in event.items()})
        except (TypeError, ValueError) as error:
            raise BadUsage(f"the event cannot be written as JSON: {error}") from None
    return text


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"`{name}` is a time without a zone; give it one, such as datetime.now(UTC)")
        return value.isoformat()
    return value
