"""Settle answers into labels: asynchronously, in order, once in effect; and close batches."""

from __future__ import annotations

from dataclasses import dataclass

from flyball.core.due import Due, Go, Wait
from flyball.core.facts import AnswerGiven, AnswerParked, BatchSettled, Fact, LabelSettled, Recorded
from flyball.core.ids import START, BatchId, Instant, ItemId
from flyball.core.labels.settle import Settled, Waiting, settle
from flyball.core.loop_parts import OpenBatch
from flyball.errors import Conflict
from flyball.ports import Commit, Draft, ItemState, Job
from flyball.work.lanes import Begun, Done, failed
from flyball.work.tools import Tools

#: How long a pass may hold its jobs.
LEASE = 600.0
#: How often a merge is tried, and how long it rests after the first failure: ten times longer each time.
ATTEMPTS, AGAIN = 3, 1.0


@dataclass(frozen=True, slots=True)
class Merge:
    """One item's job, what was said about the item so far, and the item as it stands."""

    job: Job
    answers: tuple[Recorded, ...]
    state: ItemState | None


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of one job: a fact, nothing yet (more answers are needed), or an error."""

    job: Job
    fact: Fact | None
    error: Exception | None = None


def due(tools: Tools, now: Instant) -> Due:
    """Answers wait, or a batch ran out of patience."""
    waiting = tools.store.jobs.waiting("merge")
    if waiting.ready and waiting.oldest is not None and waiting.oldest <= now:
        return Go(f"{waiting.ready} answers wait")
    overdue = min((batch.released.due for batch in tools.state.open.values()), default=None)
    if overdue is not None and overdue <= now:
        return Go("a batch ran out of time")
    return Wait("no answers wait", min((t for t in (waiting.oldest, overdue) if t is not None), default=None))


def begin(tools: Tools, go: Go, now: Instant) -> Begun:
    """Claim the jobs of this pass and read what they need."""
    limit = int(float(tools.knobs.value("integrate.batch", now)))
    tools.store.jobs.recover(now)
    jobs = tools.store.jobs.claim("merge", now, limit, LEASE)
    try:
        items = [ItemId(job.lock) for job in jobs]
        states = tools.store.items.find(items)
        merges = [
            Merge(job, tools.store.items.answers(item), states.get(item))
            for job, item in zip(jobs, items, strict=True)
        ]
    except Exception as error:
        for job in jobs:
            _give_back(tools, job, error, now)
        raise
    return Begun("integrate", merges, go.why)


def perform(tools: Tools, begun: Begun) -> list[Merged]:
    """Settle each item from all that was said about it; one that fails stops none of the others."""
    return [_merged(tools, merge) for merge in begun.inputs]


def finish(tools: Tools, begun: Begun, merged: list[Merged], now: Instant) -> Done:
    """Write the labels down with the end of their jobs, then close the batches that are whole or late."""
    with tools.lock:
        for each in merged:
            if each.error is not None:
                _give_back(tools, each.job, each.error, now)
        drafts = [Draft(each.fact) for each in merged if each.fact is not None]
        done = [each.job for each in merged if each.error is None]
        if drafts or done:
            tools.write(Commit(facts=drafts, done=done), now)
        closed = [batch for batch in tools.state.open.values() if _is_over(batch, now)]
        for batch in closed:
            _close(tools, batch, now)
    labels = sum(isinstance(draft.fact, LabelSettled) for draft in drafts)
    parked = len(drafts) - labels
    return Done(
        f"{labels} labels from {len(done)} answers" + (f", {parked} parked" if parked else ""),
        {"answers": len(done), "labels": labels, "parked": parked, "batches": len(closed)},
    )


def fail(tools: Tools, begun: Begun, error: Exception, now: Instant) -> Done:
    """Give all jobs of the pass back."""
    for merge in begun.inputs:
        _give_back(tools, merge.job, error, now)
    return failed(begun, error, now)


def _give_back(tools: Tools, job: Job, error: Exception, now: Instant) -> None:
    """Three tries with longer and longer pauses, then the dead letters."""
    again_at = now + AGAIN * 10 ** (job.attempt - 1) if job.attempt < ATTEMPTS else None
    tools.store.jobs.fail(job, type(error).__name__, str(error), now, again_at)


def _merged(tools: Tools, merge: Merge) -> Merged:
    try:
        return Merged(merge.job, _fact(tools, merge))
    except Exception as error:  # a poisonous answer is tried again, then kept apart; the rest goes on
        return Merged(merge.job, None, error)


def _fact(tools: Tools, merge: Merge) -> Fact | None:
    cause = merge.job.cause
    answer = cause.fact
    assert isinstance(answer, AnswerGiven)
    if merge.state is None:
        return AnswerParked(cause.seq, f"item {answer.item} never arrived")
    if not _allowed(tools, answer.label):
        return AnswerParked(cause.seq, f"label {answer.label!r} is not one of {', '.join(tools.classes)}")
    said = [
        recorded
        for recorded in merge.answers
        if isinstance(recorded.fact, AnswerGiven) and _allowed(tools, recorded.fact.label)
    ]
    newest = max(recorded.seq for recorded in said)
    if merge.state.source == "answers" and (merge.state.seq or START) > newest:
        return None  # the label rests on all of these answers already
    outcome = settle(said, _needed(tools, answer))
    return None if isinstance(outcome, Waiting) else _settled(merge.state, answer.batch, outcome)


def _allowed(tools: Tools, label: str) -> bool:
    return not tools.classes or label in tools.classes


def _settled(state: ItemState, batch: BatchId | None, outcome: Settled) -> LabelSettled:
    """What the world itself has shown (a natural label) stands above what people said."""
    natural = state.source == "natural" and state.label is not None
    return LabelSettled(
        item=state.item,
        label=str(state.label) if natural else outcome.label,
        answers=outcome.answers,
        policy="natural" if natural else "majority",
        batch=batch,
        agreed=outcome.agreed,
    )


def _needed(tools: Tools, answer: AnswerGiven) -> int:
    batch = tools.state.open.get(answer.batch) if answer.batch else None
    return batch.released.answers_needed if batch else 1


def _is_over(batch: OpenBatch, now: Instant) -> bool:
    return not batch.unsettled or batch.released.due <= now


def _close(tools: Tools, batch: OpenBatch, now: Instant) -> None:
    """End a batch. Items with too few answers take the label that they have, and the rest is missing."""
    last = [label for item in sorted(batch.unsettled) if (label := _final(tools, batch, item)) is not None]
    missing = len(batch.unsettled) - len(last)
    settled = len(batch.released.items) - missing
    name = batch.released.batch
    fact = BatchSettled(name, batch.released.number, settled, missing, now - batch.at)
    try:
        tools.write(Commit([*(Draft(label) for label in last), Draft(fact, event_id=f"settled-{name}")]), now)
    except Conflict:
        if not tools.store.shared:
            raise
        tools.catch_up()  # another worker closed it in this moment


def _final(tools: Tools, batch: OpenBatch, item: ItemId) -> LabelSettled | None:
    said = [
        recorded
        for recorded in tools.store.items.answers(item)
        if isinstance(recorded.fact, AnswerGiven) and _allowed(tools, recorded.fact.label)
    ]
    outcome = settle(said, batch.released.answers_needed, final=True)
    if isinstance(outcome, Waiting):
        return None
    state = tools.store.items.find([item])[item]
    return _settled(state, batch.released.batch, outcome)
