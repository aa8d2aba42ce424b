"""Whether a challenger may take the champion's place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from flyball.core.learning.interval import BOUNDS, draws
from flyball.core.learning.metrics import Codes, Floats, average_precision, codes_of, losses
from flyball.core.table import Column

DRAWS = 1000
#: A class below this share of the labels is rare: models are then compared on how they rank it.
RARE = 0.05


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a comparison.

    `proven`: there were labels enough to tell, and the verdict rests on them. `numbers` has `labels`,
    `positives` and, where models were compared, `metric`, `champion`, `challenger`, `gain` (above 0: the
    challenger is better) and `low`, `high` (the gain's 95% interval).
    """

    promote: bool
    proven: bool
    because: str
    numbers: Mapping[str, float | str] = field(default_factory=dict)


def compare(
    labels: Column,
    champion_scores: Floats,
    challenger_scores: Floats,
    classes: Sequence[str],
    rng: np.random.Generator,
    least_positives: int = 10,
) -> Verdict:
    """Compare two models on labels that neither learned from: the challenger must not be clearly worse.

    Both scores have a column for each of `classes` (see `metrics.aligned`). The gain is in log loss, or in
    average precision of a class under 5%, where log loss says little. It is judged by a paired bootstrap:
    each draw takes the same labels for both. "Clearly worse" is a gain whose whole interval is below 0.
    Positives are the labels outside the commonest class; with too few of them a comparison would be a
    coin toss, and a loop that waits for them would stand still: the challenger is promoted, unproven.
    """
    truth = codes_of(labels, classes)
    counts = np.bincount(truth + 1, minlength=len(classes) + 1)
    positives = len(truth) - int(counts.max(initial=0))
    numbers: dict[str, float | str] = {"labels": len(truth), "positives": positives}
    if positives < least_positives:
        because = f"only {positives} positives among {len(truth)} labels that neither learned from"
        return Verdict(True, False, f"{because}; {least_positives} are needed to compare", numbers)
    numbers |= _gain(truth, champion_scores, challenger_scores, rng)
    worse = float(numbers["high"]) < 0
    return Verdict(not worse, True, _sentence(numbers, worse), numbers)


def _gain(
    truth: Codes, champion: Floats, challenger: Floats, rng: np.random.Generator
) -> dict[str, float | str]:
    weights = np.vstack([np.ones(len(truth)), draws(len(truth), rng, DRAWS)])
    counts = np.bincount(truth[truth >= 0], minlength=champion.shape[1])
    rare = int(counts.argmin())
    if champion.shape[1] == 2 and 0 < counts[rare] < RARE * len(truth):
        metric = "average precision"
        before, after = (
            average_precision(truth == rare, each[:, rare], weights) for each in (champion, challenger)
        )
        gains = after - before
    else:
        metric = "log loss"
        before, after = (weights @ losses(truth, each) / len(truth) for each in (champion, challenger))
        gains = before - after
    low, high = np.nanpercentile(gains[1:], BOUNDS)
    return {
        "metric": metric,
        "champion": float(before[0]),
        "challenger": float(after[0]),
        "gain": float(gains[0]),
        "low": float(low),
        "high": float(high),
    }


def _sentence(numbers: Mapping[str, float | str], worse: bool) -> str:
    return (
        f"the challenger is {'clearly worse' if worse else 'no worse'}: {numbers['metric']} "
        f"{numbers['challenger']:.3f} against {numbers['champion']:.3f} on {numbers['labels']} labels, "
        f"gain {numbers['gain']:+.3f} (95% interval {numbers['low']:+.3f} to {numbers['high']:+.3f})"
    )
