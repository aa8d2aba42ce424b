"""What a commit comes to, worked out in one place for every store: what is new, sealed, and to be done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from flyball.core.chain import SALT_BYTES, Head, Link, instant, key_of, micros, seal
from flyball.core.facts import AnswerGiven, ItemsArrived, LabelsKnown, Recorded, body_of
from flyball.core.ids import START, Digest, Instant, Position, canonical
from flyball.core.project import Change, changes, stood
from flyball.errors import Conflict, LeaseLost, NotFound, StaleItems
from flyball.ports import Commit, Contested, Draft, Job, Letter, NewJob, Receipt

#: Where salts come from: so many bytes of chance, as `os.urandom` gives them.
Salt = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written: facts with their links, the jobs they ask for, and what they do to items.

    `contested`: what came under the name of something else, in a commit whose facts stand apart.
    """

    receipts: tuple[Receipt, ...]
    links: tuple[Link, ...]
    facts: tuple[Recorded, ...]
    jobs: tuple[tuple[NewJob, Position], ...]
    changes: tuple[Change, ...]
    contested: tuple[Contested, ...] = ()


class Clash(Exception):
    """Facts of a commit have the names of others that say something else."""

    def __init__(self, contested: Sequence[Contested]) -> None:
        super().__init__()
        self.contested = tuple(contested)

    def conflict(self) -> Conflict:
        """The same for the caller."""
        names = ", ".join(f"{each.event_id} of {each.source}" for each in self.contested[:5])
        more = f" and {len(self.contested) - 5} more" if len(self.contested) > 5 else ""
        return Conflict(
            f"{names}{more}: the same event id arrived with other content. The first stands; both are kept."
        )


@dataclass(frozen=True, slots=True)
class Written:
    """A draft with its bytes, and its key where it has a name."""

    draft: Draft
    body: bytes
    key: bytes | None


def written(commit: Commit) -> list[Written]:
    """The drafts of a commit, written out. Raises ValueError or TypeError for what JSON cannot hold."""
    return [
        Written(
            draft,
            canonical(body_of(draft.fact)),
            None if draft.event_id is None else key_of(draft.source, draft.event_id),
        )
        for draft in commit.facts
    ]


def plan(
    commit: Commit,
    drafts: Sequence[Written],
    standing: Mapping[bytes, Link],
    head: Head,
    now: Instant,
    salt: Salt,
) -> Plan:
    """Work out what a commit comes to, after `head`, where `standing` has those of its names that stand.

    Raises Clash where a name stands with other content, ValueError where columns do not fit their fact.
    """
    contested = _contested(drafts, standing, now)
    if contested and not commit.apart:
        raise Clash(list(contested.values()))
    at = micros(now) if head.seq == START else max(head.at, micros(now))
    stands = dict(standing)
    salts = salt(SALT_BYTES * len(drafts))
    last: Head | Link = head
    receipts: list[Receipt] = []
    links: list[Link] = []
    facts: list[Recorded] = []
    for place, each in enumerate(drafts):
        if each.key is not None and (first := stands.get(each.key)):
            receipts.append(_receipt(first, new=False, conflict=place in contested))
            continue
        start = SALT_BYTES * len(links)
        last = link = _sealed(last, at, salts[start : start + SALT_BYTES], each)
        links.append(link)
        receipts.append(_receipt(link, new=True))
        facts.append(Recorded(link.seq, receipts[-1].at, each.draft.fact))
        if each.key is not None:
            stands[each.key] = link
    jobs = tuple(
        (job, receipts[job.of].seq if job.cause is None else job.cause)
        for job in commit.jobs
        if receipts[job.of].new
    )
    changed = _changes(commit, facts)
    return Plan(tuple(receipts), tuple(links), tuple(facts), jobs, changed, tuple(contested.values()))


def in_order(contested: Iterable[Contested]) -> list[Contested]:
    """By the time at which they were seen; the same order wherever they were kept."""
    return sorted(contested, key=lambda each: (each.seen_at, each.source, each.event_id, each.body))


