"""Settle answers into labels: asynchronously, in order, once in effect, with a proof; and close batches."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flyball.core.due import Due, Go, Wait
from flyball.core.facts import AnswerGiven
from flyball.core.ids import Instant, ItemId
from flyball.core.labels.merge import Outcome
from flyball.ports import Job
from flyball.work import contract, contract_parked, integrate_blocks, integrate_proof
from flyball.work.integrate_items import Item, Rules, batch_of, needed_of, outcome_of, read
from flyball.work.integrate_retry import claim, give_back
from flyball.work.integrate_skew import note_clocks
from flyball.work.integrate_write import Change, close, is_over, to_merge, write
from flyball.work.lanes import Begun, Done, failed
from flyball.work.tools import Tools

#: How long a lane that was stopped by a proof that fails waits before it counts again.
COUNT_AGAIN = 60.0


@dataclass(frozen=True, slots=True)
class Merge:
    """One item's job, the item as it stands, and how many answers it needs."""

    job: Job
    item: Item
    needed: int


@dataclass(frozen=True, slots=True)
class Pass:
    """The merges of one pass, and what they go by."""

    merges: tuple[Merge, ...]
    rules: Rules


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of one job: an outcome, or an error."""

    merge: Merge
    outcome: Outcome | None
    error: Exception | None = None


def due(tools: Tools, now: Instant) -> Due:
    """Answers wait, or a batch ran out of patience."""
    if integrate_proof.ALERT in tools.state.alerts:
        found = integrate_proof.prove(tools.store)
        if not found.holds:
            return Wait(integrate_proof.sentence(found), now + COUNT_AGAIN)
    waiting = tools.store.jobs.waiting("merge")
    if waiting.soonest is not None and waiting.soonest <= now:
        return Go(f"{waiting.ready} answers wait")
    if waiting.leased is not None and waiting.leased <= now:
        return Go("whoever merged some answers did not come back")
    due_at = [batch.released.due for batch in tools.state.open.values()]
    late = [batch for batch in tools.state.open.values() if batch.released.due <= now]
    if any(not to_merge(tools, batch) for batch in late):
        return Go("a batch ran out of time")
    if tools.state.merging.asked is not None:
        return Go("a rule asks whether the shares of classes moved")
    overdue = min((at for at in due_at if at > now), default=None)
    soonest = (each for each in (waiting.soonest, waiting.leased, overdue) if each is not None)
    return Wait("no answers wait", min(soonest, default=None))


def begin(tools: Tools, go: Go, now: Instant) -> Begun:
    """Put the newest contract in force, claim the jobs of this pass, and read what they need."""
    contract.reload(tools, now)
    limit = int(float(tools.knobs.value("integrate.batch", now)))
    jobs = claim(tools, now, limit)
    try:
        rules = rules_of(tools)
        items = read(tools, [_item(job) for job in jobs], rules.contract)
        merges = tuple(Merge(job, items[_item(job)], needed_of(tools, batch_of(job.cause))) for job in jobs)
    except Exception as error:
        give_back(tools, jobs, error, now)
        raise
    return Begun("integrate", Pass(merges, rules), go.why)


def rules_of(tools: Tools) -> Rules:
    """What a merge goes by now."""
    return Rules(contract.in_force(tools), frozenset(tools.state.merging.blocked))


def _up_to_date(tools: Tools) -> Rules:
    """What a merge goes by now, whoever changed it."""
    if tools.store.shared:
        tools.catch_up()
        if tools.contracts is not None:
            tools.contracts.known.catch_up(tools.store.log)
    return rules_of(tools)


def _anew(tools: Tools, merged: list[Merged], rules: Rules) -> list[Merged]:
    """Outcomes by other rules than those that they began with."""
    jobs = [each.merge.job for each in merged if each.error is None]
    items = read(tools, [_item(job) for job in jobs], rules.contract)
    merges = [replace(each.merge, item=items[each.merge.item.item]) for each in merged if each.error is None]
    again = perform(tools, Begun("integrate", Pass(tuple(merges), rules)))
    return [*(each for each in merged if each.error is not None), *again]


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
        rules = _up_to_date(tools)
        if rules != begun.inputs.rules:  # a person or another process decided while this was under way
            merged = _anew(tools, merged, rules)
        for each in merged:
            if each.error is not None:
                give_back(tools, [each.merge.job], each.error, now)
        changes = [
            Change(each.merge.job, each.merge.item, each.outcome, each.merge.needed)
            for each in merged
            if each.outcome is not None
        ]
        wrote = write(tools, changes, rules, now)
        contract_parked.alarm(tools, [(each.job.cause, each.outcome) for each in changes], now)
        written = list(wrote.labels)
        closed = 0
        for batch in [batch for batch in tools.state.open.values() if is_over(batch, now)]:
            if (last := close(tools, batch, rules, now)) is not None:
                closed, written = closed + 1, [*written, *last]
        different = integrate_proof.validate(tools, written, rules, now)
        skewed = note_clocks(tools, [each.merge.job.cause for each in merged], rules.contract, now)
        blocked = integrate_blocks.look(tools, now, closed=closed > 0)
        found = integrate_proof.of_pass(tools, now)
        integrate_proof.told(tools, found, now)
    more = f", {wrote.parked} parked" if wrote.parked else ""
    about = f"{len(written)} labels from {wrote.done} answers{more}"
    numbers = {
        "answers": wrote.done,
        "labels": len(written),
        "parked": wrote.parked,
        "batches": closed,
        "different": len(different),
        "skewed": skewed,
        "blocked": blocked,
        "proof": found.numbers(),
    }
    return Done(about if found.holds else f"{about}; {found}", numbers)


def fail(tools: Tools, begun: Begun, error: Exception, now: Instant) -> Done:
    """Give all jobs of the pass back."""
    give_back(tools, [merge.job for merge in begun.inputs.merges], error, now)
    return failed(begun, error, now)


def _item(job: Job) -> ItemId:
    answer = job.cause.fact
    assert isinstance(answer, AnswerGiven)
    return answer.item
