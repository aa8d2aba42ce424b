"""Answers that lie apart, given up or parked: tell of them, try them again, or drop them for good."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from flyball.core.facts import (
    AnswerGiven,
    AnswerParked,
    ClassAllowed,
    DefinitionsApproved,
    LabelSettled,
    LetterDropped,
    LetterRequeued,
    LoopStarted,
    Recorded,
    RulesLoaded,
)
from flyball.core.ids import Instant, Position
from flyball.errors import BadUsage, NotFound
from flyball.ports import Commit, Draft, Jobs, Letter, Log, NewJob
from flyball.work.tools import Tools

KIND = "merge"


@dataclass(frozen=True, slots=True)
class Dead:
    """One answer that lies apart, named by its place in the log, and why.

    `reason` is the same for all that lie there for one cause. `letter` is its job, where it was given up;
    an answer that was parked has none.
    """

    fact: Position
    reason: str
    detail: str
    attempts: int
    since: Instant
    last: Instant
    answer: AnswerGiven
    letter: Letter | None = None


def dead(log: Log, jobs: Jobs) -> list[Dead]:
    """Every answer that lies apart, in order. Those whose bytes were erased are no longer told."""
    letters = {letter.fact: letter for letter in jobs.letters(KIND)}
    parked = _parked(log)
    wanted = letters.keys() | parked.keys()
    found: list[Dead] = []
    for recorded in answers_at(log, wanted):
        seq, answer = recorded.seq, recorded.fact
        assert isinstance(answer, AnswerGiven)
        if letter := letters.get(seq):
            times = (letter.first_at, letter.last_at)
            found.append(Dead(seq, letter.code, letter.detail, letter.attempts, *times, answer, letter))
        else:
            at, why = parked[seq]
            found.append(Dead(seq, _general(why, answer), why, 1, at, at, answer))
    return found


def groups(letters: Iterable[Dead]) -> list[dict[str, Any]]:
    """Dead letters by their reason, the largest group first."""
    grouped: dict[str, list[Dead]] = {}
    for each in letters:
        grouped.setdefault(each.reason, []).append(each)
    return [
        {
            "reason": reason,
            "count": len(those),
            "since": min(each.since for each in those),
            "last": max(each.last for each in those),
            "example": those[0].fact,
            "detail": those[0].detail,
        }
        for reason, those in sorted(grouped.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    ]


def chosen(letters: Sequence[Dead], facts: Sequence[int], reason: str | None, everything: bool) -> list[Dead]:
    """Those that a person named: by their answers' places, by their reason, or all of them.

    Raises BadUsage where nothing or more than one way was named, NotFound for what is not there.
    """
    if (bool(facts), reason is not None, everything).count(True) != 1:
        raise BadUsage("name dead letters by their numbers, or with --reason, or all of them with --all")
    if strange := sorted(set(facts) - {each.fact for each in letters}):
        raise NotFound(
            f"no dead letter is about fact {', '.join(map(str, strange))}; `flyball dlq ls --each` lists them"
        )
    if reason is not None and not any(each.reason == reason for each in letters):
        raise NotFound(f"no dead letter lies there for {reason!r}; `flyball dlq ls` lists the reasons")
    return [each for each in letters if everything or each.fact in facts or each.reason == reason]


def resolve(
    tools: Tools, what: Literal["requeue", "drop"], those: Sequence[int], by: str, because: str, now: Instant
) -> dict[str, Any]:
    """Send dead letters on their way again, or drop them; who and why is kept with each. Raises NotFound."""
    with tools.lock:
        letters = chosen(dead(tools.store.log, tools.store.jobs), those, None, False)
        kind = LetterRequeued if what == "requeue" else LetterDropped
        drafts = [
            Draft(kind(each.fact, each.reason, each.detail, each.attempts, by, because)) for each in letters
        ]
        mine = [each.letter for each in letters if each.letter is not None]
        again = [
            NewJob(KIND, each.answer.item, of, now, cause=each.fact)
            for of, each in enumerate(letters)
            if each.letter is None and what == "requeue"
        ]
        requeued, dropped = (mine, []) if what == "requeue" else ([], mine)
        tools.write(Commit(drafts, again, requeued=requeued, dropped=dropped), now)
    return {"done": what, "facts": [each.fact for each in letters], "by": by, "because": because}


def told(log: Log, each: Dead) -> dict[str, Any]:
    """A dead letter in full, with the code and the rules in force when it first failed."""
    code = rules = None
    for recorded in log.read(kinds=[LoopStarted.kind, RulesLoaded.kind]):
        if recorded.at > each.since:
            break
        match recorded.fact:
            case LoopStarted(code=digest):
                code = digest
            case RulesLoaded(digest=digest):
                rules = digest
            case _:
                pass
    answer = each.answer
    return {
        "fact": each.fact,
        "reason": each.reason,
        "detail": each.detail,
        "attempts": each.attempts,
        "since": each.since,
        "last": each.last,
        "item": answer.item,
        "annotator": answer.annotator,
        "label": answer.label,
        "batch": answer.batch,
        "code": code,
        "rules": rules,
    }


def _parked(log: Log) -> dict[Position, tuple[Instant, str]]:
    """Answers that were parked, and neither settled since nor taken away by a person."""
    found: dict[Position, tuple[Instant, str]] = {}
    kinds = [AnswerParked.kind, LabelSettled.kind, LetterRequeued.kind, LetterDropped.kind]
    kinds += [DefinitionsApproved.kind, ClassAllowed.kind]
    first = next(iter(log.read(kinds=[AnswerParked.kind], limit=1)), None)
    if first is None:
        return found
    for recorded in log.read(Position(first.seq - 1), kinds=kinds):
        match recorded.fact:
            case AnswerParked(answer=answer, reason=reason):
                found[answer] = (recorded.at, reason)
            case LabelSettled() | DefinitionsApproved() | ClassAllowed() as fact:
                for answer in fact.answers:
                    found.pop(answer, None)
            case LetterRequeued(fact=answer) | LetterDropped(fact=answer):
                found.pop(answer, None)
            case _:
                pass
    return found


def answers_at(log: Log, wanted: Iterable[Position]) -> Iterator[Recorded]:
    """The answers at these places of the log, in order; those that were erased are left out."""
    for seq in sorted(wanted):
        for recorded in log.read(Position(seq - 1), kinds=[AnswerGiven.kind], limit=1):
            if recorded.seq == seq:
                yield recorded


def _general(reason: str, answer: AnswerGiven) -> str:
    """A reason without what only this answer has: the same for all of one cause.

    >>> from flyball.core.ids import AnnotatorId, ItemId
    >>> _general("item i-7 never arrived", AnswerGiven(ItemId("i-7"), AnnotatorId("a"), "x"))
    'parked: item … never arrived'
    """
    return "parked: " + reason.replace(f"item {answer.item} ", "item … ", 1)
