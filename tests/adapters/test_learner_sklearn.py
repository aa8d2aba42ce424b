"""Estimators of the user's own as learners."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from flyball.adapters.learner_sklearn import SklearnLearner
from flyball.core.learning.coding import OWN_COLUMN, Dense, Gappy
from flyball.core.table import Column, Feature, Table, texts
from flyball.errors import BadUsage, LearnerFailed

FEATURES = (Feature("amount"), Feature("shop", "category"))
Matrix = npt.NDArray[np.float64]


class Shares:
    """The smallest estimator that there can be: the share of each class, whatever the item."""

    def __init__(self, wrong: str = "") -> None:
        self.wrong = wrong
        self.share: Matrix = np.empty(0)

    def fit(self, matrix: Matrix, target: npt.NDArray[np.int32]) -> None:
        if self.wrong == "fit":
            raise ZeroDivisionError("no gradient")
        assert np.all(np.isfinite(matrix))
        self.share = np.bincount(target) / len(target)

    def predict_proba(self, matrix: Matrix) -> Matrix:
        if self.wrong == "scores":
            raise KeyError("lost")
        rows = np.tile(self.share, (len(matrix), 1))
        return {"shape": rows[:, :1], "sum": rows * 2, "nan": rows * np.nan}.get(self.wrong, rows)


class NoScores:
    """An estimator that gives no probabilities."""

    def fit(self, matrix: Matrix, target: Any) -> None:
        """Learn nothing."""


@pytest.fixture(autouse=True, scope="module")
def own_code() -> Any:
    """The user's module, importable by its name as one in the loop's directory is."""
    module = ModuleType("my_models")
    module.Shares, module.NoScores = Shares, NoScores  # type: ignore[attr-defined]
    for each in (Shares, NoScores):
        each.__module__, each.__qualname__ = "my_models", each.__name__
    sys.modules["my_models"] = module
    yield
    del sys.modules["my_models"]


def world(count: int = 40) -> tuple[Table, Column]:
    rng = np.random.default_rng(0)
    amount = rng.normal(100, 30, count)
    amount[::7] = np.nan
    table = Table({"amount": amount, "shop": texts(["a", "b", None, "c"] * (count // 4))})
    return table, texts(["no", "no", "no", "yes"] * (count // 4))


def test_an_estimator_of_ones_own_needs_fit_and_predict_proba_only() -> None:
    learner = SklearnLearner("my_models.Shares")
    model = learner.fit(*world(), None, FEATURES, seed=1)
    again = learner.load(learner.dump(model))
    assert again.scores(world()[0])[0].tolist() == [0.75, 0.25]


def test_weights_are_not_forced_on_an_estimator_that_takes_none() -> None:
    table, labels = world()
    SklearnLearner("my_models.Shares").fit(table, labels, np.ones(len(labels)), FEATURES, seed=1)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("scores", "my_models.Shares failed while it scored: KeyError: 'lost'"),
        ("shape", r"gave the shape \(40, 1\), not \(40, 2\)"),
        ("sum", "gave rows that are not probabilities"),
        ("nan", "gave rows that are not probabilities"),
    ],
)
def test_wrong_scores_are_told_with_the_estimators_name(wrong: str, complaint: str) -> None:
    model = SklearnLearner("my_models.Shares", {"wrong": wrong}).fit(*world(), None, FEATURES, seed=1)
    with pytest.raises(LearnerFailed, match=complaint):
        model.scores(world()[0])


def test_an_error_in_training_is_told_with_its_class_and_message() -> None:
    learner = SklearnLearner("my_models.Shares", {"wrong": "fit"})
    with pytest.raises(LearnerFailed, match="failed while it trained: ZeroDivisionError: no gradient"):
        learner.fit(*world(), None, FEATURES, seed=1)


@pytest.mark.parametrize(
    ("name", "parameters", "complaint"),
    [
        ("nowhere.Model", {}, "`nowhere.Model` cannot be imported: No module named 'nowhere'"),
        (
            "sklearn.linear_model.LogisticRegresion",
            {},
            "did you mean `sklearn.linear_model.LogisticRegression`",
        ),
        ("my_models.Shares", {"rong": 1}, "cannot be made: TypeError: .*unexpected keyword argument 'rong'"),
        ("my_models.NoScores", {}, "cannot be a learner: it has no predict_proba"),
        ("sklearn.svm.LinearSVC", {}, "cannot be a learner: it has no predict_proba"),
    ],
    ids=["no module", "a slip of the pen", "an unknown parameter", "half an estimator", "no probabilities"],
)
def test_a_name_that_cannot_be_a_learner_is_refused_at_once(
    name: str, parameters: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(BadUsage, match=complaint):
        SklearnLearner(name, parameters)


def test_the_seed_is_handed_to_estimators_that_take_one() -> None:
    learner = SklearnLearner("sklearn.ensemble.RandomForestClassifier", {"n_estimators": 5})
    first, again, other = (learner.dump(learner.fit(*world(), None, FEATURES, seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_without_gaps_numbers_are_standard_and_categories_have_columns() -> None:
    table, _ = world()
    dense = Dense.learned(table, FEATURES)
    matrix = dense.matrix(table)
    assert matrix.shape == (40, 4)
    assert np.all(np.isfinite(matrix))
    assert matrix[0, 0] == 0.0
    assert np.std(matrix[~np.isnan(table["amount"]), 0]) == pytest.approx(1)
    assert matrix[:4, 1:].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]]


def test_with_gaps_what_is_missing_stays_missing() -> None:
    table, _ = world()
    matrix = Gappy.learned(table, FEATURES).matrix(table)
    assert np.isnan(matrix[0, 0]) and matrix[1, 0] == table["amount"][1]
    assert matrix[:4, 1].tolist() == pytest.approx([0, 1, np.nan, 2], nan_ok=True)


def test_of_many_categories_the_commonest_get_a_column() -> None:
    shops = [f"shop {n:03d}" for n in range(100)] + ["shop 099"]
    dense = Dense.learned(Table({"shop": texts(shops)}), [Feature("shop", "category")])
    matrix = dense.matrix(Table({"shop": texts(["shop 099", "shop 098", "new"])}))
    assert matrix.shape == (3, OWN_COLUMN)
    assert matrix.sum(axis=1).tolist() == [1, 0, 0]
