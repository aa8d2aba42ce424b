"""Answers that wait because nobody knows what they mean: which they are, and when they can be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flyball.core.facts import AnswerGiven, Recorded
from flyball.core.ids import Digest, Instant
from flyball.core.labels.contract import UNKNOWN_DEFINITIONS, UNSTATED, Contract
from flyball.core.labels.merge import Outcome
from flyball.ports import Store
from flyball.work.deadletters import parked, requeue
from flyball.work.tools import Tools

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


def unknown(store: Store) -> list[Unknown]:
    """All definitions for which answers are parked, the most answers first."""
    by_digest: dict[Digest, list[Recorded]] = {}
    for each in parked(store, UNKNOWN_DEFINITIONS):
        by_digest.setdefault(_of(each.answer), []).append(each.answer)
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
        each.answer
        for each in parked(tools.store, UNKNOWN_DEFINITIONS, "unknown-label")
        if contract.knows(each.given.definitions)
        and contract.label_of(each.given.label, each.given.definitions) is not None
    ]
    if again:
        because = f"version {contract.version} of the contract {contract.name} can read it"
        requeue(tools, {each.seq for each in again}, "flyball", because, now)
    for definitions in {_of(each) for each in again}:
        quiet(tools, definitions, now)


def _of(recorded: Recorded) -> Digest:
    return given(recorded).definitions or UNSTATED


def _alert(definitions: Digest) -> str:
    return f"definitions-{definitions[:16]}"
