"""Erase what a person said, or what was said about an item: the bytes go, the proof stands."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from flyball.core.facts import (
    AlertRaised,
    AnswerGiven,
    AnswerParked,
    BatchReleased,
    BodyErased,
    DecisionMade,
    DeliveryUnread,
    KnobTurned,
    LabelSettled,
    LetterDropped,
    LetterRequeued,
    Looked,
    Recorded,
)
from flyball.core.ids import Instant, ItemId, Position
from flyball.errors import BadUsage, NotFound
from flyball.ports import Evidence, Log
from flyball.work.tools import Tools

About = Literal["annotator", "item"]
_KINDS = (AnswerGiven, LabelSettled, AnswerParked, LetterRequeued, LetterDropped)
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
    """Erase for good, and write down who had it done and why, without the subject's name."""
    if subject in because:
        raise BadUsage(f"the reason is kept for good, so it must not name {subject}; write a case number")
    with tools.lock:
        found = traces(tools.store.log, tools.store.evidence, subject, about)
        if not found.facts:
            raise NotFound(f"nothing that {subject} said, or that was said about it, is left in the log")
        items = [ItemId(subject)] if about == "item" else []
        record = BodyErased(found.facts, about, by, because)
        receipt = tools.store.evidence.erase(found.facts, items, record, now)
        tools.catch_up()
        swept = tools.store.evidence.sweep()
    return {"about": about, **found.told(), "fact": receipt.seq, "by": by, "because": because, "swept": swept}


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
        case LabelSettled(item=item):
            return about == "item" and subject == item
        case AnswerParked(answer=answer) | LetterRequeued(fact=answer) | LetterDropped(fact=answer):
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
