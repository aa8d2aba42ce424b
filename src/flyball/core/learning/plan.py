"""Which labels a model learns from, and which are kept away from it."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from flyball.core.ids import Instant
from flyball.core.learning.metrics import Floats
from flyball.core.table import Mask, Table

DAY = 86400.0
#: However narrow the window, this many of the newest labels are in it: boosted trees need them.
LEAST_ROWS = 200
#: After so many half-lives a row weighs under a thousandth and is left out.
HALF_LIVES = 10


def trusted(labelled: Table, held: Collection[str]) -> Table:
    """The labelled rows without those items whose label is held, as it is not what was captured."""
    if not held:
        return labelled
    return labelled.take(np.array([item not in held for item in labelled["item"]], dtype=np.bool_))


def weights(times: Floats, now: Instant, mode: str, window_days: float) -> tuple[Mask, Floats | None]:
    """Which rows to learn from, and the weight of each of those (None: all alike).

    `mode` "full" takes all; "window" those of the last `window_days` before `now`, and never fewer than the
    newest 200; "recency" halves a row's weight for each `window_days` that it is older than the
    newest. Weights are those of the rows that the mask keeps, in order, with a mean of 1.
    """
    age = now - times
    match mode:
        case "full":
            return np.ones(len(times), dtype=np.bool_), None
        case "window":
            return age <= max(window_days * DAY, _youngest(age, LEAST_ROWS)), None
        case "recency":
            half_lives = (age - _youngest(age, 1)) / (window_days * DAY)
            mask = half_lives <= HALF_LIVES
            kept: Floats = 0.5 ** half_lives[mask]
            return mask, kept / kept.mean() if len(kept) else kept
        case _:
            raise ValueError(f"unknown mode of training `{mode}`; known: full, window, recency")


def hold_out(rows: Table, newest: int = 200) -> Mask:
    """The rows to keep away from training: the newest of the reserve, for comparing models on.

    `rows` has `time` and `reserve` (bool). Never more than a fifth of all rows: while labels are few each
    is worth more to the model than to the comparison, which has a verdict of its own for too few.
    """
    held = np.zeros(len(rows), dtype=np.bool_)
    reserve = np.flatnonzero(rows["reserve"])
    by_age = reserve[np.argsort(-rows["time"][reserve], kind="stable")]
    held[by_age[: min(newest, len(rows) // 5)]] = True
    return held


def _youngest(age: Floats, count: int) -> float:
    """The age that the `count` youngest rows do not exceed."""
    return float(np.sort(age)[min(count, len(age)) - 1]) if len(age) else 0.0
