"""Quality with its interval."""

from __future__ import annotations

import numpy as np
import pytest

from flyball.core.learning.interval import draws, measure
from flyball.core.learning.metrics import Floats, codes_of, log_loss
from flyball.core.table import Column, texts

ALL = {"val.ap", "val.auc", "val.kappa", "val.loss", "val.ece"}


def world(count: int, seed: int, share: float = 0.4) -> tuple[Column, Floats]:
    """Labels and calibrated scores of a model that knows something."""
    rng = np.random.default_rng(seed)
    p = rng.beta(2 * share, 2 * (1 - share), count)
    labels = np.where(rng.random(count) < p, "yes", "no").astype(object)
    return labels, np.stack([1 - p, p], axis=1)


def test_each_measure_comes_with_an_interval_around_it() -> None:
    found = measure(*world(400, 0), ("no", "yes"), np.random.default_rng(1))
    assert set(found) == ALL
    for value, low, high in found.values():
        assert low <= value <= high
        assert 0 < high - low < 0.5


def test_one_seed_is_one_result() -> None:
    found = [measure(*world(200, 0), ("no", "yes"), np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


def test_more_labels_narrow_the_interval() -> None:
    widths = []
    for count in (100, 1000):
        _, low, high = measure(*world(count, 0), ("no", "yes"), np.random.default_rng(1))["val.auc"]
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    labels, scores = world(200_000, 99)
    rng = np.random.default_rng(5)
    true_loss = float(log_loss(codes_of(labels, ("no", "yes")), scores, np.ones(len(labels))))
    covered = 0
    for _ in range(100):
        rows = rng.integers(len(labels), size=200)
        _, low, high = measure(labels[rows], scores[rows], ("no", "yes"), rng)["val.loss"]
        covered += low <= true_loss <= high
    assert 88 <= covered <= 99


@pytest.mark.parametrize(
    ("labels", "known"),
    [
        ([], set()),
        (["no"] * 4, set()),
        (["no"] * 50, {"val.loss", "val.ece"}),
        (["no"] * 50 + ["yes"] * 4, {"val.loss", "val.ece"}),
        (["no"] * 4 + ["yes"] * 50, {"val.loss", "val.ece"}),
        (["no"] * 50 + ["yes"] * 5, ALL),
    ],
    ids=["no labels", "hardly any", "one class", "four positives", "four negatives", "five of each"],
)
def test_a_measure_that_the_labels_cannot_bear_is_left_out(labels: list[str], known: set[str]) -> None:
    p = np.linspace(0.1, 0.9, len(labels))
    found = measure(texts(labels), np.stack([1 - p, p], axis=1), ("no", "yes"), np.random.default_rng(0))
    assert set(found) == known


def test_of_two_classes_the_last_is_positive_unless_another_is_named() -> None:
    labels, scores = world(500, 3, share=0.1)
    last = measure(labels, scores, ("no", "yes"), np.random.default_rng(0))["val.ap"]
    named = measure(labels, scores[:, ::-1], ("yes", "no"), np.random.default_rng(0), "yes")["val.ap"]
    other = measure(labels, scores, ("no", "yes"), np.random.default_rng(0), "no")["val.ap"]
    assert last == named
    assert other[0] > last[0]


def test_of_many_classes_the_mean_is_over_those_with_labels_enough() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([0] * 40 + [1] * 40 + [2] * 2)
    scores = rng.dirichlet([1, 1, 1], len(truth))
    scores[np.arange(len(truth)), truth] += 1
    labels = np.array(["a", "b", "c"], dtype=object)[truth]
    found = measure(labels, scores / scores.sum(axis=1, keepdims=True), ("a", "b", "c"), rng)
    assert set(found) == ALL
    assert 0.5 < found["val.auc"][0] <= 1


def test_each_resample_draws_as_many_as_there_are() -> None:
    weights = draws(30, np.random.default_rng(0), 50)
    assert weights.shape == (50, 30)
    assert np.all(weights.sum(axis=1) == 30)
