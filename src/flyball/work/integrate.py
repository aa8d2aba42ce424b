"""Settle answers into labels: asynchronously, in order, once in effect, with a proof; and close batches."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flyball.core.due import Due, Go, Wait
from flyball.core.facts import AnswerGiven
from flyball.core.ids import Instant, ItemId
from flyball.core.labels.merge import Outcome
from flyball.ports import Job
from flyball.work import contract, contract_parked, integrate_blocks, integrate_proof
from flyball.work.integrate_items import Item, batch_of, needed_of, outcome_of, read
from flyball.work.integrate_retry import claim, give_back, rests_too_long
from flyball.work.integrate_rules import Rules, newest, rules_of
from flyball.work.integrate_skew import note_clocks
from flyball.work.integrate_write import Change, Wrote, close, is_over, to_merge, write
from flyball.work.lanes import Begun, Done, failed
from flyball.work.tools import Tools

#: How long a lane that was stopped by a proof that fails waits before it counts again.
COUNT_AGAIN = 60.0
#: How often a pass is merged anew because what it went by has changed, before it is given back.
ANEW = 5


@dataclass(frozen=True, slots=True)
class Merge:
    """One item's job, the item as it stands, and how many answers it needs."""

    job: Job
    item: Item
    needed: int


@dataclass(frozen=True, slots=True)
class Pass:
    """The merges of one pass, and what they go by: read before the items were."""

    merges: tuple[Merge, ...]
    rules: Rules


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of one job: an outcome, or an error."""

    merge: Merge
    outcome: Outcome | None
    error: Exception | None = None


def due(tools: Tools, now: Instant) -> Due:
    """Answers wait, or a batch ran out of patience; no sooner than the knob `integrate.every` says."""
    next_at = tools.merged_at + float(tools.knobs.value("integrate.every", now))
    if tools.merged_at <= now < next_at:  # a clock that was set back holds nothing up
        return Wait("answers are merged on a cadence", next_at)
    if integrate_proof.ALERT in tools.state.alerts:
        found = integrate_proof.prove(tools.store)
        if not found.holds:
            return Wait(integrate_proof.sentence(found), now + COUNT_AGAIN)
    soon = tools.store.jobs.soon("merge", now)
    if soon.waits is not None and soon.waits <= now:
        return Go("answers wait")
    if rests_too_long(soon, now):
        return Go("answers wait that failed while the clock was ahead")
    if soon.leased is not None and soon.leased <= now:
        return Go("whoever merged some answers did not come back")
    if tools.unvalidated:
        return Go("labels are to be validated")
    due_at = [batch.released.due for batch in tools.state.open.values()]
    late = [batch for batch in tools.state.open.values() if batch.released.due <= now]
    if any(not to_merge(tools, batch) for batch in late):
        return Go("a batch ran out of time")
    if tools.state.merging.asked is not None:
        return Go("a rule asks whether the shares of classes moved")
    overdue = min((at for at in due_at if at > now), default=None)
    soonest = (each for each in (soon.waits, soon.leased, overdue) if each is not None)
    return Wait("no answers wait", min(soonest, default=None))


def begin(tools: Tools, go: Go, now: Instant) -> Begun:
    """Put the newest contract in force, claim the jobs of this pass, and read what they need."""
    tools.merged_at = now
    contract.reload(tools, now)
    limit = int(float(tools.knobs.value("integrate.batch", now)))
    jobs = claim(tools, now, limit)
    try:
        rules = rules_of(tools, now)
        items = read(tools, [_item(job) for job in jobs], rules.contract)
        merges = tuple(Merge(job, items[_item(job)], needed_of(tools, batch_of(job.cause))) for job in jobs)
    except Exception as error:
        give_back(tools, jobs, error, now)
        raise
    return Begun("integrate", Pass(merges, rules), go.why)


def perform(tools: Tools, begun: Begun) -> list[Merged]:
    """Settle each item from all that was said about it; one that fails stops none of the others."""
    found: list[Merged] = []
    for merge in begun.inputs.merges:
        try:
            found.append(Merged(merge, outcome_of(merge.item, begun.inputs.rules, merge.needed)))
        except Exception as error:  # a poisonous answer is kept apart; the rest goes on
            found.append(Merged(merge, None, error))
    return found


def finish(tools: Tools, begun: Begun, merged: list[Merged], now: Instant) -> Done:
    """Write labels down with the end of their jobs, close batches that are whole or late, and prove it."""
    with tools.lock:
        rules = rules_of(tools, now)
        if rules == begun.inputs.rules:
            rules = begun.inputs.rules
        else:  # a person decided while this was under way
            merged, rules = _anew(tools, merged, now)
        merged, wrote = _written(tools, merged, rules, now)
        for each in merged:
            if each.error is not None:
                give_back(tools, [each.merge.job], each.error, now)
        changes = _changes(merged)
        contract_parked.alarm(tools, [(each.job.cause, each.outcome) for each in changes], now)
        labels, closed = len(wrote.labels), 0
        for batch in [batch for batch in tools.state.open.values() if is_over(batch, now)]:
            if (last := close(tools, batch, now)) is not None:
                closed, labels = closed + 1, labels + len(last)
        tools.uncompared = tools.uncompared or closed > 0
        different = integrate_proof.validate(tools, now)
        for item in wrote.withdrawn:  # what is no label cannot be a wrong one
            tools.clear(now, integrate_proof.HELD.format(item=item))
        skewed = note_clocks(tools, [each.merge.job.cause for each in merged], rules.contract, now)
        blocked = integrate_blocks.look(tools, now, closed=tools.uncompared)
        tools.uncompared = False
        found = integrate_proof.of_pass(tools, now)
        integrate_proof.told(tools, found, now)
    more = f", {wrote.parked} parked" if wrote.parked else ""
    more += f", {len(wrote.withdrawn)} taken back" if wrote.withdrawn else ""
    about = f"{labels} labels from {wrote.done} answers{more}"
    numbers = {
        "answers": wrote.done,
        "labels": labels,
        "parked": wrote.parked,
        "withdrawn": len(wrote.withdrawn),
        "batches": closed,
        "different": len(different),
        "skewed": skewed,
        "blocked": blocked,
        "proof": found.numbers(),
    }
    return Done(about if found.holds else f"{about}; {found}", numbers)


def _written(tools: Tools, merged: list[Merged], rules: Rules, now: Instant) -> tuple[list[Merged], Wrote]:
    """Write outcomes down; where what they go by changed in this very moment, those of the newest rules."""
    ready: list[Merged] = []
    wrote = write(tools, _changes(merged), rules, now)
    for _ in range(ANEW):
        if wrote.stale is None:
            break
        # Another process decided, or items and labels of the world came.
        done, left = _parted(merged, wrote)
        ready += done
        merged, rules = _anew(tools, left, now)
        wrote = wrote.and_then(write(tools, _changes(merged), rules, now))
    if wrote.stale is None:
        return ready + merged, wrote
    if not wrote.done:
        raise wrote.stale
    done, left = _parted(merged, wrote)
    return [*ready, *done, *(Merged(each.merge, None, wrote.stale) for each in left)], wrote


def _parted(merged: list[Merged], wrote: Wrote) -> tuple[list[Merged], list[Merged]]:
    """What is over, well or badly, and what is left to be merged anew."""
    left = {each.job.job for each in wrote.left}
    over = [each for each in merged if each.merge.job.job not in left]
    return over, [each for each in merged if each.merge.job.job in left]


def _changes(merged: list[Merged]) -> list[Change]:
    return [
        Change(each.merge.job, each.merge.item, each.outcome, each.merge.needed)
        for each in merged
        if each.outcome is not None
    ]


def _anew(tools: Tools, merged: list[Merged], now: Instant) -> tuple[list[Merged], Rules]:
    """Outcomes by the newest rules and from the items as they are now; errors stay what they are."""
    rules = newest(tools, now)
    left = [each.merge for each in merged if each.error is None]
    items = read(tools, [_item(merge.job) for merge in left], rules.contract)
    merges = [replace(merge, item=items[_item(merge.job)]) for merge in left]
    again = perform(tools, Begun("integrate", Pass(tuple(merges), rules)))
    return [*(each for each in merged if each.error is not None), *again], rules


def fail(tools: Tools, begun: Begun, error: Exception, now: Instant) -> Done:
    """Give all jobs of the pass back."""
    give_back(tools, [merge.job for merge in begun.inputs.merges], error, now)
    return failed(begun, error, now)


def _item(job: Job) -> ItemId:
    answer = job.cause.fact
    assert isinstance(answer, AnswerGiven)
    return answer.item
