"""Whatever is done to them, the stores in memory, on SQLite and on PostgreSQL cannot be told apart."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.machines import Alike, AlikeOnPostgres, play

from flyball.adapters.memory_store import memory_store
from flyball.core.ids import Instant
from flyball.ports import Commit, Log, Receipt, Store


@pytest.mark.slow
def test_memory_and_sqlite_come_to_the_same() -> None:
    play(Alike, histories=150, steps=80)


@pytest.mark.slow
def test_postgres_comes_to_the_same() -> None:
    play(AlikeOnPostgres, histories=8, steps=40)


class _TakesAll:
    """A log that a conflict in a commit of several hands makes forget all of it."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def append(self, commit: Commit, now: Instant) -> Sequence[Receipt]:
        return self._log.append(replace(commit, apart=False), now)

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)


class Unlike(Alike):
    """The control: the other store is one of those."""

    def opened(self) -> list[Store]:
        other = memory_store(self.salts[1])
        return [memory_store(self.salts[0]), replace(other, log=_TakesAll(other.log))]  # type: ignore[arg-type]

    def another_process_comes(self, comes: str) -> None:
        """To stores in memory there is none."""


def test_stores_that_can_be_told_apart_are() -> None:
    with pytest.raises(AssertionError):
        play(Unlike, histories=100, steps=30, shortest=False)


FAULTS = {
    "an update is lost": (
        "CREATE TRIGGER fault BEFORE INSERT ON label"
        " WHEN EXISTS (SELECT 1 FROM label WHERE item_id = new.item_id AND label <> new.label)"
        " BEGIN SELECT RAISE(IGNORE); END"
    ),
    "what was done on a second try is done again": (
        "CREATE TRIGGER fault AFTER UPDATE OF state ON job WHEN new.state = 'done' AND new.attempts > 1"
        " BEGIN UPDATE job SET state = 'ready' WHERE job_id = new.job_id; END"
    ),
    "what was given up on a second try is forgotten": (
        "CREATE TRIGGER fault AFTER INSERT ON dead WHEN new.attempts > 1"
        " BEGIN DELETE FROM dead WHERE dead_id = new.dead_id; END"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_database_is_found(fault: str) -> None:
    """The control of the histories above, at their count: SQLite with a trigger that does harm."""

    class Faulty(Alike):
        def opened(self) -> list[Store]:
            stores = super().opened()
            stores[1].close()
            with contextlib.closing(sqlite3.connect(self.path)) as connection:
                connection.execute(FAULTS[fault])
            return [stores[0], self.again(1)]

    with pytest.raises(AssertionError):
        play(Faulty, histories=150, steps=80, shortest=False)
