"""Take answers in: durably, at once, and once, however often they are sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, Field, dataclass, fields
from operator import attrgetter
from typing import Any

from flyball.core.facts import AnswerGiven, TeamMeasured
from flyball.core.ids import Digest, Instant, Seconds, canonical
from flyball.ports import Answer, Commit, Draft, NewJob
from flyball.work.tools import Tools

#: What an answer says, as its fact has it too.
_SAID = tuple(each.name for each in fields(Answer) if each.name not in ("event_id", "raw"))
_said = attrgetter(*_SAID)

#: The alerts about contested ids; so many ids are named; and how long none must come for one to be over.
CONTESTED, NAMED = "conflict-", 5
QUIET: Seconds = 3600.0


@dataclass(frozen=True, slots=True)
class Captured:
    """How many answers were new, how many stood there already, and how many contradict what stands."""

    new: int
    again: int
    conflicts: int


def capture(tools: Tools, answers: Sequence[Answer], now: Instant, source: str = "desk") -> Captured:
    """Append answers, each with the job that will merge it; one that conflicts holds no other up."""
    if not answers:
        return Captured(0, 0, 0)
    receipts = tools.write(commit_of(tools, answers, source), now)
    contested = [
        answer.event_id for answer, receipt in zip(answers, receipts, strict=True) if receipt.conflict
    ]
    if contested:
        contest(tools, source, contested, now)
    new = sum(receipt.new for receipt in receipts)
    return Captured(new, len(receipts) - new - len(contested), len(contested))


def contest(tools: Tools, source: str, contested: Sequence[str], now: Instant) -> None:
    """Raise the alert of a source about ids that arrived with other content, where it does not stand.

    It names those with which it began, however many follow; `calm` clears it. Raises Unreachable.
    """
    key = CONTESTED + source
    tools.contested[key] = now
    if key in tools.state.alerts:
        return
    once = list(dict.fromkeys(contested))
    names = ", ".join(once[:NAMED])
    more = f" and {len(once) - NAMED} more" if len(once) > NAMED else ""
    told = "the same event id arrived with other content. The first stands; both are kept."
    tools.alert(now, key, f"{names}{more} of {source}: {told}")


def calm(tools: Tools, now: Instant) -> None:
    """Clear the alerts of sources of which no id arrived with other content for an hour."""
    for key in tuple(tools.state.alerts):
        if key.startswith(CONTESTED) and abs(now - tools.contested.setdefault(key, now)) >= QUIET:
            tools.clear(now, key)
            tools.contested.pop(key, None)


def commit_of(tools: Tools, answers: Sequence[Answer], source: str) -> Commit:
    """What capturing these answers writes: each a fact of its own, with the job that will merge it."""
    shown = tools.store.items.places(list({answer.item for answer in answers}))
    drafts = [Draft(*_fact(tools, answer, shown.get(answer.item), source)) for answer in answers]
    jobs = [NewJob("merge", answer.item, of) for of, answer in enumerate(answers)]
    return Commit(facts=drafts, jobs=jobs, apart=True)


def _fact(
    tools: Tools, answer: Answer, shown: tuple[Digest, int] | None, source: str
) -> tuple[AnswerGiven, str, str, bytes]:
    batch = tools.state.open.get(answer.batch) if answer.batch else None
    fact = AnswerGiven(
        **dict(zip(_SAID, _said(answer), strict=True)),
        model=batch.released.model if batch else None,
        rules=batch.released.rules if batch else None,
        shown=shown,
    )
    return fact, source, answer.event_id, answer.raw or canonical(_told(answer))


def _told(answer: Answer) -> dict[str, Any]:
    """What an answer says, without what it leaves open."""
    return {
        each.name: value
        for each in fields(answer)
        if each.name != "raw" and (value := getattr(answer, each.name)) != _default(each)
    }


def _default(each: Field[Any]) -> Any:
    return each.default_factory() if each.default_factory is not MISSING else each.default


def collect(tools: Tools, now: Instant) -> Captured:
    """Take in what the desk has up to now; write down how the team stands, where that changed."""
    calm(tools, now)
    tools.uncaptured += tools.desk.collect(now)
    captured = capture(tools, tools.uncaptured, now)
    tools.uncaptured = []
    team = tools.desk.team(now)
    if (team.active, team.idle) != tools.team:
        tools.team = (team.active, team.idle)
        tools.tell(now, TeamMeasured(team.active, team.idle, team.waiting))
    return captured
