"""What another process decides between a pass's last look and its commit counts, on every store.

Each is shown beside a control in which nobody looks again, and which therefore goes wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.contracts_of import NAMED, digest
from tests.loops import facts, little, write_loop
from tests.merging import ITEMS, interrupt, label, on, proved, say, standing, stores
from tests.stores import KINDS, arrivals, known, released
from tests.work.test_integrate import begin, one_pass

from flyball.bootstrap import App, performed
from flyball.core.due import Go, Wait
from flyball.core.facts import (
    AnswerParked,
    ClassAllowed,
    ClassBlocked,
    KnobTurned,
    LabelSettled,
    LetterRequeued,
)
from flyball.core.ids import ItemId
from flyball.errors import StaleItems
from flyball.ports import Commit, Draft
from flyball.work import contract_approval, integrate
from flyball.work.arrived import arrive
from flyball.work.erase import erase
from flyball.work.integrate_proof import prove
from flyball.work.integrate_rules import rules_of

checked = pytest.mark.parametrize("checked", [True, False], ids=["checked", "control"])
STRANGE = digest("strange")


@pytest.fixture(params=KINDS)
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[App, App]]:
    """The same loop in two processes, with a contract."""
    directory = write_loop(tmp_path / "loop")
    (directory / "contract.yaml").write_text(NAMED)
    with stores(request.param, tmp_path, 2) as (first, second):
        app = on(first, directory)
        app.tools.write(arrivals(ITEMS), app.clock.now())
        yield app, on(second, directory)


@checked
def test_an_approval_counts_for_the_commit_that_comes_after_it(both: tuple[App, App], checked: bool) -> None:
    app, other = both
    say(app, "i-0", "fraud", definitions=STRANGE)
    one_pass(app)
    seq = say(app, "i-1", "fraud", definitions=STRANGE)

    def approve() -> None:
        other.tools.catch_up()
        contract_approval.approve(other.tools, STRANGE, {}, "eva", "the same handbook", other.clock.now())

    interrupt(app, approve, checked)
    one_pass(app)
    # Approved before it was parked: where nobody looked again it is parked, and nobody comes back to it.
    assert standing(app, seq) == ["merged" if checked else "parked"]
    assert label(app, "i-1") == ("1" if checked else None)
    proved(app)


def test_the_contract_of_a_merge_is_never_older_than_the_place_it_was_read_at(both: tuple[App, App]) -> None:
    app, other = both
    integrate.begin(app.tools, Go("a pass"), app.clock.now())
    say(other, "i-0", "fraud", definitions=STRANGE)
    one_pass(other)
    contract_approval.approve(other.tools, STRANGE, {}, "eva", "the same handbook", other.clock.now())
    app.tools.catch_up()  # as another thread does, which writes something
    rules = rules_of(app.tools, app.clock.now())
    assert rules.read_at == app.tools.state.seq and rules.contract.knows(STRANGE)


@checked
def test_a_class_that_is_held_back_in_this_moment_is_not_settled(
    both: tuple[App, App], checked: bool
) -> None:
    app, other = both
    seq = say(app, "i-0", "fraud")
    interrupt(app, lambda: other.tools.tell(app.clock.now(), ClassBlocked("1", "eva", "odd")), checked)
    one_pass(app)
    assert label(app, "i-0") == (None if checked else "1")
    assert standing(app, seq) == ["parked" if checked else "merged"]
    proved(app)


@checked
def test_a_weight_that_is_turned_in_this_moment_counts(both: tuple[App, App], checked: bool) -> None:
    app, other = both
    now = app.clock.now()
    batch = replace(released("b-1", ["i-0", "i-1"]), answers_needed=2, due=now + 3600.0)
    app.tools.write(Commit([Draft(batch)]), now)
    say(app, "i-0", "legitimate", "ann-1", batch=batch.batch)
    one_pass(app)
    say(app, "i-0", "fraud", "ann-2", batch=batch.batch)
    turned = KnobTurned("annotator.weight", "person:eva", 0.5, "new here", "eva", about="ann-1")
    interrupt(app, lambda: other.tools.tell(now, turned), checked)
    one_pass(app)
    assert label(app, "i-0") == ("1" if checked else None)


@checked
def test_what_the_world_shows_in_this_moment_stands_above_what_people_say(
    both: tuple[App, App], checked: bool
) -> None:
    app, other = both
    say(app, "i-0", "fraud")
    interrupt(app, lambda: other.tools.write(known({"i-0": "0"}), app.clock.now()), checked)
    one_pass(app)
    assert label(app, "i-0") == ("0" if checked else "1")


@checked
def test_what_is_erased_in_this_moment_is_not_written_again(both: tuple[App, App], checked: bool) -> None:
    app, other = both
    said = [say(app, "i-0", "fraud", who, fields={"loss": 77123}) for who in ("ann-1", "ann-2")]
    while app.tools.store.jobs.waiting("merge").ready:
        one_pass(app)
    say(app, "i-0", "legitimate", "ann-3")

    def forget() -> None:
        other.tools.catch_up()
        for who in ("ann-1", "ann-2"):
            erase(other.tools, who, "annotator", "eva", "case 7", other.clock.now())

    interrupt(app, forget, checked)
    one_pass(app)
    assert standing(app, *said) == (["erased"] * 2 if checked else ["parked"] * 2)
    words = [dict(each.fact.fields) for each in facts(app, LabelSettled.kind)]  # type: ignore[union-attr]
    assert words == ([{}] if checked else [{"loss": 77123}])
    assert label(app, "i-0") == ("0" if checked else "1")
    proved(app)


@checked
def test_a_batch_is_closed_by_the_contract_that_is_in_force(both: tuple[App, App], checked: bool) -> None:
    app, other = both
    now = app.clock.now()
    batch = replace(released("b-1", ["i-0"]), answers_needed=2, due=now + 3600.0)
    app.tools.write(Commit([Draft(batch)]), now)
    say(app, "i-0", "fraud", batch=batch.batch)
    one_pass(app)
    app.clock.set(now + 3601.0)  # type: ignore[union-attr]
    block = ClassBlocked("1", "eva", "odd")
    interrupt(
        app, lambda: other.tools.tell(now, block), checked, when=lambda commit: commit.unless is not None
    )
    one_pass(app)
    assert label(app, "i-0") == (None if checked else "1")


@checked
def test_an_item_that_arrives_in_this_moment_is_not_told_never_to_have_come(
    both: tuple[App, App], checked: bool
) -> None:
    app, other = both
    seq = say(app, "i-late", "fraud")
    interrupt(app, lambda: comes(other, "i-late"), checked)
    one_pass(app)
    assert standing(app, seq) == ["merged" if checked else "parked"]
    proved(app)


@checked
def test_an_answer_that_is_parked_while_its_item_arrives_is_looked_at_again(
    both: tuple[App, App], checked: bool
) -> None:
    app, other = both
    seq = say(app, "i-late", "fraud")
    interrupt(app, lambda: one_pass(other), checked, when=lambda commit: commit.arrivals is not None)
    comes(app, "i-late")
    assert standing(app, seq) == [None if checked else "parked"]
    if checked:
        one_pass(app)
    assert label(app, "i-late") == ("1" if checked else None)
    assert prove(app.tools.store).holds


def comes(app: App, *items: str) -> None:
    """Items arrive, as the lane that takes them in writes it."""
    commit = arrivals(items)
    assert commit.arrivals is not None
    arrive(app.tools, commit, commit.arrivals.items, app.clock.now())


class Restless:
    """A log in which somebody decides before each commit of a merge."""

    def __init__(self, log: Any) -> None:
        self.log, self.decided = log, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.log, name)

    def append(self, commit: Commit, now: float) -> Any:
        if commit.done:
            self.decided += 1
            self.log.append(Commit([Draft(ClassAllowed("1", "eva", "again and again"))]), now)
        return self.log.append(commit, now)


def test_a_pass_that_is_never_left_in_peace_is_given_back_and_nothing_is_lost(tmp_path: Path) -> None:
    app = little(tmp_path)
    app.tools.write(arrivals(ITEMS), app.clock.now())
    seq = say(app, "i-0")
    store = app.tools.store
    restless = Restless(store.log)
    app.tools.store = replace(store, log=restless)
    done = one_pass(app)
    assert done.failed and StaleItems.__name__ in done.about
    assert restless.decided == integrate.ANEW + 1
    assert proved(app).pending == 1
    app.tools.store = store
    app.clock.set(app.clock.now() + 120.0)  # type: ignore[union-attr]
    one_pass(app)
    assert standing(app, seq) == ["merged"]


class Poisoned:
    """A log that takes no label of one item; after its first labels somebody decides, once or always."""

    def __init__(self, log: Any, item: str, always: bool) -> None:
        self.log, self.item, self.always, self.taken = log, item, always, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.log, name)

    def append(self, commit: Commit, now: float) -> Any:
        if not commit.done:
            return self.log.append(commit, now)
        if any(getattr(draft.fact, "item", None) == self.item for draft in commit.facts):
            raise ValueError("poison")
        if self.taken == 1 or (self.always and self.taken):
            self.log.append(Commit([Draft(ClassAllowed("1", "eva", "in this moment"))]), now)
        self.taken += 1
        return self.log.append(commit, now)


@pytest.mark.parametrize("always", [False, True])
def test_what_a_pass_wrote_before_somebody_decided_is_among_what_it_looks_at_and_tells(
    tmp_path: Path, always: bool
) -> None:
    app = little(tmp_path)
    app.tools.write(arrivals(ITEMS), app.clock.now())
    said = [say(app, item) for item in ITEMS[:4]]
    store = app.tools.store
    app.tools.store = replace(store, log=Poisoned(store.log, "i-2", always))
    done = one_pass(app)
    assert not done.failed
    assert (done.numbers["answers"], done.numbers["labels"]) == ((2, 2) if always else (3, 3))
    assert standing(app, *said) == ["merged", "merged", None, None if always else "merged"]
    app.tools.store = store
    app.clock.set(app.clock.now() + 120.0)  # type: ignore[union-attr]
    if always:
        one_pass(app)
    assert standing(app, said[3]) == ["merged"]
    proved(app)


# --- answers that came before their items


def test_answers_that_came_before_their_item_are_merged_in_the_pass_after_it(both: tuple[App, App]) -> None:
    app, _ = both
    early = [say(app, "i-late", "fraud", who) for who in ("ann-1", "ann-2")]
    other = say(app, "i-0", "what")
    while app.tools.store.jobs.waiting("merge").ready:
        one_pass(app)
    assert standing(app, *early, other) == ["parked"] * 3
    comes(app, "i-late", "i-later")
    assert standing(app, *early, other) == [None, None, "parked"]
    one_pass(app)
    assert (standing(app, *early), label(app, "i-late")) == (["merged"] * 2, "1")
    requeued = [each.fact for each in facts(app, LetterRequeued.kind)]
    assert {(each.fact, each.because) for each in requeued if isinstance(each, LetterRequeued)} == {
        (seq, "the item arrived") for seq in early
    }
    proved(app)


def test_the_lane_that_takes_items_in_brings_their_answers_back(tmp_path: Path) -> None:
    app = little(tmp_path, start__labelled=0)
    name = str(app.stream.arrivals(0, app.clock.now(), 9)[0]["item"][0])
    seq = say(app, name)
    one_pass(app)
    assert standing(app, seq) == ["parked"]
    due = app.lanes["ingest"].due(app.clock.now())
    assert isinstance(due, Go)
    begun = app.lanes["ingest"].begin(due, app.clock.now())
    assert begun is not None
    performed(app.lanes["ingest"], begun, app.clock.now)
    one_pass(app)
    assert (standing(app, seq), label(app, name)) == (["merged"], "1")


class Counted:
    """Items that count what is asked of them."""

    def __init__(self, items: Any) -> None:
        self._items = items
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        return getattr(self._items, name)


def test_an_arrival_costs_one_count_where_nothing_is_parked_and_never_a_look_through_all_that_is(
    tmp_path: Path,
) -> None:
    app = little(tmp_path)
    store = app.tools.store
    counted = Counted(store.items)
    app.tools.store = replace(store, items=counted)
    comes(app, "i-0")
    assert counted.asked == ["count_standing"]
    say(app, "i-0", "what")
    one_pass(app)
    counted.asked.clear()
    comes(app, "i-1")
    assert counted.asked == ["count_standing", "answers_to", "standing"]
    assert len(facts(app, AnswerParked.kind)) == 1


def test_a_pass_that_has_nothing_unknown_is_not_merged_anew_for_what_arrives(tmp_path: Path) -> None:
    app = little(tmp_path)
    app.tools.write(arrivals(ITEMS), app.clock.now())
    say(app, "i-0")
    begun = begin(app)
    comes(app, "i-late")
    reads = Counted(app.tools.store.items)
    app.tools.store = replace(app.tools.store, items=reads)
    app.lanes["integrate"].finish(begun, app.lanes["integrate"].perform(begun), app.clock.now())
    # Once to hold what was written against what was captured, and no other time.
    assert reads.asked.count("answers_to") == 1
    assert isinstance(app.lanes["integrate"].due(app.clock.now()), Wait)
    assert app.tools.store.items.find([ItemId("i-0")])[ItemId("i-0")].label == "1"
