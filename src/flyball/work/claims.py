"""The job of a slow run: claimed, or found to rest or to be over."""

from __future__ import annotations

from flyball.core.facts import RunFailed, Work
from flyball.core.ids import Instant, RunId, Seconds
from flyball.ports import Job
from flyball.work.tools import Tools

#: So many processes may be killed at work on one run before it is given up.
KILLS = 3


def claim(tools: Tools, work: Work, run: RunId, now: Instant, lease: Seconds) -> Job | None:
    """The job of this run; None where it cannot be had now, and then the log says why.

    A process that was killed after it gave the job back, and before it wrote that down, left a run
    that seems to be under way: it rests as its job does, or is over where that is a dead letter.
    """
    tools.store.jobs.recover(now)
    if jobs := tools.store.jobs.claim(work, now, 1, lease):
        job = jobs[0]
        if job.attempt - 1 - tools.state.failures[run] < KILLS:
            return job
        detail = f"its process was killed {KILLS} times while it was at work"
        tools.store.jobs.fail(job, "killed", detail, now, None)
        tools.tell(now, RunFailed(run, work, "killed", detail, job.attempt, True))
        return None
    waiting = tools.store.jobs.waiting(work)
    if not waiting.running:
        again_at = waiting.oldest if waiting.ready else None
        detail = "its process was killed while it wrote down that it had failed"
        tools.tell(now, RunFailed(run, work, "killed", detail, 0, again_at is None, again_at))
    return None
