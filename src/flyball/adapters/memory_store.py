"""A whole store in memory, for the virtual driver and for tests: quick, for one thread, gone at the end."""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from flyball.adapters.commits import Clash, Plan, Salt, in_order, not_held, plan, written
from flyball.adapters.memory_items import MemoryItems
from flyball.core.chain import Head, Link, instant
from flyball.core.facts import AnswerGiven, Recorded, body_of
from flyball.core.ids import START, Digest, Instant, ItemId, Position, Seconds, canonical
from flyball.core.project import asked, checked
from flyball.ports import Commit, Contested, Job, Receipt, Store, Waiting


def memory_store(salt: Salt) -> Store:
    """An empty store in memory. `salt` gives so many bytes of chance."""
    jobs = MemoryJobs()
    log = MemoryLog(jobs, salt)
    return Store(log=log, jobs=jobs, items=log.items, evidence=log, close=lambda: None)


class MemoryLog:
    """The `Log` and `Evidence` ports over lists."""

    def __init__(self, jobs: MemoryJobs, salt: Salt) -> None:
        self.items = MemoryItems(self._answers)
        self._jobs = jobs
        self._salt = salt
        self._facts: list[Recorded] = []
        self._links: list[Link] = []
        self._named: dict[bytes, Position] = {}
        self._of_kind: dict[str, list[Position]] = {}
        self._answers_to: dict[ItemId, list[Position]] = {}
        self._notes: dict[str, str] = {}
        self._contested: dict[tuple[str, str, str, bytes, bytes | None], Contested] = {}

    def append(self, commit: Commit, now: Instant) -> tuple[Receipt, ...]:
        """See `ports.Log`."""
        drafts = written(commit)
        standing = {each.key: self._link(self._named[each.key]) for each in drafts if each.key in self._named}
        try:
            planned = plan(commit, drafts, standing, self._head(), now, self._salt)
        except Clash as clash:
            for each in clash.contested:
                about = (each.source, each.event_id, each.kind, each.body, each.raw)
                self._contested.setdefault(about, each)
            raise clash.conflict() from None
        self._jobs.refuse_lost(commit.done)
        changes = checked(planned.changes, self.items.standing(asked(planned.changes)))
        self._keep(planned)
        if planned.facts:
            self.items.apply(changes, planned.facts[0].at)
        self._jobs.finish(commit.done)
        for job, seq in planned.jobs:
            self._jobs.add(job.kind, job.lock, self._facts[seq - 1], job.run_at, now)
        self._notes.update(commit.notes)
        return planned.receipts

    def read(
        self, after: Position = START, kinds: Sequence[str] | None = None, limit: int | None = None
    ) -> Iterator[Recorded]:
        """See `ports.Log`."""
        seqs = self._seqs(after, kinds)
        for count, seq in enumerate(seqs):
            if count == limit:
                return
            yield self._facts[seq - 1]

    def head(self) -> Receipt:
        """See `ports.Log`."""
        head = self._head()
        return Receipt(head.seq, instant(head.at), Digest(head.hash.hex()), new=False)

    def note(self, name: str) -> str | None:
        """See `ports.Log`."""
        return self._notes.get(name)

    def links(self, after: Position = START) -> Iterator[Link]:
        """See `ports.Evidence`."""
        return (self._link(Position(seq)) for seq in range(after + 1, len(self._links) + 1))

    def contested(self) -> Iterator[Contested]:
        """See `ports.Evidence`."""
        return iter(in_order(self._contested.values()))

    def _head(self) -> Head:
        if not self._links:
            return Head()
        last = self._links[-1]
        return Head(last.seq, last.at, last.hash)

    def _link(self, seq: Position) -> Link:
        return self._links[seq - 1]._replace(body=canonical(body_of(self._facts[seq - 1].fact)))

    def _seqs(self, after: Position, kinds: Sequence[str] | None) -> Iterable[Position]:
        if kinds is None:
            return map(Position, range(after + 1, len(self._facts) + 1))
        lists = [self._of_kind.get(kind, []) for kind in set(kinds)]
        return heapq.merge(*(seqs[bisect.bisect_right(seqs, after) :] for seqs in lists))

    def _keep(self, planned: Plan) -> None:
        for link, recorded in zip(planned.links, planned.facts, strict=True):
            self._facts.append(recorded)
            # The bytes come from the fact again when they are asked for: half the memory.
            self._links.append(link._replace(body=None))
            self._of_kind.setdefault(link.kind, []).append(link.seq)
            if link.event_id is not None:
                self._named[link.key] = link.seq
            if isinstance(recorded.fact, AnswerGiven):
                self._answers_to.setdefault(recorded.fact.item, []).append(link.seq)

    def _answers(self, item: ItemId) -> tuple[Recorded, ...]:
        return tuple(self._facts[seq - 1] for seq in self._answers_to.get(item, []))


