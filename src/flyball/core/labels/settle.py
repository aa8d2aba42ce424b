"""How the votes of several annotators become one label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from flyball.core.labels.contract import Policy

#: Why there is no label: too few votes, as many for one as for another, all of them count for nothing.
Undecided = Literal["few", "tie", "uncounted"]


@dataclass(frozen=True, slots=True)
class Vote:
    """What one annotator says in the end. `rank` 0 is the most senior.

    `weight` is the contract's, and `trust` how much of a vote the loop takes it for.
    """

    annotator: str
    label: str
    weight: float = 1.0
    rank: int = 0
    trust: float = 1.0


@dataclass(frozen=True, slots=True)
class Settled:
    """A label, the share of the votes (by what each counts for) that agree with it, and whose
    vote stands for it: the newest, or the most senior, of those that agree."""

    label: str
    agreed: float
    voice: Vote


@dataclass(frozen=True, slots=True)
class Waiting:
    """No label yet, and why."""

    kind: Undecided
    why: str


def settle(
    votes: Sequence[Vote], needed: int, policy: Policy = "majority", final: bool = False
) -> Settled | Waiting:
    """Settle one vote of each annotator, the oldest first.

    Once `needed` annotators have voted: "majority" takes the label with the most votes, each for as much
    as it is trusted, "weighted" that with the most weight, trust included; "newest" that of the newest
    vote, "senior" that of the most senior annotator, and of several of one rank that of the newest.
    Where two labels are equal, or no vote counts for anything, one more vote is awaited.
    `final`: no more votes will come, so as few as one settle, and in a tie the newest vote decides; votes
    that count for nothing settle nothing even then.
    """
    if not votes or (len(votes) < needed and not final):
        return Waiting("few", f"{len(votes)} of {needed} answers" if votes else "no answer yet")
    match policy:
        case "majority":
            return _most(votes, {vote.annotator: vote.trust for vote in votes}, final)
        case "weighted":
            return _most(votes, {vote.annotator: vote.weight * vote.trust for vote in votes}, final)
        case "newest":
            return _of(votes, votes[-1])
        case "senior":
            best = min(vote.rank for vote in votes)
            return _of(votes, next(vote for vote in reversed(votes) if vote.rank == best))
        case _:
            assert_never(policy)


def _most(votes: Sequence[Vote], weights: dict[str, float], final: bool) -> Settled | Waiting:
    counts: dict[str, float] = {}
    # In order of names, so that sums of weights are the same whatever the order of the votes.
    for vote in sorted(votes, key=lambda vote: vote.annotator):
        counts[vote.label] = counts.get(vote.label, 0.0) + weights[vote.annotator]
    most, total = max(counts.values()), sum(counts[label] for label in sorted(counts))
    if not total:
        return Waiting("uncounted", "every vote counts for nothing; one that counts is needed")
    tied = {label for label, count in counts.items() if count == most}
    if len(tied) > 1 and not final:
        each = f"{most:g} each for {' and '.join(sorted(tied))}"
        return Waiting("tie", f"a tie: {each}; one more answer is needed")
    voice = next(vote for vote in reversed(votes) if vote.label in tied)
    return Settled(voice.label, most / total, voice)


def _of(votes: Sequence[Vote], voice: Vote) -> Settled:
    alike = sum(vote.label == voice.label for vote in votes)
    return Settled(voice.label, alike / len(votes), voice)
