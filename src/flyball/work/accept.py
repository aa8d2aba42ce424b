"""Take answers in from many hands at once, without waiting for whoever decides at the moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from flyball.core.ids import Instant
from flyball.ports import Answer, Commit, Draft, NewJob, Receipt
from flyball.work.capture import commit_of
from flyball.work.tools import Tools


@dataclass(frozen=True, slots=True)
class Given:
    """An answer and where it comes from; its event id is one of that source."""

    answer: Answer
    source: str


def accept(tools: Tools, given: Sequence[Given], now: Instant) -> tuple[Receipt, ...]:
    """Append answers in one commit, each standing for itself, and tell the lanes that there is something.

    It takes no lock of the tools, which a lane may hold for long: what is written here they take in
    before they look at the state the next time. Raises what `Log.append` raises, and then has written none.
    """
    drafts: list[Draft] = []
    jobs: list[NewJob] = []
    for source, group in groupby(given, key=lambda each: each.source):
        commit = commit_of(tools, [each.answer for each in group], source)
        before = len(drafts)
        jobs.extend(replace(job, of=job.of + before) if before else job for job in commit.jobs)
        drafts.extend(commit.facts)
    receipts = tools.store.log.append(Commit(facts=drafts, jobs=jobs, apart=True), now)
    if any(receipt.new for receipt in receipts):
        tools.behind = True
        tools.changed()
    return receipts
