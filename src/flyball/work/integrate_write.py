"""Write down what merges came to, with the end of their jobs; and close the batches that are over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flyball.core.facts import BatchSettled
from flyball.core.ids import Instant, ItemId, Position
from flyball.core.labels.merge import Outcome
from flyball.core.loop_parts import OpenBatch
from flyball.errors import Conflict, LeaseLost, StaleItems, Unreachable
from flyball.ports import Commit, Draft, Job, Receipt, Unless
from flyball.work.integrate_items import Item, Told, batch_of, outcome_of, read, told_of
from flyball.work.integrate_proof import VALIDATED
from flyball.work.integrate_retry import give_back
from flyball.work.integrate_rules import ARRIVING, TAKING_BACK, Rules, newest
from flyball.work.integrate_stored import Written
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
    """How many jobs are done, the labels that were written, how many answers were parked, and the items
    whose labels were taken back.

    `left`: what was not written, because what it goes by is not so any more; `stale` says what.
    """

    done: int = 0
    labels: tuple[Written, ...] = ()
    parked: int = 0
    withdrawn: tuple[ItemId, ...] = ()
    left: tuple[Change, ...] = ()
    stale: StaleItems | None = None

    def and_then(self, other: Wrote) -> Wrote:
        """Both together; what is left is what the other left."""
        return Wrote(
            self.done + other.done,
            self.labels + other.labels,
            self.parked + other.parked,
            self.withdrawn + other.withdrawn,
            other.left,
            other.stale,
        )


def write(tools: Tools, changes: Sequence[Change], rules: Rules, now: Instant) -> Wrote:
    """Write what is still ours; `left` is what is to be merged anew. Raises Unreachable.

    What another worker took over is his, and stays out. What the store cannot hold is given back alone.
    """
    if not changes:
        return Wrote()
    told = [told_of(each.item, each.outcome, rules.contract, batch_of(each.job.cause)) for each in changes]
    unknown = ARRIVING if any(each.item.state is None for each in changes) else ()
    unless = rules.unless(*unknown, *_taking_back(told))
    try:
        receipts = tools.write(_commit(tools, told, [each.job for each in changes], unless), now)
    except LeaseLost as error:
        still = [each for each in changes if each.job.job not in error.jobs]
        if len(still) == len(changes):
            raise
        return write(tools, still, rules, now)
    except Unreachable:
        raise
    except StaleItems as error:
        return Wrote(left=tuple(changes), stale=error)
    except Exception as error:  # one of them brings all others down with it
        if len(changes) == 1:
            give_back(tools, [changes[0].job], error, now)
            return Wrote()
        half = len(changes) // 2
        first, then = (write(tools, some, rules, now) for some in (changes[:half], changes[half:]))
        both = first.and_then(then)
        return replace(both, left=first.left + then.left, stale=first.stale or then.stale)
    needed = [each.needed for each in changes]
    labels = _written(told, [each.item for each in changes], needed, receipts, rules, final=False)
    tools.unvalidated.extend(labels)
    withdrawn = tuple(each.withdrawn.item for each in told if each.withdrawn is not None)
    return Wrote(len(changes), labels, sum(len(each.parked) for each in told), withdrawn)


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


def close(tools: Tools, batch: OpenBatch, now: Instant) -> tuple[Written, ...] | None:
    """End a batch. Items with too few answers take the label that they have, and the rest is missing.

    None where it stays open for now: some of its answers are left to their merge, and it ends after that.
    """
    for _ in range(CLOSED_AGAIN):
        try:
            return _close(tools, batch, newest(tools, now), now)
        except StaleItems:  # somebody was heard or decided, or another worker settled one, meanwhile
            continue
    return None


def _close(tools: Tools, batch: OpenBatch, rules: Rules, now: Instant) -> tuple[Written, ...] | None:
    name, needed = batch.released.batch, batch.released.answers_needed
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
    unless = rules.unless(items=[item.item for item in items])
    commit = _commit(tools, told, (), unless)
    ended = Draft(fact, event_id=f"settled-{name}")
    try:
        receipts = tools.write(replace(commit, facts=[*commit.facts, ended]), now)
    except Conflict:
        if not tools.store.shared:
            raise
        tools.catch_up()  # another worker closed it in this moment
        return None
    labels = _written(told, items, [needed] * len(items), receipts, rules, final=True)
    tools.unvalidated.extend(labels)
    return labels


def _taking_back(told: Sequence[Told]) -> tuple[str, ...]:
    return TAKING_BACK if any(each.withdrawn and each.withdrawn.batch for each in told) else ()


def _commit(tools: Tools, told: Sequence[Told], done: Sequence[Job], unless: Unless) -> Commit:
    standing = {seq: status for each in told for seq, status in each.standing.items()}
    facts = [Draft(fact) for each in told for fact in each.facts]
    notes = {} if tools.validated is None else {VALIDATED: str(tools.validated)}
    return Commit(facts, done=done, standing=standing, unless=unless, notes=notes)


def _written(
    told: Sequence[Told],
    items: Sequence[Item],
    needed: Sequence[int],
    receipts: Sequence[Receipt],
    rules: Rules,
    final: bool,
) -> tuple[Written, ...]:
    """The labels among the facts, each with its receipt."""
    places = iter(receipts)
    found: list[Written] = []
    for each, item, of in zip(told, items, needed, strict=True):
        seqs = [next(places).seq for _ in each.facts]
        if each.label is not None:
            found.append(Written(seqs[-1], each.label, item, of, rules, final))
    return tuple(found)
