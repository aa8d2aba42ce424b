"""Jobs of integration that did not come to their end: tried again, given up, or given back as they were."""

from __future__ import annotations

from collections.abc import Sequence

from flyball.core.chance import rng
from flyball.core.facts import AnswerGivenUp
from flyball.core.ids import Instant, Seconds
from flyball.errors import LeaseLost, Unreachable
from flyball.ports import Commit, Draft, GivenUp, Job, Soon
from flyball.work.tools import Tools

#: How often a merge is tried, and the longest rest after each time; how long it is, chance decides.
ATTEMPTS = 3
RESTS: tuple[Seconds, ...] = (1.0, 10.0, 60.0)
#: How long a pass may hold its jobs, beyond the time that it takes in a world that is not real.
LEASE: Seconds = 60.0
#: A merge is a pure function: what it stumbles over now, it will stumble over again.
PERMANENT = (ValueError, TypeError, LookupError, ArithmeticError, AssertionError, RecursionError)


def lease(tools: Tools) -> Seconds:
    """How long a pass may hold its jobs: a process that is killed is not waited for any longer."""
    clock = tools.settings.clock
    return LEASE if clock.kind == "real" else LEASE + 2.0 * clock.takes.integrate


def tries(job: Job) -> int:
    """How often the job was tried, this time included, and it may have been its own fault."""
    return job.attempt - job.spared


def claim(tools: Tools, now: Instant, limit: int) -> list[Job]:
    """Take up to so many jobs. One that may have killed its process is taken alone, and then given up."""
    for job in tools.owed[:]:
        _fail(tools, job, "outside", "the store did not answer", now, now, spared=True)
        tools.owed.remove(job)
    tools.store.jobs.recover(now)
    if rests_too_long(tools.store.jobs.soon("merge", now), now):
        tools.store.jobs.hasten("merge", now + RESTS[-1], now)
    jobs = tools.store.jobs.claim("merge", now, limit, lease(tools))
    suspect = next((job for job in jobs if tries(job) > ATTEMPTS), None)
    if suspect is None:
        return jobs
    for job in jobs:
        if job is not suspect:
            _fail(tools, job, "alone", "another job is tried alone first", now, now, spared=True)
    if tries(suspect) > ATTEMPTS + 1:
        why = (
            f"{tries(suspect) - 1} processes were killed while they held it, the last time with nothing else"
        )
        _fail(tools, suspect, "killed", why, now, None)
        return []
    return [suspect]


def rests_too_long(soon: Soon, now: Instant) -> bool:
    """Whether nothing but jobs waits that rest longer than any job may: the clock was ahead, and was set."""
    return soon.waits is not None and soon.waits > now + RESTS[-1]


def give_back(tools: Tools, jobs: Sequence[Job], error: Exception, now: Instant) -> None:
    """Let jobs be tried again after a rest; at the third time, and where no try can help, they are dead.

    What is outside and does not answer is no fault of a job, and is never the reason to give one up.
    """
    outside = isinstance(error, Unreachable | LeaseLost)
    for job in jobs:
        again: Instant | None = now + rest(tools, job)
        if not outside and (isinstance(error, PERMANENT) or tries(job) >= ATTEMPTS):
            again = None
        _fail(tools, job, type(error).__name__, str(error), now, again, spared=outside)


def rest(tools: Tools, job: Job) -> Seconds:
    """How long a job rests: anything up to the longest, so that not all that failed together come back so."""
    longest = RESTS[min(tries(job), len(RESTS)) - 1]
    return float(rng(tools.settings.seed, "merge", job.job, job.attempt).uniform(0.0, longest))


def _fail(
    tools: Tools, job: Job, code: str, detail: str, now: Instant, again: Instant | None, spared: bool = False
) -> None:
    try:
        if again is None:
            told = AnswerGivenUp(job.cause.seq, code, detail, job.attempt)
            tools.write(Commit([Draft(told)], given_up=[GivenUp(job, code, detail)]), now)
        else:
            tools.store.jobs.fail(job, code, detail, now, again, spared)
    except LeaseLost:
        return  # another worker has it
    except Unreachable:
        tools.owed.append(job)  # it is tried again, and comes to the same
