"""Score: each item once when it came, and the pool for the next batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flyball.core.due import Due, Go, Wait
from flyball.core.due import score as may_score
from flyball.core.facts import ItemsArrived, PoolScored, RunBegan, RunEnded, RunFailed
from flyball.core.ids import Digest, Instant, ModelVersion, Pins, RunId
from flyball.core.sampling.scores import entropy
from flyball.core.table import Feature, Table, stack
from flyball.errors import LearnerFailed
from flyball.ports import Commit, Draft, ItemRows, Job, Model, NewJob
from flyball.work.claims import claim
from flyball.work.lanes import Begun, Done
from flyball.work.tools import Tools

LEASE = 3600.0
ATTEMPTS = 3
AGAIN = 60.0


@dataclass(frozen=True, slots=True)
class Pass:
    """One scoring pass: which model, which arrivals and which part of the pool."""

    run: RunId
    pins: Pins
    job: Job
    began: Instant
    model: ModelVersion
    arrivals: tuple[ItemsArrived, ...]
    pool: ItemRows | None
    features: tuple[Feature, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """What was scored in one segment."""

    segment: Digest
    count: int
    confidence: float | None
    uncertainty: float | None


def due(tools: Tools, now: Instant) -> Due:
    """As the core says, but what failed for good is not begun again before something new has come."""
    due = may_score(tools.state, tools.knob(now), now)
    if isinstance(due, Wait) or isinstance(due.more, RunBegan):
        return due
    if _named(_pins(tools, str(due.more))) in tools.given_up:
        return Wait("scoring failed; it is tried again when something new has come")
    return due


def begin(tools: Tools, features: tuple[Feature, ...], go: Go, now: Instant) -> Begun | None:
    """Fix which model scores what."""
    with tools.lock:
        state = tools.state
        if isinstance(go.more, RunBegan):
            run, pins = go.more.run, go.more.pins
        else:
            pins = _pins(tools, str(go.more))
            run = _named(pins)
            fact = RunBegan(run, "score", pins, go.why)
            commit = Commit([Draft(fact, event_id=run)], jobs=[NewJob("score", "score", 0)])
            (receipt,) = tools.write(commit, now)
            if not receipt.new:  # it failed for good before this process was started
                tools.given_up.add(run)
                return None
        arrivals = tuple(fact for fact in state.unscored if fact.cursor <= pins.more["cursor"])
        pool = _pool(tools, now) if pins.more["purpose"] == "pool" else None
        job = claim(tools, "score", run, now, LEASE)
        if job is None:
            return None
    model = ModelVersion(pins.more["model"])
    return Begun(run, Pass(run, pins, job, now, model, arrivals, pool, features), go.why)


def perform(tools: Tools, begun: Begun) -> tuple[Scored | None, Scored | None]:
    """Score the arrivals, then the pool."""
    work: Pass = begun.inputs
    model = tools.model(work.model)
    fresh = stack([tools.table(arrived.segment) for arrived in work.arrivals if arrived.count])
    arrivals = _scored(tools, model, fresh, work.features)
    pool = None
    if work.pool is not None:
        pool = _scored(tools, model, tools.gather(work.pool), work.features)
    return arrivals, pool


def finish(tools: Tools, begun: Begun, outcome: tuple[Scored | None, Scored | None], now: Instant) -> Done:
    """Write down where the scores are."""
    work: Pass = begun.inputs
    arrivals, pool = outcome
    cursor = int(work.pins.more["cursor"])
    facts = [
        PoolScored(
            run=work.run,
            model=work.model,
            purpose="arrivals" if scored is arrivals else "pool",
            segment=scored.segment,
            count=scored.count,
            cursor=cursor,
            confidence=scored.confidence,
            uncertainty=scored.uncertainty,
            seconds=now - work.began,
        )
        for scored in (arrivals, pool)
        if scored is not None
    ]
    tools.tell(now, *facts, RunEnded(work.run, "score", now - work.began), done=[work.job])
    count = sum(fact.count for fact in facts)
    return Done(f"{count} items by model {work.model}", {"items": count, "model": work.model})


def fail(tools: Tools, begun: Begun, error: Exception, now: Instant) -> Done:
    """Try again later, three times."""
    work: Pass = begun.inputs
    final = work.job.attempt >= ATTEMPTS and isinstance(error, LearnerFailed)
    again_at = None if final else now + AGAIN * 2 ** min(work.job.attempt, 5)
    detail = f"{type(error).__name__}: {error}"
    with tools.lock:
        tools.store.jobs.fail(work.job, "score", detail, now, again_at)
        if final:
            tools.given_up.add(work.run)
        attempt = work.job.attempt
        tools.tell(now, RunFailed(work.run, "score", "score", detail, attempt, final, again_at))
    return Done(f"failed: {detail}", {"failed": True})


def _named(pins: Pins) -> RunId:
    return RunId(f"score-{pins.digest()[:16]}")


def _pins(tools: Tools, purpose: str) -> Pins:
    state = tools.state
    assert state.champion is not None
    more = {"purpose": purpose, "model": state.champion, "released": state.released, "cursor": state.cursor}
    rules = state.rules or tools.config
    return Pins(state.labels_at, tools.config, rules, tools.code, tools.settings.seed, more)


def _pool(tools: Tools, now: Instant) -> ItemRows:
    rows = tools.store.items.pool(tools.settings.pool.newest)
    share = float(tools.knobs.value("score.pool_share", now))
    keep = max(1, round(len(rows) * share))
    return ItemRows(rows.table.take(slice(len(rows) - keep, None))) if len(rows) else rows


def _scored(tools: Tools, model: Model, table: Table, features: tuple[Feature, ...]) -> Scored | None:
    if not len(table):
        return None
    scores = model.scores(table.select([feature.name for feature in features]))
    columns: dict[str, npt.NDArray[np.float64]] = {
        f"p_{name}": scores[:, index] for index, name in enumerate(model.classes)
    }
    segment = tools.segments.put(Table({"item": table["item"], **columns}))
    return Scored(segment, len(table), float(scores.max(axis=1).mean()), float(entropy(scores).mean()))
