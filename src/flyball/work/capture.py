"""Take answers in: durably, at once, and once, however often they are sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from flyball.core.facts import AlertRaised, AnswerGiven, TeamMeasured
from flyball.core.ids import Instant, canonical
from flyball.errors import Conflict
from flyball.ports import Answer, Commit, Draft, NewJob
from flyball.work.tools import Tools


@dataclass(frozen=True, slots=True)
class Captured:
    """How many answers were new, how many stood there already, and how many contradict what stands."""

    new: int
    again: int
    conflicts: int


def capture(tools: Tools, answers: Sequence[Answer], now: Instant, source: str = "desk") -> Captured:
    """Append answers, each with the job that will merge it."""
    if not answers:
        return Captured(0, 0, 0)
    try:
        receipts = tools.write(_commit(tools, answers, source), now)
    except Conflict:
        return _one_by_one(tools, answers, now, source)
    new = sum(receipt.new for receipt in receipts)
    return Captured(new, len(receipts) - new, 0)


def _one_by_one(tools: Tools, answers: Sequence[Answer], now: Instant, source: str) -> Captured:
    new = again = conflicts = 0
    for answer in answers:
        try:
            (receipt,) = tools.write(_commit(tools, [answer], source), now)
        except Conflict as conflict:
            conflicts += 1
            tools.tell(now, AlertRaised(f"conflict-{source}-{answer.event_id}", "warn", str(conflict)))
        else:
            new, again = new + receipt.new, again + (not receipt.new)
    return Captured(new, again, conflicts)


def _commit(tools: Tools, answers: Sequence[Answer], source: str) -> Commit:
    drafts = []
    for answer in answers:
        batch = tools.state.open.get(answer.batch) if answer.batch else None
        fact = AnswerGiven(
            item=answer.item,
            annotator=answer.annotator,
            label=answer.label,
            batch=answer.batch,
            said_at=answer.said_at,
            seconds=answer.seconds,
            model=batch.released.model if batch else None,
        )
        received = canonical(asdict(answer))
        drafts.append(Draft(fact, source=source, event_id=answer.event_id, raw=received))
    jobs = [NewJob("merge", answer.item, of) for of, answer in enumerate(answers)]
    return Commit(facts=drafts, jobs=jobs)


def collect(tools: Tools, now: Instant) -> Captured:
    """Take in what the desk has up to now; write down how the team stands, where that changed."""
    tools.uncaptured += tools.desk.collect(now)
    captured = capture(tools, tools.uncaptured, now)
    tools.uncaptured = []
    team = tools.desk.team(now)
    if (team.active, team.idle) != tools.team:
        tools.team = (team.active, team.idle)
        tools.tell(now, TeamMeasured(team.active, team.idle, team.waiting))
    return captured
