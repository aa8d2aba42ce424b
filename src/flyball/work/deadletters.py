"""Dead letters: answers that lie apart, given up or parked. Tell of them, try them again, or drop them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from flyball.core.facts import (
    AnswerGiven,
    AnswerParked,
    LetterDropped,
    LetterRequeued,
    LoopStarted,
    Recorded,
    RulesLoaded,
)
from flyball.core.ids import Instant, Position
from flyball.core.labels.proof import Status
from flyball.errors import BadUsage, NotFound, StaleItems
from flyball.ports import Commit, Draft, Letter, Log, NewJob, Store, Unless
from flyball.work.tools import Tools

KIND = "merge"
#: So many are let go together.
TOGETHER = 1_000
#: So an answer stands that was given up and lies apart still: in any other way, it was settled or dropped.
GIVEN_UP: tuple[Status | None, ...] = (None, "pending", "parked")
#: How often it is looked anew what somebody else has settled in this very moment.
TRIES = 10


@dataclass(frozen=True, slots=True)
class Dead:
    """One answer that lies apart, named by its place in the log, and why.

    `reason` is the same for all that lie there for one cause, and `code` a word for it. `letter` is
    its job, where it was given up; an answer that was parked has none.
    """

    fact: Position
    reason: str
    detail: str
    attempts: int
    since: Instant
    last: Instant
    answer: AnswerGiven
    letter: Letter | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Parked:
    """An answer that stands as parked, since when, and for what; `code` is empty where nobody said it."""

    answer: Recorded
    at: Instant
    code: str
    reason: str

    @property
    def given(self) -> AnswerGiven:
        """The answer itself."""
        assert isinstance(self.answer.fact, AnswerGiven)
        return self.answer.fact


def parked(store: Store, *codes: str) -> list[Parked]:
    """Every answer that stands as parked now, in order; for these reasons only, where some are named."""
    those = store.items.standing_as("parked")
    if not those:
        return []
    why: dict[Position, tuple[Instant, str, str]] = {each.seq: (each.at, "", "") for each in those}
    # An answer is parked after it was given.
    for recorded in store.log.read(those[0].seq, kinds=[AnswerParked.kind]):
        fact = recorded.fact
        if isinstance(fact, AnswerParked) and fact.answer in why:
            why[fact.answer] = recorded.at, fact.code, fact.reason
    found = [Parked(each, *why[each.seq]) for each in those]
    return [each for each in found if not codes or each.code in codes]


def dead(store: Store) -> list[Dead]:
    """Every answer that lies apart, in order. Those whose bytes were erased are no longer told.

    An answer that was given up and settled all the same, with others about its item, lies apart no more.
    """
    found: dict[Position, Dead] = {}
    for each in parked(store):
        seq, reason = each.answer.seq, general(each.reason, each.given)
        found[seq] = Dead(seq, reason, each.reason, 1, each.at, each.at, each.given, None, each.code)
    letters = {letter.fact: letter for letter in store.jobs.letters(KIND)}
    standing = store.items.standing(list(letters))
    for recorded in store.log.at(seq for seq in letters if standing.get(seq) in GIVEN_UP):
        seq, answer, letter = recorded.seq, recorded.fact, letters[recorded.seq]
        assert isinstance(answer, AnswerGiven)
        times = (letter.first_at, letter.last_at)
        found[seq] = Dead(
            seq, letter.code, letter.detail, letter.attempts, *times, answer, letter, letter.code
        )
    return [found[seq] for seq in sorted(found)]


def count(store: Store) -> int:
    """How many answers lie apart: as many as `dead` tells of, and quicker."""
    seqs = {letter.fact for letter in store.jobs.letters(KIND)}
    standing = store.items.standing(list(seqs))
    beside = sum(standing.get(seq) in GIVEN_UP and standing.get(seq) != "parked" for seq in seqs)
    return store.items.count_standing("parked") + beside


def groups(letters: Iterable[Dead]) -> list[dict[str, Any]]:
    """Dead letters by their reason, the largest group first."""
    grouped: dict[str, list[Dead]] = {}
    for each in letters:
        grouped.setdefault(each.reason, []).append(each)
    return [
        {
            "reason": reason,
            "code": those[-1].code,
            "count": len(those),
            "since": min(each.since for each in those),
            "last": max(each.last for each in those),
            "example": those[0].fact,
            "detail": those[0].detail,
        }
        for reason, those in sorted(grouped.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    ]


def chosen(letters: Sequence[Dead], facts: Sequence[int], reason: str | None, everything: bool) -> list[Dead]:
    """Those that a person named: by their answers' places, by their reason or its code, or all of them.

    Raises BadUsage where nothing or more than one way was named, NotFound for what is not there.
    """
    if (bool(facts), reason is not None, everything).count(True) != 1:
        raise BadUsage("name dead letters by their numbers, or with --reason, or all of them with --all")
    if strange := sorted(set(facts) - {each.fact for each in letters}):
        raise NotFound(
            f"no dead letter is about fact {', '.join(map(str, strange))}; `flyball dlq ls --each` lists them"
        )
    if reason is not None and not any(reason in (each.reason, each.code) for each in letters if reason):
        raise NotFound(f"no dead letter lies there for {reason!r}; `flyball dlq ls` lists the reasons")
    return [
        each for each in letters if everything or each.fact in facts or reason in (each.reason, each.code)
    ]


def resolve(
    tools: Tools, what: Literal["requeue", "drop"], those: Sequence[int], by: str, because: str, now: Instant
) -> dict[str, Any]:
    """Send dead letters on their way again, or drop them; who and why is kept with each. Raises NotFound.

    An answer that is dropped takes no part in any merge from then on. Many go in several commits, so that
    nobody waits long for his turn; where that is cut short, the rest lies there still. What somebody else
    has dealt with in the meantime is his, and what was settled meanwhile stays so.
    """
    letters = chosen(dead(tools.store), those, None, False)
    done = _each(tools, what, letters, by, because, now)
    return {"done": what, "facts": done, "by": by, "because": because}


def requeue(tools: Tools, those: Collection[Position], by: str, because: str, now: Instant) -> None:
    """Send those of these answers on their way again that lie apart still."""
    _each(tools, "requeue", [each for each in dead(tools.store) if each.fact in those], by, because, now)


def _each(
    tools: Tools,
    what: Literal["requeue", "drop"],
    letters: Sequence[Dead],
    by: str,
    because: str,
    now: Instant,
) -> list[Position]:
    found: list[Position] = []
    for start in range(0, len(letters), TOGETHER):
        for left in reversed(range(TRIES)):
            try:
                found += _together(tools, what, letters[start : start + TOGETHER], by, because, now)
                break
            except StaleItems:
                if not left:
                    raise
    return found


def _together(
    tools: Tools,
    what: Literal["requeue", "drop"],
    those: Sequence[Dead],
    by: str,
    because: str,
    now: Instant,
) -> list[Position]:
    """Write down those that lie there still. Raises StaleItems where one may be settled in this moment."""
    with tools.lock:
        read_at = tools.store.log.head().seq
        standing = tools.store.items.standing([each.fact for each in those])
        letters = [each for each in those if _lies_there(each, standing.get(each.fact))]
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
        unless = Unless(read_at, [each.answer.item for each in letters])
        tools.write(Commit(drafts, again, requeued=requeued, dropped=dropped, unless=unless), now)
    return [each.fact for each in letters]


def _lies_there(each: Dead, status: Status | None) -> bool:
    return status == "parked" if each.letter is None else status in GIVEN_UP


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


def general(reason: str, answer: AnswerGiven) -> str:
    """A reason without what only this answer has: the same for all of one cause.

    >>> from flyball.core.ids import AnnotatorId, ItemId
    >>> general("item i-7 never arrived", AnswerGiven(ItemId("i-7"), AnnotatorId("a"), "x"))
    'parked: item … never arrived'
    """
    return "parked: " + reason.replace(f"item {answer.item} ", "item … ", 1)
