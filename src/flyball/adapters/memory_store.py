"""A whole store in memory, for the virtual driver and for tests: quick, for one thread, gone at the end."""

from __future__ import annotations

import bisect
import heapq
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from flyball.adapters.commits import Clash, Plan, Salt, in_order, plan, refuse_newer, written
from flyball.adapters.memory_items import MemoryItems
from flyball.adapters.memory_jobs import MemoryJobs
from flyball.core.chain import Head, Link, instant, key_of
from flyball.core.facts import AlertCleared, AnswerGiven, BodyErased, Recorded, body_of
from flyball.core.ids import START, Digest, Instant, ItemId, Position, canonical
from flyball.core.labels.proof import Accounts
from flyball.core.project import asked, checked
from flyball.ports import Commit, Contested, Draft, Receipt, Store


def memory_store(salt: Salt) -> Store:
    """An empty store in memory. `salt` gives so many bytes of chance."""
    jobs = MemoryJobs()
    log = MemoryLog(jobs, salt)
    return Store(log=log, jobs=jobs, items=log.items, evidence=log, close=lambda: None)


class MemoryLog:
    """The `Log` and `Evidence` ports over lists."""

    def __init__(self, jobs: MemoryJobs, salt: Salt) -> None:
        self.items = MemoryItems(self._answers, lambda seq: self._facts[seq - 1])
        self._jobs = jobs
        self._salt = salt
        self._facts: list[Recorded] = []
        self._links: list[Link] = []
        self._named: dict[bytes, Position] = {}
        self._of_kind: dict[str, list[Position]] = {}
        self._answers_to: dict[ItemId, list[Position]] = {}
        self._notes: dict[str, str] = {}
        self._contested: dict[tuple[str, str, str, bytes, bytes | None], Contested] = {}

    def append(self, commit: Commit, now: Instant) -> tuple[Receipt, ...]:
        """See `ports.Log`."""
        drafts = written(commit)
        standing = {each.key: self._link(self._named[each.key]) for each in drafts if each.key in self._named}
        try:
            planned = plan(commit, drafts, standing, self._head(), now, self._salt)
        except Clash as clash:
            self._keep_contested(clash.contested)
            raise clash.conflict() from None
        if commit.unless is not None:
            items, kinds = set(commit.unless.items), commit.unless.kinds
            newer = {each.item for each in self._links[commit.unless.read_at :]} & items
            refuse_newer(newer, {kind for kind in kinds if self._since(kind, commit.unless.read_at)})
        self._jobs.refuse_lost([*commit.done, *(each.job for each in commit.given_up)])
        self._jobs.refuse_gone((*commit.requeued, *commit.dropped))
        changes = checked(planned.changes, self.items.there(asked(planned.changes)))
        self._keep(planned)
        self.items.apply(changes, planned.facts[0].at if planned.facts else now)
        self._jobs.finish(commit.done)
        for each in commit.given_up:
            self._jobs.fail(each.job, each.code, each.detail, now, None)
        self._jobs.resolve(commit.requeued, commit.dropped, now)
        for job, seq in planned.jobs:
            self._jobs.add(job.kind, job.lock, self._facts[seq - 1], job.run_at, now)
        self._notes.update(commit.notes)
        self._keep_contested(planned.contested)
        return planned.receipts

    def accounts(self) -> Accounts:
        """See `ports.Evidence`."""
        standing = self.items.stand
        open_ = self._jobs.causes("merge")
        dead = {letter.fact for letter in self._jobs.letters("merge")} - open_
        apart = {seq for seq in dead if standing.get(seq, "pending") == "pending"}
        return Accounts(
            captured=len(self._of_kind.get(AnswerGiven.kind, [])),
            standing=Counter(standing.values()),
            queued=len(open_ - standing.keys()),
            dead=len(apart),
            dead_pending=len(apart & standing.keys()),
        )

    def read(
        self, after: Position = START, kinds: Sequence[str] | None = None, limit: int | None = None
    ) -> Iterator[Recorded]:
        """See `ports.Log`."""
        seqs = (seq for seq in self._seqs(after, kinds) if self._links[seq - 1].salt is not None)
        for count, seq in enumerate(seqs):
            if count == limit:
                return
            yield self._facts[seq - 1]

    def at(self, places: Iterable[Position]) -> Iterator[Recorded]:
        """See `ports.Log`."""
        there = (seq for seq in sorted(places) if 0 < seq <= len(self._links))
        return (self._facts[seq - 1] for seq in there if self._links[seq - 1].salt is not None)

    def head(self) -> Receipt:
        """See `ports.Log`."""
        head = self._head()
        return Receipt(head.seq, instant(head.at), Digest(head.hash.hex()), new=False)

    def note(self, name: str) -> str | None:
        """See `ports.Log`."""
        return self._notes.get(name)

    def links(self, after: Position = START, bodies: bool = True) -> Iterator[Link]:
        """See `ports.Evidence`."""
        seqs = map(Position, range(after + 1, len(self._links) + 1))
        if bodies:
            return map(self._link, seqs)
        return (self._links[seq - 1]._replace(salt=None, raw=None) for seq in seqs)

    def erase(
        self,
        facts: Sequence[Position],
        items: Sequence[ItemId],
        record: BodyErased,
        now: Instant,
        people: Sequence[str] = (),
    ) -> Receipt:
        """See `ports.Evidence`."""
        (receipt,) = self.append(Commit([Draft(record)]), now)
        self._contested = self._left(facts, items, people)
        for seq in facts:
            link = self._links[seq - 1]
            self._links[seq - 1] = link._replace(salt=None, raw=None, event_id=None)
            # Its place stays; what it said is nowhere.
            self._facts[seq - 1] = Recorded(seq, instant(link.at), AlertCleared("erased"))
        self._jobs.forget(frozenset(facts))
        self.items.forget(items)
        erased = [seq for seq in facts if self._links[seq - 1].kind == AnswerGiven.kind]
        self.items.stand.update(dict.fromkeys(erased, "erased"))
        return receipt

    def sweep(self) -> bool:
        """See `ports.Evidence`."""
        return True

    def versions(self, source: str, word: str) -> Sequence[tuple[Position, str]]:
        """See `ports.Evidence`."""
        links = (self._links[seq - 1] for seq in self._of_kind.get(AnswerGiven.kind, ()))
        return [
            (each.seq, each.event_id)
            for each in links
            if each.source == source and each.event_id and each.event_id.startswith(f"{word}@")
        ]

    def contested(self) -> Iterator[Contested]:
        """See `ports.Evidence`."""
        return iter(in_order(self._contested.values()))

    def _since(self, kind: str, place: Position) -> bool:
        return self._of_kind.get(kind, [START])[-1] > place

    def _keep_contested(self, contested: Sequence[Contested]) -> None:
        for each in contested:
            about = (each.source, each.event_id, each.kind, each.body, each.raw)
            self._contested.setdefault(about, each)

    def _left(
        self, facts: Sequence[Position], items: Sequence[ItemId], people: Sequence[str]
    ) -> dict[tuple[str, str, str, bytes, bytes | None], Contested]:
        """What was refused, without what came under the names of these facts, about these items or from these
        people."""
        keys = {self._links[seq - 1].key for seq in facts}
        left: dict[tuple[str, str, str, bytes, bytes | None], Contested] = {}
        for about, each in self._contested.items():
            words = json.loads(each.body) if each.kind == AnswerGiven.kind else {}
            theirs = words.get("item") in items or words.get("annotator") in people
            if not theirs and key_of(each.source, each.event_id) not in keys:
                left[about] = each
        return left

    def _head(self) -> Head:
        if not self._links:
            return Head()
        last = self._links[-1]
        return Head(last.seq, last.at, last.hash)

    def _link(self, seq: Position) -> Link:
        link = self._links[seq - 1]
        if link.salt is None:
            return link
        return link._replace(body=canonical(body_of(self._facts[seq - 1].fact)))

    def _seqs(self, after: Position, kinds: Sequence[str] | None) -> Iterable[Position]:
        if kinds is None:
            return map(Position, range(after + 1, len(self._facts) + 1))
        lists = [self._of_kind.get(kind, []) for kind in set(kinds)]
        return heapq.merge(*(seqs[bisect.bisect_right(seqs, after) :] for seqs in lists))

    def _keep(self, planned: Plan) -> None:
        for link, recorded in zip(planned.links, planned.facts, strict=True):
            self._facts.append(recorded)
            # The bytes come from the fact again when they are asked for: half the memory.
            self._links.append(link._replace(body=None))
            self._of_kind.setdefault(link.kind, []).append(link.seq)
            if link.event_id is not None:
                self._named[link.key] = link.seq
            if isinstance(recorded.fact, AnswerGiven):
                self._answers_to.setdefault(recorded.fact.item, []).append(link.seq)

    def _answers(self, item: ItemId) -> tuple[Recorded, ...]:
        seqs = self._answers_to.get(item, [])
        return tuple(self._facts[seq - 1] for seq in seqs if self._links[seq - 1].salt is not None)
