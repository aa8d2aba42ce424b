"""The signals about models: quality, drift, scoring and training."""

from __future__ import annotations

from functools import partial

from flyball.core.signal import Signal

#: Drift is measured when a batch settles; after a week without one nobody knows.
DRIFT_FRESH_FOR = 7 * 86400.0

_share = partial(Signal, unit="share", low=0.0, high=1.0)
_score = partial(Signal, unit="score", low=0.0, high=1.0)
_seconds = partial(Signal, unit="seconds", low=0.0, high=None)

MODEL_SIGNALS: tuple[Signal, ...] = (
    _seconds(
        name="model.age",
        meaning="How old the model is that scores now.",
        how="Time since the champion came out of its training.",
    ),
    _score(
        name="model.confidence",
        meaning="How sure the model is of the items in the pool.",
        how="The mean highest class probability in the newest scoring pass over the pool.",
    ),
    _score(
        name="model.uncertainty",
        meaning="How unsure the model is of the items in the pool.",
        how="The mean entropy, normalised to 0 to 1, in the newest scoring pass over the pool.",
    ),
    _score(
        name="val.ap",
        better="higher",
        meaning="Average precision of the model that scores.",
        how="On the newest labels of the reserve, from the scores given before anybody labelled them.",
    ),
    _score(
        name="val.auc",
        better="higher",
        meaning="Area under the ROC curve of the model that scores.",
        how="On the newest labels of the reserve, from the scores given before anybody labelled them.",
    ),
    Signal(
        name="val.kappa",
        better="higher",
        unit="score",
        low=-1.0,
        high=1.0,
        meaning="Cohen's kappa of the model that scores: agreement beyond chance.",
        how="On the newest labels of the reserve, from the scores given before anybody labelled them.",
    ),
    Signal(
        name="val.loss",
        better="lower",
        unit="score",
        low=0.0,
        high=None,
        meaning="Log loss of the model that scores.",
        how="On the newest labels of the reserve, from the scores given before anybody labelled them.",
    ),
    _score(
        name="val.ece",
        better="lower",
        meaning="Expected calibration error of the model that scores: how far its probabilities are off.",
        how="On the newest labels of the reserve, from the scores given before anybody labelled them.",
    ),
    _score(
        name="val.estimated",
        better="higher",
        meaning="Average precision as estimated without labels.",
        how="From the calibrated scores of the newest items.",
        source="",
    ),
    Signal(
        name="al.gain_vs_random",
        better="higher",
        unit="share",
        low=-1.0,
        high=None,
        meaning="What choosing items gains over taking them at random.",
        how="Quality learned from chosen items against as many of the reserve, relative.",
        source="",
    ),
    _share(
        name="drift.share",
        meaning="The share of features whose values moved.",
        how="Features over their threshold of distance, recent items against those learned from.",
        fresh_for=DRIFT_FRESH_FOR,
    ),
    Signal(
        name="drift.score",
        unit="score",
        low=0.0,
        high=None,
        meaning="How far the feature that moved most has moved.",
        how="The largest distance between recent items and those learned from.",
        fresh_for=DRIFT_FRESH_FOR,
    ),
    _share(
        name="drift.error",
        meaning="The model's recent error rate.",
        how="On the newest labels of the reserve.",
        fresh_for=DRIFT_FRESH_FOR,
    ),
    Signal(
        name="drift.error.changed",
        unit="flag",
        low=0.0,
        high=1.0,
        meaning="Whether the error rate changed.",
        how="The error's change detector fired between the last two measurements.",
        fresh_for=DRIFT_FRESH_FOR,
    ),
    _share(
        name="drift.prior",
        meaning="How far the share of a class moved.",
        how="The largest change of a class's share in the reserve.",
        fresh_for=DRIFT_FRESH_FOR,
    ),
    _share(
        name="drift.new_class",
        meaning="The share of recent items that look like no class known.",
        how="Items far from all that was learned from.",
        source="",
    ),
    _seconds(
        name="score.seconds_per_item",
        better="lower",
        meaning="How long one item takes to score.",
        how="Seconds over items, in the newest scoring pass.",
    ),
    Signal(
        name="score.rows_per_s",
        better="higher",
        unit="per second",
        low=0.0,
        high=None,
        meaning="Items scored in a second.",
        how="Items over seconds, in the newest scoring pass.",
    ),
    Signal(
        name="score.model_lag",
        better="lower",
        unit="cycles",
        low=0.0,
        high=None,
        meaning="How old the scores are by which the open batch was chosen.",
        how="Cycles from the training of the model that chose to the champion's; the most over open batches.",
    ),
    _seconds(
        name="train.seconds",
        better="lower",
        meaning="How long a training takes.",
        how="From begin to end, of the newest training.",
    ),
    Signal(
        name="train.regret",
        better="lower",
        unit="money",
        low=0.0,
        high=None,
        meaning="What it is estimated to have cost not to retrain.",
        how="Estimated loss of quality since the last training, priced.",
        source="",
    ),
)
