"""The signals about work: the queue, the annotators, answers, labels, capture and integration."""

from __future__ import annotations

from functools import partial

from flyball.core.signal import Signal

_count = partial(Signal, unit="count", low=0.0, high=None)
_share = partial(Signal, unit="share", low=0.0, high=1.0)
_seconds = partial(Signal, unit="seconds", low=0.0, high=None)

WORK_SIGNALS: tuple[Signal, ...] = (
    _count(
        name="queue.depth",
        better="lower",
        meaning="Items that are with the annotators and lack an answer.",
        how="Items of open batches with fewer answers than the batch needs.",
    ),
    _seconds(
        name="queue.age_p95",
        better="lower",
        meaning="How long items wait for their answers: 95% of them not longer than this.",
        how="The 95th percentile of the time since release over the items of `queue.depth`; 0 for none.",
    ),
    _count(
        name="queue.in_flight",
        meaning="Batches that are with the annotators.",
        how="Batches released and not settled.",
    ),
    _count(
        name="annotators.active",
        meaning="Annotators on shift.",
        how="The newest count of the team; it holds until it changes.",
    ),
    _share(
        name="annotators.idle",
        better="lower",
        meaning="The share of their time that annotators on shift had no work.",
        how="Idle over active, both weighted by time, in the last hour.",
    ),
    Signal(
        name="annotators.load",
        unit="share",
        low=0.0,
        high=None,
        meaning="How much work waits against what the team can do; over 100% it cannot keep up.",
        how="Answers that wait, over what the team answers in an hour, or in a training that takes longer.",
    ),
    Signal(
        name="annotators.throughput",
        better="higher",
        unit="per hour",
        low=0.0,
        high=None,
        meaning="Answers in an hour that the team on shift gives while it has work.",
        how="Answers of the last hour for each busy annotator-hour, times the annotators on shift.",
    ),
    _count(
        name="answers.total",
        meaning="Answers given since the loop was made.",
        how="Answers captured, drafts not counted.",
    ),
    _count(
        name="answers.since_train",
        meaning="Answers that no model has learned from: how stale the model is.",
        how="Answers since the last training began; a training that failed for good does not count.",
    ),
    _count(
        name="labels.total",
        meaning="Labels: settled from answers, or known by themselves.",
        how="Items labelled; one that is settled again after its batch counts once more.",
    ),
    _seconds(
        name="labels.age_p95",
        better="lower",
        meaning="How long a label takes, from release to settled: 95% of them not longer than this.",
        how="The 95th percentile over the newest 500 labels settled from answers.",
    ),
    _share(
        name="labels.shift",
        meaning="How far the mix of classes moved: the largest change of a class's share.",
        how="The newest settled batch against the four before it together; no data before five batches.",
    ),
    _share(
        name="labels.disagreement",
        better="lower",
        meaning="How much annotators disagree about an item.",
        how="1 less the mean share of answers that agreed with the label, over the newest 500 labels.",
    ),
    _count(
        name="budget.left",
        meaning="Labels that may still be asked for.",
        how="The budget less the answers asked for, those in flight included.",
    ),
    _seconds(
        name="cycle.seconds",
        better="lower",
        meaning="How long a batch takes to come back.",
        how="Release to settled, of the newest settled batch.",
    ),
    _count(
        name="batch.suggested",
        meaning="The items that the team answers during one training: such a batch leaves nobody waiting.",
        how="`annotators.throughput` times `train.seconds`, over the answers each item needs.",
    ),
    _count(
        name="capture.count",
        meaning="Answers captured since the loop was made; its rate is the speed of capture.",
        how="Answers in the log, drafts not counted.",
    ),
    _seconds(
        name="capture.latency_p99",
        better="lower",
        meaning="How long an annotator's tool waits until its answer is safe.",
        how="The 99th percentile of the time from request to receipt, in the newest minute with any.",
    ),
    _count(
        name="integrate.count",
        meaning="Answers integrated since the loop was made; its rate is the speed of integration.",
        how="Answers that wait no more: settled, taken back, parked, given up or dropped, each counted once.",
    ),
    _seconds(
        name="integrate.latency_p95",
        better="lower",
        meaning="How long an answer waits until it is part of a label: 95% of them not longer than this.",
        how="The 95th percentile of captured, or tried once more, to settled: the newest 1,000 of an hour.",
    ),
    _seconds(
        name="integrate.last_success_age",
        better="lower",
        meaning="How long ago an answer was last integrated.",
        how="Time since the newest label settled from answers.",
    ),
    _count(
        name="backlog.depth",
        better="lower",
        meaning="Answers that were captured and are not integrated.",
        how="Captured less integrated, and those that are tried once more; drafts not counted.",
    ),
    _count(
        name="dlq.depth",
        better="lower",
        meaning="Answers that cannot be integrated as they stand.",
        how="Answers parked, for whatever reason, or given up, and not settled since.",
    ),
    _share(
        name="gold.accuracy",
        better="higher",
        meaning="How often an annotator is right on items whose label is known.",
        how="Right answers over answers, on gold items.",
        per="annotator",
        source="",
    ),
    _count(
        name="gold.seen",
        meaning="How many gold items an annotator has answered.",
        how="Answers on gold items.",
        per="annotator",
        source="",
    ),
    _seconds(
        name="annotator.seconds_p50",
        better="lower",
        meaning="How long an annotator takes for an answer, by their own account.",
        how="The median of the annotator's newest 50 answers that say how long they took.",
        per="annotator",
    ),
)
