"""Erasing on PostgreSQL: a sweep takes as long as it takes, and one that is not done is told."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest
from tests.postgres import RUNS, a_role, by_hand, fresh_postgres, needed
from tests.stores import answer, chance

from flyball.adapters.sql import open_store, postgres
from flyball.errors import Unreachable
from flyball.ports import Commit, Draft

pytestmark = pytest.mark.slow


def test_a_sweep_may_take_longer_than_a_statement(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(postgres._SETTINGS, "statement_timeout", "2s")
    with closing(fresh_postgres(chance(), loop)) as store, by_hand(needed(), loop) as other:
        store.log.append(Commit([Draft(answer("a"), "desk", "e-1")]), 30.0)
        other.execute("BEGIN; LOCK TABLE event_body")
        freed = threading.Timer(4.0, other.execute, ["COMMIT"])
        freed.start()
        assert store.evidence.sweep()
        freed.join()
        # What follows has its bound again.
        with pytest.raises(Unreachable, match="statement timeout"):
            other.execute("BEGIN; LOCK TABLE event_body")
            list(store.evidence.links())
        other.execute("COMMIT")


def test_tables_that_are_passed_over_are_no_sweep(loop: str) -> None:
    fresh_postgres(chance(), loop).close()
    with (
        a_role(loop, RUNS) as url,
        closing(open_store(url, salt=chance(), loop=loop)) as store,
        pytest.raises(Unreachable, match="does not sweep it: permission denied"),
    ):
        store.evidence.sweep()
