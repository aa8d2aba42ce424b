"""Stores to test: in memory, on SQLite, on PostgreSQL; and short words for what is written to them."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from tests.postgres import a_loop, fresh_postgres

from flyball.adapters.commits import Salt
from flyball.adapters.memory_store import memory_store
from flyball.adapters.sql import open_store
from flyball.core.chain import verify
from flyball.core.facts import AnswerGiven, BatchReleased, ItemsArrived, LabelSettled, LabelsKnown
from flyball.core.ids import AnnotatorId, BatchId, Digest, ItemId, Position
from flyball.ports import Arrivals, Commit, Draft, KnownLabels, NewJob, Receipt, Store

KINDS = ("memory", "sqlite", pytest.param("postgres", marks=pytest.mark.slow))
SEGMENT = Digest("5e" * 32)


def chance(seed: int = 0) -> Salt:
    """Salts that are the same for the same seed."""
    return np.random.default_rng(seed).bytes


@contextmanager
def opened(kind: str, directory: Path) -> Iterator[Store]:
    """An empty store of that kind."""
    with contextlib.ExitStack() as stack:
        if kind == "memory":
            store = memory_store(chance())
        elif kind == "sqlite":
            store = fresh_sqlite(directory / "loop.db")
        else:
            store = fresh_postgres(chance(), stack.enter_context(a_loop()))
        stack.callback(store.close)
        yield store


def fresh_sqlite(path: Path) -> Store:
    """An empty store on SQLite, copied from one that was made once."""
    shutil.copy(_template(), path)
    return open_store(path, salt=chance())


@cache
def _template() -> Path:
    path = Path(tempfile.mkdtemp(prefix="flyball-template-")) / "loop.db"
    open_store(path, salt=chance()).close()
    return path


def ids(*names: str) -> tuple[ItemId, ...]:
    """Names of items."""
    return tuple(map(ItemId, names))


def answer(item: str, label: str = "fraud", annotator: str = "ann-1") -> AnswerGiven:
    """What an annotator said."""
    return AnswerGiven(ItemId(item), AnnotatorId(annotator), label)


def arrivals(items: Sequence[str], times: Sequence[float] | None = None, name: str | None = None) -> Commit:
    """Items that arrive, one second after the other from 0 on where no times are given."""
    moments = np.array(range(len(items)) if times is None else times, dtype=np.float64)
    fact = ItemsArrived(SEGMENT, len(items), 0.0, 0.0, len(items))
    return Commit([Draft(fact, event_id=name)], arrivals=Arrivals(SEGMENT, ids(*items), moments))


def arrive(store: Store, *items: str, times: Sequence[float] | None = None, now: float = 10.0) -> Receipt:
    """Let items arrive."""
    return store.log.append(arrivals(items, times), now)[0]


def released(batch: str, items: Sequence[str], reserve: Sequence[str] = ()) -> BatchReleased:
    """Items that go out."""
    return BatchReleased(
        batch=BatchId(batch),
        number=1,
        items=ids(*items),
        reserve=ids(*reserve),
        sampler="random",
        pool=100,
        model=None,
        rules=Digest("00" * 32),
        answers_needed=1,
        due=3600.0,
    )


def release(store: Store, batch: str, *items: str, reserve: Sequence[str] = (), now: float = 20.0) -> Receipt:
    """Let items go out."""
    return store.log.append(Commit([Draft(released(batch, items, reserve))]), now)[0]


def settled(item: str, label: str, batch: str | None = None, policy: str = "majority") -> LabelSettled:
    """A label that answers were settled into."""
    named = None if batch is None else BatchId(batch)
    return LabelSettled(ItemId(item), label, (Position(1),), policy, named, 1.0)


def settle(store: Store, item: str, label: str, batch: str | None = None, now: float = 30.0) -> Receipt:
    """Let an item get a label."""
    return store.log.append(Commit([Draft(settled(item, label, batch))]), now)[0]


def known(labels: dict[str, str]) -> Commit:
    """Labels that become known by themselves."""
    columns = KnownLabels(ids(*labels), list(labels.values()))
    return Commit([Draft(LabelsKnown(SEGMENT, len(labels), len(labels)))], known=columns)


def know(store: Store, labels: dict[str, str], now: float = 40.0) -> Receipt:
    """Let labels become known by themselves."""
    return store.log.append(known(labels), now)[0]


def used_by_threads(store: Store, steps: int) -> None:
    """Four threads write and read at once, each answer twice: all of it stands once, in an unbroken chain."""

    def work(number: int) -> None:
        for step in range(steps):
            draft = Draft(answer(f"i-{number}"), source="desk", event_id=f"e-{number}-{step}")
            for _ in range(2):
                store.log.append(Commit([draft], [NewJob("merge", f"i-{number}", 0)]), float(step))
            assert store.items.answers(ItemId(f"i-{number}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [recorded.seq for recorded in store.log.read()] == list(range(1, 4 * steps + 1))
    assert store.jobs.waiting("merge").ready == 4 * steps
    assert verify(store.evidence.links()) == ()
