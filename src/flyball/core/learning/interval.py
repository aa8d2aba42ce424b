"""What a model's quality is, with the interval that chance leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from flyball.core.learning.metrics import (
    Codes,
    Floats,
    average_precision,
    calibration_error,
    codes_of,
    kappa,
    log_loss,
    over_classes,
    roc_auc,
)
from flyball.core.table import Column

#: (value, low, high): a measured number with its 95% interval.
Measured = tuple[float, float, float]
DRAWS = 200
#: With fewer of a class an interval means nothing.
LEAST_OF_A_CLASS = 5
#: The bounds of a 95% interval in percent.
BOUNDS = (2.5, 97.5)


def measure(
    labels: Column,
    scores: Floats,
    classes: Sequence[str],
    rng: np.random.Generator,
    positive: str | None = None,
) -> Mapping[str, Measured]:
    """`val.ap`, `val.auc`, `val.kappa`, `val.loss` and `val.ece`, each as (value, low, high).

    A measure that these labels cannot bear is left out: with fewer than 5 labels all of them; with
    fewer than 5 of each of two classes `val.ap`, `val.auc` and `val.kappa`. `positive` is the class whose
    ranking is measured. Without it, of two classes it is the last (as in scikit-learn), of more it is
    each against the rest, as the mean over those with 5 labels. `scores`: (labels, classes).
    """
    truth = codes_of(labels, classes)
    if len(truth) < LEAST_OF_A_CLASS:
        return {}
    weights = draws(len(truth), rng)
    measures: dict[str, Callable[[Floats], Floats]] = {
        "val.loss": partial(log_loss, truth, scores),
        "val.ece": partial(calibration_error, truth, scores),
    }
    if ranked := measured_columns(truth, classes, positive):
        measures |= {
            "val.ap": partial(over_classes, average_precision, truth, scores, columns=ranked),
            "val.auc": partial(over_classes, roc_auc, truth, scores, columns=ranked),
            "val.kappa": partial(kappa, truth, scores),
        }
    found = {name: interval(of, weights) for name, of in measures.items()}
    return {name: value for name, value in found.items() if value is not None}


def interval(of: Callable[[Floats], Floats], weights: Floats) -> Measured | None:
    """A measure with all weights 1, and the middle 95% of it over the draws; None where it has no value.

    Source: B. Efron and R. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13 (percentiles).
    """
    value = float(of(np.ones(weights.shape[1])))
    drawn = of(weights)
    drawn = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or not len(drawn):
        return None
    low, high = np.percentile(drawn, BOUNDS)
    # Calibration error is biased upwards under resampling: keep the value inside its interval.
    return value, min(float(low), value), max(float(high), value)


def draws(labels: int, rng: np.random.Generator, count: int = DRAWS) -> Floats:
    """How often each label is drawn in each of `count` resamples, shape (count, labels)."""
    picks = rng.integers(labels, size=(count, labels)) + np.arange(count)[:, None] * labels
    times = np.bincount(picks.ravel(), minlength=count * labels).reshape(count, labels)
    return times.astype(np.float64)


def measured_columns(truth: Codes, classes: Sequence[str], positive: str | None) -> list[int]:
    """The classes whose ranking these labels can measure; none where there are fewer than two classes."""
    counts = np.bincount(truth[truth >= 0], minlength=len(classes))
    enough = [column for column in range(len(classes)) if counts[column] >= LEAST_OF_A_CLASS]
    if len(enough) < 2:
        return []
    if positive is not None:
        return [column for column in enough if classes[column] == positive]
    return [1] if len(classes) == 2 else enough
