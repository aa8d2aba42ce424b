"""How long each stage takes by the size of the batch, from the log alone: where the loop begins to choke."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from flyball.core.facts import (
    AnswerGiven,
    BatchReleased,
    BatchSettled,
    LabelSettled,
    ModelTrained,
    Recorded,
)
from flyball.core.gauges_windows import quantile_of
from flyball.core.ids import BatchId, Instant, ItemId, Position, Seconds
from flyball.ports import Log

#: The stages of an answer's way, in order.
STAGES = ("release_to_answer", "answer_to_captured", "captured_to_integrated", "settled_to_trained")
KINDS = (AnswerGiven, BatchReleased, BatchSettled, LabelSettled, ModelTrained)
#: With more sizes than these, sizes are put together by powers of two.
MOST_SIZES = 12
#: A larger batch chokes the loop where it brings hardly more labels an hour, and takes much longer.
GAIN, LONGER = 1.1, 1.5


@dataclass(slots=True)
class _Batch:
    """One batch on its way; `answered` is when each answer about it was captured."""

    size: int
    at: Instant
    answered: dict[ItemId, Instant] = field(default_factory=dict)
    times: dict[str, list[Seconds]] = field(default_factory=lambda: {stage: [] for stage in STAGES})
    settled: int = 0
    settled_at: Instant | None = None
    last_label: Position | None = None


def latency(log: Log) -> list[dict[str, Any]]:
    """For each size of batch: how many, p50 and p95 of each stage in seconds, labels an hour; sizes rising.

    `chokes` is True from the size on at which the loop takes in hardly more labels an hour.
    """
    rows = [_row(low, high, those) for low, high, those in _sizes(_batches(log))]
    choked = False
    for before, row in pairwise(rows):
        choked = choked or _chokes(before, row)
        row["chokes"] = choked
    return rows


def _batches(log: Log) -> list[_Batch]:
    batches: dict[BatchId, _Batch] = {}
    untrained: list[_Batch] = []
    for recorded in log.read(kinds=[each.kind for each in KINDS]):
        match recorded.fact:
            case BatchReleased(batch=name, items=items):
                batches[name] = _Batch(len(items), recorded.at)
            case AnswerGiven(draft=False) as fact if fact.batch in batches and fact.batch is not None:
                _answered(batches[fact.batch], fact, recorded)
            case LabelSettled(item=item, batch=name) if name in batches and name is not None:
                _labelled(batches[name], item, recorded)
            case BatchSettled(batch=name) if name in batches:
                batches[name].settled_at = recorded.at
                untrained.append(batches[name])
            case ModelTrained(labels_up_to=up_to):
                untrained = _trained(untrained, up_to, recorded.at)
            case _:
                pass
    return list(batches.values())


def _answered(batch: _Batch, fact: AnswerGiven, recorded: Recorded) -> None:
    # By a clock that goes before ours an answer is captured before it is given: that is no time at all.
    said = recorded.at if fact.said_at is None else min(fact.said_at, recorded.at)
    batch.times["release_to_answer"].append(max(0.0, said - batch.at))
    if fact.said_at is not None:
        batch.times["answer_to_captured"].append(recorded.at - said)
    batch.answered[fact.item] = recorded.at


def _labelled(batch: _Batch, item: ItemId, recorded: Recorded) -> None:
    at = batch.answered.pop(item, None)
    if at is not None:
        batch.times["captured_to_integrated"].append(recorded.at - at)
        batch.settled += 1
    batch.last_label = recorded.seq


def _trained(untrained: Sequence[_Batch], up_to: Position, at: Instant) -> list[_Batch]:
    left: list[_Batch] = []
    for batch in untrained:
        if batch.settled_at is not None and batch.last_label is not None and batch.last_label <= up_to:
            batch.times["settled_to_trained"].append(at - batch.settled_at)
        else:
            left.append(batch)
    return left


def _sizes(batches: Iterable[_Batch]) -> list[tuple[int, int, list[_Batch]]]:
    """Batches by size; by powers of two where there are many sizes. (lowest, highest, batches)."""
    listed = sorted(batches, key=lambda each: each.size)
    exact = len({each.size for each in listed}) <= MOST_SIZES
    grouped: dict[int, list[_Batch]] = {}
    for each in listed:
        grouped.setdefault(each.size if exact else each.size.bit_length(), []).append(each)
    return [(those[0].size, those[-1].size, those) for those in grouped.values()]


def _row(low: int, high: int, batches: Sequence[_Batch]) -> dict[str, Any]:
    spans = [(each.settled, each.settled_at - each.at) for each in batches if each.settled_at is not None]
    seconds = sum(span for _, span in spans)
    row: dict[str, Any] = {"size": low, "to": high, "batches": len(batches), "settled": len(spans)}
    for stage in STAGES:
        times = sorted(time for each in batches for time in each.times[stage])
        row[stage] = {"p50": quantile_of(times, 0.5), "p95": quantile_of(times, 0.95), "count": len(times)}
    row["batch_seconds"] = seconds / len(spans) if spans else None
    row["labels_per_hour"] = 3600 * sum(count for count, _ in spans) / seconds if seconds else None
    row["chokes"] = False
    return row


def _chokes(before: dict[str, Any], row: dict[str, Any]) -> bool:
    gain, slower = (row[name] for name in ("labels_per_hour", "batch_seconds"))
    had, took = (before[name] for name in ("labels_per_hour", "batch_seconds"))
    if None in (gain, slower, had, took):
        return False
    return bool(gain < had * GAIN and slower > took * LONGER)
