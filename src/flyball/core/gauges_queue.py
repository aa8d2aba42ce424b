"""What is with the annotators, and how the team does: queue, throughput, idle time."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from flyball.core.facts import (
    AnswerGiven,
    BatchReleased,
    BatchSettled,
    ItemsArrived,
    LabelSettled,
    LabelWithdrawn,
    Recorded,
    TeamMeasured,
)
from flyball.core.gauges_windows import Newest, area, weighted_quantile
from flyball.core.ids import AnnotatorId, BatchId, Instant, ItemId, ModelVersion, Seconds
from flyball.core.signal import Reading

HOUR: Seconds = 3600.0
#: With less work seen than this, nothing is said about how fast the team works.
LEAST_BUSY: Seconds = 60.0
#: Batches whose time of release is remembered, for labels that come late.
RELEASES_KEPT = 1000
ANSWERS_KEPT = 50


@dataclass(slots=True)
class Batch:
    """A batch that is out: the answers each item needs, those its items lack, the items without a label."""

    at: Instant
    model: ModelVersion | None
    needed: int
    lacking: dict[ItemId, int]
    unsettled: set[ItemId]
    waiting: int


@dataclass(slots=True)
class Queue:
    """The batches that are out."""

    open: dict[BatchId, Batch] = field(default_factory=dict)
    released_at: dict[BatchId, Instant] = field(default_factory=dict)
    newest_model: ModelVersion | None = None
    arrived: int = 0
    asked: int = 0
    cycles: int = 0
    cycle_seconds: Seconds | None = None

    def observe(self, recorded: Recorded) -> None:
        """Take one fact in."""
        match recorded.fact:
            case AnswerGiven(draft=False, batch=name, item=item) if name in self.open:
                batch = self.open[name]
                if item in batch.lacking:
                    self._lacks(batch, item, batch.lacking[item] - 1)
            case LabelSettled(batch=name, item=item) if name in self.open:
                self.open[name].unsettled.discard(item)
                self._lacks(self.open[name], item, 0)
            case LabelWithdrawn(batch=name, item=item) if name in self.open:
                self.open[name].unsettled.add(item)
                self._lacks(self.open[name], item, self.open[name].needed)
            case BatchReleased() as fact:
                self._released(fact, recorded.at)
            case BatchSettled() as fact:
                self.open.pop(fact.batch, None)
                self.cycles += 1
                self.cycle_seconds = fact.seconds
            case ItemsArrived(count=count):
                self.arrived += count
            case _:
                pass

    @property
    def waiting(self) -> int:
        """The answers that the annotators have still to give."""
        return sum(batch.waiting for batch in self.open.values())

    def models(self) -> list[ModelVersion]:
        """The models by which the open batches were chosen; with none open, that of the newest batch."""
        chosen = [batch.model for batch in self.open.values()] if self.open else [self.newest_model]
        return [model for model in chosen if model is not None]

    def read(self, now: Instant) -> dict[str, Reading]:
        """The signals of the queue."""
        depth = sum(len(batch.lacking) for batch in self.open.values())
        ages = [(now - batch.at, len(batch.lacking)) for batch in self.open.values()]
        return {
            "queue.depth": float(depth),
            "queue.age_p95": weighted_quantile(ages, 0.95) if depth else 0.0,
            "queue.in_flight": float(len(self.open)),
            "cycle.seconds": self.cycle_seconds,
        }

    def _released(self, fact: BatchReleased, at: Instant) -> None:
        needed = max(1, fact.answers_needed)
        lacking = dict.fromkeys(fact.items, needed)
        self.open[fact.batch] = Batch(at, fact.model, needed, lacking, set(fact.items), needed * len(lacking))
        self.newest_model = fact.model
        self.asked += len(fact.items) * fact.answers_needed
        self.released_at[fact.batch] = at
        while len(self.released_at) > RELEASES_KEPT:
            del self.released_at[next(iter(self.released_at))]

    def _lacks(self, batch: Batch, item: ItemId, answers: int) -> None:
        before = batch.lacking.pop(item, 0)
        batch.waiting += answers - before
        if answers > 0:
            batch.lacking[item] = answers


@dataclass(slots=True)
class Team:
    """The annotators over the last hour. What was measured holds until it is measured again."""

    steps: deque[tuple[Instant, int, int]] = field(default_factory=deque)
    answered: deque[Instant] = field(default_factory=deque)
    seconds: dict[AnnotatorId, Newest] = field(default_factory=dict)

    def observe(self, recorded: Recorded) -> None:
        """Take one fact in."""
        match recorded.fact:
            case AnswerGiven(draft=False) as fact:
                self.answered.append(recorded.at)
                while self.answered[0] <= recorded.at - HOUR:
                    self.answered.popleft()
                if fact.annotator not in self.seconds:
                    self.seconds[fact.annotator] = Newest(ANSWERS_KEPT)
                if fact.seconds is not None:
                    self.seconds[fact.annotator].add(fact.seconds)
            case TeamMeasured(active=active, idle=idle):
                if not self.steps or self.steps[-1][1:] != (active, idle):
                    self.steps.append((recorded.at, active, idle))
                while len(self.steps) > 1 and self.steps[1][0] <= recorded.at - HOUR:
                    self.steps.popleft()
            case _:
                pass

    def throughput(self, now: Instant) -> float | None:
        """Answers in an hour that those on shift give while they have work."""
        answers = sum(at > now - HOUR for at in self.answered)
        if not self.steps:
            return float(answers) if answers else None
        working = [(at, float(active - idle)) for at, active, idle in self.steps]
        busy, on_shift = area(working, now - HOUR, now), self.steps[-1][1]
        return answers / busy * HOUR * on_shift if busy >= LEAST_BUSY and on_shift else None

    def read(self, now: Instant) -> dict[str, Reading]:
        """The signals of the team, but for its load."""
        active = area([(at, float(active)) for at, active, _ in self.steps], now - HOUR, now)
        idle = area([(at, float(idle)) for at, _, idle in self.steps], now - HOUR, now)
        return {
            "annotators.active": float(self.steps[-1][1]) if self.steps else None,
            "annotators.idle": idle / active if active else None,
            "annotators.throughput": self.throughput(now),
        }

    def each(self) -> Mapping[str, dict[str, Reading]]:
        """The signals of each annotator who ever answered."""
        return {name: {"annotator.seconds_p50": took.quantile(0.5)} for name, took in self.seconds.items()}