@dataclass(slots=True)
class _Row:
    """A job that is not done."""

    job: int
    kind: str
    lock: str
    cause: Recorded
    run_at: Instant
    asked_at: Instant
    attempts: int = 0
    lease_until: Instant = 0.0


class MemoryJobs:
    """The `Jobs` port over dictionaries."""

    def __init__(self) -> None:
        self._count = 0
        #: By kind, in order of their number.
        self._ready: dict[str, list[_Row]] = {}
        self._running: dict[int, _Row] = {}
        self._dead: dict[str, int] = {}

    def claim(self, kind: str, now: Instant, limit: int, lease: Seconds) -> list[Job]:
        """See `ports.Jobs`."""
        ready = self._ready.get(kind, [])
        busy = {row.lock for row in self._running.values()}
        taken: list[_Row] = []
        for row in ready:
            if len(taken) >= limit:
                break
            if row.run_at <= now and row.lock not in busy:
                busy.add(row.lock)
                taken.append(row)
        chosen = {row.job for row in taken}
        if chosen:
            self._ready[kind] = [row for row in ready if row.job not in chosen]
        for row in taken:
            row.attempts += 1
            row.lease_until = now + lease
            self._running[row.job] = row
        return [Job(row.job, kind, row.lock, row.cause, row.attempts, _token(row)) for row in taken]

    def fail(self, job: Job, code: str, detail: str, now: Instant, again_at: Instant | None) -> None:
        """See `ports.Jobs`."""
        self.refuse_lost([job])
        row = self._running.pop(job.job)
        if again_at is None:
            self._dead[row.kind] = self._dead.get(row.kind, 0) + 1
        else:
            row.run_at = again_at
            self._give_back(row)

    def waiting(self, kind: str) -> Waiting:
        """See `ports.Jobs`."""
        ready = self._ready.get(kind, [])
        running = sum(row.kind == kind for row in self._running.values())
        oldest = min((max(row.run_at, row.asked_at) for row in ready), default=None)
        return Waiting(len(ready), running, self._dead.get(kind, 0), oldest)

    def recover(self, now: Instant, everyone: bool = False) -> int:
        """See `ports.Jobs`."""
        over = [row for row in self._running.values() if everyone or row.lease_until <= now]
        for row in over:
            self._give_back(self._running.pop(row.job))
        return len(over)

    # --- what the log does to it

    def add(self, kind: str, lock: str, cause: Recorded, run_at: Instant, now: Instant) -> None:
        """A job that came with its fact."""
        self._count += 1
        self._give_back(_Row(self._count, kind, lock, cause, run_at, now))

    def refuse_lost(self, jobs: Iterable[Job]) -> None:
        """Raise LeaseLost for a job that is not held with its token."""
        for job in jobs:
            row = self._running.get(job.job)
            if row is None or _token(row) != job.token:
                raise not_held(job)

    def finish(self, jobs: Iterable[Job]) -> None:
        """Jobs that are held are done."""
        for job in jobs:
            self._running.pop(job.job, None)

    def _give_back(self, row: _Row) -> None:
        bisect.insort(self._ready.setdefault(row.kind, []), row, key=lambda each: each.job)


def _token(row: _Row) -> str:
    return f"{row.job}.{row.attempts}"
