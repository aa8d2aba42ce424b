"""River's change detectors behind our port."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from math import isfinite

from river.base import DriftDetector
from river.drift import ADWIN, PageHinkley


@dataclass(frozen=True, slots=True, eq=False)
class RiverDetector:
    """A detector of river's as a value: each value seen gives a new one, and the old one stays as it was.

    What it knows follows from the values alone: feed the same ones to a new detector to have it again.
    A value that is not finite is passed over.
    """

    state: DriftDetector
    changed: bool = False

    def seen(self, value: float) -> RiverDetector:
        """The detector after one more value."""
        if not isfinite(value):
            return RiverDetector(self.state)
        state = deepcopy(self.state)  # about 20 microseconds: river's own objects change in place
        state.update(value)
        return RiverDetector(state, bool(state.drift_detected))


def adwin(delta: float = 0.002) -> RiverDetector:
    """ADWIN: it sees a change in either direction, and a slow one too. A smaller `delta` is more careful.

    Source: A. Bifet and R. Gavaldà, Learning from Time-Changing Data with Adaptive Windowing, 2007.
    """
    return RiverDetector(ADWIN(delta=delta))  # type: ignore[no-untyped-call]


def page_hinkley(allowance: float = 0.05, threshold: float = 15.0) -> RiverDetector:
    """Page-Hinkley: it sees the mean rise above what it was so far.

    Source: E. S. Page, Continuous Inspection Schemes, 1954.
    """
    return RiverDetector(PageHinkley(delta=allowance, threshold=threshold, mode="up"))