def not_held(lost: Sequence[Job]) -> LeaseLost:
    """What a worker is told whose jobs are not its own any more."""
    job, more = lost[0], f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
    return LeaseLost(
        f"job {job.job} ({job.kind} of {job.lock}){more} is not held by attempt {job.attempt} any more:"
        " another worker took it over, or it is done. This result is dropped.",
        frozenset(each.job for each in lost),
    )


def not_there(letter: Letter) -> NotFound:
    """What is said of a dead letter that somebody else has dealt with."""
    return NotFound(
        f"the dead letter about fact {letter.fact} is not there any more: it was requeued or dropped."
        " `flyball dlq ls` lists those that are."
    )


def refuse_newer(items: Collection[str], kinds: Collection[str] = ()) -> None:
    """Raise StaleItems for items about which something came after they were read, and kinds of facts."""
    if kinds:
        raise StaleItems(f"{', '.join(sorted(kinds))} was written since this was read. Read it again.")
    if items:
        some = ", ".join(sorted(items)[:5])
        raise StaleItems(f"{len(items)} items changed since they were read ({some}). Read them again.")


#: What a fact says: its kind, its bytes, and its bytes as received.
_Said = tuple[str, bytes | None, bytes | None]


def _contested(
    drafts: Sequence[Written], standing: Mapping[bytes, Link], now: Instant
) -> dict[int, Contested]:
    """Of the drafts, by their places, those whose name stands for something else."""
    keys = [each.key for each in drafts if each.key is not None]
    if not standing and len(set(keys)) == len(keys):
        return {}
    said: dict[bytes, _Said] = {key: (link.kind, link.body, link.raw) for key, link in standing.items()}
    contested: dict[int, Contested] = {}
    for place, each in enumerate(drafts):
        draft = each.draft
        if each.key is None or draft.event_id is None:
            continue
        says = (draft.fact.kind, each.body, draft.raw)
        first = said.setdefault(each.key, says)
        if first is not says and not _same(first, says):
            contested[place] = Contested(draft.source, draft.event_id, *says, now)
    return contested


def _same(first: _Said, other: _Said) -> bool:
    """Whether both say the same: by the bytes as received where both have them, else by the facts.

    Of an erased fact nobody can tell any more, and it stands.
    """
    if first[1] is None:
        return True
    if first[2] is not None and other[2] is not None:
        return first[2] == other[2]
    return first[:2] == other[:2]


def _sealed(head: Head | Link, at: int, salt: bytes, each: Written) -> Link:
    draft = each.draft
    return seal(
        head,
        at,
        salt,
        source=draft.source,
        event_id=draft.event_id,
        key=each.key,
        kind=draft.fact.kind,
        item=getattr(draft.fact, "item", ""),
        body=each.body,
        raw=draft.raw,
    )


def _receipt(link: Link, new: bool, conflict: bool = False) -> Receipt:
    return Receipt(link.seq, instant(link.at), Digest(link.hash.hex()), new, conflict)


def _changes(commit: Commit, facts: Sequence[Recorded]) -> tuple[Change, ...]:
    arrivals = known = None
    if commit.arrivals is not None:
        arrivals = (commit.arrivals.items, commit.arrivals.times)
    if commit.known is not None:
        known = (commit.known.items, commit.known.labels)
    _refuse_strays(commit, facts)
    judged = [job.cause.seq for job in commit.done if isinstance(job.cause.fact, AnswerGiven)]
    return (*changes(facts, arrivals, known), *stood(facts, commit.standing, judged))


def _refuse_strays(commit: Commit, facts: Sequence[Recorded]) -> None:
    kinds = [type(draft.fact) for draft in commit.facts]
    for columns, fact in ((commit.arrivals, ItemsArrived), (commit.known, LabelsKnown)):
        if kinds.count(fact) != (columns is not None):
            raise ValueError(f"a commit has one {fact.__name__} with its columns, or neither")
    segments = {each.fact.segment for each in facts if isinstance(each.fact, ItemsArrived)}
    if commit.arrivals is not None and segments - {commit.arrivals.segment}:
        raise ValueError("the segment of the arrivals is not that of the fact")
