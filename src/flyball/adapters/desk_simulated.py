"""A desk at which a simulated team sits: it knows the true labels, is wrong at times, works in shifts."""

from __future__ import annotations

import hashlib
import heapq
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from flyball.core.chance import rng
from flyball.core.ids import AnnotatorId, BatchId, Instant, ItemId, Seconds
from flyball.ports import Answer, Offer, TeamState, Truth
from flyball.settings import TeamSettings
from flyball.settings.values import Shift

DAY = 86400.0
#: How many lengths of work are drawn beforehand; each item takes one of them.
LENGTHS = 4096


@dataclass(frozen=True, slots=True)
class Hours:
    """When the team works: a daily shift in UTC, with or without weekends."""

    shift: Shift = field(default_factory=Shift)
    weekend: bool = True

    def from_(self, instant: Instant) -> Instant:
        """The first moment at work from `instant` on.

        >>> Hours(Shift(9 * 3600.0, 17 * 3600.0), weekend=False).from_(0.0) / 3600  # a Thursday's midnight
        9.0
        """
        while True:
            midnight = instant // DAY * DAY
            if self._works(midnight) and instant < midnight + self.shift.ends:
                return max(instant, midnight + self.shift.begins)
            instant = midnight + DAY

    def at_work(self, instant: Instant) -> bool:
        """Whether this moment is within a shift."""
        return self.from_(instant) == instant

    def next_change(self, instant: Instant) -> Instant | None:
        """When the team comes or goes next; None where it is always there."""
        if self.shift.always and self.weekend:
            return None
        if not self.at_work(instant):
            return self.from_(instant)
        midnight = instant // DAY * DAY
        while self.shift.always and self._works(midnight + DAY):
            midnight += DAY
        return midnight + self.shift.ends

    def _works(self, midnight: Instant) -> bool:
        return self.weekend or (midnight // DAY + 3) % 7 < 5  # 1970 began on a Thursday


class SimulatedDesk:
    """Annotators who take the next item when they are free and at work, and answer it from the truth.

    What annotator A says of item I, and how long that takes, follows from the seed, I and A alone; who
    takes it and when, from the offers and their times. So it does not matter who collects when.
    An item is answered by `answers_needed` different annotators (by everyone, where there are fewer);
    one whose true label is not known is left. Work that was begun is finished after the shift's end.

    `history`: every batch offered before this process, in order, with the time of its offer. It is
    not answered again, but has kept the team busy: an open batch that is then offered again gets the
    same answers at the same times as the first time.
    """

    def __init__(
        self,
        team: TeamSettings,
        truth: Truth,
        classes: Sequence[str],
        seed: int,
        history: Iterable[tuple[Offer, Instant]] = (),
    ) -> None:
        self._truth = truth
        self._classes = tuple(classes)
        self._seed = seed
        self._hours = Hours(team.shift, team.weekend)
        self._names = [AnnotatorId(f"annotator-{number}") for number in range(1, team.size + 1)]
        each = team.accuracy
        self._accuracy = each if isinstance(each, tuple) else (each,) * team.size
        # Shape 4: most items take about the mean, few take three times as long.
        lengths = rng(seed, "team", "seconds").gamma(4.0, team.seconds_per_item / 4.0, LENGTHS)
        self._lengths: list[Seconds] = [float(seconds) for seconds in lengths]
        self._free: list[Instant] = [float("-inf")] * team.size
        self._offered: set[BatchId] = set()
        self._past: dict[BatchId, tuple[Instant, list[Instant]]] = {}
        self._given: list[tuple[Instant, str, Answer]] = []
        self._lock = threading.Lock()
        for offer, at in history:
            if offer.batch not in self._past:
                self._past[offer.batch] = (at, list(self._free))
                self._schedule(offer, at, self._free)

    def offer(self, offer: Offer, now: Instant) -> None:
        """Put a batch before the annotators. The same batch again changes nothing."""
        with self._lock:
            if offer.batch in self._offered:
                return
            self._offered.add(offer.batch)
            at, free = self._past.get(offer.batch, (now, self._free))
            for said_at, answer in self._schedule(offer, at, free):
                heapq.heappush(self._given, (said_at, answer.event_id, answer))

    def collect(self, now: Instant) -> tuple[Answer, ...]:
        """Answers given up to now and not collected before, in order of time."""
        taken: list[Answer] = []
        with self._lock:
            while self._given and self._given[0][0] <= now:
                taken.append(heapq.heappop(self._given)[2])
        return tuple(taken)

    def team(self, now: Instant) -> TeamState:
        """Who is on shift and without work, and how many answers are still to be given."""
        with self._lock:
            active = len(self._names) if self._hours.at_work(now) else 0
            idle = sum(free <= now for free in self._free) if active else 0
            waiting = sum(said_at > now for said_at, _, _ in self._given)
        return TeamState(active, idle, waiting)

    def next_at(self, now: Instant) -> Instant | None:
        """When the next answer is due (it may be past), or the team comes or goes."""
        with self._lock:
            coming = [self._given[0][0]] if self._given else []
        change = self._hours.next_change(now)
        return min([*coming, *([] if change is None else [change])], default=None)

    def _schedule(self, offer: Offer, at: Instant, free: list[Instant]) -> list[tuple[Instant, Answer]]:
        """All answers to a batch; `free` is moved on to when each annotator will have done their part."""
        queue = [(since, number) for number, since in enumerate(free)]
        heapq.heapify(queue)
        answers: list[tuple[Instant, Answer]] = []
        for item, truth in zip(offer.items, self._truth.of(offer.items), strict=True):
            if truth is None:
                continue
            takers = [heapq.heappop(queue) for _ in range(min(offer.answers_needed, len(queue)))]
            for since, number in takers:
                begins = self._hours.from_(max(since, at))
                said_at, answer = self._answer(offer.batch, item, truth, number, begins)
                answers.append((said_at, answer))
                free[number] = said_at
                heapq.heappush(queue, (said_at, number))
        return answers

    def _answer(
        self, batch: BatchId, item: ItemId, truth: str, number: int, begins: Instant
    ) -> tuple[Instant, Answer]:
        name = self._names[number]
        drawn = hashlib.blake2b(f"{self._seed}\x1f{item}\x1f{name}".encode(), digest_size=12).digest()
        right, which, length = (int.from_bytes(drawn[at : at + 4], "big") for at in (0, 4, 8))
        others = [label for label in self._classes if label != truth]
        mistaken = others and right >= self._accuracy[number] * 2**32
        seconds = self._lengths[length % LENGTHS]
        answer = Answer(
            event_id=f"{batch}/{item}/{name}",
            item=item,
            annotator=name,
            label=others[which % len(others)] if mistaken else truth,
            batch=batch,
            said_at=begins + seconds,
            seconds=seconds,
        )
        return begins + seconds, answer
