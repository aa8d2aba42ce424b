"""What a database does for one pass does not grow with all that waits, or with all that ever was.

It is counted in steps of SQLite's virtual machine, which are the same on every machine.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.merging import on
from tests.stores import arrivals, chance
from tests.work.test_integrate import one_pass

from flyball.adapters.sql import open_store, sqlite
from flyball.adapters.sql.store import _store
from flyball.bootstrap import App
from flyball.core.facts import KnobTurned
from flyball.core.ids import AnnotatorId, ItemId
from flyball.core.labels.proof import Proof
from flyball.ports import Answer
from flyball.work.accept import Given, accept

#: So many steps of the machine are counted at a time.
UNIT = 50


@dataclass
class Steps:
    """How many steps all connections to a database took."""

    count: int = 0

    def connected(self, *words: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = sqlite3.connect(*words, **named)
        connection.set_progress_handler(self._more, UNIT)
        return connection

    def _more(self) -> int:
        self.count += UNIT
        return 0


@contextmanager
def counted(directory: Path) -> Iterator[tuple[App, Steps]]:
    """A loop on a file whose steps are counted."""
    directory.mkdir()
    path, steps = directory / "loop.db", Steps()
    open_store(path, salt=chance()).close()
    store = _store(sqlite.opened(path, read_only=False, connect=steps.connected), chance())
    yield on(store, directory), steps
    store.close()


def answered(app: App, count: int, who: str = "ann-1") -> None:
    """So many answers come, each about an item of its own."""
    given = [
        Given(Answer(f"{who}-{number}", ItemId(f"i-{number}"), AnnotatorId(who), "1", None, None), "desk")
        for number in range(count)
    ]
    accept(app.tools, given, app.clock.now())
    app.tools.catch_up()


def a_pass(app: App, steps: Steps) -> int:
    """The steps of one pass; all that was captured is counted only now and then, and not in this one."""
    many = 10**9
    app.tools.proved = app.clock.now(), Proof(many, many, 0, 0, 0, 0)
    before = steps.count
    assert not one_pass(app).failed
    return steps.count - before


@pytest.mark.parametrize("what", ["many wait", "many are over", "answers come"])
def test_a_large_log_costs_no_more_steps_than_a_small_one(tmp_path: Path, what: str) -> None:
    found: dict[int, int] = {}
    for many in (100, 1500):
        with counted(tmp_path / str(many)) as (app, steps):
            app.tools.write(arrivals([f"i-{number}" for number in range(many)]), app.clock.now())
            app.tools.tell(app.clock.now(), KnobTurned("integrate.batch", "base", 50, "", "me"))
            answered(app, many)
            while what == "many are over" and app.tools.store.jobs.waiting("merge").ready:
                a_pass(app, steps)
            before = steps.count
            if what != "many wait":
                answered(app, 50, "ann-2")
            found[many] = steps.count - before if what == "answers come" else a_pass(app, steps)
    assert found[1500] < 1.12 * found[100], found
