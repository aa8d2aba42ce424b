"""When lanes may start, in each architecture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flyball.core.due import Go, Supply, Wait, release, score, train
from flyball.core.facts import (
    ActionAsked,
    AnswerGiven,
    BatchReleased,
    BatchSettled,
    Fact,
    ItemsArrived,
    LabelSettled,
    LabelsKnown,
    ModelPromoted,
    ModelTrained,
    PoolScored,
    Recorded,
    RunBegan,
    RunEnded,
    RunFailed,
)
from flyball.core.ids import AnnotatorId, BatchId, Digest, ItemId, ModelVersion, Pins, Position, RunId
from flyball.core.knobs import KNOBS, Value
from flyball.core.loop import LoopState, fold

NONE = Digest("0" * 64)
ITEMS = tuple(ItemId(f"i{n}") for n in range(4))


def given(*facts: Fact) -> LoopState:
    return fold(Recorded(Position(seq), float(seq), fact) for seq, fact in enumerate(facts, start=1))


def knobs(**turned: Value) -> Callable[[str], Value]:
    named = {name.replace("__", "."): value for name, value in turned.items()}
    return lambda name: named.get(name, KNOBS[name].default)


def supply(pool: int = 1000, budget: int | None = 1000, ends: bool = False) -> Callable[[], Supply]:
    return lambda: Supply(pool, budget, ends, grows=True)


def released(number: int = 1) -> BatchReleased:
    return BatchReleased(
        BatchId(f"batch-{number}"), number, ITEMS, ITEMS[:1], "entropy", 100, None, NONE, 1, due=1e9
    )


def answered(item: ItemId, number: int = 1) -> AnswerGiven:
    return AnswerGiven(item, AnnotatorId("ana"), "yes", BatchId(f"batch-{number}"))


def settled(item: ItemId, label: str = "yes", number: int = 1) -> LabelSettled:
    return LabelSettled(item, label, (), "majority", BatchId(f"batch-{number}"), 1.0)


def began(run: str = "train-1", work: Any = "train", up_to: int = 1, **more: Any) -> RunBegan:
    return RunBegan(RunId(run), work, Pins(Position(up_to), NONE, NONE, NONE, 7, more), "because")


def trained(version: int = 1) -> ModelTrained:
    return ModelTrained(
        ModelVersion(version), RunId("train-1"), NONE, NONE, 60, Position(1), (), ("no", "yes"), {}, "", 1.0
    )


KNOWN = LabelsKnown(NONE, 60, 60, {"no": 50, "yes": 10})
ARRIVED = ItemsArrived(NONE, 100, 0.0, 1.0, 100)
PROMOTED = ModelPromoted(ModelVersion(1), None, "the first", False)


def test_the_first_batch_goes_out_as_soon_as_the_pool_holds_one() -> None:
    assert release(given(), knobs(), supply(pool=99), 0.0) == Wait("the pool holds 99 of 100 items")
    due = release(given(), knobs(), supply(pool=100), 0.0)
    assert isinstance(due, Go)
    assert due.more == 100


@pytest.mark.parametrize(
    ("budget", "ends", "size"),
    [(1000, False, 100), (None, False, 100), (60, False, None), (60, True, 60), (0, True, None)],
    ids=["plenty", "no limit", "waits for a whole batch", "the rest at the end", "spent"],
)
def test_the_budget_bounds_a_batch(budget: int | None, ends: bool, size: int | None) -> None:
    due = release(given(), knobs(), supply(budget=budget, ends=ends), 0.0)
    assert (due.more if isinstance(due, Go) else None) == size


def test_two_answers_per_item_cost_twice() -> None:
    due = release(given(), knobs(label__answers_needed=2), supply(budget=100, ends=True), 0.0)
    assert isinstance(due, Go)
    assert due.more == 50


def test_sequential_waits_for_the_whole_batch_then_for_the_training() -> None:
    out: list[Fact] = [
        KNOWN,
        released(),
        *(answered(item) for item in ITEMS),
        *(settled(item) for item in ITEMS[:3]),
    ]
    assert release(given(*out), knobs(), supply(), 0.0) == Wait("sequential: batch 1 is still out")
    back: list[Fact] = [*out, settled(ITEMS[3]), BatchSettled(BatchId("batch-1"), 1, 4, 0, 10.0)]
    assert isinstance(release(given(*back), knobs(), supply(), 0.0), Wait)
    assert isinstance(train(given(*back), knobs(), 0.0), Go)


def test_parallel_releases_while_a_training_runs() -> None:
    parallel = knobs(loop__architecture="parallel")
    at_work = given(KNOWN, released(), *(answered(item) for item in ITEMS), began(up_to=1))
    assert isinstance(release(at_work, parallel, supply(), 0.0), Go)
    assert isinstance(release(at_work, knobs(), supply(), 0.0), Wait)


def test_nobody_runs_dry_the_next_batch_goes_out_before_the_last_answer() -> None:
    parallel = knobs(loop__architecture="parallel", batch__size=10)
    assert isinstance(release(given(released()), parallel, supply(), 0.0), Wait)
    three_of_four = given(released(), *(answered(item) for item in ITEMS[:2]))
    assert isinstance(release(three_of_four, parallel, supply(), 0.0), Go)


def test_a_cadence_says_when_to_ask_again() -> None:
    every = knobs(loop__architecture="parallel", release__every=3600.0)
    state = given(released(), *(answered(item) for item in ITEMS))
    assert release(state, every, supply(), 10.0) == Wait("the next batch goes out on its cadence", 3601.0)
    assert isinstance(release(state, every, supply(), 3601.0), Go)


def test_release_paused_is_a_wait_with_its_reason() -> None:
    assert release(given(), knobs(release__paused=True), supply(), 0.0) == Wait("releasing is paused")


def test_a_model_that_cannot_score_leaves_the_choice_to_chance() -> None:
    adaptive = knobs(loop__architecture="adaptive")
    champion: list[Fact] = [KNOWN, ARRIVED, trained(), PROMOTED]
    assert release(given(*champion), adaptive, supply(), 0.0) == Wait("the pool has no scores yet")
    scoring = began("score-1", "score", purpose="pool", model=1, released=0, cursor=100)
    failed = RunFailed(RunId("score-1"), "score", "score", "it threw", 3, True)
    assert isinstance(release(given(*champion, scoring, failed), adaptive, supply(), 0.0), Go)


@pytest.mark.parametrize(
    ("classes", "why"),
    [({"no": 10}, "too few"), ({"no": 100}, "one class")],
    ids=["too few labels", "one class only"],
)
def test_what_cannot_be_learned_from_is_said(classes: dict[str, int], why: str) -> None:
    due = train(given(LabelsKnown(NONE, 1, 1, classes)), knobs(), 0.0)
    assert isinstance(due, Wait)
    assert why in due.why


def test_the_same_labels_are_not_trained_on_again_not_even_when_asked() -> None:
    state = given(KNOWN, began(up_to=1), trained(), RunEnded(RunId("train-1"), "train", 1.0))
    asked = ActionAsked("retrain", "a-rule", "because")
    assert train(state, knobs(), 9.0) == Wait("there is nothing new to learn from")
    state.evolve(Recorded(Position(9), 9.0, asked))
    assert train(state, knobs(), 9.0) == Wait("there is nothing new to learn from")


def test_a_killed_training_is_taken_up_with_its_own_pins() -> None:
    run = began(up_to=1)
    due = train(given(KNOWN, run), knobs(), 0.0)
    assert isinstance(due, Go)
    assert due.more == run


def test_a_failed_training_rests_before_it_is_tried_again() -> None:
    state = given(KNOWN, began(), RunFailed(RunId("train-1"), "train", "learner", "it threw", 1, False, 60.0))
    assert train(state, knobs(), 59.0) == Wait("train failed and is tried again", 60.0)
    assert isinstance(train(state, knobs(), 60.0), Go)


def test_the_pool_is_scored_once_for_each_batch_and_champion() -> None:
    champion: list[Fact] = [KNOWN, ARRIVED, trained(), PROMOTED]
    assert isinstance(score(given(*champion), knobs(), 0.0), Go)
    scoring = began("score-1", "score", purpose="pool", model=1, released=0, cursor=100)
    scored = PoolScored(RunId("score-1"), ModelVersion(1), "pool", NONE, 100, 100, 0.9, 0.1, 1.0)
    done: list[Fact] = [*champion, scoring, scored, RunEnded(RunId("score-1"), "score", 1.0)]
    assert score(given(*done), knobs(), 0.0) == Wait("everything is scored")
    assert isinstance(score(given(*done, released()), knobs(), 0.0), Go)
    assert isinstance(score(given(*done, ItemsArrived(NONE, 5, 2.0, 3.0, 105)), knobs(), 0.0), Go)
