"""What facts do to the read models about items: one fold for every store, so that stores cannot differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal, assert_never

import numpy as np
import numpy.typing as npt

from flyball.core.facts import (
    AnswerParked,
    BatchReleased,
    ClassAllowed,
    DefinitionsApproved,
    ItemsArrived,
    LabelSettled,
    LabelsKnown,
    LabelWithdrawn,
    LetterDropped,
    LetterRequeued,
    Recorded,
)
from flyball.core.ids import BatchId, Digest, ItemId, Position
from flyball.core.labels.proof import Status
from flyball.errors import DuplicateItems, StaleItems

State = Literal["pool", "offered", "labelled"]
#: "awaited": a label is known, the item has not come.
Standing = State | Literal["awaited"]
Source = Literal["answers", "natural"]


#: What a store writes in place of a label that is taken back, where chance had chosen the item.
RESERVE = "reserve"


@dataclass(frozen=True, slots=True)
class Arrived:
    """Items came, in the order of their segment's rows. `early`: those whose label was there before them."""

    seq: Position
    segment: Digest
    items: Sequence[ItemId]
    times: npt.NDArray[np.float64]
    early: frozenset[ItemId] = frozenset()


@dataclass(frozen=True, slots=True)
class Offered:
    """Items of the pool went out in a batch."""

    seq: Position
    batch: BatchId
    items: Sequence[ItemId]
    reserve: frozenset[ItemId]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Items got labels, column by column; a later label replaces the present one.

    An item that has not come keeps its label until it comes.
    """

    items: Sequence[ItemId]
    labels: Sequence[str]
    sources: Sequence[Source]
    seqs: Sequence[Position]
    batches: Sequence[BatchId | None]


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """An item's label was taken back: it is in the pool again, or with the annotators still."""

    seq: Position
    item: ItemId
    state: Literal["pool", "offered"]


@dataclass(frozen=True, slots=True)
class Stood:
    """How answers stand from now on. None: nobody has looked at it, or it is to be looked at again.

    `only_new`: of those that nobody has looked at; how the others stand stays as it is.
    """

    answers: Mapping[Position, Status | None]
    only_new: bool = False


Change = Arrived | Offered | Labelled | Unlabelled | Stood


def changes(
    facts: Iterable[Recorded],
    arrivals: tuple[Sequence[ItemId], npt.NDArray[np.float64]] | None = None,
    known: tuple[Sequence[ItemId], Sequence[str]] | None = None,
) -> tuple[Change, ...]:
    """What these facts do to items, in order.

    `arrivals` are the names and times that belong to the ItemsArrived among the facts, `known` the items
    and labels that belong to the LabelsKnown. Columns that do not fit the fact raise ValueError.
    """
    found: list[Change] = []
    for settled, group in groupby(facts, key=lambda recorded: isinstance(recorded.fact, LabelSettled)):
        if settled:
            found.append(_settled(list(group)))
            continue
        for recorded in group:
            match recorded.fact:
                case ItemsArrived() as fact:
                    found.append(_arrived(recorded.seq, fact, arrivals))
                case LabelsKnown():
                    found.append(_known(recorded.seq, known))
                case BatchReleased() as fact:
                    found.append(Offered(recorded.seq, fact.batch, fact.items, frozenset(fact.reserve)))
                case LabelWithdrawn(item=item, batch=batch):
                    found.append(Unlabelled(recorded.seq, item, "pool" if batch is None else "offered"))
                case _:
                    pass
    return tuple(found)


def stood(
    facts: Iterable[Recorded], standing: Mapping[Position, Status], judged: Iterable[Position]
) -> tuple[Stood, ...]:
    """How answers stand after these facts: what the facts say, and for others what `standing` says.

    `judged`: answers whose jobs are done. One that nothing was said of waits, as it did before.
    """
    found: dict[Position, Status | None] = {}
    for recorded in facts:
        match recorded.fact:
            case LabelSettled(answers=answers, superseded=superseded):
                found |= dict.fromkeys(answers, "merged")
                found |= dict.fromkeys(superseded, "superseded")
            case AnswerParked(answer=answer):
                found[answer] = "parked"
            case LetterDropped(fact=answer):
                found[answer] = "dead"
            case LetterRequeued(fact=answer):
                found[answer] = None
            case DefinitionsApproved(answers=answers) | ClassAllowed(answers=answers):
                found |= dict.fromkeys(answers)
            case _:
                pass
    found |= {answer: status for answer, status in standing.items() if answer not in found}
    left: dict[Position, Status | None] = {seq: "pending" for seq in judged if seq not in found}
    told = (Stood(found), Stood(left, only_new=True))
    return tuple(each for each in told if each.answers)


