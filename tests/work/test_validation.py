"""Every label is held against what was captured, whatever happens to the pass that wrote it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.merging import ITEMS, label, loop_on, on, proved, say, standing
from tests.work.test_integrate import one_pass

from flyball.bootstrap import App
from flyball.core.due import Go, Wait
from flyball.core.facts import AlertRaised, ClassAllowed, Recorded
from flyball.core.ids import ItemId
from flyball.errors import Unreachable
from flyball.ports import Items
from flyball.work import integrate_proof


class Disk:
    """Items on a disk that fails from its second reading of answers on: `first` once, and then `then`."""

    def __init__(self, items: Items, first: Exception | None, then: Exception | None, bad: str) -> None:
        self._items, self._first, self._then, self._bad, self._read = items, first, then, bad, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._items, name)

    def answers_to(self, items: Sequence[ItemId]) -> Mapping[ItemId, tuple[Recorded, ...]]:
        self._read += 1
        failure = self._first if self._read == 2 else self._then if self._read > 2 else None
        if failure is not None and self._bad in items:
            raise failure
        return self._items.answers_to(items)


def on_disk(app: App, first: Exception | None, then: Exception | None = None, bad: str = "i-0") -> None:
    store = app.tools.store
    app.tools.store = replace(store, items=Disk(store.items, first, then, bad))


@pytest.fixture(params=["memory", "sqlite"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    with loop_on(request.param, tmp_path) as app:
        yield app


AWAY, UNREADABLE = Unreachable("the store is away"), ValueError("these bytes are no JSON")


def test_labels_of_a_pass_that_was_cut_short_are_validated_though_no_other_answer_comes(app: App) -> None:
    seq = say(app, "i-0")
    on_disk(app, AWAY, UNREADABLE)
    assert one_pass(app).failed
    assert (label(app, "i-0"), standing(app, seq)) == ("1", ["merged"])
    rests = app.lanes["integrate"].due(app.clock.now())
    assert isinstance(rests, Wait)
    assert rests.until is not None
    app.clock.set(rests.until)  # type: ignore[union-attr]
    assert one_pass(app).numbers["different"] == 1
    assert standing(app, seq) == ["parked"]
    assert isinstance(app.lanes["integrate"].due(app.clock.now()), Wait)
    proved(app)


def test_an_item_that_cannot_be_read_again_is_held_and_stops_no_other(app: App) -> None:
    seqs = [say(app, item) for item in ITEMS]
    on_disk(app, UNREADABLE, UNREADABLE, bad="i-5")
    done = one_pass(app)
    assert (done.failed, done.numbers["different"]) == (False, 1)
    alert = app.tools.state.alerts["held-i-5"].fact
    assert isinstance(alert, AlertRaised)
    assert "item i-5 cannot be read: these bytes are no JSON" in alert.message
    assert standing(app, *seqs) == [*["merged"] * 5, "parked", *["merged"] * 2]
    later = say(app, "i-1", who="ann-2")
    assert not one_pass(app).failed
    assert standing(app, later) == ["merged"]
    proved(app)


def test_a_process_that_begins_validates_what_one_that_was_ended_had_no_time_for(tmp_path: Path) -> None:
    with loop_on("sqlite", tmp_path) as first:
        say(first, "i-1")
        one_pass(first)
        seqs = [say(first, "i-0"), say(first, "i-1", who="ann-2")]
        on_disk(first, AWAY)
        assert one_pass(first).failed  # and here it ends
        whole = on(first.tools.store, tmp_path)
        integrate_proof.take_up(whole.tools, whole.clock.now())
        assert one_pass(whole).numbers["different"] == 0
        second = on(first.tools.store, tmp_path)
        integrate_proof.take_up(second.tools, second.clock.now())
        on_disk(second, None, UNREADABLE)
        second.tools.store.items.answers_to(())  # its first reading, with nothing wrong
        assert isinstance(second.lanes["integrate"].due(second.clock.now()), Go)
        assert one_pass(second).numbers["different"] == 1
        assert standing(second, *seqs) == ["parked", "merged"]


def test_what_was_settled_before_a_person_decided_is_left_to_reconcile(tmp_path: Path) -> None:
    with loop_on("sqlite", tmp_path) as first:
        say(first, "i-1")
        one_pass(first)
        say(first, "i-0")
        on_disk(first, AWAY)
        assert one_pass(first).failed
        first.tools.tell(first.clock.now(), ClassAllowed("1", "eva", "in the meantime"))
        second = on(first.tools.store, tmp_path)
        integrate_proof.take_up(second.tools, second.clock.now())
        assert isinstance(second.lanes["integrate"].due(second.clock.now()), Wait)
