"""The catalogue of signals: each measured number with its name, unit, range and meaning.

The catalogue is the only source for rule checking, the reference pages, the JSON Schema for editors
and `/metrics`.
"""

from __future__ import annotations

from collections.abc import Mapping

from flyball.core.signal import Reading, Signal, Snapshot, Unit
from flyball.core.signals_of_models import MODEL_SIGNALS
from flyball.core.signals_of_work import WORK_SIGNALS

__all__ = ["SIGNALS", "Reading", "Signal", "Snapshot", "Unit"]

#: Every signal by its name, in the order of the reference page.
SIGNALS: Mapping[str, Signal] = {each.name: each for each in (*WORK_SIGNALS, *MODEL_SIGNALS)}
