"""Who scores: the champion or its challenger."""

from __future__ import annotations

import numpy as np
import pytest

from flyball.core.learning.compare import Verdict, compare
from flyball.core.learning.metrics import Floats
from flyball.core.table import Column, texts

CLASSES = ("no", "yes")


def world(count: int, share: float, seed: int = 0) -> tuple[Column, Floats]:
    rng = np.random.default_rng(seed)
    logit = rng.normal(size=count) * 2 + np.log(share / (1 - share))
    p = 1 / (1 + np.exp(-logit))
    return np.where(rng.random(count) < p, "yes", "no").astype(object), p


def of(p: Floats) -> Floats:
    return np.stack([1 - p, p], axis=1)


def noisy(p: Floats, noise: float, seed: int) -> Floats:
    logit = np.log(p / (1 - p)) + np.random.default_rng(seed).normal(size=len(p)) * noise
    return 1 / (1 + np.exp(-logit))


def judged(labels: Column, champion: Floats, challenger: Floats) -> Verdict:
    return compare(labels, of(champion), of(challenger), CLASSES, np.random.default_rng(0))


@pytest.mark.parametrize("share", [0.4, 0.01], ids=["common", "rare"])
def test_a_clearly_worse_challenger_leaves_the_champion_in_place(share: float) -> None:
    labels, p = world(2000, share)
    verdict = judged(labels, p, noisy(p, 3, 1))
    assert (verdict.promote, verdict.proven) == (False, True)
    assert "clearly worse" in verdict.because
    assert float(verdict.numbers["high"]) < 0


@pytest.mark.parametrize("share", [0.4, 0.01], ids=["common", "rare"])
def test_a_better_challenger_is_promoted_with_proof(share: float) -> None:
    labels, p = world(2000, share)
    verdict = judged(labels, noisy(p, 3, 1), p)
    assert (verdict.promote, verdict.proven) == (True, True)
    assert float(verdict.numbers["gain"]) > 0


def test_a_challenger_as_good_as_the_champion_is_promoted() -> None:
    labels, p = world(200, 0.4)
    verdict = judged(labels, noisy(p, 0.5, 1), noisy(p, 0.5, 2))
    assert (verdict.promote, verdict.proven) == (True, True)
    assert "no worse" in verdict.because


def test_two_models_alike_differ_by_nothing() -> None:
    labels, p = world(200, 0.4)
    numbers = judged(labels, p, p).numbers
    assert (numbers["gain"], numbers["low"], numbers["high"]) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("share", "metric"), [(0.4, "log loss"), (0.01, "average precision")], ids=["common", "rare"]
)
def test_a_rare_class_is_judged_by_its_ranking(share: float, metric: str) -> None:
    labels, p = world(2000, share)
    assert judged(labels, p, p).numbers["metric"] == metric


@pytest.mark.parametrize(
    "labels",
    [[], ["no"] * 200, ["no"] * 200 + ["yes"] * 9],
    ids=["no labels", "one class", "nine positives"],
)
def test_with_too_few_positives_the_challenger_is_promoted_unproven(labels: list[str]) -> None:
    p = np.full(len(labels), 0.3)
    verdict = judged(texts(labels), p, 1 - p)
    assert (verdict.promote, verdict.proven) == (True, False)
    assert verdict.because.endswith("10 are needed to compare")


def test_a_challenger_that_knows_a_new_class_beats_one_that_does_not() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=300)
    knows = np.full((300, 3), 0.2)
    knows[np.arange(300), truth] = 0.6
    blind = np.column_stack([knows[:, :2] / knows[:, :2].sum(axis=1, keepdims=True), np.zeros(300)])
    labels = np.array(["a", "b", "new"], dtype=object)[truth]
    verdict = compare(labels, blind, knows, ("a", "b", "new"), rng)
    assert verdict.promote and float(verdict.numbers["low"]) > 0


def test_one_seed_is_one_verdict() -> None:
    labels, p = world(300, 0.3)
    assert judged(labels, p, noisy(p, 1, 1)) == judged(labels, p, noisy(p, 1, 1))
