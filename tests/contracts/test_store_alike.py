"""Whatever is done to them, the stores in memory, on SQLite and on PostgreSQL cannot be told apart."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.postgres import a_loop, fresh_postgres
from tests.stores import answer, arrivals, chance, fresh_sqlite, ids, known, released, settled

from flyball.adapters.memory_store import memory_store
from flyball.core.chain import verify
from flyball.core.facts import AlertCleared, BodyErased, Fact, Recorded
from flyball.core.ids import Position
from flyball.errors import FlyballError
from flyball.ports import Commit, Draft, ItemRows, Job, NewJob, Store

ITEMS = tuple("abcdefgh")
NAMES = st.sampled_from(ITEMS)
SOME = st.lists(NAMES, min_size=1, max_size=4)
LABELS = st.sampled_from(["fine", "fraud"])
EVENTS = st.sampled_from([None, "e-1", "e-2", "e-3"])
BATCHES = st.sampled_from(["b-1", "b-2"])
TIMES = st.lists(st.sampled_from([0.0, 1.0, 2.5]), min_size=4, max_size=4)


class Alike(RuleBasedStateMachine):
    """Each step is taken on both, and must come to the same."""

    @initialize()
    def begin(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.loops = contextlib.ExitStack()
        self.stores = self.opened()
        self.now = 100.0
        self.held: list[tuple[Job, ...]] = []

    def opened(self) -> tuple[Store, ...]:
        return (memory_store(chance()), fresh_sqlite(Path(self.directory.name) / "loop.db"))

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        self.loops.close()
        self.directory.cleanup()

    def both(self, step: Callable[[Store], Any]) -> Any:
        came = []
        for store in self.stores:
            try:
                came.append(step(store))
            except FlyballError as error:
                came.append((type(error), str(error)))
        assert all(other == came[0] for other in came[1:])
        return came[0]

    def write(self, commit: Commit) -> None:
        self.both(lambda store: store.log.append(commit, self.now))

    @rule(seconds=st.sampled_from([-5.0, 0.0, 0.25, 30.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(
        said=st.lists(st.tuples(NAMES, LABELS, EVENTS), min_size=1, max_size=4),
        after=st.sampled_from([0.0, 150.0]),
    )
    def answers_come(self, said: list[tuple[str, str, str | None]], after: float) -> None:
        drafts = [Draft(answer(item, label), event_id=event) for item, label, event in said]
        jobs = [NewJob("merge", item, of, after) for of, (item, _, _) in enumerate(said)]
        self.write(Commit(drafts, jobs, notes={"last": said[-1][0]}))

    @rule(items=SOME, times=TIMES, name=EVENTS)
    def items_arrive(self, items: list[str], times: list[float], name: str | None) -> None:
        self.write(arrivals(items, times[: len(items)], name and f"items-{name}-{items}-{times}"))

    @rule(batch=BATCHES, items=SOME)
    def a_batch_goes_out(self, batch: str, items: list[str]) -> None:
        self.write(Commit([Draft(released(batch, items, items[:1]))]))

    @rule(labels=st.dictionaries(NAMES, LABELS, min_size=1, max_size=3))
    def labels_become_known(self, labels: dict[str, str]) -> None:
        self.write(known(labels))

    @rule(item=NAMES, label=LABELS, batch=st.none() | BATCHES, finish=st.booleans())
    def a_label_is_settled(self, item: str, label: str, batch: str | None, finish: bool) -> None:
        facts: list[Fact] = [
            settled(item, label, batch),
            AlertCleared("between"),
            settled(item, "fine", batch),
        ]
        drafts = [Draft(fact) for fact in facts]
        if not finish or not self.held:
            return self.write(Commit(drafts))
        pair = self.held.pop()
        self.both(lambda store: store.log.append(Commit(drafts, done=[self.of(store, pair)]), self.now))
        return None

    @rule(limit=st.integers(1, 3), lease=st.sampled_from([10.0, 60.0]))
    def jobs_are_claimed(self, limit: int, lease: float) -> None:
        claimed = [store.jobs.claim("merge", self.now, limit, lease) for store in self.stores]
        assert all(list(map(plain, other)) == list(map(plain, claimed[0])) for other in claimed[1:])
        self.held.extend(zip(*claimed, strict=True))

    @rule(again=st.booleans(), oldest=st.booleans())
    def a_job_fails(self, again: bool, oldest: bool) -> None:
        if self.held:
            pair = self.held[0 if oldest else -1]
            later = self.now + 20.0 if again else None
            self.both(lambda store: store.jobs.fail(self.of(store, pair), "code", "why", self.now, later))

    @rule(drop=st.booleans())
    def a_dead_letter_is_resolved(self, drop: bool) -> None:
        letters = {id(store): store.jobs.letters("merge") for store in self.stores}
        told = [[replace(each, job=0) for each in those] for those in letters.values()]
        assert all(other == told[0] for other in told)
        if told[0]:
            self.both(
                lambda store: store.log.append(
                    Commit(
                        [Draft(AlertCleared("resolved"))],
                        requeued=[] if drop else letters[id(store)][:1],
                        dropped=letters[id(store)][:1] if drop else [],
                    ),
                    self.now,
                )
            )

    @rule(place=st.integers(0, 20), whole=st.booleans())
    def a_fact_is_erased(self, place: int, whole: bool) -> None:
        kinds = ["answer-given", "label-settled"]
        there: list[Recorded] = self.both(lambda store: list(store.log.read(kinds=kinds)))
        if there:
            chosen = there[place % len(there)]
            record = BodyErased((chosen.seq,), "item", "me", "case 7")
            items = ids(chosen.fact.item) if whole else ()  # type: ignore[union-attr]
            self.both(lambda store: store.evidence.erase([chosen.seq], items, record, self.now))

    @rule(everyone=st.booleans())
    def leases_run_out(self, everyone: bool) -> None:
        self.both(lambda store: store.jobs.recover(self.now, everyone))

    def of(self, store: Store, held: tuple[Job, ...]) -> Job:
        return held[[each is store for each in self.stores].index(True)]

    @invariant()
    def they_say_the_same(self) -> None:
        head = self.both(lambda store: store.log.head())
        self.both(lambda store: list(store.log.read(kinds=["answer-given", "batch-released"])))
        self.both(lambda store: store.jobs.waiting("merge"))
        self.both(lambda store: store.log.note("last"))
        self.both(lambda store: store.items.find(ids(*ITEMS)))
        self.both(lambda store: columns(store.items.pool(3)))
        self.both(lambda store: columns(store.items.labelled(head.seq)))
        self.both(lambda store: columns(store.items.labelled(Position(head.seq // 2))))

    @invariant()
    def the_chain_holds(self) -> None:
        links = self.both(lambda store: list(store.evidence.links()))
        assert verify(links) == ()
        self.both(lambda store: list(store.evidence.contested()))


def plain(job: Job) -> tuple[str, str, int, int]:
    return (job.kind, job.lock, job.cause.seq, job.attempt)


def columns(rows: ItemRows) -> dict[str, list[Any]]:
    return {name: column.tolist() for name, column in rows.table.columns.items()}


class AlikeOnPostgres(Alike):
    """The same, with PostgreSQL beside them."""

    def opened(self) -> tuple[Store, ...]:
        return (*super().opened(), fresh_postgres(chance(), self.loops.enter_context(a_loop())))


TestAlike = Alike.TestCase
TestAlike.settings = settings(
    max_examples=8,
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
TestAlikeOnPostgres = pytest.mark.slow(AlikeOnPostgres.TestCase)
TestAlikeOnPostgres.settings = TestAlike.settings
