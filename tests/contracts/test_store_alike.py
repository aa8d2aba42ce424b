"""Whatever is done to them, the stores in memory, on SQLite and on PostgreSQL cannot be told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.machines import Alike, AlikeOnPostgres, play

from flyball.adapters.memory_store import memory_store
from flyball.core.ids import Instant
from flyball.ports import Commit, Log, Receipt, Store


@pytest.mark.slow
def test_memory_and_sqlite_come_to_the_same() -> None:
    play(Alike, histories=20, steps=80)


@pytest.mark.slow
def test_postgres_comes_to_the_same() -> None:
    play(AlikeOnPostgres, histories=5, steps=40)


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

    def the_process_ends_and_another_begins(self) -> None:
        """In memory there is no other."""

    def somebody_looks_on(self) -> None:
        """Nor one that looks on."""

    def a_second_process_would_write_too(self) -> None:
        """Nor a second one."""


def test_stores_that_can_be_told_apart_are() -> None:
    with pytest.raises(AssertionError):
        play(Unlike, histories=100, steps=30, shortest=False)
