"""A whole store in memory, for the virtual driver and for tests: quick, for one thread, gone at the end."""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from flyball.adapters.commits import Clash, Plan, Salt, in_order, not_held, not_there, plan, written
from flyball.adapters.memory_items import MemoryItems
from flyball.core.chain import Head, Link, instant, key_of
from flyball.core.facts import AlertCleared, AnswerGiven, BodyErased, Recorded, body_of
from flyball.core.ids import START, Digest, Instant, ItemId, Position, Seconds, canonical
from flyball.core.project import asked, checked
from flyball.ports import Commit, Contested, Draft, Job, Letter, Receipt, Store, Waiting


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
        self._jobs.refuse_gone((*commit.requeued, *commit.dropped))
        changes = checked(planned.changes, self.items.standing(asked(planned.changes)))
        self._keep(planned)
        if planned.facts:
            self.items.apply(changes, planned.facts[0].at)
        self._jobs.finish(commit.done)
        self._jobs.resolve(commit.requeued, commit.dropped, now)
        for job, seq in planned.jobs:
            self._jobs.add(job.kind, job.lock, self._facts[seq - 1], job.run_at, now)
        self._notes.update(commit.notes)
        return planned.receipts

    def read(
        self, after: Position = START, kinds: Sequence[str] | None = None, limit: int | None = None
    ) -> Iterator[Recorded]:
        """See `ports.Log`."""
        seqs = (seq for seq in self._seqs(after, kinds) if self._links[seq - 1].salt is not None)
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

    def links(self, after: Position = START, bodies: bool = True) -> Iterator[Link]:
        """See `ports.Evidence`."""
        seqs = map(Position, range(after + 1, len(self._links) + 1))
        if bodies:
            return map(self._link, seqs)
        return (self._links[seq - 1]._replace(salt=None, raw=None) for seq in seqs)

    def erase(
        self, facts: Sequence[Position], items: Sequence[ItemId], record: BodyErased, now: Instant
    ) -> Receipt:
        """See `ports.Evidence`."""
        (receipt,) = self.append(Commit([Draft(record)]), now)
        keys = {self._links[seq - 1].key for seq in facts}
        for seq in facts:
            link = self._links[seq - 1]
            self._links[seq - 1] = link._replace(salt=None, raw=None, event_id=None)
            # Its place stays; what it said is nowhere.
            self._facts[seq - 1] = Recorded(seq, instant(link.at), AlertCleared("erased"))
        self._contested = {
            about: each for about, each in self._contested.items() if key_of(*about[:2]) not in keys
        }
        self._jobs.forget(frozenset(facts))
        self.items.forget(items, frozenset(facts))
        return receipt

    def sweep(self) -> bool:
        """See `ports.Evidence`."""
        return True

    def contested(self) -> Iterator[Contested]:
        """See `ports.Evidence`."""
        return iter(in_order(self._contested.values()))

    def _head(self) -> Head:
        if not self._links:
            return Head()
        last = self._links[-1]
        return Head(last.seq, last.at, last.hash)

    def _link(self, seq: Position) -> Link:
        link = self._links[seq - 1]
        if link.salt is None:
            return link
        return link._replace(body=canonical(body_of(self._facts[seq - 1].fact)))

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
        seqs = self._answers_to.get(item, [])
        return tuple(self._facts[seq - 1] for seq in seqs if self._links[seq - 1].salt is not None)


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
    first_at: Instant | None = None


class MemoryJobs:
    """The `Jobs` port over dictionaries."""

    def __init__(self) -> None:
        self._count = 0
        #: By kind, in order of their number.
        self._ready: dict[str, list[_Row]] = {}
        self._running: dict[int, _Row] = {}
        #: By the numbers of their jobs.
        self._dead: dict[int, tuple[_Row, Letter]] = {}

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
            row.first_at = now if row.first_at is None else row.first_at
            self._running[row.job] = row
        return [Job(row.job, kind, row.lock, row.cause, row.attempts, _token(row)) for row in taken]

    def fail(self, job: Job, code: str, detail: str, now: Instant, again_at: Instant | None) -> None:
        """See `ports.Jobs`."""
        self.refuse_lost([job])
        row = self._running.pop(job.job)
        if again_at is None:
            first_at = now if row.first_at is None else row.first_at
            seq = row.cause.seq
            letter = Letter(row.job, row.kind, row.lock, seq, code, detail, row.attempts, first_at, now)
            self._dead[row.job] = (row, letter)
        else:
            row.run_at = again_at
            self._give_back(row)

    def waiting(self, kind: str) -> Waiting:
        """See `ports.Jobs`."""
        ready = self._ready.get(kind, [])
        running = sum(row.kind == kind for row in self._running.values())
        oldest = min((max(row.run_at, row.asked_at) for row in ready), default=None)
        return Waiting(len(ready), running, len(self.letters(kind)), oldest)

    def letters(self, kind: str) -> list[Letter]:
        """See `ports.Jobs`."""
        return [letter for _, (row, letter) in sorted(self._dead.items()) if row.kind == kind]

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

    def refuse_gone(self, letters: Iterable[Letter]) -> None:
        """Raise NotFound for a dead letter that is not there."""
        for letter in letters:
            if letter.job not in self._dead:
                raise not_there(letter)

    def resolve(self, requeued: Iterable[Letter], dropped: Iterable[Letter], now: Instant) -> None:
        """Dead letters wait again, or are gone for good."""
        for letter in requeued:
            row, _ = self._dead.pop(letter.job)
            row.run_at = now
            self._give_back(row)
        for letter in dropped:
            del self._dead[letter.job]

    def forget(self, facts: frozenset[Position]) -> None:
        """Nothing is left to do about facts that were erased."""
        self._ready = {
            kind: [row for row in rows if row.cause.seq not in facts] for kind, rows in self._ready.items()
        }
        self._running = {job: row for job, row in self._running.items() if row.cause.seq not in facts}
        self._dead = {job: each for job, each in self._dead.items() if each[1].fact not in facts}

    def _give_back(self, row: _Row) -> None:
        bisect.insort(self._ready.setdefault(row.kind, []), row, key=lambda each: each.job)


def _token(row: _Row) -> str:
    return f"{row.job}.{row.attempts}"
