"""What a loop's state is made of: batches that are out, labels to measure on, an architecture in shadow."""

from __future__ import annotations

from dataclasses import dataclass, field

from flyball.core.facts import (
    ActionAsked,
    ActionRefused,
    AnswerParked,
    BatchReleased,
    ClassAllowed,
    ClassBlocked,
    Recorded,
    TransitionBegan,
)
from flyball.core.ids import START, Instant, ItemId, ModelVersion, Position


@dataclass(slots=True)
class OpenBatch:
    """A batch that is out: which of its items have no answer yet, and which no label."""

    released: BatchReleased
    at: Instant
    unanswered: set[ItemId]
    unsettled: set[ItemId]


@dataclass(frozen=True, slots=True)
class Judged:
    """A labelled item of a batch with what the model had said of it before anybody labelled it."""

    item: ItemId
    label: str
    scores: tuple[float, ...]
    model: ModelVersion
    reserve: bool
    seq: Position


#: What a rule asks for where it finds that the shares of classes moved.
BLOCK = "block_integration"


@dataclass(slots=True)
class Merging:
    """What integration has to heed: the classes that are held back, and whether a rule asks for more.

    `bad_at`: where the newest answer was parked, but for a class that is held back.
    """

    blocked: set[str] = field(default_factory=set)
    asked: Recorded | None = None
    bad_at: Position = START

    def evolve(self, recorded: Recorded) -> None:
        """Take one fact in."""
        match recorded.fact:
            case AnswerParked(code=code) if code != "class-blocked":
                self.bad_at = recorded.seq
            case ClassBlocked(label=label):
                self.blocked.add(label)
                self.asked = None
            case ClassAllowed(label=label):
                self.blocked.discard(label)
            case ActionAsked(action="block_integration"):
                self.asked = recorded
            case ActionRefused(action="block_integration"):
                self.asked = None
            case _:
                pass


@dataclass(slots=True)
class Transition:
    """An architecture in shadow: since when, and for which work it is ahead of the one that governs."""

    began: TransitionBegan
    at: Instant
    cycle: int
    ahead: dict[str, Instant] = field(default_factory=dict)
