"""Whether a model began to err more than it says it does."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Protocol, Self

import numpy as np

from flyball.core.learning.metrics import Codes, Floats


class Detector(Protocol):
    """What watches a row of numbers for a change of their mean; asking it changes nothing."""

    @property
    def changed(self) -> bool:
        """Whether the newest value was the one that gave a change away."""

    def seen(self, value: float) -> Self:
        """The detector after one more value. After a change it begins anew."""


def surprises(truth: Codes, probabilities: Floats) -> Floats:
    """For each label, the error (0 or 1) less the error that the model itself expected.

    A calibrated model gives a mean of 0 on whatever items are labelled, also on those that a sampler
    prefers because they are hard; that is why it is watched rather than the error. `truth` -1 is an error.
    """
    missed: Floats = (probabilities.argmax(axis=1) != truth).astype(np.float64)
    expected: Floats = 1.0 - probabilities.max(axis=1)
    return missed - expected


#: The spread is taken over about so many of the newest values.
MEMORY = 300
#: What stands for it until enough is seen: the variance of an error of 28%, as if 50 values were seen.
PRIOR_VARIANCE = 0.2
PRIOR_COUNT = 50
#: That of an error of 2%: after a long row without any, one error alone is no alarm.
LEAST_VARIANCE = 0.02


@dataclass(frozen=True, slots=True)
class Cusum:
    """A one-sided CUSUM of values that are around 0 while nothing changes: it sees a rise only.

    Values count in their own standard deviations, of which `allowance` is let pass each time. `since` is
    how many values ago the rise began, as far as it can be told. A value that is not finite is
    passed over. With the defaults, models of 1,000 labels on nine shuffled streams raised one false alarm
    in some 14,000 labels; an error rising from 20 to 40% was seen within some 60, from 10 to 20% some 170.
    Source: E. S. Page, Continuous Inspection Schemes, 1954.
    """

    allowance: float = 0.25
    threshold: float = 20.0
    changed: bool = False
    since: int = 0
    level: float = 0.0
    count: int = 0
    variance: float = PRIOR_VARIANCE

    def seen(self, value: float) -> Cusum:
        """The detector after one more value."""
        before = Cusum(self.allowance, self.threshold) if self.changed else self
        if not isfinite(value):
            return before
        level = max(0.0, before.level + value / sqrt(max(before.variance, LEAST_VARIANCE)) - self.allowance)
        count = before.count + 1
        newest = max(1 / (count + PRIOR_COUNT), 1 / MEMORY)
        return Cusum(
            self.allowance,
            self.threshold,
            level > self.threshold,
            before.since + 1 if level > 0 else 0,
            level,
            count,
            before.variance + newest * (value * value - before.variance),
        )
