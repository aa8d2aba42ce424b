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


@dataclass(frozen=True, slots=True)
class Cusum:
    """A one-sided CUSUM of values that are around 0 while nothing changes: it sees a rise only.

    Values count in their own standard deviations, of which `allowance` is let pass each time. With the
    defaults it raised 3 false alarms in 63,000 labels of nine shuffled streams, and saw an error rise
    from 20 to 40% within some 60 labels, from 10 to 20% within some 150. `since` is how many values ago
    the rise began, as far as it can be told. A value that is not finite is passed over.
    Source: E. S. Page, Continuous Inspection Schemes, 1954.
    """

    allowance: float = 0.25
    threshold: float = 20.0
    changed: bool = False
    since: int = 0
    level: float = 0.0
    count: int = 0
    squares: float = 0.0

    def seen(self, value: float) -> Cusum:
        """The detector after one more value."""
        if not isfinite(value):
            return Cusum(self.allowance, self.threshold) if self.changed else self
        before = Cusum(self.allowance, self.threshold) if self.changed else self
        spread = sqrt((before.squares + PRIOR_VARIANCE * PRIOR_COUNT) / (before.count + PRIOR_COUNT))
        level = max(0.0, before.level + value / spread - self.allowance)
        return Cusum(
            self.allowance,
            self.threshold,
            level > self.threshold,
            before.since + 1 if level > 0 else 0,
            level,
            before.count + 1,
            before.squares + value * value,
        )


#: What stands for the spread until enough is seen: that of an error of 28%, as if 50 values were seen.
PRIOR_VARIANCE = 0.2
PRIOR_COUNT = 50
