"""How far the values of features, and the shares of classes, are from what they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from flyball.core.learning.metrics import Floats
from flyball.core.table import Column, Feature, Table

#: The index over which a feature counts as moved; by custom 0.1 is a small shift and 0.25 a large one.
MOVED = 0.2
BINS = 10
#: With fewer rows on a side there is nothing to compare.
LEAST_ROWS = 50


@dataclass(frozen=True, slots=True)
class Moved:
    """How far each feature moved, the share of those over the threshold, and the largest distance.

    None: there was too little to compare.
    """

    distances: Mapping[str, float]
    share: float | None
    score: float | None


def features_moved(
    reference: Table, recent: Table, features: Sequence[Feature], threshold: float = MOVED
) -> Moved:
    """Compare recent rows with those of a reference, feature by feature, by `stability_index`.

    With fewer than 50 rows on a side, or no features, nothing is said.
    """
    if min(len(reference), len(recent)) < LEAST_ROWS or not features:
        return Moved({}, None, None)
    distances = {
        feature.name: stability_index(*_counts(reference[feature.name], recent[feature.name], feature))
        for feature in features
    }
    over = sum(distance > threshold for distance in distances.values())
    return Moved(distances, over / len(features), max(distances.values()))


def stability_index(before: Floats, after: Floats) -> float:
    """The population stability index of two counts over the same bins, less what chance alone could give.

    Two samples of one distribution differ too: the index is then about a chi-square of (bins - 1) degrees
    of freedom times (1/n + 1/m). Its mean and two standard deviations are taken off, so that one
    threshold serves windows of any size. Half a row is added to each bin, so that an empty one has a
    finite distance. Never below 0.
    Source: B. Yurdakul and J. Naranjo, Statistical properties of the population stability index, 2020.
    """
    used = (before + after) > 0
    p, q = before[used] + 0.5, after[used] + 0.5
    p, q = p / p.sum(), q / q.sum()
    index = float(((q - p) * np.log(q / p)).sum())
    freedom = int(used.sum()) - 1
    by_chance = (freedom + 2 * sqrt(2 * freedom)) * float(1 / before.sum() + 1 / after.sum())
    return max(0.0, index - by_chance)


def prior_shift(before: Mapping[str, float], after: Mapping[str, float]) -> float | None:
    """The largest change of a class's share between two counts by class; None where one of them is empty.

    >>> round(prior_shift({"no": 90, "yes": 10}, {"no": 30, "yes": 20}), 3)
    0.3
    """
    totals = sum(before.values()), sum(after.values())
    if not all(totals):
        return None
    return max(
        abs(before.get(name, 0) / totals[0] - after.get(name, 0) / totals[1])
        for name in before.keys() | after
    )


def _counts(reference: Column, recent: Column, feature: Feature) -> tuple[Floats, Floats]:
    """Both columns over the same bins: tenths of the reference, or its commonest values; missing is one."""
    if feature.kind == "number":
        return _in_tenths(reference.astype(np.float64), recent.astype(np.float64))
    counted, now = Counter(reference.tolist()), Counter(recent.tolist())
    common = [value for value, _ in counted.most_common(BINS)]
    before = np.array([counted[value] for value in common], dtype=np.float64)
    after = np.array([now[value] for value in common], dtype=np.float64)
    # All other values share a bin, or each rare merchant would count as a shift.
    return np.append(before, len(reference) - before.sum()), np.append(after, len(recent) - after.sum())


def _in_tenths(reference: Floats, recent: Floats) -> tuple[Floats, Floats]:
    known = reference[~np.isnan(reference)]
    edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS, method="lower")) if len(known) else known
    return _in_bins(reference, edges), _in_bins(recent, edges)


def _in_bins(column: Floats, edges: Floats) -> Floats:
    missing = len(edges) + 1
    places = np.where(np.isnan(column), missing, np.searchsorted(edges, column, side="left"))
    return np.bincount(places, minlength=missing + 1).astype(np.float64)
