"""Random histories of commands to a store, taken by every kind of store at once, which must come to the same.

The store in memory is the model. Run as `python -m tests.machines --histories 150 --steps 80`, with
`--postgres` for PostgreSQL beside the others; the exit code is not 0 where two stores differed.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.postgres import a_loop, needed
from tests.stores import answer, arrivals, chance, fresh_sqlite, ids, known, released, settled

from flyball.adapters.commits import Salt
from flyball.adapters.memory_store import memory_store
from flyball.adapters.sql import open_store
from flyball.cli.show import print_line
from flyball.core.chain import Link, verify
from flyball.core.facts import (
    AlertCleared,
    AnswerGivenUp,
    AnswerParked,
    BodyErased,
    Fact,
    LabelSettled,
    LabelWithdrawn,
    Recorded,
)
from flyball.core.ids import BatchId, ItemId, Position
from flyball.errors import FlyballError, StoreLocked
from flyball.ports import Commit, Draft, GivenUp, ItemRows, Job, NewJob, Store

ITEMS = tuple("abcdefgh")
NAMES = st.sampled_from(ITEMS)
SOME = st.lists(NAMES, min_size=1, max_size=4)
LABELS = st.sampled_from(["fine", "fraud"])
EVENTS = st.sampled_from([None, "e-1", "e-2", "e-3"])
RAW = st.sampled_from([None, b'{"a": 1}', b'{"a":1}', b"\x00\xff"])
BATCHES = st.sampled_from(["b-1", "b-2"])
TIMES = st.lists(st.sampled_from([0.0, 1.0, 2.5]), min_size=4, max_size=4)
#: After how long a job that failed is tried again; None: never.
AGAIN = st.sampled_from([None, 0.0, 20.0])
#: After how long a job that failed is tried again; None: never.
AGAIN = st.sampled_from([None, 0.0, 20.0])
#: What a clock may do: go on, be set back or forth, or be of another age altogether.
STEPS = st.sampled_from([0.0, 0.25, 30.0, -5.0, 600.0, -600.0, 86_400.0, -86_400.0])
AGES = st.sampled_from([0.0, 1.8e9, 253_370_764_800.0])
#: All that can be read of a store: one of these is compared after every fourth command, and all at the end.
READINGS: tuple[Callable[[Store], Any], ...] = (
    lambda store: store.log.head(),
    lambda store: list(store.log.read(kinds=["answer-given", "batch-released"])),
    lambda store: store.jobs.waiting("merge"),
    lambda store: [store.jobs.soon("merge", now) for now in (0.0, 100.0, 200.0)],
    lambda store: store.log.note("last"),
    lambda store: store.items.find(ids(*ITEMS)),
    lambda store: store.items.answers_to(ids(*ITEMS)),
    lambda store: columns(store.items.pool(3)),
    lambda store: columns(store.items.labelled(store.log.head().seq)),
    lambda store: columns(store.items.labelled(Position(store.log.head().seq // 2))),
    lambda store: chained(list(store.evidence.links())),
    lambda store: list(store.evidence.contested()),
    lambda store: store.evidence.accounts(),
)


class Alike(RuleBasedStateMachine):
    """Each command is given to the store in memory and to that on SQLite."""

    @initialize(furnished=st.booleans())
    def begin(self, furnished: bool) -> None:
        self.home = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        self.path = Path(self.home.name) / "loop.db"
        self.around = contextlib.ExitStack()
        self.salts: list[Salt] = [chance() for _ in range(3)]
        self.stores = self.opened()
        self.now = 100.0
        self.commands = 0
        self.held: list[tuple[Job, ...]] = []
        if furnished:
            self.write(arrivals(ITEMS))
            self.answers_come([(item, "fraud", None, None) for item in ITEMS[:6]], after=0.0, apart=False)

    def opened(self) -> list[Store]:
        fresh_sqlite(self.path).close()
        return [memory_store(self.salts[0]), open_store(self.path, salt=self.salts[1])]

    def teardown(self) -> None:
        if not hasattr(self, "stores"):
            return
        with self.home, self.around, contextlib.ExitStack() as last:
            for store in self.stores:
                last.callback(store.close)
            for reading in READINGS:
                self.both(reading)

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

    # --- the clock, and the processes

    @rule(seconds=STEPS)
    def time_passes(self, seconds: float) -> None:
        self.now = max(0.0, self.now + seconds)

    @rule(age=AGES)
    def the_clock_is_set(self, age: float) -> None:
        self.now = age

    @rule(comes=st.sampled_from(["the next one", "one that looks on", "one that would write too"]))
    def another_process_comes(self, comes: str) -> None:
        if comes == "one that would write too":
            with pytest.raises(StoreLocked):
                open_store(self.path, salt=chance())
        elif comes == "one that looks on":
            with contextlib.closing(self.again(1, read_only=True)) as beside:
                assert beside.log.head() == self.stores[0].log.head()
        else:
            for place in range(1, len(self.stores)):
                self.stores[place].close()
                self.stores[place] = self.again(place)

    def again(self, place: int, read_only: bool = False) -> Store:
        return open_store(self.path, salt=self.salts[place], read_only=read_only)

    # --- what is written

    @rule(
        said=st.lists(st.tuples(NAMES, LABELS, EVENTS, RAW), min_size=1, max_size=4),
        after=st.sampled_from([0.0, 150.0]),
        apart=st.booleans(),
    )
    def answers_come(
        self, said: list[tuple[str, str, str | None, bytes | None]], after: float, apart: bool
    ) -> None:
        drafts = [Draft(answer(item, label), "desk", event, raw) for item, label, event, raw in said]
        jobs = [NewJob("merge", item, of, after) for of, (item, *_) in enumerate(said)]
        self.write(Commit(drafts, jobs, notes={"last": said[-1][0]}, apart=apart))

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

    @rule(place=st.integers(0, 20), item=st.none() | NAMES, batch=st.none() | BATCHES)
    def a_label_is_taken_back(self, place: int, item: str | None, batch: str | None) -> None:
        there = self.facts("label-settled")
        if not there:
            return
        last = there[place % len(there)]
        label = last.fact
        assert isinstance(label, LabelSettled)
        where = None if batch is None else BatchId(batch)
        about = label.item if item is None else ItemId(item)
        fact = LabelWithdrawn(about, label.label, last.seq, label.answers, "withdrawn", where)
        self.write(Commit([Draft(fact)]))

    @rule(place=st.integers(0, 20), count=st.integers(0, 2), parked=st.booleans())
    def answers_are_judged(self, place: int, count: int, parked: bool) -> None:
        there = self.facts("answer-given")
        if not there:
            return
        first = there[place % len(there)]
        item = first.fact.item  # type: ignore[union-attr]
        if parked:
            self.write(Commit([Draft(AnswerParked(first.seq, "why", "code"))]))
        else:
            others = tuple(each.seq for each in there[:count] if each.seq != first.seq)
            fact = replace(settled(item, "fine"), answers=(first.seq,), superseded=others)
            self.write(Commit([Draft(fact)]))

    # --- jobs

    @rule(limit=st.integers(1, 3), lease=st.sampled_from([10.0, 60.0]), fails=st.booleans(), again=AGAIN)
    def jobs_are_claimed(self, limit: int, lease: float, fails: bool, again: float | None) -> None:
        claimed = [store.jobs.claim("merge", self.now, limit, lease) for store in self.stores]
        assert all(list(map(plain, other)) == list(map(plain, claimed[0])) for other in claimed[1:])
        self.held.extend(zip(*claimed, strict=True))
        if fails and self.held:
            self.a_job_fails(again, oldest=False)

    @precondition(lambda self: self.held)
    @rule(again=AGAIN, oldest=st.booleans())
    def a_job_fails(self, again: float | None, oldest: bool) -> None:
        pair = self.held[0 if oldest else -1]
        later = None if again is None else self.now + again
        self.both(lambda store: store.jobs.fail(self.of(store, pair), "code", "why", self.now, later))

    @precondition(lambda self: self.held)
    @rule(oldest=st.booleans())
    def a_job_is_given_up(self, oldest: bool) -> None:
        pair = self.held[0 if oldest else -1]
        drafts = [Draft(AnswerGivenUp(pair[0].cause.seq, "code", "why", pair[0].attempt))]
        self.both(
            lambda store: store.log.append(
                Commit(drafts, given_up=[GivenUp(self.of(store, pair), "code", "why")]), self.now
            )
        )

    @rule(drop=st.booleans())
    def a_dead_letter_is_resolved(self, drop: bool) -> None:
        if not self.stores[0].jobs.letters("merge"):
            return
        letters = {id(store): store.jobs.letters("merge") for store in self.stores}
        told = [[replace(each, job=0) for each in those] for those in letters.values()]
        assert all(other == told[0] for other in told)
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

    @rule(latest=st.sampled_from([0.0, 60.0]))
    def rests_are_cut_short(self, latest: float) -> None:
        self.both(lambda store: store.jobs.hasten("merge", self.now + latest, self.now))

    @rule(everyone=st.booleans())
    def leases_run_out(self, everyone: bool) -> None:
        self.both(lambda store: store.jobs.recover(self.now, everyone))

    # --- what is taken out

    @rule(place=st.integers(0, 20), whole=st.booleans())
    def a_fact_is_erased(self, place: int, whole: bool) -> None:
        there = self.facts("answer-given", "label-settled")
        if there:
            chosen = there[place % len(there)]
            record = BodyErased((chosen.seq,), "item", "me", "case 7")
            items = ids(chosen.fact.item) if whole else ()  # type: ignore[union-attr]
            self.both(lambda store: store.evidence.erase([chosen.seq], items, record, self.now))

    def facts(self, *kinds: str) -> list[Recorded]:
        """Those of these kinds, as the model has them."""
        return list(self.stores[0].log.read(kinds=kinds))

    def of(self, store: Store, held: tuple[Job, ...]) -> Job:
        return held[[each is store for each in self.stores].index(True)]

    # --- what must be so

    @invariant()
    def they_say_the_same(self) -> None:
        self.commands += 1
        turn, rest = divmod(self.commands, 4)
        if not rest:
            self.both(READINGS[turn % len(READINGS)])


def plain(job: Job) -> tuple[str, str, int, int]:
    """A job without its number, which is each store's own."""
    return (job.kind, job.lock, job.cause.seq, job.attempt)


