"""What became of answers: captured, integrated, settled into labels."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import takewhile

from flyball.core.facts import (
    AnswerGiven,
    AnswerParked,
    BatchSettled,
    CaptureMeasured,
    ClassAllowed,
    DefinitionsApproved,
    LabelSettled,
    LabelsKnown,
    LetterDropped,
    LetterRequeued,
    Recorded,
    RunBegan,
    RunEnded,
    RunFailed,
)
from flyball.core.gauges_queue import HOUR, Queue
from flyball.core.gauges_windows import Newest, quantile_of
from flyball.core.ids import BatchId, Instant, ItemId, Position, RunId, Seconds
from flyball.core.signal import Reading

LABELS_KEPT = 500
LATENCIES_KEPT = 1000
#: How many settled batches `labels.shift` compares: the newest with all before it.
RUNS = 5


@dataclass(slots=True)
class Integration:
    """Answers on their way into labels. Memory grows with the backlog, and with nothing else."""

    captured: int = 0
    integrated: int = 0
    last_success: Instant | None = None
    waiting: dict[ItemId, dict[Position, Instant]] = field(default_factory=dict)
    item_of: dict[Position, ItemId] = field(default_factory=dict)
    parked: set[Position] = field(default_factory=set)
    #: When the time to a receipt was measured, and its 99th percentile then.
    receipts: tuple[Instant, Seconds] | None = None
    latencies: deque[tuple[Instant, Seconds]] = field(default_factory=lambda: deque(maxlen=LATENCIES_KEPT))

    def observe(self, recorded: Recorded) -> None:
        """Take one fact in."""
        match recorded.fact:
            case AnswerGiven(draft=False, item=item):
                self.captured += 1
                self.waiting.setdefault(item, {})[recorded.seq] = recorded.at
                self.item_of[recorded.seq] = item
            case AnswerParked(answer=answer):
                self.parked.add(answer)
                self._leave(answer)
            case LetterRequeued(fact=answer) | LetterDropped(fact=answer):
                self.parked.discard(answer)
            case DefinitionsApproved(answers=answers) | ClassAllowed(answers=answers):
                self.parked.difference_update(answers)
            case LabelSettled(item=item, answers=answers, superseded=superseded) if answers:
                self.parked.difference_update(answers)
                # What an annotator said before changing their mind is settled along with it.
                newest = max(*answers, *superseded, 0)
                for answer in [seq for seq in self.waiting.get(item, ()) if seq <= newest]:
                    self.latencies.append((recorded.at, recorded.at - self._leave(answer)))
                self.last_success = recorded.at
            case CaptureMeasured(p99=p99):
                self.receipts = (recorded.at, p99)
            case _:
                pass

    def read(self, now: Instant) -> dict[str, Reading]:
        """The signals of capture and integration."""
        newest = takewhile(lambda pair: pair[0] > now - HOUR, reversed(self.latencies))
        recent = sorted(took for _, took in newest)
        fresh = self.receipts is not None and self.receipts[0] > now - HOUR
        return {
            "capture.count": float(self.captured),
            "capture.latency_p99": self.receipts[1] if self.receipts and fresh else None,
            "integrate.count": float(self.integrated),
            "integrate.latency_p95": quantile_of(recent, 0.95),
            "integrate.last_success_age": None if self.last_success is None else now - self.last_success,
            "backlog.depth": float(len(self.item_of)),
            "dlq.depth": float(len(self.parked)),
        }

    def _leave(self, answer: Position) -> Instant:
        """The answer leaves the backlog. Gives when it was captured."""
        item = self.item_of.pop(answer, None)
        if item is None:
            return 0.0
        self.integrated += 1
        at = self.waiting[item].pop(answer)
        if not self.waiting[item]:
            del self.waiting[item]
        return at


@dataclass(slots=True)
class Labels:
    """Answers and labels counted, and how labels change from batch to batch."""

    queue: Queue
    answers: int = 0
    trained: int = 0
    trained_before: dict[RunId, int] = field(default_factory=dict)
    labels: int = 0
    ages: Newest = field(default_factory=lambda: Newest(LABELS_KEPT))
    agreed: Newest = field(default_factory=lambda: Newest(LABELS_KEPT))
    open: dict[BatchId, Counter[str]] = field(default_factory=dict)
    runs: deque[Counter[str]] = field(default_factory=lambda: deque(maxlen=RUNS))

    def observe(self, recorded: Recorded) -> None:
        """Take one fact in, before the queue does."""
        match recorded.fact:
            case AnswerGiven(draft=False):
                self.answers += 1
            case LabelSettled() as fact:
                self._settled(fact, recorded.at)
            case LabelsKnown(count=count):
                self.labels += count
            case BatchSettled(batch=batch):
                if counts := self.open.pop(batch, None):
                    self.runs.append(counts)
            case RunBegan(work="train", run=run):
                self.trained_before[run] = self.trained
                self.trained = self.answers
            case RunEnded(run=run):
                self.trained_before.pop(run, None)
            case RunFailed(run=run, final=True) if run in self.trained_before:
                self.trained = self.trained_before.pop(run)
            case _:
                pass

    def read(self) -> dict[str, Reading]:
        """The signals of answers and labels."""
        agreed = self.agreed.mean()
        return {
            "answers.total": float(self.answers),
            "answers.since_train": float(self.answers - self.trained),
            "labels.total": float(self.labels),
            "labels.age_p95": self.ages.quantile(0.95),
            "labels.shift": shift(list(self.runs)) if len(self.runs) == RUNS else None,
            "labels.disagreement": None if agreed is None else 1.0 - agreed,
        }

    def _settled(self, fact: LabelSettled, at: Instant) -> None:
        batch = self.queue.open.get(fact.batch) if fact.batch is not None else None
        if batch is not None and fact.batch is not None:
            if fact.item not in batch.unsettled:
                return
            self.open.setdefault(fact.batch, Counter())[fact.label] += 1
        self.labels += 1
        self.agreed.add(fact.agreed)
        if fact.batch in self.queue.released_at:
            self.ages.add(at - self.queue.released_at[fact.batch])


def shift(runs: list[Counter[str]]) -> float:
    """The largest change of a class's share, from all runs but the last to the last.

    >>> shift([Counter(a=9, b=1), Counter(a=9, b=1), Counter(a=7, b=3)])
    0.2
    """
    before, last = sum(runs[:-1], Counter()), runs[-1]
    classes = {*before, *last}
    moves = (abs(last[each] / last.total() - before[each] / before.total()) for each in classes)
    return round(max(moves), 12)
