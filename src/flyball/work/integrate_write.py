"""Write down what merges came to, with the end of their jobs; and close the batches that are over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flyball.core.facts import BatchSettled
from flyball.core.ids import Instant, Position
from flyball.core.labels.merge import Outcome
from flyball.core.loop_parts import OpenBatch
from flyball.errors import Conflict, LeaseLost, StaleItems, Unreachable
from flyball.ports import Commit, Draft, Job, Receipt, Unless
from flyball.work.integrate_items import Item, Rules, Told, batch_of, outcome_of, read, told_of
from flyball.work.integrate_proof import Written
from flyball.work.integrate_retry import give_back
from flyball.work.tools import Tools

#: How often the items of a batch are read again before it waits for the next pass.
CLOSED_AGAIN = 3


@dataclass(frozen=True, slots=True)
class Change:
    """What one job came to."""

    job: Job
    item: Item
    outcome: Outcome
    needed: int


@dataclass(frozen=True, slots=True)
class Wrote:
    """How many jobs are done, the labels that were written, and how many answers were parked."""

    done: int = 0
    labels: tuple[Written, ...] = ()
    parked: int = 0


def write(tools: Tools, changes: Sequence[Change], rules: Rules, now: Instant) -> Wrote:
    """Write what is still ours. Raises Unreachable.

    What another worker took over is his, and stays out. What the store cannot hold is given back alone.
    """
    if not changes:
        return Wrote()
    told = [told_of(each.item, each.outcome, rules.contract, batch_of(each.job.cause)) for each in changes]
    try:
        receipts = tools.write(_commit(told, [each.job for each in changes]), now)
    except LeaseLost as error:
        still = [each for each in changes if each.job.job not in error.jobs]
        if len(still) == len(changes):
            raise
        return write(tools, still, rules, now)
    except Unreachable:
        raise
    except Exception as error:  # one of them brings all others down with it
        if len(changes) == 1:
            give_back(tools, [changes[0].job], error, now)
            return Wrote()
        half = len(changes) // 2
        parts = [write(tools, some, rules, now) for some in (changes[:half], changes[half:])]
        return Wrote(
            sum(part.done for part in parts),
            tuple(label for part in parts for label in part.labels),
            sum(part.parked for part in parts),
        )
    needed = [each.needed for each in changes]
    labels = _written(told, [each.item for each in changes], needed, receipts, final=False)
    return Wrote(len(changes), labels, sum(len(each.parked) for each in told))


def is_over(batch: OpenBatch, now: Instant) -> bool:
    """Whether every item of a batch has its label, or its time is up."""
    return not batch.unsettled or batch.released.due <= now


def to_merge(tools: Tools, batch: OpenBatch) -> bool:
    """Whether some of a batch's items have answers that wait to be merged, or are merged in this moment."""
    said = tools.store.items.answers_to(sorted(batch.unsettled))
    return _unread(tools, [each.seq for answers in said.values() for each in answers])


def _unread(tools: Tools, answers: Sequence[Position]) -> bool:
    left = set(answers) - tools.store.items.standing(answers).keys()
    return bool(left and left - {letter.fact for letter in tools.store.jobs.letters("merge")})


def close(tools: Tools, batch: OpenBatch, rules: Rules, now: Instant) -> tuple[Written, ...] | None:
    """End a batch. Items with too few answers take the label that they have, and the rest is missing.

    None where it stays open for now: some of its answers are left to their merge, and it ends after that.
    """
    for _ in range(CLOSED_AGAIN):
        try:
            return _close(tools, batch, rules, now)
        except StaleItems:  # somebody was heard, or another worker settled one, since they were read
            tools.catch_up()
    return None


def _close(tools: Tools, batch: OpenBatch, rules: Rules, now: Instant) -> tuple[Written, ...] | None:
    name, needed = batch.released.batch, batch.released.answers_needed
    read_at = tools.store.log.head().seq
    items = list(read(tools, sorted(batch.unsettled), rules.contract).values())
    answers = [each.seq for item in items for each in item.answers]
    if _unread(tools, answers):
        return None
    told = [
        told_of(item, outcome_of(item, rules, needed, final=True), rules.contract, name, again=True)
        for item in items
    ]
    missing = sum(each.label is None for each in told)
    settled = len(batch.released.items) - missing
    fact = BatchSettled(name, batch.released.number, settled, missing, now - batch.at)
    commit = _commit(told, ())
    ended = Draft(fact, event_id=f"settled-{name}")
    try:
        unless = Unless(read_at, [item.item for item in items])
        receipts = tools.write(Commit([*commit.facts, ended], standing=commit.standing, unless=unless), now)
    except Conflict:
        if not tools.store.shared:
            raise
        tools.catch_up()  # another worker closed it in this moment
        return None
    return _written(told, items, [needed] * len(items), receipts, final=True)


def _commit(told: Sequence[Told], done: Sequence[Job]) -> Commit:
    standing = {seq: status for each in told for seq, status in each.standing.items()}
    return Commit([Draft(fact) for each in told for fact in each.facts], done=done, standing=standing)


def _written(
    told: Sequence[Told],
    items: Sequence[Item],
    needed: Sequence[int],
    receipts: Sequence[Receipt],
    final: bool,
) -> tuple[Written, ...]:
    """The labels among the facts, each with its receipt."""
    places = iter(receipts)
    found: list[Written] = []
    for each, item, of in zip(told, items, needed, strict=True):
        seqs = [next(places).seq for _ in each.facts]
        if each.label is not None:
            found.append(Written(seqs[-1], each.label, item, of, final))
    return tuple(found)
