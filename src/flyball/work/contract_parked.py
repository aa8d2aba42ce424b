"""Answers that wait because nobody knows what they mean: which they are, and when they can be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from flyball.core.facts import (
    AnswerGiven,
    AnswerParked,
    ClassAllowed,
    DefinitionsApproved,
    LabelSettled,
    LetterDropped,
    LetterRequeued,
    Recorded,
)
from flyball.core.ids import Digest, Instant, Position
from flyball.core.labels.contract import UNKNOWN_DEFINITIONS, UNSTATED, Contract
from flyball.core.labels.merge import Outcome
from flyball.ports import Log
from flyball.work.deadletters import answers_at, resolve
from flyball.work.tools import Tools

_KINDS = (AnswerParked, LabelSettled, LetterRequeued, LetterDropped, DefinitionsApproved, ClassAllowed)
_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Unknown:
    """Definitions that nobody let in yet, with the answers that wait for it, in order.

    `UNSTATED` are those of answers that had to name theirs and did not.
    """

    definitions: Digest
    answers: tuple[Recorded, ...]

    @property
    def labels(self) -> Counter[str]:
        """What these answers say, by how often."""
        return Counter(given(each).label for each in self.answers)


def given(recorded: Recorded) -> AnswerGiven:
    """The answer of a fact that is one."""
    assert isinstance(recorded.fact, AnswerGiven)
    return recorded.fact


def unknown(log: Log) -> list[Unknown]:
    """All definitions for which answers are parked, the most answers first."""
    by_digest: dict[Digest, list[Recorded]] = {}
    for recorded in _waiting(log, (UNKNOWN_DEFINITIONS,)):
        by_digest.setdefault(_of(recorded), []).append(recorded)
    found = [Unknown(definitions, tuple(those)) for definitions, those in by_digest.items()]
    return sorted(found, key=lambda each: (-len(each.answers), each.definitions))


def told(those: Unknown) -> dict[str, Any]:
    """Definitions that wait, as plain values: how many answers, since when, and a few of them."""
    return {
        "definitions": those.definitions,
        "answers": len(those.answers),
        "since": those.answers[0].at,
        "labels": dict(those.labels.most_common()),
        "examples": [
            {
                "fact": each.seq,
                "item": given(each).item,
                "annotator": given(each).annotator,
                "label": given(each).label,
            }
            for each in those.answers[:_EXAMPLES]
        ],
    }


def alarm(tools: Tools, merged: Iterable[tuple[Recorded, Outcome]], now: Instant) -> None:
    """Tell somebody of definitions that nobody knows, once for each.

    `merged` are answers, and what came of their items.
    """
    stood = [(each, outcome.standing.get(each.seq)) for each, outcome in merged]
    wanting = {_of(each) for each, how in stood if how is not None and how.code == UNKNOWN_DEFINITIONS}
    for definitions in sorted(wanting):
        message = (
            f"answers under definitions {definitions[:16]} are parked: nobody knows what their labels mean."
            " `flyball contract show` tells of them, `flyball contract approve` lets them in."
        )
        tools.alert(now, _alert(definitions), message)


def quiet(tools: Tools, definitions: Digest, now: Instant) -> None:
    """Take back what `alarm` told of these definitions."""
    tools.clear(now, _alert(definitions))


def reconsider(tools: Tools, contract: Contract, now: Instant) -> None:
    """Send the answers on their way again that a new contract can read, and could not be read before."""
    again = [
        each
        for each in _waiting(tools.store.log, (UNKNOWN_DEFINITIONS, "unknown-label"))
        if contract.knows(given(each).definitions)
        and contract.label_of(given(each).label, given(each).definitions) is not None
    ]
    if again:
        because = f"version {contract.version} of the contract {contract.name} can read it"
        resolve(tools, "requeue", [each.seq for each in again], "flyball", because, now)
    for definitions in {_of(each) for each in again}:
        quiet(tools, definitions, now)


def _waiting(log: Log, codes: tuple[str, ...]) -> Iterator[Recorded]:
    """The answers that are parked for one of these reasons, in order."""
    return answers_at(log, _parked(log, codes))


def _parked(log: Log, codes: tuple[str, ...]) -> set[Position]:
    found: set[Position] = set()
    first = next(iter(log.read(kinds=[AnswerParked.kind], limit=1)), None)
    if first is None:
        return found
    for recorded in log.read(Position(first.seq - 1), kinds=[each.kind for each in _KINDS]):
        match recorded.fact:
            case AnswerParked(answer=answer, code=code):
                (found.add if code in codes else found.discard)(answer)
            case LabelSettled(answers=answers, superseded=superseded):
                found.difference_update(answers, superseded)
            case DefinitionsApproved(answers=answers) | ClassAllowed(answers=answers):
                found.difference_update(answers)
            case LetterRequeued(fact=answer) | LetterDropped(fact=answer):
                found.discard(answer)
            case _:
                pass
    return found


def _of(recorded: Recorded) -> Digest:
    return given(recorded).definitions or UNSTATED


def _alert(definitions: Digest) -> str:
    return f"definitions-{definitions[:16]}"
