"""The measures of uncertainty."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from flyball.core.sampling.scores import Floats, entropy, least_confidence, margin, ranked

MEASURES = [entropy, margin, least_confidence]
Measure = Callable[[Floats], Floats]


def normalised(raw: Floats) -> Floats:
    p: Floats = raw / raw.sum(axis=1, keepdims=True)
    return p


probabilities = st.integers(2, 6).flatmap(
    lambda classes: arrays(
        np.float64, st.tuples(st.integers(1, 20), st.just(classes)), elements=st.floats(1e-3, 1)
    ).map(normalised)
)


@pytest.mark.parametrize("measure", MEASURES)
@given(p=probabilities)
def test_uncertainty_is_between_nothing_and_everything(measure: Measure, p: Floats) -> None:
    unsure = measure(p)
    assert unsure.shape == (len(p),)
    assert np.all((unsure >= 0) & (unsure <= 1))


@pytest.mark.parametrize("measure", MEASURES)
@given(p=probabilities, seed=st.integers(0, 99))
def test_the_order_of_the_classes_does_not_matter(measure: Measure, p: Floats, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(p.shape[1])
    assert np.allclose(measure(p), measure(p[:, order]))


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("p", "expected"),
    [([0.25] * 4, 1.0), ([1.0, 0.0, 0.0], 0.0), ([1.0], 0.0), ([np.nan, np.nan], np.nan), ([np.nan], np.nan)],
    ids=["all classes alike", "certain", "a single class", "not scored", "a single class, not scored"],
)
def test_the_edges_are_as_documented(measure: Measure, p: list[float], expected: float) -> None:
    assert measure(np.array([p])).tolist() == pytest.approx([expected], nan_ok=True)


@pytest.mark.parametrize("measure", MEASURES)
def test_of_two_classes_every_measure_asks_in_the_same_order(measure: Measure) -> None:
    first = np.array([0.9, 0.6, 0.52, 0.99])
    order = ranked(measure(np.stack([first, 1 - first], axis=1)), np.random.default_rng(0))
    assert order.tolist() == [2, 1, 0, 3]


def test_three_classes_tell_the_measures_apart() -> None:
    p = np.array([[0.5, 0.5, 0.0], [0.4, 0.3, 0.3]])
    assert margin(p)[0] > margin(p)[1]
    assert entropy(p)[0] < entropy(p)[1]
    assert least_confidence(p)[0] < least_confidence(p)[1]


def test_ties_fall_by_the_generator_and_one_seed_is_one_order() -> None:
    same = np.full(50, 0.5)
    orders = [ranked(same, np.random.default_rng(seed)).tolist() for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == list(range(50))
