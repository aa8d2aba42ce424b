"""The catalogue of signals."""

from __future__ import annotations

import pytest

from flyball.core.signals import SIGNALS, Signal

#: What rules and pages are promised.
PROMISED = [
    "queue.depth",
    "queue.age_p95",
    "queue.in_flight",
    "annotators.active",
    "annotators.idle",
    "annotators.load",
    "annotators.throughput",
    "answers.total",
    "answers.since_train",
    "labels.total",
    "labels.age_p95",
    "labels.shift",
    "labels.disagreement",
    "budget.left",
    "cycle.seconds",
    "batch.suggested",
    "model.age",
    "model.confidence",
    "model.uncertainty",
    "val.ap",
    "val.auc",
    "val.kappa",
    "val.loss",
    "val.ece",
    "val.estimated",
    "al.gain_vs_random",
    "drift.share",
    "drift.score",
    "drift.error",
    "drift.error.changed",
    "drift.prior",
    "drift.new_class",
    "capture.count",
    "capture.latency_p99",
    "integrate.count",
    "integrate.latency_p95",
    "integrate.last_success_age",
    "backlog.depth",
    "dlq.depth",
    "score.seconds_per_item",
    "score.rows_per_s",
    "score.model_lag",
    "train.seconds",
    "train.regret",
    "gold.accuracy",
    "gold.seen",
    "annotator.seconds_p50",
]

EACH = pytest.mark.parametrize("signal", SIGNALS.values(), ids=lambda signal: signal.name)


def test_every_signal_that_was_promised_is_listed() -> None:
    assert sorted(set(PROMISED) - set(SIGNALS)) == []


@EACH
def test_a_signal_says_in_sentences_what_it_means_and_how_it_is_computed(signal: Signal) -> None:
    for text in (signal.meaning, signal.how):
        assert text.endswith(".")
        assert text[0].isupper() or text[0] in "`1"


@EACH
def test_a_signals_range_fits_its_unit(signal: Signal) -> None:
    if signal.low is not None and signal.high is not None:
        assert signal.low < signal.high
    if signal.unit == "flag":
        assert (signal.low, signal.high) == (0.0, 1.0)
    if signal.unit in ("count", "seconds", "per hour", "per second", "cycles"):
        assert (signal.low, signal.high) == (0.0, None)


def test_a_name_says_whether_there_is_one_reading_for_each_annotator() -> None:
    per = {signal.name for signal in SIGNALS.values() if signal.per == "annotator"}
    assert per == {"gold.accuracy", "gold.seen", "annotator.seconds_p50"}


def test_signals_that_nothing_measures_yet_say_so() -> None:
    assert {signal.name for signal in SIGNALS.values() if not signal.source} == {
        "al.gain_vs_random",
        "drift.new_class",
        "gold.accuracy",
        "gold.seen",
        "train.regret",
        "val.estimated",
    }
