"""What comes of training: runs, models, promotions, measurements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from flyball.core.facts.stream import (
    Measured,
    Work,
)
from flyball.core.ids import (
    Digest,
    Instant,
    ItemId,
    ModelVersion,
    Pins,
    Position,
    RunId,
    Seconds,
)


@dataclass(frozen=True, slots=True)
class RunBegan:
    """Slow work was given its pins. Whoever holds the job's lease performs it."""

    kind: ClassVar[str] = "run-began"
    run: RunId
    work: Work
    pins: Pins
    because: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """Slow work came to its end and what came out is in the log."""

    kind: ClassVar[str] = "run-ended"
    run: RunId
    work: Work
    seconds: Seconds


@dataclass(frozen=True, slots=True)
class RunFailed:
    """Slow work failed. `final`: it will not be tried again with these pins."""

    kind: ClassVar[str] = "run-failed"
    run: RunId
    work: Work
    code: str
    detail: str
    attempt: int
    final: bool
    again_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class ModelTrained:
    """A model version came out of a training, with the snapshot that it learned from."""

    kind: ClassVar[str] = "model-trained"
    model: ModelVersion
    run: RunId
    pins: Digest
    snapshot: Digest
    rows: int
    labels_up_to: Position
    #: Reserve items that were kept away from this training, to compare models on.
    held_out: tuple[ItemId, ...]
    classes: tuple[str, ...]
    metrics: Mapping[str, float]
    tracking: str
    seconds: Seconds


@dataclass(frozen=True, slots=True)
class ModelPromoted:
    """This model scores from now on. `proven`: it was compared with the one before and is no worse."""

    kind: ClassVar[str] = "model-promoted"
    model: ModelVersion
    before: ModelVersion | None
    because: str
    proven: bool
    by: str = "flyball"
    compared: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChallengerKept:
    """The challenger lost the comparison; the champion stays."""

    kind: ClassVar[str] = "challenger-kept"
    model: ModelVersion
    champion: ModelVersion
    because: str
    compared: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QualityMeasured:
    """How good the champion's predictions were on the newest reserve labels, each with an interval."""

    kind: ClassVar[str] = "quality-measured"
    model: ModelVersion | None
    labels: int
    positives: int
    metrics: Mapping[str, Measured]


@dataclass(frozen=True, slots=True)
class DriftMeasured:
    """How far the world moved. None: not enough was seen to say.

    `share` of features that moved, `score` the largest distance, `error` the recent error rate,
    `changed` whether the error's detector found a change since the last measurement, `prior` the
    largest change of a class's share, `features` the distance of each feature.
    """

    kind: ClassVar[str] = "drift-measured"
    share: float | None
    score: float | None
    error: float | None
    changed: bool
    prior: float | None
    features: Mapping[str, float] = field(default_factory=dict)
