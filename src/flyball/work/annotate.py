"""Release batches to annotators: chosen from the pool, paid for by the budget, nobody asked twice."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from flyball.core.chance import rng
from flyball.core.due import Due, Go, Supply
from flyball.core.due import release as may_release
from flyball.core.facts import BatchReleased
from flyball.core.ids import BatchId, Instant, ItemId
from flyball.core.sampling.scores import Floats
from flyball.core.sampling.strategies import Pool, choose, rare_class
from flyball.core.table import stack, texts
from flyball.errors import StaleItems
from flyball.ports import Commit, Draft, ItemRows, Offer, Stream
from flyball.work.ingest import ended
from flyball.work.integrate_proof import judgements
from flyball.work.lanes import Begun, Done
from flyball.work.tools import Tools, items_of, under

#: The knobs that a batch remembers.
REMEMBERED = ("batch.size", "sampler.name", "sampler.diversity", "sampler.reserve", "label.answers_needed")


def due(tools: Tools, stream: Stream, now: Instant, architecture: str | None = None) -> Due:
    """As the core says, from what there is to release; under another architecture where one is named."""
    state = tools.state
    budget = tools.settings.budget

    knob = under(architecture, tools.batch_knob(state.released + 1, now)[0])

    def supplied() -> Supply:
        return Supply(
            pool=len(tools.store.items.pool(min(int(float(knob("batch.size"))), tools.settings.pool.newest))),
            budget=budget.left(state.arrived, state.asked),
            ends=ended(tools, stream),
            grows=budget.labels is None,
        )

    return may_release(state, knob, supplied, now)


def begin(tools: Tools, go: Go, now: Instant) -> Begun | None:
    """Choose a batch, write it down, and put it before the annotators."""
    with tools.lock:
        fact = _chosen(tools, int(go.more), now)
        if fact is None:
            return None
        try:
            (receipt,) = tools.write(Commit([Draft(fact, event_id=f"batch-{fact.number}")]), now)
        except StaleItems:  # another process took some of them: the next look at the pool will not have them
            return None
        offer(tools, fact, receipt.at)
    return Begun(fact.batch, fact, go.why)


def offer(tools: Tools, fact: BatchReleased, now: Instant) -> None:
    """Put a batch before the annotators; again after a restart, which changes nothing."""
    trained = tools.state.models.get(fact.model) if fact.model is not None else None
    classes = () if trained is None else tuple(trained.classes)
    offered = Offer(fact.batch, fact.items, fact.answers_needed, fact.model, classes, fact.scores)
    tools.desk.offer(offered, now)


def finish(begun: Begun) -> Done:
    """The batch is out."""
    fact: BatchReleased = begun.inputs
    about = f"batch {fact.number}: {len(fact.items)} items by {fact.sampler}, {len(fact.reserve)} by chance"
    return Done(about, {"batch": fact.batch, "items": len(fact.items)})


def _chosen(tools: Tools, size: int, now: Instant) -> BatchReleased | None:
    state = tools.state
    number = state.released + 1
    knob, rules = tools.batch_knob(number, now)
    rows = tools.store.items.pool(tools.settings.pool.newest)
    if not len(rows):
        return None
    scores = _scores(tools, rows)
    sampler = str(knob("sampler.name")) if scores is not None else "random"
    chosen = choose(
        Pool(items_of(rows.table["item"]), scores, rows.table["time"], _rare(tools)),
        size,
        reserve_share=float(knob("sampler.reserve")),
        strategy=sampler,
        diversity=float(knob("sampler.diversity")),
        rng=rng(tools.settings.seed, "release", number),
    )
    return BatchReleased(
        batch=BatchId(f"batch-{number}"),
        number=number,
        items=chosen.items,
        reserve=chosen.reserve,
        sampler=sampler,
        pool=len(rows),
        model=None if scores is None else state.pool_scores[0].model,
        rules=rules,
        answers_needed=max(1, int(float(knob("label.answers_needed")))),
        due=now + tools.settings.loop.patience,
        scores=_said(rows, scores, set(chosen.items)),
        knobs={name: knob(name) for name in REMEMBERED},
        decision=state.decided if rules == state.rules else state.decided_in_canary,
    )


def _scores(tools: Tools, rows: ItemRows) -> Floats | None:
    """The newest scores in the order of `rows`, NaN for an item that has none; None where no item has."""
    scored = tools.state.pool_scores
    if not scored:
        return None
    table = stack([tools.table(fact.segment) for fact in scored])
    columns = np.column_stack([table[name] for name in table.names if name.startswith("p_")])
    place = {item: row for row, item in enumerate(table["item"])}
    found = np.array([place.get(item, -1) for item in rows.table["item"]], dtype=np.int64)
    if not (found >= 0).any():
        return None
    return np.where((found >= 0)[:, None], columns[found], np.nan)


def _rare(tools: Tools) -> int | None:
    state = tools.state
    if not state.pool_scores:
        return None
    labels = texts(judged.label for judged in judgements(state)[1])
    return rare_class(labels, state.models[state.pool_scores[0].model].classes)


def _said(rows: ItemRows, scores: Floats | None, chosen: set[ItemId]) -> Mapping[str, tuple[float, ...]]:
    if scores is None:
        return {}
    return {
        str(item): tuple(round(float(value), 6) for value in scores[row])
        for row, item in enumerate(rows.table["item"])
        if item in chosen and np.isfinite(scores[row]).all()
    }
