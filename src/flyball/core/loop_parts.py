"""What a loop's state is made of: batches that are out, labels to measure on, an architecture in shadow."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from sys import intern

from flyball.core.facts import (
    ActionAsked,
    ActionRefused,
    AnswerGivenUp,
    AnswerParked,
    BatchReleased,
    ClassAllowed,
    ClassBlocked,
    LabelSettled,
    Recorded,
    TransitionBegan,
)
from flyball.core.ids import START, Instant, ItemId, ModelVersion, Position


def relabel(labels: dict[ItemId, str], classes: Counter[str], item: ItemId, label: str | None) -> None:
    """Count an item once, under the label that it has now; None: it has none."""
    if (before := labels.pop(item, None)) is not None:
        classes[before] -= 1
        if not classes[before]:
            del classes[before]  # a class of which nothing is left is none
    if label is not None:
        labels[item] = intern(label)
        classes[label] += 1


@dataclass(slots=True)
class OpenBatch:
    """A batch that is out: which of its items have no answer yet, and which no label."""

    released: BatchReleased
    at: Instant
    unanswered: set[ItemId]
    unsettled: set[ItemId]

    def settled(self, item: ItemId) -> None:
        """An item has its label, and nobody has to answer it any more."""
        self.unsettled.discard(item)
        self.unanswered.discard(item)

    def asked_again(self, item: ItemId) -> None:
        """An item lost its label, and waits for another word."""
        self.unsettled.add(item)
        self.unanswered.add(item)


@dataclass(frozen=True, slots=True)
class Judged:
    """A labelled item of a batch with what the model had said of it before anybody labelled it."""

    item: ItemId
    label: str
    scores: tuple[float, ...]
    model: ModelVersion
    reserve: bool
    seq: Position


#: How many labelled items are kept at hand to measure on, and as many of the reserve.
JUDGED_KEPT = 2000


@dataclass(slots=True)
class Judgements:
    """The newest labels of batches that a model had scored, each item with the label that it has now."""

    all: dict[ItemId, Judged] = field(default_factory=dict)
    reserve: dict[ItemId, Judged] = field(default_factory=dict)

    def settled(self, released: BatchReleased, fact: LabelSettled, seq: Position) -> None:
        """An item of a batch has its label."""
        if released.model is None or fact.item not in released.scores:
            return
        scores, reserve = tuple(released.scores[fact.item]), fact.item in released.reserve
        judged = Judged(fact.item, fact.label, scores, released.model, reserve, seq)
        for those in (self.all, self.reserve) if reserve else (self.all,):
            those.pop(fact.item, None)
            those[fact.item] = judged
            if len(those) > JUDGED_KEPT:
                del those[next(iter(those))]

    def anew(self, item: ItemId, label: str) -> None:
        """An item has another label now."""
        for those in (self.all, self.reserve):
            if item in those:
                those[item] = replace(those[item], label=label)

    def withdrawn(self, item: ItemId) -> None:
        """An item has no label any more."""
        self.all.pop(item, None)
        self.reserve.pop(item, None)


#: What a rule asks for where it finds that the shares of classes moved.
BLOCK = "block_integration"


@dataclass(slots=True)
class Merging:
    """What integration has to heed: the classes that are held back, and whether a rule asks for more.

    `bad_at`: where the newest answer was given up, or parked but for a class that is held back.
    """

    blocked: set[str] = field(default_factory=set)
    asked: Recorded | None = None
    bad_at: Position = START

    def evolve(self, recorded: Recorded) -> None:
        """Take one fact in."""
        match recorded.fact:
            case AnswerParked(code=code) if code != "class-blocked":
                self.bad_at = recorded.seq
            case AnswerGivenUp():
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
