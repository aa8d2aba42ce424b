"""Run integration again on what was captured, with today's code, and hold the labels against it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flyball.core.facts import (
    AnswerGiven,
    AnswerParked,
    BatchReleased,
    BatchSettled,
    LabelSettled,
    LabelsKnown,
    LetterDropped,
    LetterRequeued,
    Recorded,
    body_of,
)
from flyball.core.ids import BatchId, Instant, ItemId, Position, canonical
from flyball.core.labels.settle import Waiting, settle
from flyball.ports import Segments, Store

KINDS = (AnswerGiven, AnswerParked, BatchReleased, BatchSettled, LabelSettled, LabelsKnown)


@dataclass(frozen=True, slots=True)
class Difference:
    """A label that stands and one that integration gives today; None where there is none."""

    item: ItemId
    fact: Position
    stands: Mapping[str, Any] | None
    today: Mapping[str, Any] | None
    what: str


@dataclass(slots=True)
class Reconciled:
    """What came of it. `accounts`: what became of each answer, in numbers that add up to `captured`."""

    labels: int = 0
    same: int = 0
    #: Labels that rest on answers which were erased: nobody can run those again.
    unknowable: int = 0
    captured: int = 0
    accounts: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    #: Answers that are in none of the accounts.
    lost: list[Position] = field(default_factory=list)


@dataclass(slots=True)
class _Seen:
    """The log so far, as far as integration depends on it."""

    needed: dict[BatchId, int] = field(default_factory=dict)
    closed: dict[BatchId, Instant] = field(default_factory=dict)
    open: set[BatchId] = field(default_factory=set)
    natural: dict[ItemId, str] = field(default_factory=dict)
    parked: set[Position] = field(default_factory=set)


def reconcile(store: Store, segments: Segments, classes: Sequence[str], since: Instant) -> Reconciled:
    """Reconcile the answers and labels of the log from a moment on; what came before is taken as it stands.

    `classes`: the labels that may be given; none: any.
    """
    found = Reconciled()
    closed = {
        each.fact.batch: each.at
        for each in store.log.read(kinds=[BatchSettled.kind])
        if isinstance(each.fact, BatchSettled)
    }
    seen = _Seen(closed=closed)
    answers: dict[Position, Recorded] = {}
    newest: dict[ItemId, Recorded] = {}
    merged: dict[Position, Position] = {}
    for recorded in store.log.read(kinds=[each.kind for each in KINDS]):
        match recorded.fact:
            case AnswerGiven(draft=False) if recorded.at >= since:
                answers[recorded.seq] = recorded
            case LabelSettled() as fact:
                merged.update(dict.fromkeys(fact.answers, recorded.seq))
                newest[fact.item] = recorded
                if recorded.at >= since:
                    _hold(found, store, seen, classes, recorded)
            case _:
                _see(seen, segments, recorded)
    _hold_items(found, store, newest, since)
    _account(found, store, seen, classes, answers, merged)
    return found


def _see(seen: _Seen, segments: Segments, recorded: Recorded) -> None:
    match recorded.fact:
        case BatchReleased(batch=batch, answers_needed=needed):
            seen.needed[batch] = needed
            seen.open.add(batch)
        case BatchSettled(batch=batch):
            seen.open.discard(batch)
        case LabelsKnown(segment=segment):
            table = segments.get(segment)
            seen.natural.update(zip(map(ItemId, table["item"]), map(str, table["label"]), strict=True))
        case AnswerParked(answer=answer):
            seen.parked.add(answer)
        case _:
            pass


def _hold(found: Reconciled, store: Store, seen: _Seen, classes: Sequence[str], recorded: Recorded) -> None:
    """Give the label of a fact again, and hold both against each other, byte for byte."""
    fact = recorded.fact
    assert isinstance(fact, LabelSettled)
    found.labels += 1
    said = [each for each in store.items.answers(fact.item) if _counts(each, classes)]
    if not set(fact.answers) <= {each.seq for each in said}:
        found.unknowable += 1
        return
    # What came after the newest answer that it rests on had not been read when it was settled.
    said = [each for each in said if each.seq <= max(fact.answers)]
    needed = seen.needed.get(fact.batch, 1) if fact.batch in seen.open and fact.batch is not None else 1
    outcome = settle(said, needed)
    if isinstance(outcome, Waiting) and fact.batch is not None:
        # It was given to an item whose batch ran out of time.
        outcome = settle(said, needed, final=seen.closed.get(fact.batch) == recorded.at)
    if isinstance(outcome, Waiting):
        found.differences.append(Difference(fact.item, recorded.seq, body_of(fact), None, outcome.why))
        return
    natural = seen.natural.get(fact.item)
    policy = fact.policy if natural is None else "natural"
    label = outcome.label if natural is None else natural
    today = LabelSettled(fact.item, label, outcome.answers, policy, fact.batch, outcome.agreed)
    if canonical(body_of(today)) == canonical(body_of(fact)):
        found.same += 1
    else:
        told = "today's code gives another label"
        found.differences.append(Difference(fact.item, recorded.seq, body_of(fact), body_of(today), told))


def _hold_items(found: Reconciled, store: Store, newest: Mapping[ItemId, Recorded], since: Instant) -> None:
    """Hold the table of items against the labels in the log."""
    late = [item for item, recorded in newest.items() if recorded.at >= since]
    states = store.items.find(late)
    for item in late:
        recorded, state = newest[item], states.get(item)
        fact = recorded.fact
        assert isinstance(fact, LabelSettled)
        if state is None or state.seq is None or state.seq < recorded.seq:
            what = "the table of items lacks this label"
        elif state.seq == recorded.seq and state.label != fact.label:
            what = f"the table of items has {state.label} for it"
        else:
            continue
        found.differences.append(Difference(item, recorded.seq, body_of(fact), None, what))


def _account(
    found: Reconciled,
    store: Store,
    seen: _Seen,
    classes: Sequence[str],
    answers: Mapping[Position, Recorded],
    merged: Mapping[Position, Position],
) -> None:
    """Say of each answer what became of it. Nothing is left over, or it was lost."""
    dead = {letter.fact for letter in store.jobs.letters("merge")}
    resolved = {
        each.fact.fact: each.fact.kind
        for each in store.log.read(kinds=[LetterRequeued.kind, LetterDropped.kind])
        if isinstance(each.fact, LetterRequeued | LetterDropped)
    }
    dead |= {fact for fact, kind in resolved.items() if kind == LetterDropped.kind}
    newest = {(_who(answers[seq])): seq for seq in sorted(answers)}
    waiting: list[Position] = []
    for seq, recorded in answers.items():
        found.captured += 1
        if seq in merged:
            found.accounts["merged"] += 1
        elif seq in seen.parked and resolved.get(seq) != LetterRequeued.kind:
            found.accounts["parked"] += 1
        elif seq in dead:
            found.accounts["dead"] += 1
        elif newest[_who(recorded)] > seq:
            found.accounts["superseded"] += 1
        elif _waits(store, seen, classes, recorded):
            found.accounts["pending"] += 1
        else:
            waiting.append(seq)
    queue = store.jobs.waiting("merge")
    queued = queue.ready + queue.running
    found.accounts["pending"] += min(len(waiting), queued)
    found.lost = waiting[: max(0, len(waiting) - queued)]


def _waits(store: Store, seen: _Seen, classes: Sequence[str], recorded: Recorded) -> bool:
    """Whether more answers about the item are needed before there is a label."""
    fact = recorded.fact
    assert isinstance(fact, AnswerGiven)
    needed = seen.needed.get(fact.batch, 1) if fact.batch is not None and fact.batch in seen.open else 1
    said = [each for each in store.items.answers(fact.item) if _counts(each, classes)]
    return isinstance(settle(said, needed), Waiting)


def _counts(recorded: Recorded, classes: Sequence[str]) -> bool:
    fact = recorded.fact
    return isinstance(fact, AnswerGiven) and (not classes or fact.label in classes)


def _who(recorded: Recorded) -> tuple[str, str]:
    fact = recorded.fact
    assert isinstance(fact, AnswerGiven)
    return fact.item, fact.annotator


def told(found: Reconciled) -> Iterator[str]:
    """The equation in one line, and what is wrong with it."""
    accounts = ("merged", "parked", "pending", "dead", "superseded")
    sum_ = " + ".join(f"{found.accounts[name]} {name}" for name in accounts)
    lost = f" + {len(found.lost)} LOST" if found.lost else ""
    yield f"captured {found.captured} = {sum_}{lost}"
