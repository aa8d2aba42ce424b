"""Erase what a person said, or what was said about an item: the bytes go, the proof stands."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
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
    fact_of,
)
from flyball.core.ids import START, Instant, ItemId, Position
from flyball.errors import BadUsage, NotFound, Unreachable
from flyball.ports import Commit, Draft, Evidence, Log, NewJob
from flyball.work.deadletters import KIND, TOGETHER
from flyball.work.tools import Tools

About = Literal["annotator", "item"]
#: The note that says up to which fact what was erased is swept.
SWEPT = "swept"
_KINDS = (
    *(AnswerGiven, AnswerParked, AnswerGivenUp, LabelSettled, LabelWithdrawn),
    *(LetterRequeued, LetterDropped),
)
_NAMING = (Looked, DecisionMade, KnobTurned, AlertRaised, BatchReleased)
#: Why what others said is looked at again, and who sees to it.
CODE, WHY = "label-erased", "a label that rests on it held words that are erased"
BY, BECAUSE = "flyball", "its label is settled anew from what is left"
#: What JSON may write otherwise than it is; a letter may take two escapes.
_ESCAPED = re.compile(r'(?:\\u[0-9a-fA-F]{4})+|\\["\\/]')


@dataclass(frozen=True, slots=True)
class Traces:
    """What the log holds of a subject: the facts whose bytes go, and those of other kinds that name it.

    `refused`: how many answers go that were refused, as their event ids were taken. `shared`: the answers of
    others that only labels among those facts rest on, each with its item.
    """

    facts: tuple[Position, ...] = ()
    kinds: Counter[str] = field(default_factory=Counter)
    named: Counter[str] = field(default_factory=Counter)
    shared: Mapping[Position, ItemId] = field(default_factory=dict)
    refused: int = 0

    def and_then(self, later: Traces) -> Traces:
        """Both together."""
        return Traces(
            (*self.facts, *later.facts),
            self.kinds + later.kinds,
            self.named + later.named,
            {**self.shared, **later.shared},
            self.refused + later.refused,
        )

    def told(self) -> dict[str, Any]:
        """The same as plain values."""
        told = {"facts": len(self.facts), "kinds": dict(self.kinds), "named_in": dict(self.named)}
        return told | {"refused": self.refused}


def about_of(log: Log, evidence: Evidence, subject: str, about: About | None) -> About:
    """Whether a subject is an annotator or an item. Raises NotFound, and BadUsage where it is both."""
    found: set[About] = set()
    given = (recorded.fact for recorded in log.read(kinds=[AnswerGiven.kind, BatchReleased.kind]))
    for fact in chain(given, _refused(evidence)):
        match fact:
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


def traces(
    log: Log,
    evidence: Evidence,
    subject: str,
    about: About,
    since: Position = START,
    erased: Collection[Position] = (),
) -> Traces:
    """What the log holds of a subject: of what could not be read, all whose bytes name it; and labels with
    an annotator's words.

    `since`: only what stands after that place; `erased`: facts of the subject that are erased already.
    """
    facts: list[Position] = []
    kinds: Counter[str] = Counter()
    named: Counter[str] = Counter()
    answers, shared = set(erased), dict[Position, ItemId]()
    for recorded in log.read(since, kinds=[each.kind for each in (*_KINDS, *_NAMING)]):
        gone = _is_of(recorded, subject, about, answers)
        if gone:
            facts.append(recorded.seq)
            kinds[recorded.fact.kind] += 1
            if isinstance(recorded.fact, AnswerGiven):
                answers.add(recorded.seq)
        elif _names(recorded, subject, about):
            named[recorded.fact.kind] += 1
        _share(shared, recorded, answers if gone else None)
    unread = _unread(log, evidence, subject, since)
    if unread:
        facts, kinds[DeliveryUnread.kind] = sorted([*facts, *unread]), len(unread)
    left = {seq: item for seq, item in shared.items() if seq not in answers}
    refused = sum(
        subject == (fact.annotator if about == "annotator" else fact.item) for fact in _refused(evidence)
    )
    return Traces(tuple(facts), kinds, named, left if about == "annotator" else {}, refused)


def erase(tools: Tools, subject: str, about: About, by: str, because: str, now: Instant) -> dict[str, Any]:
    """Erase for good, and write down who had it done and why, without the subject's name.

    Where no sweep went well since the last time something was erased, it is swept though nothing is left to
    erase; `fact` is None then. `swept` False: copies are left in the store's files, and `why` says why.
    Raises BadUsage, NotFound.
    """
    if subject in because:
        raise BadUsage(f"the reason is kept for good, so it must not name {subject}; write a case number")
    with tools.lock:
        log, evidence = tools.store.log, tools.store.evidence
        found, fact, since = Traces(), None, START
        while True:  # another process may have settled a label from it a moment before it was erased
            until = log.head().seq
            more = traces(log, evidence, subject, about, since, found.facts)
            if not (more.facts or more.refused):
                break
            found, since = found.and_then(more), until
            _look_again(tools, more.shared, now)
            items = [ItemId(subject)] if about == "item" else []
            record = BodyErased(more.facts, about, by, because)
            people = [subject] if about == "annotator" else []
            fact = evidence.erase(more.facts, items, record, now, people).seq
            tools.catch_up()
        if fact is None and not sweep_owed(log):
            raise NotFound(f"nothing that {subject} said, or that was said about it, is left in the log")
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


def _refused(evidence: Evidence) -> Iterator[AnswerGiven]:
    """The answers that were refused, as their event ids were taken."""
    for each in evidence.contested():
        if each.kind == AnswerGiven.kind:
            fact = fact_of(each.kind, json.loads(each.body))
            assert isinstance(fact, AnswerGiven)
            yield fact


def _look_again(tools: Tools, shared: Mapping[Position, ItemId], now: Instant) -> None:
    """Have the answers of others merged once more; before anything is erased, so that a crash leaves none."""
    standing = tools.store.items.standing(sorted(shared))
    those = [seq for seq in sorted(standing) if standing[seq] in ("merged", "superseded")]
    for start in range(0, len(those), TOGETHER):
        part = those[start : start + TOGETHER]
        drafts = [Draft(LetterRequeued(seq, CODE, WHY, 1, BY, BECAUSE)) for seq in part]
        jobs = [NewJob(KIND, shared[seq], of, now, cause=seq) for of, seq in enumerate(part)]
        tools.write(Commit(drafts, jobs), now)


def _share(shared: dict[Position, ItemId], recorded: Recorded, erased: set[Position] | None) -> None:
    """Take one fact in; `erased`: the answers that go, where this fact does. What nobody is left to vote for
    stays as it stands: words that were erased end no label."""
    match recorded.fact:
        case LabelSettled(item=item, answers=answers, superseded=superseded):
            for each in (*answers, *superseded):
                shared.pop(each, None)
            if erased is not None and not erased.issuperset(answers):
                shared.update(dict.fromkeys((*answers, *superseded), item))
        case LabelWithdrawn(answers=answers):
            for each in answers:
                shared.pop(each, None)
        case _:
            pass


def _unread(log: Log, evidence: Evidence, subject: str, since: Position) -> list[Position]:
    """What came from outside, could not be read, and has the subject's name somewhere in its bytes."""
    kept = [recorded.seq for recorded in log.read(since, kinds=[DeliveryUnread.kind])]
    if not kept:
        return []
    left, found = set(kept), list[Position]()
    for link in evidence.links(Position(kept[0] - 1)):
        if link.seq in left and _says((link.raw or b"") + (link.body or b""), subject):
            found.append(link.seq)
        if link.seq >= kept[-1]:
            break
    return found


def _says(words: bytes, name: str) -> bool:
    """Whether a name stands in bytes: as it is, or as JSON escapes it, in JSON within JSON too."""
    text = words.decode(errors="replace")
    while name not in text:
        plain = _ESCAPED.sub(lambda found: json.loads(f'"{found[0]}"'), text)
        if plain == text:
            return False
        text = plain
    return True


def _is_of(recorded: Recorded, subject: str, about: About, answers: set[Position]) -> bool:
    match recorded.fact:
        case AnswerGiven(item=item, annotator=annotator):
            return subject == (annotator if about == "annotator" else item)
        case LabelSettled(answers=said, superseded=before, fields=words) if about == "annotator":
            return bool(words) and not answers.isdisjoint((*said, *before))
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
