"""What was known of a group of rows at the moment of each of them: counts, means, shares of the past.

Rows stand in order of time. Each answer is for the rows of the same group in front of it: nothing of the
row itself, of a later one, or of a label that was not known yet goes into it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def count_before(group: Ints, time: Floats, window: float) -> Floats:
    """How many rows of the group came within `window` seconds before, the row itself not counted.

    >>> count_before(np.array([0, 1, 0, 0]), np.array([0.0, 1.0, 5.0, 9.0]), 6.0).tolist()
    [0.0, 0.0, 1.0, 1.0]
    """
    order, keys = _ordered(group, time, window)
    first = np.searchsorted(keys, keys - window, side="right")
    return _back(order, np.arange(len(group)) - first)


def mean_before(group: Ints, value: Floats) -> Floats:
    """The mean of all rows of the group in front; NaN where there is none.

    >>> mean_before(np.array([0, 0, 1, 0]), np.array([2.0, 4.0, 9.0, 6.0])).tolist()
    [nan, 2.0, nan, 3.0]
    """
    order = np.argsort(group, kind="stable")
    begins = _begins(group[order])
    sums = np.concatenate(([0.0], np.cumsum(value[order])))
    place = np.arange(len(group))
    count = place - begins
    total = sums[place] - sums[begins]
    return _back(order, np.divide(total, count, out=np.full(len(group), np.nan), where=count > 0))


def seconds_since(group: Ints, time: Floats) -> Floats:
    """How long ago the group's last row was; NaN for its first.

    >>> seconds_since(np.array([0, 1, 0]), np.array([0.0, 1.0, 5.0])).tolist()
    [nan, nan, 5.0]
    """
    order = np.argsort(group, kind="stable")
    ordered = time[order]
    since = np.diff(ordered, prepend=np.nan)
    since[_begins(group[order]) == np.arange(len(group))] = np.nan
    return _back(order, since)


def known_share(group: Ints, time: Floats, known_at: Floats, window: float) -> Floats:
    """Reports on the group that became known within `window` before, per row of the group in that time.

    `known_at`: when a row was reported; NaN where it never was. Between 0 and 1.
    """
    reported = np.flatnonzero(~np.isnan(known_at))
    begin, span = float(time[0]), _span(np.concatenate([time, known_at[reported]]), window)
    reports = np.sort(group[reported] * span + (known_at[reported] - begin))
    now = group * span + (time - begin)
    known = np.searchsorted(reports, now, side="right") - np.searchsorted(reports, now - window, side="right")
    return np.minimum(1.0, known / np.maximum(1.0, count_before(group, time, window)))


def _ordered(group: Ints, time: Floats, window: float) -> tuple[Ints, Floats]:
    """Rows by group and time, and one growing number for both: groups lie further apart than any window."""
    order = np.argsort(group, kind="stable")
    return order, group[order] * _span(time, window) + (time[order] - float(time[0]))


def _span(time: Floats, window: float) -> float:
    return float(time.max() - time[0]) + window + 1.0


def _begins(group: Ints) -> Ints:
    """For each place in grouped rows, the place where its group begins."""
    return np.searchsorted(group, group, side="left")


def _back(order: Ints, values: npt.NDArray[Any]) -> Floats:
    answer = np.empty(len(order))
    answer[order] = values
    return answer
