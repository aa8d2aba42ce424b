"""Jobs on SQL: claimed in a transaction of their own, finished in that of their results."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

import sqlalchemy as sa

from flyball.adapters.commits import not_held, not_there
from flyball.adapters.sql import bulk, rows
from flyball.adapters.sql.database import Database
from flyball.adapters.sql.tables import dead, event, event_body, job
from flyball.core.ids import Instant, Position, Seconds
from flyball.ports import GivenUp, Job, Letter, NewJob, Soon, Waiting

# As text, because the partial indexes serve only a condition that is known when the query is made.
_READY = sa.text("job.state = 'ready'")
_RUNNING = sa.text("job.state = 'running'")
#: So many jobs are looked at, at least: some may have the lock of another.
_PAGE = 200
_FREE: dict[str, Any] = {"state": "ready", "lease_until": None, "lease_token": None}


class SqlJobs:
    """The `Jobs` port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, kind: str, now: Instant, limit: int, lease: Seconds) -> list[Job]:
        """See `ports.Jobs`."""
        return self._database.retried(lambda: self._claim(kind, now, limit, lease))

    def _claim(self, kind: str, now: Instant, limit: int, lease: Seconds) -> list[Job]:
        # With a turn, as two that choose at once would meet in the index that lets a lock be held once.
        with self._database.write("claim") as connection:
            numbers = _due(connection, kind, now, limit)
            if not numbers:
                return []
            claimed = sa.update(job).values(
                state="running",
                attempts=job.c.attempts + 1,
                first_at=sa.func.coalesce(job.c.first_at, now),
                lease_until=now + lease,
                lease_token=_token(job.c.attempts + 1),
            )
            _each(connection, claimed, numbers)
            found = {each.job: each for chunk in bulk.chunked(numbers) for each in _jobs(connection, chunk)}
            # Somebody asked for them again while others erased what they are about.
            over = sa.update(job).values(state="done", lease_until=None, lease_token=None)
            _each(connection, over, [number for number in numbers if number not in found])
        return [found[number] for number in numbers if number in found]

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

        def failed() -> None:
            with self._database.write() as connection:
                _refuse_lost(connection, [job])
                _end(connection, job, code, detail, now, again_at, spared)

        self._database.retried(failed)

    def hasten(self, kind: str, latest: Instant, now: Instant) -> int:
        """See `ports.Jobs`."""
        those = sa.update(job).where(job.c.kind == kind, _READY, job.c.run_at > latest).values(run_at=now)

        def hastened() -> int:
            with self._database.write("claim") as connection:
                return connection.execute(those).rowcount

        return self._database.retried(hastened)

    def waiting(self, kind: str) -> Waiting:
        """See `ports.Jobs`."""
        first = sa.select(job.c.asked_at).where(job.c.kind == kind, _READY, job.c.run_at <= job.c.asked_at)
        jobs = sa.select(sa.func.count()).select_from(job).where(job.c.kind == kind)
        letters = sa.select(sa.func.count()).select_from(dead).where(dead.c.kind == kind)
        with self._database.read() as connection:
            ready, running = (connection.scalar(jobs.where(state)) or 0 for state in (_READY, _RUNNING))
            oldest = connection.scalar(first.order_by(job.c.job_id).limit(1))
            if oldest is None:
                oldest = _least(connection, job.c.run_at, kind, _READY)
            return Waiting(ready, running, connection.scalar(letters) or 0, oldest)

    def soon(self, kind: str, now: Instant) -> Soon:
        """See `ports.Jobs`."""
        due = sa.select(job.c.run_at).where(job.c.kind == kind, _READY, job.c.run_at <= now)
        with self._database.read() as connection:
            waits = connection.scalar(due.order_by(job.c.job_id).limit(1))
            if waits is None:  # all of them rest, and they are few
                waits = _least(connection, job.c.run_at, kind, _READY)
            return Soon(waits, _least(connection, job.c.lease_until, kind, _RUNNING))

    def causes(self, kind: str) -> Set[Position]:
        """See `ports.Jobs`."""
        with self._database.read() as connection:
            return {Position(seq) for seq in connection.scalars(causes(kind))}

    def letters(self, kind: str) -> list[Letter]:
        """See `ports.Jobs`."""
        columns = (dead.c.job_id, dead.c.kind, job.c.lock_key, dead.c.event_seq, dead.c.code, dead.c.detail)
        query = sa.select(*columns, dead.c.attempts, dead.c.first_at, dead.c.last_at).order_by(dead.c.job_id)
        query = query.select_from(dead.join(job, dead.c.job_id == job.c.job_id)).where(dead.c.kind == kind)
        with self._database.read() as connection:
            return [Letter(*row) for row in connection.execute(query)]

    def recover(self, now: Instant, everyone: bool = False) -> int:
        """See `ports.Jobs`. Where another process has the store open, only of those whose lease ran out."""
        return self._database.retried(lambda: self._recover(now, everyone))

    def _recover(self, now: Instant, everyone: bool) -> int:
        # In no order: for one, SQLite would go through all jobs there ever were.
        over = sa.select(job.c.job_id).where(_RUNNING)
        with self._database.write("claim") as connection:
            if not (everyone and self._database.alone(connection)):
                over = over.where(job.c.lease_until <= now)
            # Who finishes a job in this moment holds it still.
            numbers = connection.scalars(over.with_for_update(skip_locked=True)).all()
            _each(connection, sa.update(job).values(**_FREE), numbers)
        return len(numbers)


def _least(
    connection: sa.Connection, column: sa.Column[float], kind: str, state: sa.TextClause
) -> Instant | None:
    least: Instant | None = connection.scalar(sa.select(sa.func.min(column)).where(job.c.kind == kind, state))
    return least