def chained(links: list[Link]) -> list[Link]:
    """The chain, which is whole."""
    assert verify(links) == ()
    assert all(before.at <= after.at for before, after in pairwise(links)), "time never goes backwards"
    return links


def columns(rows: ItemRows) -> dict[str, list[Any]]:
    """Items as lists."""
    return {name: column.tolist() for name, column in rows.table.columns.items()}


class AlikeOnPostgres(Alike):
    """The same, with PostgreSQL beside them."""

    def opened(self) -> list[Store]:
        self.loop = self.around.enter_context(a_loop())
        return [*super().opened(), open_store(needed(), salt=self.salts[2], loop=self.loop)]

    def again(self, place: int, read_only: bool = False) -> Store:
        if place == 1:
            return super().again(place, read_only)
        return open_store(needed(), salt=self.salts[place], loop=self.loop, read_only=read_only)


def play(
    machine: type[Alike], histories: int, steps: int, seeded: bool = True, shortest: bool = True
) -> None:
    """Play so many histories of so many commands; raises where two stores differ.

    `shortest`: with the shortest history that shows it. `seeded`: the same histories each time.
    """
    chosen = settings(
        max_examples=histories,
        stateful_step_count=steps,
        deadline=None,
        derandomize=seeded,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink) if shortest else (Phase.generate,),
        report_multiple_bugs=False,
    )
    run_state_machine_as_test(machine, settings=chosen)


def main() -> int:
    """Play as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=150)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--postgres", action="store_true")
    asked = parser.parse_args()
    play(AlikeOnPostgres if asked.postgres else Alike, asked.histories, asked.steps, seeded=False)
    print_line(f"{asked.histories} histories of up to {asked.steps} commands: no difference")
    return 0


if __name__ == "__main__":
    sys.exit(main())
