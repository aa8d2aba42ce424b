"""What a loop is compared with is the same loop, but for the one thing that is compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.loops import facts, little, play, write_loop

from flyball.adapters.learner_lightgbm import LightgbmLearner
from flyball.adapters.memory_store import memory_store
from flyball.adapters.segments import MemorySegments
from flyball.adapters.stream import open_stream
from flyball.adapters.toml_file import load
from flyball.bootstrap import simulate
from flyball.core.facts import DecisionMade, PoolScored
from flyball.core.ids import ModelVersion, RunId
from flyball.core.table import Feature, Table, texts
from flyball.ports import Commit, Draft
from flyball.settings import BudgetSettings, Settings
from flyball.twin import baselines


def settings_of(directory: Path, **more: Any) -> Settings:
    named = {name.replace("__", "."): value for name, value in more.items()}
    return load(write_loop(directory), named)


@pytest.mark.parametrize(
    ("budget", "early", "late"),
    [
        (BudgetSettings(share=0.1), 50, 100),
        (BudgetSettings(share=0.9, labels=500), 50, 100),
        (BudgetSettings(labels=500), 100, 100),
        (BudgetSettings(), 100, 100),
    ],
    ids=["a share", "a share and a number", "a number", "no limit"],
)
def test_chance_may_spend_what_the_loop_spent_and_no_faster_than_its_stream_allows(
    tmp_path: Path, budget: BudgetSettings, early: int, late: int
) -> None:
    settings = replace(settings_of(tmp_path), budget=budget)
    random = baselines.at_random(settings, spend=100, arrived=2000, rules=tmp_path / "quiet.yaml")
    assert random.budget.left(1000, 0) == early
    assert random.budget.left(2000, 0) == late
    assert random.budget.left(99_999, 0) == 100


@pytest.mark.parametrize(
    ("own", "played"),
    [("adaptive", "parallel"), ("parallel", "parallel"), ("sequential", "sequential")],
)
def test_no_rule_acts_and_the_lanes_overlap_as_they_did(tmp_path: Path, own: str, played: str) -> None:
    settings = settings_of(tmp_path, loop__architecture=own)
    random = baselines.at_random(settings, 100, 2000, tmp_path / "quiet.yaml")
    assert (random.loop.architecture, random.knobs["loop.architecture"]) == (played, played)
    assert random.knobs["batch.size"] == settings.knobs["batch.size"]
    assert (random.team, random.learner, random.seed, random.stream) == (
        settings.team,
        settings.learner,
        settings.seed,
        settings.stream,
    )


def test_where_drift_starts_trainings_the_detector_keeps_its_scores(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    by_labels = baselines.at_random(settings, 100, 2000, tmp_path / "quiet.yaml")
    settings = replace(settings, knobs={**settings.knobs, "train.trigger": "drift"})
    by_drift = baselines.at_random(settings, 100, 2000, tmp_path / "quiet.yaml")
    assert by_labels.knobs["score.paused"] is True
    assert "score.paused" not in by_drift.knobs


def test_chance_asks_for_exactly_as_many_labels_and_chooses_every_item(tmp_path: Path) -> None:
    own = little(tmp_path, loop__architecture="adaptive", clock__until="3d")
    play(own)
    spend = own.tools.state.asked
    rules = tmp_path / "quiet.yaml"
    rules.write_text(baselines.QUIET_RULES)
    settings = baselines.at_random(own.settings, spend, own.tools.state.arrived - 400, rules)
    random = simulate(settings, open_stream(settings))
    play(random)
    assert random.tools.state.asked == spend
    batches: list[Any] = [recorded.fact for recorded in facts(random, "batch-released")]
    assert all(set(batch.reserve) == set(batch.items) for batch in batches)
    assert not [r for r in facts(random) if isinstance(r.fact, DecisionMade)]
    scored = baselines.scored(random.tools.store.log, random.tools.segments)
    assert set(scored["item"]) == set(baselines.scored(own.tools.store.log, own.tools.segments)["item"])


def scoring(purpose: Any, segment: Any) -> PoolScored:
    return PoolScored(RunId("r"), ModelVersion(1), purpose, segment, 1, 0, None, None, 0.0)


def test_an_item_counts_as_it_was_scored_first_and_a_class_not_known_then_has_no_chance() -> None:
    store, segments = memory_store(np.random.default_rng(0).bytes), MemorySegments()
    first = Table({"item": texts(["a", "b"]), "p_no": np.array([0.9, 0.8]), "p_yes": np.array([0.1, 0.2])})
    later = Table({"item": texts(["b", "c"]), "p_no": np.array([0.5, 0.4]), "p_new": np.array([0.5, 0.6])})
    pool = Table({"item": texts(["d"]), "p_no": np.ones(1)})
    drafts = [
        Draft(scoring("arrivals", segments.put(first))),
        Draft(scoring("pool", segments.put(pool))),
        Draft(scoring("arrivals", segments.put(later))),
    ]
    store.log.append(Commit(drafts), 1.0)
    found = baselines.scored(store.log, segments)
    assert found["item"].tolist() == ["a", "b", "c"]
    assert found["p_no"].tolist() == [0.9, 0.8, 0.4]
    assert found["p_yes"].tolist() == [0.1, 0.2, 0.0]
    assert found["p_new"].tolist() == [0.0, 0.0, 0.6]


def test_a_loop_that_scored_nothing_has_an_empty_table() -> None:
    store = memory_store(np.random.default_rng(0).bytes)
    assert len(baselines.scored(store.log, MemorySegments())) == 0


def test_the_static_model_is_the_loops_first_one_to_the_last_digit(tmp_path: Path) -> None:
    app = little(tmp_path)
    play(app, until=2 * 86400.0)
    state, segments = app.tools.state, app.tools.segments
    first = state.models[ModelVersion(1)]
    arrived = [segments.get(r.fact.segment) for r in facts(app, "items-arrived")]  # type: ignore[union-attr]
    found = baselines.static(
        app.tools.learner, segments.get(first.snapshot), app.stream.features, app.settings.seed, arrived
    )
    model = app.tools.learner.load(app.tools.shelf.get(ModelVersion(1)))
    said = model.scores(arrived[0].select([feature.name for feature in app.stream.features]))
    assert found["p_1"][: len(said)].tolist() == said[:, 1].tolist()
    assert len(found) == state.arrived


def test_a_snapshot_whose_rows_count_differently_is_learned_from_as_it_was() -> None:
    rng = np.random.default_rng(5)
    features = (Feature("x"),)
    x = rng.random(300)
    snapshot = Table(
        {
            "x": x,
            "label": texts("yes" if value > 0.5 else "no" for value in x),
            "weight": np.where(x > 0.7, 5.0, 0.1),
        }
    )
    items = Table({"item": texts(["a", "b"]), "time": np.array([1.0, 2.0]), "x": np.array([0.2, 0.9])})
    learner = LightgbmLearner()
    found = baselines.static(learner, snapshot, features, 7, [items])
    model = learner.fit(snapshot.select(["x"]), snapshot["label"], snapshot["weight"], features, 7)
    assert np.column_stack([found["p_no"], found["p_yes"]]).tolist() == model.scores(items).tolist()
    assert found["time"].tolist() == [1.0, 2.0]
