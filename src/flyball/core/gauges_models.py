"""How models do: age, quality, drift, scoring and training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flyball.core.facts import (
    BatchSettled,
    DriftMeasured,
    Measured,
    ModelPromoted,
    ModelTrained,
    PoolScored,
    QualityMeasured,
    Recorded,
    RunBegan,
    RunEnded,
    RunFailed,
)
from flyball.core.gauges_queue import Queue
from flyball.core.ids import Instant, ModelVersion, RunId, Seconds
from flyball.core.signal import Reading
from flyball.core.signals_of_models import DRIFT_FRESH_FOR

#: The newest model versions whose training is remembered, beside those in use.
MODELS_KEPT = 500
QUALITY = ("val.ap", "val.auc", "val.kappa", "val.loss", "val.ece")
DRIFT = ("drift.share", "drift.score", "drift.error", "drift.error.changed", "drift.prior")


@dataclass(frozen=True, slots=True)
class Training:
    """When a model came out of its training, and in which cycle that training had begun."""

    at: Instant
    cycle: int


@dataclass(slots=True)
class Models:
    """The models there were, and the newest measurements of them."""

    queue: Queue
    cycles: int = 0
    began: dict[RunId, int] = field(default_factory=dict)
    trained: dict[ModelVersion, Training] = field(default_factory=dict)
    champion: ModelVersion | None = None
    train_seconds: Seconds | None = None
    pass_: PoolScored | None = None
    pool_pass: PoolScored | None = None
    quality: Mapping[str, Measured] = field(default_factory=dict)
    drift: DriftMeasured | None = None
    drift_at: Instant = float("-inf")

    def observe(self, recorded: Recorded) -> None:
        """Take one fact in."""
        match recorded.fact:
            case BatchSettled():
                self.cycles += 1
            case PoolScored(count=count) as fact if count:
                self.pass_ = fact
                self.pool_pass = fact if fact.purpose == "pool" else self.pool_pass
            case RunBegan(work="train", run=run):
                self.began[run] = self.cycles
            case RunFailed(run=run, final=True):
                self.began.pop(run, None)
            case RunEnded(work="train", run=run, seconds=seconds):
                self.began.pop(run, None)
                self.train_seconds = seconds
            case ModelTrained(model=model, run=run):
                self.trained[model] = Training(recorded.at, self.began.get(run, self.cycles))
                self._forget()
            case ModelPromoted(model=model):
                self.champion = model
            case QualityMeasured(metrics=metrics):
                self.quality = metrics
            case DriftMeasured() as fact:
                self.drift, self.drift_at = fact, recorded.at
            case _:
                pass

    def read(self, now: Instant) -> dict[str, Reading]:
        """The signals of models."""
        champion = self.trained.get(self.champion) if self.champion is not None else None
        scored, pool = self.pass_, self.pool_pass
        return {
            "model.age": None if champion is None else now - champion.at,
            "model.confidence": None if pool is None else pool.confidence,
            "model.uncertainty": None if pool is None else pool.uncertainty,
            **{name: self.quality[name][0] if name in self.quality else None for name in QUALITY},
            **self._drift(now),
            "score.seconds_per_item": None if scored is None else scored.seconds / scored.count,
            "score.rows_per_s": None
            if scored is None or not scored.seconds
            else scored.count / scored.seconds,
            "score.model_lag": self._lag(),
            "train.seconds": self.train_seconds,
        }

    def _drift(self, now: Instant) -> dict[str, Reading]:
        drift = self.drift
        if drift is None or now - self.drift_at > DRIFT_FRESH_FOR:
            return dict.fromkeys(DRIFT)
        changed = float(drift.changed)
        return dict(zip(DRIFT, (drift.share, drift.score, drift.error, changed, drift.prior), strict=True))

    def _lag(self) -> float | None:
        """Cycles between the trainings of the champion and of the models that chose the open batches."""
        champion = self.trained.get(self.champion) if self.champion is not None else None
        chosen = [self.trained[model] for model in self.queue.models() if model in self.trained]
        if champion is None or not chosen:
            return None
        return float(max(0, champion.cycle - min(training.cycle for training in chosen)))

    def _forget(self) -> None:
        if len(self.trained) > 2 * MODELS_KEPT:
            used = {self.champion, *self.queue.models(), *list(self.trained)[-MODELS_KEPT:]}
            self.trained = {model: each for model, each in self.trained.items() if model in used}
