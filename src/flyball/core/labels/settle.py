"""How the answers about one item become its label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from flyball.core.facts import AnswerGiven, Recorded
from flyball.core.ids import AnnotatorId, Position

Policy = Literal["majority"]


@dataclass(frozen=True, slots=True)
class Settled:
    """A label, the share of the answers that agree with it, and all answers that counted, in order."""

    label: str
    agreed: float
    answers: tuple[Position, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """No label yet, and why."""

    why: str


def settle(
    answers: Sequence[Recorded], needed: int, policy: Policy = "majority", final: bool = False
) -> Settled | Waiting:
    """Settle an item's answers; their place in the log is their order, whatever order they are given in.

    An annotator's later answer replaces their earlier one. Drafts, and facts that are no answers, do not
    count. "majority": once `needed` annotators have answered, the label with the most answers; a tie
    waits for one more. `final`: no more answers will come (the batch ran out of time), so as few as one
    settle, and in a tie the label with the newest answer wins.
    """
    said = _last_words(answers)
    if not said:
        return Waiting("no answer yet")
    if len(said) < needed and not final:
        return Waiting(f"{len(said)} of {needed} answers")
    match policy:
        case "majority":
            votes = Counter(label for _, label in said)
        case _:
            assert_never(policy)
    most = max(votes.values())
    tied = {label for label, count in votes.items() if count == most}
    if len(tied) > 1 and not final:
        return Waiting(f"a tie: {most} each for {' and '.join(sorted(tied))}; one more answer is needed")
    label = next(label for _, label in reversed(said) if label in tied)
    return Settled(label, most / len(said), tuple(seq for seq, _ in said))


def _last_words(answers: Sequence[Recorded]) -> list[tuple[Position, str]]:
    """The last answer of each annotator, in the order of the log."""
    last: dict[AnnotatorId, tuple[Position, str]] = {}
    for recorded in sorted(answers, key=lambda each: each.seq):
        if isinstance(recorded.fact, AnswerGiven) and not recorded.fact.draft:
            last[recorded.fact.annotator] = (recorded.seq, recorded.fact.label)
    return sorted(last.values())