def asked(those: Iterable[Change]) -> list[ItemId]:
    """The items whose present standing `checked` has to know."""
    found: list[ItemId] = []
    for each in those:
        match each:
            case Arrived(items=items) | Offered(items=items):
                found += items
            case Unlabelled(item=item):
                found.append(item)
            case _:
                pass
    return found


def checked(those: Sequence[Change], standing: Mapping[ItemId, Standing]) -> tuple[Change, ...]:
    """The same changes, known to be possible in this order, with `Arrived.early` filled in.

    `standing`: how the items of `asked` stand now; unknown ones are left out. Raises DuplicateItems
    for an item that is there already, StaleItems for one that is offered and not in the pool, or whose
    label is taken back and that has none.
    """
    now = dict(standing)
    return tuple(_checked(each, now) for each in those)


def _checked(change: Change, now: dict[ItemId, Standing]) -> Change:
    match change:
        case Arrived():
            early = frozenset(item for item in change.items if now.get(item) == "awaited")
            _refuse_duplicates(change, now)
            now.update((item, "labelled" if item in early else "pool") for item in change.items)
            return replace(change, early=early)
        case Offered():
            stale = [item for item in change.items if now.get(item) != "pool"]
            stale += _twice(change.items)
            if stale:
                raise StaleItems(
                    f"batch {change.batch} cannot be released: {_some(stale)} not in the pool (any more)."
                    " Choose again."
                )
            now.update((item, "offered") for item in change.items)
        case Labelled():
            for item in change.items:
                now[item] = "labelled" if now.get(item, "awaited") != "awaited" else "awaited"
        case Unlabelled(item=item, state=state):
            if now.get(item) != "labelled":
                raise StaleItems(f"no label of item {item} can be taken back: it has none (any more).")
            now[item] = state
        case Stood():
            pass
        case _:
            assert_never(change)
    return change


def _refuse_duplicates(change: Arrived, now: Mapping[ItemId, Standing]) -> None:
    there = [item for item in change.items if now.get(item, "awaited") != "awaited"]
    there += _twice(change.items)
    if there:
        raise DuplicateItems(
            f"items cannot arrive twice: {_some(there)} there already, or twice among these."
            " Leave them out, and record them as refused."
        )


def _arrived(
    seq: Position, fact: ItemsArrived, arrivals: tuple[Sequence[ItemId], npt.NDArray[np.float64]] | None
) -> Arrived:
    if arrivals is None:
        raise ValueError("ItemsArrived comes without the names and times of the items")
    items, times = arrivals
    if not len(items) == len(times) == fact.count:
        raise ValueError(f"{fact.count} items arrived, with {len(items)} names and {len(times)} times")
    if not np.isfinite(times).all():
        raise ValueError("an item without a time cannot arrive")
    return Arrived(seq, fact.segment, items, times)


def _known(seq: Position, known: tuple[Sequence[ItemId], Sequence[str]] | None) -> Labelled:
    if known is None:
        raise ValueError("LabelsKnown comes without the items and their labels")
    items, labels = known
    # Two labels for one item in one fact have the same place in history: the last one counts.
    last = dict(zip(items, labels, strict=True))
    size = len(last)
    return Labelled(list(last), list(last.values()), ["natural"] * size, [seq] * size, [None] * size)


def _settled(facts: Sequence[Recorded]) -> Labelled:
    rows = [(each.seq, each.fact) for each in facts if isinstance(each.fact, LabelSettled)]
    return Labelled(
        [fact.item for _, fact in rows],
        [fact.label for _, fact in rows],
        # A settlement that found a natural label and let it stand does not make it the annotators'.
        ["natural" if fact.policy == "natural" else "answers" for _, fact in rows],
        [seq for seq, _ in rows],
        [fact.batch for _, fact in rows],
    )


def _twice(items: Sequence[ItemId]) -> list[ItemId]:
    if len(set(items)) == len(items):
        return []
    return [item for item, times in Counter(items).items() if times > 1]


def _some(items: Sequence[ItemId]) -> str:
    """A few names, and how many more.

    >>> _some([ItemId("a"), ItemId("b")])
    'a, b are'
    """
    names = ", ".join(items[:5])
    if len(items) > 5:
        return f"{names} and {len(items) - 5} more are"
    return f"{names} {'is' if len(items) == 1 else 'are'}"
