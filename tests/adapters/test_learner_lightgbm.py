"""What is LightGBM's own about the learner."""

from __future__ import annotations

import numpy as np
import pytest

from flyball.adapters.learner_lightgbm import DEFAULTS, PARAMETERS, LightgbmLearner
from flyball.adapters.learner_sklearn import SklearnLearner
from flyball.adapters.learners import open_learner
from flyball.core.learning.metrics import calibration_error, log_loss
from flyball.core.table import Column, Feature, Table, texts
from flyball.errors import BadFile, BadUsage, LearnerFailed

FEATURES = tuple(Feature(f"x{n}") for n in range(5))


def world(count: int, seed: int = 0) -> tuple[Table, Column]:
    rng = np.random.default_rng(seed)
    columns = {feature.name: rng.normal(size=count) for feature in FEATURES}
    p = 1 / (1 + np.exp(-2 * columns["x0"] + columns["x1"] * columns["x2"] + 2))
    return Table(columns), np.where(rng.random(count) < p, "yes", "no").astype(object)


@pytest.mark.parametrize("rows", [100, 5000])
def test_the_number_of_threads_changes_no_byte(rows: int) -> None:
    dumps = set()
    for threads in (1, 2, 3):
        learner = LightgbmLearner({"num_threads": threads, "num_iterations": 20})
        dumps.add(learner.dump(learner.fit(*world(rows), None, FEATURES, seed=7)))
    assert len(dumps) == 1


def test_a_model_is_readable_text() -> None:
    learner = LightgbmLearner({"num_iterations": 2})
    head, _, body = learner.dump(learner.fit(*world(100), None, FEATURES, seed=7)).partition(b"\n")
    assert head.startswith(b'{"classes":["no","yes"],"content":')
    assert body.startswith(b"tree\nversion=")
    assert b"num_threads" not in body


def test_a_model_read_and_written_again_is_the_same_bytes() -> None:
    learner = LightgbmLearner({"num_iterations": 5})
    content = learner.dump(learner.fit(*world(200), None, FEATURES, seed=7))
    assert learner.dump(learner.load(content)) == content


@pytest.mark.parametrize("count", [60, 1000])
def test_few_labels_still_give_honest_probabilities(count: int) -> None:
    model = LightgbmLearner().fit(*world(count), None, FEATURES, seed=1)
    table, labels = world(4000, seed=1)
    truth, ones = (labels == "yes").astype(np.int64), np.ones(4000)
    share = np.full(4000, truth.mean())
    ignorant = log_loss(truth, np.stack([1 - share, share], axis=1), ones)
    assert log_loss(truth, model.scores(table), ones) < ignorant
    assert calibration_error(truth, model.scores(table), ones) < 0.1


def test_what_the_user_sets_wins_over_the_defaults() -> None:
    few, many = (LightgbmLearner({"num_iterations": rounds}) for rounds in (3, 30))
    dumps = [len(learner.dump(learner.fit(*world(300), None, FEATURES, seed=1))) for learner in (few, many)]
    assert dumps[0] < dumps[1] / 3
    assert set(DEFAULTS) <= set(PARAMETERS)


def test_every_unknown_parameter_is_named_with_the_nearest_one() -> None:
    with pytest.raises(BadUsage) as complaint:
        LightgbmLearner({"num_leafs": 7, "objective": "binary", "learning_rat": 0.1})
    assert "`num_leafs` of the LightGBM learner; did you mean `num_leaves`?" in str(complaint.value)
    assert "`objective`" in str(complaint.value)
    assert "did you mean `learning_rate`?" in str(complaint.value)


def test_what_lightgbm_refuses_comes_out_as_a_sentence() -> None:
    with pytest.raises(LearnerFailed, match=r"LightGBM failed while it trained: .*num_leaves"):
        LightgbmLearner({"num_leaves": 1}).fit(*world(100), None, FEATURES, seed=1)


def test_names_and_classes_may_hold_any_text() -> None:
    table, labels = world(100)
    odd = 'betrag, "€" [:]\n'
    renamed = Table({odd: table["x0"], "ort": texts(['a"b', "ü\n", None, "{}"] * 25)})
    named = np.where(labels == "yes", 'wahr"\n', "falsch,").astype(object)
    learner = LightgbmLearner()
    model = learner.fit(renamed, named, None, (Feature(odd), Feature("ort", "category")), seed=1)
    again = learner.load(learner.dump(model))
    assert again.classes == ("falsch,", 'wahr"\n')
    assert np.array_equal(again.scores(renamed), model.scores(renamed))


def test_a_learner_writes_down_only_its_own_models() -> None:
    other = SklearnLearner("sklearn.dummy.DummyClassifier").fit(*world(50), None, FEATURES, seed=1)
    with pytest.raises(TypeError, match="SklearnModel"):
        LightgbmLearner().dump(other)
    with pytest.raises(BadFile, match="is of kind `pickled estimator`, and `lightgbm` is configured"):
        LightgbmLearner().load(SklearnLearner("sklearn.dummy.DummyClassifier").dump(other))


def test_a_wrong_name_of_a_learner_is_answered_with_the_right_one() -> None:
    with pytest.raises(BadUsage, match="unknown learner `lightgmb`; did you mean `lightgbm`"):
        open_learner("lightgmb", {})
