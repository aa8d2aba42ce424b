"""Work that waits in the store: asked for with a fact, leased, fenced, and never lost."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Protocol

from flyball.core.facts import Recorded
from flyball.core.ids import Instant, Position, Seconds


@dataclass(frozen=True, slots=True)
class NewJob:
    """Work to be done later, exactly once in effect, written together with the fact that asks for it.

    `of`: the index in `Commit.facts` of that fact; `cause`: the fact that it is about, where that has
    stood before. At most one job with the same `lock` runs at a time.
    """

    kind: str
    lock: str
    of: int
    run_at: Instant = 0.0
    cause: Position | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job that was claimed, with the token that only its present holder knows.

    `attempt` counts from 1 and was counted before the work began, so that a job which kills its
    process is not tried for ever. `spared` of them came to nothing through no fault of the job.
    """

    job: int
    kind: str
    lock: str
    cause: Recorded
    attempt: int
    token: str
    spared: int = 0


@dataclass(frozen=True, slots=True)
class Letter:
    """A job that was given up, and why. `fact`: the fact that asked for it; times are of its attempts."""

    job: int
    kind: str
    lock: str
    fact: Position
    code: str
    detail: str
    attempts: int
    first_at: Instant
    last_at: Instant


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A job that goes to the dead letters with a commit, and why."""

    job: Job
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many jobs of a kind wait, run and are dead.

    `oldest`: when the first of those that wait was due; those that rest after they failed count only where
    no others wait.
    """

    ready: int
    running: int
    dead: int
    oldest: Instant | None


@dataclass(frozen=True, slots=True)
class Soon:
    """When jobs of a kind may be claimed; None: there are none.

    `waits`: when the first of those that wait may be taken. Of several that may be by now, it is that of
    the first. `leased`: when the first lease of those that run is over, and it may be taken from whoever
    has it.
    """

    waits: Instant | None = None
    leased: Instant | None = None


class Jobs(Protocol):
    """Work that waits: claimed with a lease, fenced by a token, finished by `Log.append(done=…)`."""

    def claim(self, kind: str, now: Instant, limit: int, lease: Seconds) -> list[Job]:
        """Take up to `limit` due jobs, the oldest first, no two with one lock. Counts the attempt."""

    def fail(
        self,
        job: Job,
        code: str,
        detail: str,
        now: Instant,
        again_at: Instant | None,
        spared: bool = False,
    ) -> None:
        """Give a job back to be tried `again_at`, or (None) send it to the dead letters. Fenced.

        `spared`: this attempt does not count against the job.
        """

    def hasten(self, kind: str, latest: Instant, now: Instant) -> int:
        """Let those that would rest until after `latest` be taken now, and tell how many.

        They failed while the clock was ahead.
        """

    def waiting(self, kind: str) -> Waiting:
        """How many wait, run and are dead, and since when the oldest waits. It takes time to count many."""

    def soon(self, kind: str, now: Instant) -> Soon:
        """When there is something to claim, however many wait."""

    def causes(self, kind: str) -> Set[Position]:
        """The facts that jobs which wait or run are about."""

    def letters(self, kind: str) -> list[Letter]:
        """The dead letters of a kind, in the order of their jobs."""

    def recover(self, now: Instant, everyone: bool = False) -> int:
        """Free the jobs whose lease ran out, or, when no other process can hold one, all that run."""
