"""The measures of quality, held against scikit-learn's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from flyball.core.learning.metrics import (
    Codes,
    Floats,
    accuracy,
    aligned,
    average_precision,
    calibration_error,
    codes_of,
    kappa,
    log_loss,
    over_classes,
    roc_auc,
)
from flyball.core.table import texts


def some(seed: int, classes: int = 2, count: int = 40, steps: int = 8) -> tuple[Codes, Floats, Floats]:
    """Labels, probabilities with many ties, and weights of which some are 0; every class occurs."""
    rng = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(classes), rng.integers(classes, size=count - classes)])
    raw = rng.integers(1, steps, size=(count, classes)).astype(np.float64)
    weights = np.concatenate([np.ones(classes), rng.integers(0, 4, size=count - classes)])
    return truth, raw / raw.sum(axis=1, keepdims=True), weights.astype(np.float64)


@given(seed=st.integers(0, 500))
def test_two_classes_agree_with_the_reference(seed: int) -> None:
    truth, p, w = some(seed)
    positive, score = truth == 1, p[:, 1]
    assert average_precision(positive, score, w) == pytest.approx(
        reference.average_precision_score(positive, score, sample_weight=w)
    )
    assert roc_auc(positive, score, w) == pytest.approx(
        reference.roc_auc_score(positive, score, sample_weight=w)
    )


@settings(max_examples=30)
@given(seed=st.integers(0, 200), classes=st.integers(2, 5))
def test_any_number_of_classes_agrees_with_the_reference(seed: int, classes: int) -> None:
    truth, p, w = some(seed, classes)
    guess = p.argmax(axis=1)
    every = list(range(classes))
    assert accuracy(truth, p, w) == pytest.approx(reference.accuracy_score(truth, guess, sample_weight=w))
    assert kappa(truth, p, w) == pytest.approx(reference.cohen_kappa_score(truth, guess, sample_weight=w))
    assert log_loss(truth, p, w) == pytest.approx(reference.log_loss(truth, p, sample_weight=w))
    assert over_classes(roc_auc, truth, p, w, every) == pytest.approx(
        np.mean([reference.roc_auc_score(truth == c, p[:, c], sample_weight=w) for c in every])
    )


@pytest.mark.parametrize("measure", [accuracy, kappa, log_loss, calibration_error])
@given(seed=st.integers(0, 50))
def test_a_row_of_weights_for_each_draw_gives_what_each_gives_alone(
    measure: Callable[[Codes, Floats, Floats], Floats], seed: int
) -> None:
    truth, p, w = some(seed, classes=3)
    both = np.stack([w, np.ones_like(w)])
    assert measure(truth, p, both) == pytest.approx([float(measure(truth, p, each)) for each in both])


@pytest.mark.parametrize("measure", [average_precision, roc_auc])
def test_a_weight_of_two_is_the_label_twice(measure: Callable[[Codes, Floats, Floats], Floats]) -> None:
    truth, p, w = some(3)
    positive, score, times = truth == 1, p[:, 1], w.astype(int)
    repeated = np.ones(times.sum())
    assert measure(positive, score, w) == pytest.approx(
        measure(np.repeat(positive, times), np.repeat(score, times), repeated)
    )


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    truth = np.array([1] * 60 + [0] * 40)
    p = np.tile([0.1, 0.9], (100, 1))
    assert calibration_error(truth, p, np.ones(100)) == pytest.approx(0.3)


def test_calibrated_probabilities_have_nearly_no_calibration_error() -> None:
    rng = np.random.default_rng(0)
    positive = rng.random(50_000)
    truth = (rng.random(50_000) < positive).astype(np.int64)
    assert calibration_error(truth, np.stack([1 - positive, positive], axis=1), np.ones(50_000)) < 0.01


@pytest.mark.parametrize("truth", [[1, 1, 1], [0, 0, 0]], ids=["only positives", "only negatives"])
def test_with_one_class_there_is_no_ranking_to_measure(truth: Sequence[int]) -> None:
    assert np.isnan(roc_auc(np.array(truth) == 1, np.array([0.1, 0.5, 0.9]), np.ones(3)))


def test_kappa_has_no_value_where_everybody_says_the_same() -> None:
    assert np.isnan(kappa(np.zeros(4, dtype=np.int64), np.tile([0.9, 0.1], (4, 1)), np.ones(4)))


def test_a_class_that_the_model_does_not_know_is_an_error_of_bounded_cost() -> None:
    truth = codes_of(texts(["a", "new"]), ("a", "b"))
    p = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert accuracy(truth, p, np.ones(2)) == 0.5
    assert log_loss(truth, p, np.ones(2)) == pytest.approx(13.8155 / 2, abs=1e-3)
    assert kappa(truth, p, np.ones(2)) < 1


def test_scores_are_put_in_the_order_of_other_classes() -> None:
    scores = np.array([[0.7, 0.3]])
    assert aligned(scores, ("a", "c"), ("c", "b", "a")).tolist() == [[0.3, 0.0, 0.7]]
