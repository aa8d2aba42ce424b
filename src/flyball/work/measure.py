"""Measure the model and the world: quality on the reserve, drift of the error and of the features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from flyball.core.chance import rng
from flyball.core.drift.detector import Detector, surprises
from flyball.core.drift.features import Moved, features_moved, prior_shift
from flyball.core.facts import DriftMeasured, Fact, ItemsArrived, QualityMeasured
from flyball.core.ids import START, Instant, Position
from flyball.core.learning.interval import measure as measured
from flyball.core.learning.metrics import codes_of
from flyball.core.loop_parts import Judged
from flyball.core.table import Feature, Table, stack, texts
from flyball.work.integrate_proof import judgements
from flyball.work.tools import Tools

#: Quality is measured on so many of the newest reserve labels, the error over so many of them.
NEWEST, NEWEST_ERRORS, LEAST_ERRORS = 500, 100, 30
#: The features are compared over so many rows then and now.
BEFORE, NOW = 2000, 1000


@dataclass(slots=True)
class Watch:
    """The detector on the labelled items' error, and how far it was fed."""

    detector: Detector
    fed_to: Position = field(default=START)


def due(tools: Tools) -> bool:
    """A batch has settled since the last measurement."""
    return tools.state.cycles > tools.state.measured_cycles


def measure(tools: Tools, watch: Watch, features: tuple[Feature, ...], now: Instant) -> tuple[Fact, ...]:
    """Measure quality and drift once, and write both down."""
    with tools.lock:
        judged, reserve = judgements(tools.state)
    facts = (quality(tools, reserve), drift(tools, judged, reserve, watch, features, now))
    tools.tell(now, *facts)
    return facts


def quality(tools: Tools, reserve: Sequence[Judged]) -> QualityMeasured:
    """How good the predictions were on the newest reserve labels: made before anybody labelled the item."""
    state = tools.state
    judged = reserve[-NEWEST:]
    model = judged[-1].model if judged else state.champion
    classes = state.models[model].classes if model is not None and model in state.models else ()
    judged = [one for one in judged if state.models[one.model].classes == classes]
    if not judged:
        return QualityMeasured(model, 0, 0, {})
    labels = texts(one.label for one in judged)
    scores = np.array([one.scores for one in judged])
    counts = sorted(np.unique(labels.astype(str), return_counts=True)[1])
    chance = rng(tools.settings.seed, "quality", state.cycles)
    metrics = measured(labels, scores, classes, chance, tools.settings.stream.positive)
    positives = int(sum(counts[:-1])) if len(counts) > 1 else 0
    return QualityMeasured(model, len(judged), positives, dict(metrics))


def drift(
    tools: Tools,
    judged: Sequence[Judged],
    reserve: Sequence[Judged],
    watch: Watch,
    features: tuple[Feature, ...],
    now: Instant,
) -> DriftMeasured:
    """How far features, error and class shares moved since the newest training began."""
    state = tools.state
    threshold = float(tools.knobs.value("drift.threshold", now))
    moved = _features(tools, features, threshold)
    errors = [_error(one, state.models[one.model].classes)[0] for one in reserve[-NEWEST_ERRORS:]]
    labels = [one.label for one in reserve]
    return DriftMeasured(
        share=moved.share,
        score=moved.score,
        error=float(np.mean(errors)) if len(errors) >= LEAST_ERRORS else None,
        changed=_changed(tools, judged, watch),
        prior=prior_shift(Counter(labels[-NEWEST:-NEWEST_ERRORS]), Counter(labels[-NEWEST_ERRORS:])),
        features={name: round(float(distance), 6) for name, distance in moved.distances.items()},
    )


def _changed(tools: Tools, judged: Sequence[Judged], watch: Watch) -> bool:
    """Whether the error has changed, as of the labels that came since the last measurement.

    After a restart the detector is fed what it had seen before, of which nothing is told twice.
    """
    changed = False
    for one in judged:
        if one.seq > watch.fed_to:
            watch.fed_to = one.seq
            _, surprise = _error(one, tools.state.models[one.model].classes)
            watch.detector = watch.detector.seen(surprise)
            changed = changed or (watch.detector.changed and one.seq > tools.state.measured_at)
    return changed


def _features(tools: Tools, features: tuple[Feature, ...], threshold: float) -> Moved:
    """The newest items against those that were the newest when the newest training began."""
    with tools.lock:
        reference, recent = tools.state.reference, list(tools.state.recent)
    seen = {arrived.cursor for arrived in reference}
    fresh = [arrived for arrived in recent if arrived.cursor not in seen and arrived.count]
    names = [feature.name for feature in features]
    before = _newest_rows(tools, [arrived for arrived in reference if arrived.count], names, BEFORE)
    after = _newest_rows(tools, fresh, names, NOW)
    return features_moved(before, after, features, threshold)


def _newest_rows(tools: Tools, arrived: Sequence[ItemsArrived], names: Sequence[str], most: int) -> Table:
    table = stack([tools.table(fact.segment).select(names) for fact in arrived])
    return table.take(slice(max(0, len(table) - most), None))


def _error(one: Judged, classes: tuple[str, ...]) -> tuple[float, float]:
    """Whether the model was wrong, and how much more so than it expected of itself."""
    probabilities = np.array([one.scores])
    truth = codes_of(texts([one.label]), classes)
    wrong = float(classes[int(probabilities.argmax())] != one.label)
    return wrong, float(surprises(truth, probabilities)[0])
