"""What other processes on this machine hand to the one that runs the loop: events, and the wish to pull."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from flyball.core.ids import Instant
from flyball.core.strict_json import BadJson, Reader
from flyball.errors import BadFile, BadUsage, Problem
from flyball.ports import Answer, Receipt
from flyball.work.accept import Given, accept
from flyball.work.events_in import answer_of
from flyball.work.tools import Tools

#: Under which name the ids of these events are kept: the same as over HTTP, as they are the same events.
SOURCE = "api"


def captured(tools: Tools, events: Sequence[object], now: Instant) -> dict[str, Any]:
    """Capture events written as JSON. Raises BadFile with all that is wrong, and then has taken none."""
    answers = answers_of([str(event).encode() for event in events])
    return {"receipts": [plain(receipt) for receipt in taken(tools, answers, now)]}


def taken(tools: Tools, answers: Sequence[Answer], now: Instant) -> tuple[Receipt, ...]:
    """Write answers down together; gives their receipts in order."""
    return accept(tools, [Given(answer, SOURCE) for answer in answers], now)


def answers_of(events: Sequence[bytes]) -> list[Answer]:
    """Events as answers. Raises BadFile with every mistake in all of them."""
    answers: list[Answer] = []
    problems: list[Problem] = []
    for number, event in enumerate(events, 1):
        try:
            read = answer_of(Reader().one(event))
        except BadJson as error:
            read = (error.flaw,)
        if isinstance(read, Answer):
            answers.append(read)
        else:
            place = f"event {number}: " if len(events) > 1 else ""
            problems.extend(
                Problem(flaw.code, f"{place}{flaw.where or 'the event'}: {flaw.message}") for flaw in read
            )
    if problems:
        raise BadFile(problems)
    return answers


def pulled(tools: Tools, name: str, again: bool) -> dict[str, Any]:
    """Have a source asked at once by the process that runs the loop. Raises BadUsage, NotFound."""
    if tools.pull is None:
        raise BadUsage("this loop has no sources; name them in loop.toml as [sources.NAME]")
    tools.pull(name, again)
    tools.changed()
    return {"asked": name}


def plain(receipt: Receipt) -> Mapping[str, Any]:
    """A receipt as plain values."""
    return asdict(receipt)