def causes(kind: str) -> sa.CompoundSelect[Any]:
    """The facts that open jobs are about; each state by its own partial index."""
    return sa.union(
        *(sa.select(job.c.event_seq).where(job.c.kind == kind, each) for each in (_READY, _RUNNING))
    )


def add(connection: sa.Connection, new: Sequence[tuple[NewJob, Position]], now: Instant) -> None:
    """Write down the jobs that come with their facts."""
    names = ("kind", "lock_key", "event_seq", "state", "attempts", "asked_at", "run_at")
    values = ((each.kind, each.lock, seq, "ready", 0, now, each.run_at) for each, seq in new)
    bulk.insert(connection, job, names, values)


def finish(connection: sa.Connection, done: Sequence[Job], given_up: Sequence[GivenUp], now: Instant) -> None:
    """Mark jobs as done, or as dead, that are held with their tokens; raises LeaseLost for any other."""
    if not (done or given_up):
        return
    _refuse_lost(connection, [*done, *(each.job for each in given_up)])
    ended = sa.update(job).values(state="done", lease_until=None, lease_token=None)
    _each(connection, ended, [each.job for each in done])
    for each in given_up:
        _end(connection, each.job, each.code, each.detail, now, None)


def _end(
    connection: sa.Connection,
    failed: Job,
    code: str,
    detail: str,
    now: Instant,
    again_at: Instant | None,
    spared: bool = False,
) -> None:
    """Give a job back, or send it to the dead letters."""
    changed = _FREE | ({"state": "dead"} if again_at is None else {"run_at": again_at})
    changed["spared"] = job.c.spared + int(spared)
    first_at = connection.scalar(sa.select(job.c.first_at).where(job.c.job_id == failed.job))
    connection.execute(sa.update(job).where(job.c.job_id == failed.job).values(**changed))
    if again_at is None:
        letter = {
            "job_id": failed.job,
            "kind": failed.kind,
            "event_seq": failed.cause.seq,
            "code": code,
            "detail": detail,
            "attempts": failed.attempt,
            "first_at": first_at,
            "last_at": now,
        }
        connection.execute(dead.insert(), letter)


def resolve(
    connection: sa.Connection, requeued: Sequence[Letter], dropped: Sequence[Letter], now: Instant
) -> None:
    """Let dead letters wait again, or give them up for good; raises NotFound for one that is not there."""
    for letter in (*requeued, *dropped):
        found = sa.delete(dead).where(dead.c.job_id == letter.job)
        if not connection.execute(found).rowcount:
            raise not_there(letter)
    if requeued:
        # What was tried before does not count against it.
        again = sa.update(job).values(state="ready", run_at=now, spared=job.c.attempts)
        _each(connection, again, [letter.job for letter in requeued])
    if dropped:
        _each(connection, sa.update(job).values(state="done"), [letter.job for letter in dropped])


def _refuse_lost(connection: sa.Connection, held: Sequence[Job]) -> None:
    tokens: dict[int, str] = {}
    for numbers in bulk.chunked(sorted(each.job for each in held)):
        running = sa.select(job.c.job_id, job.c.lease_token).where(job.c.job_id.in_(numbers), _RUNNING)
        # Nobody takes it over between this and the end of the transaction.
        running = running.order_by(job.c.job_id).with_for_update()
        tokens.update((number, token) for number, token in connection.execute(running))
    if lost := [each for each in held if tokens.get(each.job) != each.token]:
        raise not_held(lost)


def due(kind: str, now: Instant, after: int, most: int) -> sa.Select[Any]:
    """The next due jobs of locks that are free, in order; of one lock there may be several."""
    other = job.alias("other")
    busy = sa.exists().where(other.c.lock_key == job.c.lock_key, sa.text("other.state = 'running'"))
    query = sa.select(job.c.job_id, job.c.lock_key).where(_READY, job.c.kind == kind, job.c.job_id > after)
    # Whoever gives a job back in this moment holds it still.
    query = query.where(job.c.run_at <= now, ~busy).with_for_update(skip_locked=True, of=job)
    return query.order_by(job.c.job_id).limit(most)


def _due(connection: sa.Connection, kind: str, now: Instant, limit: int) -> list[int]:
    """The oldest due job of each lock that is free, the oldest first."""
    taken: dict[str, int] = {}
    last, size = 0, max(limit, _PAGE)
    while len(taken) < limit:
        page = connection.execute(due(kind, now, last, size)).all()
        for number, lock in page:
            if len(taken) < limit:
                taken.setdefault(lock, number)
        if len(page) < size:
            break
        last = page[-1].job_id
    return list(taken.values())


def _each(connection: sa.Connection, change: sa.Update, numbers: Sequence[int]) -> None:
    for chunk in bulk.chunked(numbers):
        connection.execute(change.where(job.c.job_id.in_(chunk)))


def _jobs(connection: sa.Connection, numbers: Sequence[int]) -> list[Job]:
    columns = (job.c.job_id, job.c.kind, job.c.lock_key, job.c.attempts, job.c.lease_token, job.c.spared)
    query = sa.select(*columns, *rows.FACT).where(job.c.job_id.in_(numbers))
    joined = job.join(event, job.c.event_seq == event.c.seq)
    query = query.select_from(joined.join(event_body, event.c.seq == event_body.c.seq))
    query = query.where(event_body.c.body.is_not(None))
    return [
        Job(number, kind, lock, rows.recorded(fact), attempt, token, spared)
        for number, kind, lock, attempt, token, spared, *fact in connection.execute(query)
    ]


def _token(attempt: sa.ColumnElement[int]) -> sa.ColumnElement[str]:
    """Never the same twice: a job's number is never used again, and its attempts only grow."""
    return sa.cast(job.c.job_id, sa.Text) + "." + sa.cast(attempt, sa.Text)
