"""What became of answers: captured, integrated, settled into labels."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from flyball.core.facts import (
    AnswerGiven,
    AnswerGivenUp,
    AnswerParked,
    BatchSettled,
    BodyErased,
    CaptureMeasured,
    ClassAllowed,
    DefinitionsApproved,
    LabelSettled,
    LabelsKnown,
    LabelWithdrawn,
    LetterDropped,
    LetterRequeued,
    Recorded,
    RunBegan,
    RunEnded,
    RunFailed,
)
from flyball.core.gauges_queue import HOUR, Queue
from flyball.core.gauges_windows import Newest, quantile_of
from flyball.core.ids import START, AnnotatorId, BatchId, Instant, ItemId, Position, RunId, Seconds
from flyball.core.signal import Reading

LABELS_KEPT = 500
LATENCIES_KEPT = 1000
#: How many settled batches `labels.shift` compares: the newest with all before it.
RUNS = 5


@dataclass(slots=True)
class Places:
    """Facts that are counted, a bit for each fact of the log: so that what is erased is counted no more.

    A fold that begins after an erasure never sees what was erased, and comes to the same counts.
    """

    count: int = 0
    _bits: bytearray = field(default_factory=bytearray)

    def add(self, place: Position) -> None:
        """Count a fact."""
        byte, bit = place >> 3, 1 << (place & 7)
        if byte >= len(self._bits):
            self._bits.extend(bytes(byte + 1 - len(self._bits)))
        self.count += not self._bits[byte] & bit
        self._bits[byte] |= bit

    def erase(self, places: Sequence[Position]) -> None:
        """Count these no more, where they were counted."""
        for place in places:
            byte, bit = place >> 3, 1 << (place & 7)
            if byte < len(self._bits) and self._bits[byte] & bit:
                self._bits[byte] ^= bit
                self.count -= 1

    def after(self, place: Position) -> int:
        """How many there are after a place."""
        if place >> 3 >= len(self._bits):
            return 0
        first = self._bits[place >> 3] >> (place & 7) + 1
        return first.bit_count() + int.from_bytes(self._bits[(place >> 3) + 1 :]).bit_count()


@dataclass(slots=True)
class Integration:
    """Answers on their way into labels. Memory grows with the backlog, and by a bit with each fact."""

    captured: Places = field(default_factory=Places)
    last_success: Instant | None = None
    #: By item, since when each answer waits, and whose it is.
    waiting: dict[ItemId, dict[Position, tuple[Instant, AnnotatorId]]] = field(default_factory=dict)
    item_of: dict[Position, ItemId] = field(default_factory=dict)
    #: What is parked or given up, with its item and annotator unless it was settled before; and what waits
    #: once more.
    parked: dict[Position, tuple[ItemId, AnnotatorId] | None] = field(default_factory=dict)
    again: set[Position] = field(default_factory=set)
    #: When the time to a receipt was measured, and its 99th percentile then.
    receipts: tuple[Instant, Seconds] | None = None
    latencies: deque[tuple[Instant, Seconds]] = field(default_factory=lambda: deque(maxlen=LATENCIES_KEPT))

    def observe(self, recorded: Recorded) -> None:
        """Take one fact in."""
        match recorded.fact:
            case AnswerGiven(draft=False, item=item, annotator=annotator, withdrawn=withdrawn):
                self.captured.add(recorded.seq)
                self._waits(recorded.seq, item, annotator, recorded.at)
                if withdrawn:  # nothing more is to come of what was taken back, nor of this
                    those = [seq for seq, (_, by) in self.waiting[item].items() if by == annotator]
                    self._leave(*those)
            case AnswerParked(answer=answer) | AnswerGivenUp(answer=answer):
                of = self.item_of.get(answer)
                self.parked[answer] = None if of is None else (of, self.waiting[of][answer][1])
                self._leave(answer)
            case LetterDropped(fact=answer):
                self.parked.pop(answer, None)
                self._leave(answer)
            case LetterRequeued(fact=answer):
                self._waits_again((answer,), recorded.at)
            case DefinitionsApproved(answers=answers) | ClassAllowed(answers=answers):
                self._waits_again(answers, recorded.at)
            case LabelSettled(item=item, answers=answers, superseded=superseded) if answers:
                for answer in (*answers, *superseded):
                    self.parked.pop(answer, None)
                # What an annotator said before changing their mind is settled along with it.
                newest = max(*answers, *superseded, 0)
                settled = [seq for seq in self.waiting.get(item, ()) if seq <= newest]
                self.latencies.extend((recorded.at, recorded.at - since) for since in self._leave(*settled))
                self.last_success = recorded.at
            case LabelWithdrawn(item=item, answers=answers):
                self._leave(*(seq for seq in self.waiting.get(item, ()) if seq <= max(answers, default=0)))
            case BodyErased(facts=facts):
                self.captured.erase(facts)
                self._leave(*facts)
                for answer in facts:
                    self.parked.pop(answer, None)
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
            "capture.count": float(self.captured.count),
            "capture.latency_p99": self.receipts[1] if self.receipts and fresh else None,
            "integrate.count": float(self.integrated),
            "integrate.latency_p95": quantile_of(recent, 0.95),
            "integrate.last_success_age": None if self.last_success is None else now - self.last_success,
            "backlog.depth": float(len(self.item_of)),
            "dlq.depth": float(len(self.parked)),
        }

    @property
    def integrated(self) -> int:
        """The answers that are in the backlog no more, or once more."""
        return self.captured.count - len(self.item_of) + len(self.again)

    def _waits(self, answer: Position, item: ItemId, annotator: AnnotatorId, since: Instant) -> None:
        self.waiting.setdefault(item, {})[answer] = since, annotator
        self.item_of[answer] = item

    def _waits_again(self, answers: Sequence[Position], since: Instant) -> None:
        """What was parked is looked at once more; it counts as integrated once.

        What waits already waits from now on: the label that it had was erased.
        """
        for answer in answers:
            if (item := self.item_of.get(answer)) is not None:
                self.waiting[item][answer] = since, self.waiting[item][answer][1]
            elif (told := self.parked.pop(answer, None)) is not None:
                self._waits(answer, *told, since)
                self.again.add(answer)

    def _leave(self, *answers: Position) -> list[Instant]:
        """The answers leave the backlog, if they are in it. Gives since when each waited."""
        found: list[Instant] = []
        for answer in answers:
            if (item := self.item_of.pop(answer, None)) is None:
                continue
            self.again.discard(answer)
            found.append(self.waiting[item].pop(answer)[0])
            if not self.waiting[item]:
                del self.waiting[item]
        return found


@dataclass(slots=True)
class Labels:
    """Answers and labels counted, and how labels change from batch to batch."""

    queue: Queue
    answers: Places = field(default_factory=Places)
    #: Where the newest training began, and the one before each that runs.
    trained_at: Position = START
    trained_before: dict[RunId, Position] = field(default_factory=dict)
    settled: Places = field(default_factory=Places)
    taken_back: Places = field(default_factory=Places)
    #: Labels of the world's own.
    known: int = 0
    ages: Newest = field(default_factory=lambda: Newest(LABELS_KEPT))
    agreed: Newest = field(default_factory=lambda: Newest(LABELS_KEPT))
    open: dict[BatchId, Counter[str]] = field(default_factory=dict)
    #: Where the items of open batches were settled last: each counts once.
    last: dict[BatchId, dict[ItemId, Position]] = field(default_factory=dict)
    runs: deque[Counter[str]] = field(default_factory=lambda: deque(maxlen=RUNS))

    def observe(self, recorded: Recorded) -> None:
        """Take one fact in, before the queue does."""
        match recorded.fact:
            case AnswerGiven(draft=False):
                self.answers.add(recorded.seq)
            case LabelSettled() as fact:
                self._settled(fact, recorded)
            case LabelWithdrawn(batch=batch, label=label):
                self.taken_back.add(recorded.seq)
                if batch in self.open:
                    self.open[batch] -= Counter([label])
            case LabelsKnown(count=count):
                self.known += count
            case BatchSettled(batch=batch):
                self.last.pop(batch, None)
                if counts := self.open.pop(batch, None):
                    self.runs.append(counts)
            case RunBegan(work="train", run=run):
                self.trained_before[run] = self.trained_at
                self.trained_at = recorded.seq
            case RunEnded(run=run):
                self.trained_before.pop(run, None)
            case RunFailed(run=run, final=True) if run in self.trained_before:
                self.trained_at = self.trained_before.pop(run)
            case BodyErased(facts=facts):
                self.answers.erase(facts)
                self.settled.erase(facts)
                self.taken_back.erase(facts)
            case _:
                pass

    def read(self) -> dict[str, Reading]:
        """The signals of answers and labels."""
        agreed = self.agreed.mean()
        return {
            "answers.total": float(self.answers.count),
            "answers.since_train": float(self.answers.after(self.trained_at)),
            "labels.total": float(self.settled.count - self.taken_back.count + self.known),
            "labels.age_p95": self.ages.quantile(0.95),
            "labels.shift": shift(list(self.runs)) if len(self.runs) == RUNS else None,
            "labels.disagreement": None if agreed is None else 1.0 - agreed,
        }

    def _settled(self, fact: LabelSettled, recorded: Recorded) -> None:
        batch = self.queue.open.get(fact.batch) if fact.batch is not None else None
        if batch is not None and fact.batch is not None:
            last = self.last.setdefault(fact.batch, {})
            before, last[fact.item] = last.get(fact.item), recorded.seq
            if fact.item not in batch.unsettled:
                if before is not None:
                    self.settled.erase([before])
                    self.settled.add(recorded.seq)
                return
            self.open.setdefault(fact.batch, Counter())[fact.label] += 1
        self.settled.add(recorded.seq)
        self.agreed.add(fact.agreed)
        if fact.batch in self.queue.released_at:
            self.ages.add(recorded.at - self.queue.released_at[fact.batch])


def shift(runs: list[Counter[str]]) -> float:
    """The largest change of a class's share, from all runs but the last to the last.

    >>> shift([Counter(a=9, b=1), Counter(a=9, b=1), Counter(a=7, b=3)])
    0.2
    """
    before, last = sum(runs[:-1], Counter()), runs[-1]
    classes = {*before, *last}
    moves = (abs(last[each] / last.total() - before[each] / before.total()) for each in classes)
    return round(max(moves), 12)
