"""How unsure a model is of an item: three measures, and the order in which items are asked.

Each measure takes class probabilities of shape (items, classes) and gives one number per item from 0
(sure) to 1 (all classes alike). With a single class there is nothing to be unsure of: 0. A row with a
missing probability gives NaN: the item was not scored.

Source: B. Settles, Active Learning Literature Survey, 2009, section 3.1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


def entropy(probabilities: Floats) -> Floats:
    """The Shannon entropy over its largest possible value.

    >>> entropy(np.array([[0.5, 0.5], [1.0, 0.0]])).tolist()
    [1.0, 0.0]
    """
    classes = probabilities.shape[1]
    if classes < 2:
        return _certain(probabilities)
    p = np.clip(probabilities, 0.0, 1.0)
    logs = np.log(p, out=np.zeros_like(p), where=p > 0)
    bits: Floats = 0.0 - np.einsum("ij,ij->i", p, logs) / np.log(classes)
    return np.clip(bits, 0.0, 1.0)


def margin(probabilities: Floats) -> Floats:
    """One less the lead of the likeliest class over the second.

    >>> margin(np.array([[0.7, 0.3], [0.5, 0.5]])).round(3).tolist()
    [0.6, 1.0]
    """
    classes = probabilities.shape[1]
    if classes < 2:
        return _certain(probabilities)
    first_two = np.partition(probabilities, (classes - 2, classes - 1), axis=1)[:, classes - 2 :]
    close: Floats = 1.0 - (first_two[:, 1] - first_two[:, 0])
    return np.clip(np.where(np.isnan(probabilities).any(axis=1), np.nan, close), 0.0, 1.0)


def least_confidence(probabilities: Floats) -> Floats:
    """What the likeliest class lacks to certainty, over the most that it can lack.

    >>> least_confidence(np.array([[0.7, 0.3], [0.5, 0.5]])).round(3).tolist()
    [0.6, 1.0]
    """
    classes = probabilities.shape[1]
    if classes < 2:
        return _certain(probabilities)
    lack: Floats = (1.0 - probabilities.max(axis=1)) * classes / (classes - 1)
    return np.clip(lack, 0.0, 1.0)


def ranked(values: Floats, rng: np.random.Generator) -> Rows:
    """The rows from the highest value to the lowest; ties fall by `rng`, rows that are NaN are left out.

    >>> ranked(np.array([0.1, np.nan, 0.9]), np.random.default_rng(0)).tolist()
    [2, 0]
    """
    rows: Rows = rng.permutation(np.flatnonzero(~np.isnan(values)))
    order: Rows = rows[np.argsort(-values[rows], kind="stable")]
    return order


def _certain(probabilities: Floats) -> Floats:
    zeros: Floats = np.where(np.isnan(probabilities).any(axis=1), np.nan, 0.0)
    return zeros
