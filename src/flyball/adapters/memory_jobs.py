"""Jobs in memory: leased, fenced and finished as on a database."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from flyball.adapters.commits import not_held, not_there
from flyball.core.facts import Recorded
from flyball.core.ids import Instant, Position, Seconds
from flyball.ports import Job, Letter, Soon, Waiting


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
    spared: int = 0
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
        return [
            Job(row.job, kind, row.lock, row.cause, row.attempts, _token(row), row.spared) for row in taken
        ]

    def fail(
        self,
        job: Job,
        code: str,
        detail: str,
        now: Instant,
        again_at: Instant | None,
        spared: bool = False,
    ) -> None:
        """See `ports.Jobs`."""
        self.refuse_lost([job])
        row = self._running.pop(job.job)
        row.spared += spared
        if again_at is None:
            first_at = now if row.first_at is None else row.first_at
            seq = row.cause.seq
            letter = Letter(row.job, row.kind, row.lock, seq, code, detail, row.attempts, first_at, now)
            self._dead[row.job] = (row, letter)
        else:
            row.run_at = again_at
            self._give_back(row)

    def hasten(self, kind: str, latest: Instant, now: Instant) -> int:
        """See `ports.Jobs`."""
        those = [row for row in self._ready.get(kind, []) if row.run_at > latest]
        for row in those:
            row.run_at = now
        return len(those)

    def waiting(self, kind: str) -> Waiting:
        """See `ports.Jobs`."""
        ready = self._ready.get(kind, [])
        fresh = (row.asked_at for row in ready if row.run_at <= row.asked_at)
        oldest = next(fresh, min((row.run_at for row in ready), default=None))
        return Waiting(len(ready), len(self._leases(kind)), len(self.letters(kind)), oldest)

    def soon(self, kind: str, now: Instant) -> Soon:
        """See `ports.Jobs`."""
        runs = [row.run_at for row in self._ready.get(kind, [])]
        waits = next((run_at for run_at in runs if run_at <= now), min(runs, default=None))
        return Soon(waits, min(self._leases(kind), default=None))

    def causes(self, kind: str) -> Set[Position]:
        """See `ports.Jobs`."""
        running = (row for row in self._running.values() if row.kind == kind)
        return {row.cause.seq for row in (*self._ready.get(kind, []), *running)}

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

    def refuse_lost(self, jobs: Sequence[Job]) -> None:
        """Raise LeaseLost for the jobs that are not held with their tokens."""
        tokens = {number: _token(row) for number, row in self._running.items()} if jobs else {}
        if lost := [job for job in jobs if tokens.get(job.job) != job.token]:
            raise not_held(lost)

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
            row.run_at, row.spared = now, row.attempts
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

    def _leases(self, kind: str) -> list[Instant]:
        return [row.lease_until for row in self._running.values() if row.kind == kind]

    def _give_back(self, row: _Row) -> None:
        bisect.insort(self._ready.setdefault(row.kind, []), row, key=lambda each: each.job)


def _token(row: _Row) -> str:
    return f"{row.job}.{row.attempts}"
