"""How good predictions are: six measures that take weights, so that one bootstrap serves them all.

`weights` has shape (labels,) or (draws, labels): a row for each draw of a bootstrap. The answer has one
number, or one for each draw. NaN: the measure says nothing there, as when only one class was drawn.
Probabilities have shape (labels, classes); `truth` holds the column of the true class, -1 for a class
that the model does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from flyball.core.table import Column

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

#: A probability below this counts as this, so that no single label costs more than 13.8.
LEAST_PROBABILITY = 1e-6
BINS = 10


def codes_of(labels: Column, classes: Sequence[str]) -> Codes:
    """The column of each label's class; -1 for a label that is none of the classes.

    >>> codes_of(np.array(["b", "a", "new"], dtype=object), ("a", "b")).tolist()
    [1, 0, -1]
    """
    column = {name: code for code, name in enumerate(classes)}
    return np.array([column.get(label, -1) for label in labels.tolist()], dtype=np.int64)


def aligned(scores: Floats, of: Sequence[str], to: Sequence[str]) -> Floats:
    """Scores of a model with the classes `of` in the order of other classes: 0 for those it does not know."""
    known = {name: column for column, name in enumerate(of)}
    columns = [scores[:, known[name]] if name in known else np.zeros(len(scores)) for name in to]
    return np.stack(columns, axis=1) if columns else np.zeros((len(scores), 0))


def accuracy(truth: Codes, probabilities: Floats, weights: Floats) -> Floats:
    """The share of labels whose likeliest class is the true one."""
    return _mean(_guess(probabilities) == truth, weights)


def log_loss(truth: Codes, probabilities: Floats, weights: Floats) -> Floats:
    """The mean of -log(probability of the true class)."""
    return _mean(losses(truth, probabilities), weights)


def losses(truth: Codes, probabilities: Floats) -> Floats:
    """The log loss of each label, 0 to 13.8."""
    given = np.where(truth >= 0, probabilities[np.arange(len(truth)), np.maximum(truth, 0)], 0.0)
    each: Floats = -np.log(np.clip(given, LEAST_PROBABILITY, 1.0))
    return each


def kappa(truth: Codes, probabilities: Floats, weights: Floats) -> Floats:
    """Cohen's kappa of the likeliest class: agreement beyond what the class shares alone would give.

    Source: J. Cohen, A coefficient of agreement for nominal scales, 1960.
    """
    total = weights.sum(axis=-1)
    guess = _guess(probabilities)
    classes = np.arange(-1, probabilities.shape[1])
    true_share = weights @ (truth[:, None] == classes).astype(np.float64) / total[..., None]
    said_share = weights @ (guess[:, None] == classes).astype(np.float64) / total[..., None]
    by_chance = (true_share * said_share).sum(axis=-1)
    return _ratio(_mean(guess == truth, weights) - by_chance, 1.0 - by_chance)


def calibration_error(truth: Codes, probabilities: Floats, weights: Floats) -> Floats:
    """The expected calibration error: how far confidence is from accuracy, over ten bins of confidence.

    Source: C. Guo and others, On Calibration of Modern Neural Networks, 2017.
    """
    confidence = probabilities.max(axis=1)
    gap = (_guess(probabilities) == truth) - confidence
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    in_bin = (place[:, None] == np.arange(BINS)) * gap[:, None]
    sums: Floats = np.abs(weights @ in_bin).sum(axis=-1) / weights.sum(axis=-1)
    return sums


def average_precision(positive: Flags, score: Floats, weights: Floats) -> Floats:
    """The area under the precision-recall curve as a sum of steps; equal scores are one step."""
    hits, misses = _steps(positive, score, weights)
    total = hits[..., -1]
    gained = np.diff(hits, axis=-1, prepend=0.0)
    return _ratio((gained * _ratio(hits, hits + misses, 0.0)).sum(axis=-1), total)


def roc_auc(positive: Flags, score: Floats, weights: Floats) -> Floats:
    """The chance that a positive has a higher score than a negative; equal scores count half."""
    hits, misses = _steps(positive, score, weights)
    before = np.concatenate([np.zeros_like(hits[..., :1]), hits[..., :-1]], axis=-1)
    area = (np.diff(misses, axis=-1, prepend=0.0) * (before + hits)).sum(axis=-1) / 2
    return _ratio(area, hits[..., -1] * misses[..., -1])


def over_classes(
    one: Callable[[Flags, Floats, Floats], Floats],
    truth: Codes,
    probabilities: Floats,
    weights: Floats,
    columns: Sequence[int],
) -> Floats:
    """A measure of one class against the rest, as the mean over the classes in `columns`."""
    each = [one(truth == column, probabilities[:, column], weights) for column in columns]
    mean: Floats = np.mean(each, axis=0)
    return mean


def _guess(probabilities: Floats) -> Codes:
    likeliest: Codes = probabilities.argmax(axis=1)
    return likeliest


def _mean(values: npt.NDArray[np.float64 | np.bool_], weights: Floats) -> Floats:
    return _ratio(weights @ values.astype(np.float64), weights.sum(axis=-1))


def _ratio(part: Floats, whole: Floats, empty: float = np.nan) -> Floats:
    part, whole = np.asarray(part), np.asarray(whole)
    return np.divide(part, whole, out=np.full_like(part, empty), where=whole > 0)


def _steps(positive: Flags, score: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """The weight of positives and of negatives down to each distinct score, from the highest."""
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    drawn = weights[..., order]
    hits = np.cumsum(drawn * positive[order], axis=-1)[..., ends]
    misses = np.cumsum(drawn, axis=-1)[..., ends] - hits
    return hits, misses
