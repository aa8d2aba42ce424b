"""Erase what a person said, or what was said about an item: the bytes go, the proof stands."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from flyball.core.facts import (
    AlertRaised,
    AnswerGiven,
    AnswerGivenUp,
    AnswerParked,
    BatchReleased,
    BodyErased,
    DecisionMade,
    DeliveryUnread,
    KnobTurned,
    LabelSettled,
    LabelWithdrawn,
    LetterDropped,
    LetterRequeued,
    Looked,
    Recorded,
)
from flyball.core.ids import Instant, ItemId, Position
from flyball.errors import BadUsage, NotFound, Unreachable
from flyball.ports import Commit, Evidence, Log
from flyball.work.tools import Tools

About = Literal["annotator", "item"]
#: The note that says up to which fact what was erased is swept.
SWEPT = "swept"
_KINDS = (
    *(AnswerGiven, AnswerParked, AnswerGivenUp, LabelSettled, LabelWithdrawn),
    *(LetterRequeued, LetterDropped),
)
_NAMING = (Looked, DecisionMade, KnobTurned, AlertRaised, BatchReleased)


@dataclass(frozen=True, slots=True)
class Traces:
    """What the log holds of a subject: the facts whose bytes go, and those of other kinds that name it."""

    facts: tuple[Position, ...]
    kinds: Counter[str]
    named: Counter[str]

    def told(self) -> dict[str, Any]:
        """The same as plain values."""
        return {"facts": len(self.facts), "kinds": dict(self.kinds), "named_in": dict(self.named)}


def about_of(log: Log, subject: str, about: About | None) -> About:
    """Whether a subject is an annotator or an item. Raises NotFound, and BadUsage where it is both."""
    found: set[About] = set()
    for recorded in log.read(kinds=[AnswerGiven.kind, BatchReleased.kind]):
        match recorded.fact:
            case AnswerGiven(annotator=name) if name == subject:
                found.add("annotator")
            case AnswerGiven(item=item) if item == subject:
                found.add("item")
            case BatchReleased(items=items) if subject in items:
                found.add("item")
            case _:
                pass
    if about is not None:
        found &= {about}
    if len(found) > 1:
        raise BadUsage(f"{subject} is the name of an annotator and of an item; say which with --as")
    if not found:
        raise NotFound(f"nothing in the log was said by an annotator {subject}, or about an item {subject}")
    return found.pop()


def traces(log: Log, evidence: Evidence, subject: str, about: About) -> Traces:
    """What the log holds of a subject: of what could not be read, all whose bytes name it."""
    facts: list[Position] = []
    kinds: Counter[str] = Counter()
    named: Counter[str] = Counter()
    answers: set[Position] = set()
    for recorded in log.read(kinds=[each.kind for each in (*_KINDS, *_NAMING)]):
        if _is_of(recorded, subject, about, answers):
            facts.append(recorded.seq)
            kinds[recorded.fact.kind] += 1
            if isinstance(recorded.fact, AnswerGiven):
                answers.add(recorded.seq)
        elif _names(recorded, subject, about):
            named[recorded.fact.kind] += 1
    unread = _unread(log, evidence, subject)
    if unread:
        facts, kinds[DeliveryUnread.kind] = sorted([*facts, *unread]), len(unread)
    return Traces(tuple(facts), kinds, named)


def erase(tools: Tools, subject: str, about: About, by: str, because: str, now: Instant) -> dict[str, Any]:
    """Erase for good, and write down who had it done and why, without the subject's name.

    Where no sweep went well since the last time something was erased, it is swept though nothing is left to
    erase; `fact` is None then. `swept` False: copies are left in the store's files, and `why` says why.
    Raises BadUsage, NotFound.
    """
    if subject in because:
        raise BadUsage(f"the reason is kept for good, so it must not name {subject}; write a case number")
    with tools.lock:
        found = traces(tools.store.log, tools.store.evidence, subject, about)
        fact: Position | None = None
        if not found.facts and not sweep_owed(tools.store.log):
            raise NotFound(f"nothing that {subject} said, or that was said about it, is left in the log")
        if found.facts:
            items = [ItemId(subject)] if about == "item" else []
            record = BodyErased(found.facts, about, by, because)
            fact = tools.store.evidence.erase(found.facts, items, record, now).seq
            tools.catch_up()
    told = {"about": about, **found.told(), "fact": fact, "by": by, "because": because}
    return told | _swept(tools, now)


def sweep_owed(log: Log) -> bool:
    """Whether something was erased of which no sweep has taken the copies out of the store's files yet."""
    return _erased_last(log) > int(log.note(SWEPT) or 0)


def _swept(tools: Tools, now: Instant) -> dict[str, Any]:
    last = _erased_last(tools.store.log)
    try:
        if not tools.store.evidence.sweep():
            return {"swept": False, "why": "a reader has the store open and keeps an old copy"}
        tools.store.log.append(Commit(notes={SWEPT: str(last)}), now)
    except Unreachable as error:
        return {"swept": False, "why": str(error)}
    return {"swept": True, "why": ""}


def _erased_last(log: Log) -> int:
    return max((recorded.seq for recorded in log.read(kinds=[BodyErased.kind])), default=0)


def _unread(log: Log, evidence: Evidence, subject: str) -> list[Position]:
    """What came from outside, could not be read, and has the subject's name somewhere in its bytes."""
    kept = [recorded.seq for recorded in log.read(kinds=[DeliveryUnread.kind])]
    if not kept:
        return []
    name, left, found = subject.encode(), set(kept), list[Position]()
    for link in evidence.links(Position(kept[0] - 1)):
        if link.seq in left and name in (link.raw or b"") + (link.body or b""):
            found.append(link.seq)
        if link.seq >= kept[-1]:
            break
    return found


def _is_of(recorded: Recorded, subject: str, about: About, answers: set[Position]) -> bool:
    match recorded.fact:
        case AnswerGiven(item=item, annotator=annotator):
            return subject == (annotator if about == "annotator" else item)
        case LabelSettled(item=item) | LabelWithdrawn(item=item):
            return about == "item" and subject == item
        case AnswerParked(answer=answer) | AnswerGivenUp(answer=answer):
            return answer in answers
        case LetterRequeued(fact=answer) | LetterDropped(fact=answer):
            return answer in answers
        case _:
            return False


def _names(recorded: Recorded, subject: str, about: About) -> bool:
    match recorded.fact:
        case Looked(each=each):
            return about == "annotator" and subject in each
        case DecisionMade(about=name) | KnobTurned(about=name):
            return about == "annotator" and name == subject
        case AlertRaised(key=key):
            return key.endswith(f"@{subject}")
        case BatchReleased(items=items):
            return about == "item" and subject in items
        case _:
            return False
