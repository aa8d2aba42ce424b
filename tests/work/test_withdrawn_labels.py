"""A label that nobody says any more is none, on every store; and whoever asks later is told so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from tests.contracts_of import NAMED
from tests.loops import facts, write_loop
from tests.merging import interrupt, label, loop_on, on, proved, say, standing, stores
from tests.stores import arrivals, known, release, released
from tests.work.test_integrate import one_pass

from flyball.bootstrap import App
from flyball.core.facts import AnswerGiven, BatchSettled, LabelWithdrawn
from flyball.core.ids import BatchId, ItemId, Position, canonical, digest_of
from flyball.core.loop import fold
from flyball.ports import Commit, Draft, Store
from flyball.work import audit, contract, lineage
from flyball.work.audit import Wanted
from flyball.work.erase import erase
from flyball.work.reconcile import reconcile

#: The contract with another meaning of a label, which nobody has approved for what was said before.
STRICTER = (
    NAMED.replace("version: 1\n", "version: 2\ncompatibility: none\n").replace("Not authorised", "Reported")
    + "  - {version: 2, by: ben, because: Another handbook.}\n"
)


def back(app: App, item: str, who: str = "ann-1", **more: Any) -> Position:
    """An annotator takes back what they said."""
    return say(app, item, "", who, withdrawn=True, **more)


def ended(app: App) -> list[LabelWithdrawn]:
    return [each.fact for each in facts(app, LabelWithdrawn.kind) if isinstance(each.fact, LabelWithdrawn)]


def labelled(store: Store, up_to: int) -> dict[str, str]:
    rows = store.items.labelled(Position(up_to)).table
    return dict(zip(rows["item"].tolist(), rows["label"].tolist(), strict=True))


def pool(store: Store) -> list[Any]:
    return list(store.items.pool(99).table["item"])


def again(app: App) -> Any:
    return reconcile(app.tools.store, app.tools.segments, app.tools.classes, 0.0)


def test_a_label_of_which_every_answer_is_taken_back_is_none_from_then_on(app: App) -> None:
    said = say(app, "i-0")
    one_pass(app)
    store, settled_at = app.tools.store, app.tools.state.labels_at
    assert (label(app, "i-0"), "i-0" in pool(store)) == ("1", False)
    taken = back(app, "i-0")
    done = one_pass(app)
    assert done.numbers["withdrawn"] == 1
    (fact,) = ended(app)
    assert (fact.label, fact.settled, fact.answers, fact.why) == ("1", settled_at, (said, taken), "withdrawn")
    assert (label(app, "i-0"), "i-0" in pool(store)) == (None, True)
    assert standing(app, said, taken) == ["superseded", "superseded"]
    assert (proved(app).superseded, proved(app).merged) == (2, 0)
    # A training pinned before sees the label, and one that begins now does not.
    assert labelled(store, settled_at) == {"i-0": "1"}
    assert app.tools.state.labels_at > settled_at
    assert labelled(store, app.tools.state.labels_at) == {}


def test_a_label_that_was_taken_back_may_be_given_again_and_taken_back_again(app: App) -> None:
    for turn in range(2):
        say(app, "i-0", str(turn))
        one_pass(app)
        assert label(app, "i-0") == str(turn)
        back(app, "i-0")
        one_pass(app)
        assert label(app, "i-0") is None
    assert [each.label for each in ended(app)] == ["0", "1"]
    back(app, "i-0", "ann-9")  # of somebody who never said anything
    one_pass(app)
    assert len(ended(app)) == 2
    found = again(app)
    assert found.fine and found.same == found.labels == 4
    proved(app)


def test_the_world_may_label_what_people_took_back_and_its_own_labels_stay(app: App) -> None:
    tools, now = app.tools, app.clock.now()
    say(app, "i-0")
    one_pass(app)
    back(app, "i-0")
    one_pass(app)
    tools.write(known({"i-0": "0", "i-1": "0"}), now)
    assert label(app, "i-0") == "0"
    say(app, "i-1", "1")
    one_pass(app)
    back(app, "i-1")
    one_pass(app)
    assert (label(app, "i-1"), len(ended(app))) == ("0", 1)


def test_an_item_whose_batch_is_out_is_asked_again_in_it_and_one_whose_batch_is_closed_goes_to_the_pool(
    app: App,
) -> None:
    tools, now = app.tools, app.clock.now()
    batch = replace(released("b-1", ["i-0", "i-1"]), due=now + 3600.0)
    tools.write(Commit([Draft(batch)]), now)
    say(app, "i-0", batch=batch.batch)
    one_pass(app)
    assert tools.state.open[batch.batch].unsettled == {"i-1"}
    back(app, "i-0", batch=batch.batch)
    one_pass(app)
    assert tools.state.open[batch.batch].unsettled == {"i-0", "i-1"}
    assert (tools.state.in_flight(), "i-0" in pool(tools.store)) == (2, False)
    for name in ("i-0", "i-1"):
        say(app, name, who="ann-2", batch=batch.batch)
    one_pass(app)
    (closed,) = facts(app, BatchSettled.kind)
    assert isinstance(closed.fact, BatchSettled) and closed.fact.missing == 0
    back(app, "i-1", "ann-2", batch=batch.batch)
    one_pass(app)
    assert [each.batch for each in ended(app)] == ["b-1", None]
    assert "i-1" in pool(tools.store)
    release(tools.store, "b-2", "i-1")  # and it may go out again
    assert "i-1" not in pool(tools.store)
    proved(app)


@pytest.mark.parametrize("checked", [True, False])
def test_a_batch_that_is_closed_in_this_moment_does_not_keep_an_item_that_lost_its_label(
    quick: App, checked: bool
) -> None:
    app = quick
    tools, now = app.tools, app.clock.now()
    tools.write(Commit([Draft(replace(released("b-1", ["i-0", "i-1"]), due=now + 3600.0))]), now)
    say(app, "i-0", batch=BatchId("b-1"))
    one_pass(app)
    back(app, "i-0", batch=BatchId("b-1"))
    log = tools.store.log
    close = Commit([Draft(BatchSettled(BatchId("b-1"), 1, 1, 1, 1.0))])
    interrupt(app, lambda: log.append(close, now), checked)
    one_pass(app)
    # Where nobody looks, it is asked again in a batch that is over, and so never.
    where = [None] if checked else ["b-1"]
    assert ([each.batch for each in ended(app)], "i-0" in pool(tools.store)) == (where, checked)


@pytest.mark.parametrize(
    ("then", "needed", "stays"),
    [
        ([("ann-1", "0", {})], 2, True),
        ([("ann-1", "", {"withdrawn": True})], 2, True),
        ([("ann-1", "0", {}), ("ann-2", "", {"withdrawn": True})], 2, False),
        ([("ann-1", "what", {}), ("ann-2", "what", {})], 2, True),
        ([("ann-1", "", {"withdrawn": True}), ("ann-2", "", {"withdrawn": True})], 2, False),
    ],
    ids=["a tie", "one of two", "nobody who is left says it", "what is parked is not said", "nobody is left"],
)
def test_a_label_stands_as_long_as_somebody_says_it(
    quick: App, then: Sequence[tuple[str, str, dict[str, Any]]], needed: int, stays: bool
) -> None:
    app, now = quick, quick.clock.now()
    batch = replace(released("b-1", ["i-0", "i-1"]), answers_needed=needed, due=now + 3600.0)
    app.tools.write(Commit([Draft(batch)]), now)
    for who in ("ann-1", "ann-2"):
        say(app, "i-0", "1", who, batch=batch.batch)
    one_pass(app)
    one_pass(app)
    assert label(app, "i-0") == "1"
    for who, word, more in then:
        say(app, "i-0", word, who, batch=batch.batch, **more)
        one_pass(app)
    assert (label(app, "i-0") == "1", len(ended(app))) == (stays, int(not stays))
    assert again(app).fine
    proved(app)


WORDS: tuple[dict[str, Any], ...] = (
    {"label": "1", "who": "ann-1", "revision": 1.0},
    {"label": "", "who": "ann-1", "revision": 2.0, "withdrawn": True},
    {"label": "1", "who": "ann-2", "revision": 1.5},
    {"label": "", "who": "ann-2", "revision": 3.0, "withdrawn": True},
)


def test_in_whatever_order_words_and_withdrawals_come_the_item_ends_without_a_label(tmp_path: Path) -> None:
    digests: set[str] = set()
    with loop_on("memory", tmp_path) as app:
        for turn, order in enumerate(permutations(range(4))):
            name = f"p-{turn}"
            store, now = app.tools.store, app.clock.now()
            app.tools.write(arrivals([name]), now)
            for word in order:
                say(app, name, **WORDS[word], name=f"{name}/{word}")
                one_pass(app)
            state = store.items.find([ItemId(name)])[ItemId(name)]
            said = store.items.answers(ItemId(name))
            told = sorted(
                [str(each.fact.annotator), each.fact.revision, store.items.standing([each.seq])[each.seq]]  # type: ignore[union-attr]
                for each in said
            )
            digests.add(digest_of(canonical([state.state, state.label, told])))
        assert len(digests) == 1
        assert again(app).fine
        proved(app)


def test_after_a_restart_and_by_replay_the_loop_knows_what_it_knew(app: App) -> None:
    tools = app.tools
    for name in ("i-0", "i-1", "i-2"):
        say(app, name)
    one_pass(app)
    back(app, "i-0")
    one_pass(app)
    state = fold(tools.store.log.read())
    for now in (tools.state, state):
        assert (dict(now.classes), now.answered_labels) == ({"1": 2}, 2)
    assert (state.labels_at, state.judged) == (tools.state.labels_at, tools.state.judged)


@pytest.mark.parametrize("chosen", [True, False])
def test_an_item_that_goes_out_again_was_at_each_place_before_in_the_batch_and_reserve_of_then(
    app: App, chosen: bool
) -> None:
    store, now = app.tools.store, app.clock.now()

    def at(place: int) -> list[tuple[Any, ...]]:
        table = store.items.labelled(Position(place)).table
        return [(str(table["batch"][row]), bool(table["reserve"][row])) for row in range(len(table))]

    places: list[int] = []
    wanted: list[list[tuple[Any, ...]]] = []
    for turn, reserve in enumerate((chosen, not chosen, chosen)):
        name = f"b-{turn}"
        app.tools.write(Commit([Draft(released(name, ["i-0"], ["i-0"] if reserve else []))]), now)
        for word in ("0", "1"):  # taken back twice in each
            say(app, "i-0", word)
            one_pass(app)
            places.append(app.tools.state.labels_at)
            wanted.append([(name, reserve)])
            back(app, "i-0")
            one_pass(app)
            places.append(app.tools.state.labels_at)
            wanted.append([])
        assert [at(place) for place in places] == wanted


def test_lineage_and_the_audit_tell_of_a_label_that_was_taken_back(app: App) -> None:
    said = say(app, "i-0")
    one_pass(app)
    taken = back(app, "i-0")
    one_pass(app)
    store = app.tools.store
    found = lineage.of_item(store.log, store.items, ItemId("i-0"))
    assert (found["state"], found["label"], found["models"]) == ("pool", None, [])
    assert [(each["label"], each["answers"]) for each in found["taken_back"]] == [("1", (said, taken))]
    outcomes = {row["fact"]: row["outcome"] for row in audit.audit(store.log, store.items, Wanted())}
    assert outcomes == {said: "unsettled", taken: "withdrawn"}
    say(app, "i-0", "0")
    one_pass(app)
    outcomes = {row["fact"]: row["outcome"] for row in audit.audit(store.log, store.items, Wanted())}
    assert outcomes[said] == "unsettled" and "settled" in outcomes.values()


def test_a_label_whose_words_were_erased_stays_when_others_are_not_done_yet(app: App) -> None:
    tools, now = app.tools, app.clock.now()
    batch = replace(released("b-1", ["i-0", "i-1"]), answers_needed=2, due=now + 3600.0)
    tools.write(Commit([Draft(batch)]), now)
    for who in ("ann-1", "ann-2"):
        say(app, "i-0", "1", who, batch=batch.batch)
    one_pass(app)
    for who in ("ann-1", "ann-2"):
        erase(tools, who, "annotator", "me", "case 7", now)
    say(app, "i-0", "0", "ann-3", draft=True, batch=batch.batch)
    one_pass(app)
    say(app, "i-0", "0", "ann-3", batch=batch.batch)  # one of two
    one_pass(app)
    assert (label(app, "i-0"), ended(app)) == ("1", [])
    back(app, "i-0", "ann-3", batch=batch.batch)
    one_pass(app)
    assert (label(app, "i-0"), len(ended(app))) == (None, 1)
    proved(app)


def test_a_label_stays_whose_words_wait_for_new_definitions_to_be_approved(tmp_path: Path) -> None:
    directory = write_loop(tmp_path / "loop")
    (directory / "contract.yaml").write_text(NAMED)
    with stores("memory", tmp_path) as (store,):
        app = on(store, directory)
        tools, now = app.tools, app.clock.now()
        tools.write(arrivals(["i-0"]), now)
        said = say(app, "i-0", "fraud", definitions=contract.in_force(tools).definitions)
        one_pass(app)
        app.clock.set(now + 60.0)  # type: ignore[union-attr]
        (directory / "contract.yaml").write_text(STRICTER)
        say(app, "i-0", "fraud", "ann-2", draft=True, definitions=contract.in_force(tools).definitions)
        one_pass(app)
        assert standing(app, said) == ["parked"]
        assert (label(app, "i-0"), ended(app)) == ("1", [])
        back(app, "i-0")
        one_pass(app)
        assert (label(app, "i-0"), len(ended(app))) == (None, 1)
        assert tools.contracts is not None
        read = tools.contracts.read
        assert reconcile(store, tools.segments, tools.classes, 0.0, read).fine
        proved(app)


def test_reconciling_finds_a_label_that_was_taken_back_and_should_not_have_been(app: App) -> None:
    tools = app.tools
    said = say(app, "i-0")
    one_pass(app)
    back(app, "i-1")
    one_pass(app)
    assert again(app).fine
    forged = LabelWithdrawn(ItemId("i-0"), "1", tools.state.labels_at, (said,), "withdrawn")
    tools.tell(app.clock.now(), forged)
    (difference,) = again(app).differences
    assert (difference.item, "taken back" in difference.what) == ("i-0", True)


def test_who_is_erased_takes_the_end_of_a_label_along(app: App) -> None:
    say(app, "i-0")
    one_pass(app)
    back(app, "i-0")
    one_pass(app)
    erase(app.tools, "i-0", "item", "me", "case 7", app.clock.now())
    assert ended(app) == [] and label(app, "i-0") is None
    assert again(app).fine
    assert facts(app, AnswerGiven.kind) == []
