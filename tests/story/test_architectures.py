"""What annotators, operators and auditors can count on, whichever way the lanes overlap."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.loops import facts, little, play

from flyball.bootstrap import App
from flyball.core.facts import (
    BatchReleased,
    BatchSettled,
    DecisionMade,
    KnobTurned,
    LabelSettled,
    ModelTrained,
    RunBegan,
)

T = TypeVar("T")
ARCHITECTURES = ("sequential", "parallel", "adaptive")


def _of(app: App, kind: type[T]) -> list[T]:
    return [recorded.fact for recorded in facts(app) if isinstance(recorded.fact, kind)]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_nobody_is_asked_twice_and_the_budget_is_kept_to_the_last_answer(
    architecture: str, tmp_path: Path
) -> None:
    app = little(tmp_path, loop__architecture=architecture)
    play(app)
    batches = _of(app, BatchReleased)
    asked = Counter(item for batch in batches for item in batch.items)
    assert len(batches) > 3
    assert set(asked.values()) == {1}
    arrived = 0
    spent = 0
    for recorded in facts(app, "items-arrived", "batch-released"):
        match recorded.fact:
            case BatchReleased(items=items):
                spent += len(items)
                assert spent <= 0.1 * arrived
            case fact:
                arrived += fact.count  # type: ignore[union-attr]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_batch_holds_some_items_that_chance_alone_chose(architecture: str, tmp_path: Path) -> None:
    app = little(tmp_path, loop__architecture=architecture)
    play(app)
    assert all(batch.reserve and set(batch.reserve) <= set(batch.items) for batch in _of(app, BatchReleased))


def test_the_same_seed_gives_the_same_log_to_the_last_byte(tmp_path: Path) -> None:
    apps = [little(tmp_path / name, loop__architecture="adaptive") for name in ("one", "two")]
    for app in apps:
        play(app)
    heads = {app.tools.store.log.head().hash for app in apps}
    other = little(tmp_path / "three", loop__architecture="adaptive", seed=8)
    play(other)
    assert len(heads) == 1
    assert other.tools.store.log.head().hash not in heads


def _overlap(app: App) -> float:
    """The share of training time during which a batch was out."""
    out: list[tuple[float, float]] = []
    trained: list[tuple[float, float]] = []
    since: dict[str, float] = {}
    for recorded in facts(app, "batch-released", "batch-settled", "run-began", "run-ended"):
        match recorded.fact:
            case BatchReleased(batch=name) | RunBegan(run=name, work="train"):
                since[name] = recorded.at
            case BatchSettled(batch=name):
                out.append((since[name], recorded.at))
            case fact if getattr(fact, "work", "") == "train":
                trained.append((since[fact.run], recorded.at))  # type: ignore[union-attr]
    shared = sum(
        max(0.0, min(end, back) - max(begin, release)) for begin, end in trained for release, back in out
    )
    return shared / sum(end - begin for begin, end in trained)


def test_in_parallel_a_batch_is_out_while_the_one_before_trains_and_in_sequence_none_is(
    tmp_path: Path,
) -> None:
    busy: dict[str, Any] = {"budget__share": 0.9, "team__seconds_per_item": 1200}
    sequential = little(tmp_path / "s", loop__architecture="sequential", **busy)
    parallel = little(tmp_path / "p", loop__architecture="parallel", **busy)
    for app in (sequential, parallel):
        play(app)
    assert _overlap(sequential) < 0.05
    assert _overlap(parallel) > 0.5


def test_in_sequence_each_batch_is_trained_on_before_the_next_goes_out(tmp_path: Path) -> None:
    app = little(tmp_path, loop__architecture="sequential")
    play(app)
    order = [r.fact.kind for r in facts(app, "batch-released", "batch-settled", "model-trained")]
    after_first = order[order.index("batch-released") :]
    assert all(
        (before, after) != ("batch-settled", "batch-released") for before, after in pairwise(after_first)
    )


def test_rules_are_looked_at_in_every_architecture_and_act_only_in_adaptive(tmp_path: Path) -> None:
    told = {}
    for architecture in ("parallel", "adaptive"):
        app = little(tmp_path / architecture, loop__architecture=architecture)
        play(app)
        told[architecture] = ({d.live for d in _of(app, DecisionMade)}, bool(_of(app, KnobTurned)))
    assert told == {"parallel": ({False}, False), "adaptive": ({True}, True)}


def test_a_batch_that_never_comes_back_blocks_no_lane(tmp_path: Path) -> None:
    app = little(tmp_path, team__source="none", loop__patience="6h", loop__architecture="sequential")
    play(app)
    settled = _of(app, BatchSettled)
    assert len(settled) > 3
    assert all(batch.settled == 0 and batch.missing > 0 for batch in settled)
    assert _of(app, ModelTrained)


def test_an_item_is_settled_once_for_each_answer_and_nothing_waits_at_the_end(tmp_path: Path) -> None:
    app = little(tmp_path)
    play(app)
    labelled = Counter(label.item for label in _of(app, LabelSettled))
    released = {item for batch in _of(app, BatchReleased) for item in batch.items}
    waiting = app.tools.store.jobs.waiting("merge")
    assert set(labelled.values()) == {1}
    assert (waiting.running, waiting.dead) == (0, 0)
    assert len(labelled) >= 0.9 * len(released)


def test_two_answers_an_item_cost_twice_and_give_one_label(tmp_path: Path) -> None:
    two: dict[str, Any] = {"knobs.label.answers_needed": 2}
    app = little(tmp_path, **two)
    play(app)
    labels = _of(app, LabelSettled)
    assert labels
    assert set(Counter(label.item for label in labels).values()) == {1}
    assert all(len(label.answers) >= 2 or label.agreed == 1.0 for label in labels)
    assert app.tools.state.asked == 2 * sum(len(batch.items) for batch in _of(app, BatchReleased))
