"""The loop's own gauges: facts in, signals out."""

from __future__ import annotations

import math

from flyball.core.control import KnobState
from flyball.core.facts import Recorded
from flyball.core.gauges_labels import Integration, Labels
from flyball.core.gauges_models import Models
from flyball.core.gauges_queue import HOUR, Queue, Team
from flyball.core.ids import Instant
from flyball.core.sampling.budget import Budget
from flyball.core.signal import Reading, Snapshot

NO_LIMIT = Budget()


class Gauges:
    """A running fold of facts into signals, the same for the same facts.

    It changes as facts come in, because a copy for each fact would cost more than the fact. Windows
    are bounded; what grows is what is open: items with the annotators, answers that wait.
    """

    def __init__(self, budget: Budget = NO_LIMIT) -> None:
        self._budget = budget
        self._queue = Queue()
        self._team = Team()
        self._labels = Labels(self._queue)
        self._integration = Integration()
        self._models = Models(self._queue)

    def observe(self, recorded: Recorded) -> None:
        """Take one fact in. Facts come in order, each once."""
        self._labels.observe(recorded)
        self._integration.observe(recorded)
        self._models.observe(recorded)
        self._team.observe(recorded)
        self._queue.observe(recorded)

    def read(self, knobs: KnobState, now: Instant) -> Snapshot:
        """All signals at a moment that is not before the newest fact. What cannot be said is None."""
        values = {
            **self._queue.read(now),
            **self._team.read(now),
            **self._labels.read(),
            **self._integration.read(now),
            **self._models.read(now),
        }
        values |= self._across(values, knobs, now)
        finite = {name: _finite(value) for name, value in values.items()}
        return Snapshot(now, self._queue.cycles, finite, self._team.each())

    def _across(self, values: dict[str, Reading], knobs: KnobState, now: Instant) -> dict[str, Reading]:
        """The signals that need more than one of the parts."""
        throughput, training = values["annotators.throughput"], values["train.seconds"]
        waiting = self._queue.waiting
        load: Reading = None
        if values["annotators.active"] is not None:
            capacity = (throughput or 0.0) * max(HOUR, training or 0.0) / HOUR
            load = waiting / capacity if capacity else None if waiting else 0.0
        suggested: Reading = None
        if throughput is not None and training is not None:
            needed = float(knobs.value("label.answers_needed", now))
            suggested = throughput * training / HOUR / needed
        left = self._budget.left(self._queue.arrived, self._queue.asked)
        return {
            "annotators.load": load,
            "batch.suggested": suggested,
            "budget.left": None if left is None else float(left),
        }


def _finite(value: Reading) -> Reading:
    return value if value is not None and math.isfinite(value) else None
