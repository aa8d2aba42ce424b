"""May this lane start now, and why; or why not, and when to ask again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flyball.core.facts import ActionAsked, Recorded, RunBegan
from flyball.core.ids import Instant, Seconds
from flyball.core.knobs import Value
from flyball.core.loop import LoopState

#: A batch goes out before the one in front is wholly answered, so that nobody runs dry.
LOW_WATER = 0.25
#: Too few labels to learn anything from.
LEAST_LABELS = 50

Knobs = Callable[[str], Value]


@dataclass(frozen=True, slots=True)
class Go:
    """Start now. `more` is what the start depends on."""

    why: str
    more: Any = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now. `until`: when to ask again even if nothing happens before (None: something must happen)."""

    why: str
    until: Instant | None = None


Due = Go | Wait


@dataclass(frozen=True, slots=True)
class Supply:
    """What there is to release from: items in the pool, answers left in the budget (None: no limit).

    `ends`: the stream is over. `grows`: the budget grows with the stream, so waiting brings more.
    """

    pool: int
    budget: int | None
    ends: bool
    grows: bool


def release(state: LoopState, knobs: Knobs, supplied: Callable[[], Supply], now: Instant) -> Due:
    """May the next batch go out? `Go.more` is its size. `supplied` is asked only when it matters."""
    size = _number(knobs, "batch.size")
    needed = max(1, _number(knobs, "label.answers_needed"))
    if knobs("release.paused"):
        return Wait("releasing is paused")
    if busy := _held_back(state, knobs, size, now):
        return busy
    supply = supplied()
    affordable = size if supply.budget is None else supply.budget // needed
    if affordable < 1:
        return Wait("the budget is spent")
    if not supply.ends:
        if supply.pool < size:
            return Wait(f"the pool holds {supply.pool} of {size} items")
        if supply.grows and affordable < size:
            return Wait(f"the budget allows {affordable} of {size} items so far")
    if supply.pool < 1:
        return Wait("the pool is empty")
    if unscored := _scores_missing(state, knobs):
        return unscored
    chosen = min(size, affordable, supply.pool)
    return Go(f"{state.in_flight()} items in flight, {supply.pool} in the pool", chosen)


def _held_back(state: LoopState, knobs: Knobs, size: int, now: Instant) -> Wait | None:
    flight = state.in_flight()
    if knobs("loop.architecture") == "sequential":
        if state.open:
            return Wait(f"sequential: batch {state.released} is still out")
        if state.challenger is not None:
            return Wait("sequential: the new model is not judged yet")
        if state.run_of("train") or isinstance(train(state, knobs, now), Go):
            return Wait("sequential: training comes first")
    every: Seconds = float(knobs("release.every"))
    if every > 0 and state.released_at is not None and now < state.released_at + every:
        return Wait("the next batch goes out on its cadence", state.released_at + every)
    if every == 0 and flight > LOW_WATER * size:
        return Wait(f"{flight} items still wait for annotators")
    if flight and flight + size > (limit := _number(knobs, "release.max_open")):
        return Wait(f"{flight} items are out and at most {limit} may be")
    return None


def _scores_missing(state: LoopState, knobs: Knobs) -> Wait | None:
    if state.champion is None or knobs("sampler.name") == "random" or knobs("score.paused"):
        return None
    if state.scoring_failed:
        return None  # chance chooses where the model cannot
    if not state.pool_scores:
        return Wait("the pool has no scores yet")
    behind = state.pool_scored_for != (state.champion, state.released) or state.run_of("score") is not None
    if knobs("loop.architecture") == "sequential" and behind:
        return Wait("sequential: scoring comes first")
    return None


def train(state: LoopState, knobs: Knobs, now: Instant) -> Due:
    """May a training start? `Go.more` is the mode of training."""
    mode = str(knobs("train.mode"))
    if (unfinished := state.run_of("train")) is not None:
        return _resume(state, unfinished, now)
    labels = sum(state.classes.values())
    if labels < LEAST_LABELS:
        return Wait(f"{labels} labels are too few to learn from; {LEAST_LABELS} are needed")
    if len(state.classes) < 2:
        return Wait(
            f"all {labels} labels are of one class, {next(iter(state.classes))}; nothing can be learned"
        )
    if state.labels_at <= state.trained_to:
        return Wait("there is nothing new to learn from")
    if asked := state.asked_for("retrain", "refresh"):
        refresh = "refresh" in state.asks
        return Go(
            f"{'refresh' if refresh else 'retrain'} was asked for ({_by(asked)})", "full" if refresh else mode
        )
    if not state.models:
        return Go("there is no model yet", mode)
    return _triggered(state, knobs, mode, now)


def _triggered(state: LoopState, knobs: Knobs, mode: str, now: Instant) -> Due:
    fresh = state.answered_labels - state.trained_labels
    trigger = str(knobs("train.trigger"))
    if knobs("loop.architecture") == "sequential":
        trained = state.cycles <= state.trained_cycles
        return (
            Wait("no batch has settled since") if trained else Go(f"batch {state.cycles} has settled", mode)
        )
    if trigger == "labels":
        wanted = _number(knobs, "train.every_labels")
        return Go(f"{fresh} new labels", mode) if fresh >= wanted else Wait(f"{fresh} of {wanted} new labels")
    if trigger == "time" and state.trained_at is not None:
        next_at = state.trained_at + float(knobs("train.every"))
        return Go("it is time", mode) if now >= next_at else Wait("trained on a cadence", next_at)
    if trigger == "drift":
        return Go("the error has changed", mode) if state.drift_changed else Wait("no drift was found")
    return Wait("only rules start a training")


def score(state: LoopState, knobs: Knobs, now: Instant) -> Due:
    """May a scoring pass start? `Go.more` is "pool" (arrivals too) or "arrivals"."""
    if (unfinished := state.run_of("score")) is not None:
        return _resume(state, unfinished, now)
    if state.champion is None:
        return Wait("there is no model yet")
    if state.arrived == 0:
        return Wait("no items have arrived")
    never = not state.pool_scores and len(state.unscored) > 0
    pool_due = never or state.pool_scored_for != (state.champion, state.released)
    if pool_due and not knobs("score.paused"):
        return Go("the pool is to be scored for the next batch", "pool")
    fresh = sum(arrived.count for arrived in state.unscored)
    if fresh == 0:
        return Wait("everything is scored")
    every = float(knobs("score.every"))
    last = state.pool_scored_at
    if every > 0 and last is not None and now < last + every:
        return Wait("scores on a cadence", last + every)
    return Go(f"{fresh} items are new", "arrivals")


def _resume(state: LoopState, unfinished: Recorded, now: Instant) -> Due:
    fact = unfinished.fact
    assert isinstance(fact, RunBegan)
    again_at = state.again_at.get(fact.run)
    if again_at is not None and now < again_at:
        return Wait(f"{fact.work} failed and is tried again", again_at)
    return Go(f"{fact.run} began and was not finished", fact)


def _number(knobs: Knobs, name: str) -> int:
    return int(float(knobs(name)))


def _by(asked: Recorded) -> str:
    return asked.fact.by if isinstance(asked.fact, ActionAsked) else "flyball"
