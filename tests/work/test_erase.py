"""What an erasure leaves: no word of whoever was erased, every label, and every answer in its account."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.contracts_of import NAMED
from tests.loops import facts, write_loop
from tests.merging import ITEMS, interrupt, label, on, proved, say, standing, stores
from tests.stores import arrivals
from tests.work.test_integrate import begin, one_pass

from flyball.bootstrap import App, performed
from flyball.core.facts import BodyErased, DeliveryUnread, LabelSettled, LabelWithdrawn, LetterRequeued
from flyball.core.gauges import Gauges
from flyball.core.ids import Position
from flyball.errors import NotFound, Unreachable
from flyball.ports import Commit, Draft
from flyball.work.erase import about_of, erase, traces
from flyball.work.reconcile import reconcile

#: What only the one who is erased said.
WORDS = "I saw it, call 555"


def merge(app: App) -> None:
    """Passes until no answer waits."""
    while app.tools.store.jobs.waiting("merge").ready:
        one_pass(app)


def forget(app: App, who: str = "ann-A") -> dict[str, Any]:
    return erase(app.tools, who, "annotator", "me", "case 7", app.clock.now())


def kept(app: App) -> str:
    """Every byte that the log and what was refused still hold."""
    evidence = app.tools.store.evidence
    links = [(link.body or b"") + (link.raw or b"") for link in evidence.links()]
    return b"\n".join([*links, *(each.body for each in evidence.contested())]).decode()


def labels(app: App, up_to: int) -> dict[str, str]:
    rows = app.tools.store.items.labelled(Position(up_to)).table
    return dict(zip(rows["item"].tolist(), rows["label"].tolist(), strict=True))


def signals(app: App) -> dict[str, Any]:
    """The counts of a process that begins anew."""
    gauges = Gauges()
    for recorded in app.tools.store.log.read():
        gauges.observe(recorded)
    return dict(gauges.read(app.tools.knobs, app.clock.now()).values)


# --- labels


def test_the_words_of_whoever_is_erased_are_in_no_label_and_the_label_stands_at_every_place(
    app: App,
) -> None:
    say(app, "i-0", "1", "ann-A", fields={"note": WORDS})
    merge(app)
    then = app.tools.state.seq
    assert WORDS in kept(app)
    assert forget(app)["kinds"] == {"answer-given": 1, "label-settled": 1}
    assert WORDS not in kept(app)
    assert label(app, "i-0") == "1"
    assert labels(app, then) == labels(app, app.tools.state.seq) == {"i-0": "1"}
    assert app.tools.store.jobs.waiting("merge").ready == 0
    assert proved(app).erased == 1


def test_nobody_is_named_where_a_label_has_what_each_of_several_said(tmp_path: Path) -> None:
    directory = write_loop(tmp_path / "loop")
    (directory / "contract.yaml").write_text(NAMED.replace("history:", "ambiguous: [loss]\nhistory:"))
    with stores("memory", tmp_path) as (store,):
        app = on(store, directory)
        app.tools.write(arrivals(ITEMS), app.clock.now())
        say(app, "i-0", "fraud", "ann-A", fields={"loss": 77123})
        say(app, "i-0", "fraud", "ann-B", fields={"loss": 4})
        merge(app)
        assert "ann-A" in str(facts(app, LabelSettled.kind)[-1].fact)
        forget(app)
        assert "ann-A" not in kept(app) and "77123" not in kept(app)
        merge(app)
        (last,) = facts(app, LabelSettled.kind)
        assert isinstance(last.fact, LabelSettled)
        assert (last.fact.label, dict(last.fact.fields)) == ("1", {"loss": 4})


def test_a_label_that_others_vote_for_too_is_settled_anew_from_what_they_said(app: App) -> None:
    said = [say(app, "i-0", "1", who, fields={"note": who}) for who in ("ann-A", "ann-B", "ann-C")]
    merge(app)
    forget(app)
    assert label(app, "i-0") == "1", "it stands meanwhile"
    assert proved(app).pending == 2
    app.clock.set(app.clock.now() + 500.0)  # type: ignore[union-attr]
    merge(app)
    assert standing(app, *said) == ["erased", "merged", "merged"]
    (last,) = facts(app, LabelSettled.kind)
    assert isinstance(last.fact, LabelSettled)
    assert (last.fact.answers, label(app, "i-0")) == (tuple(said[1:]), "1")
    found = reconcile(app.tools.store, app.tools.segments, app.tools.classes, 0.0)
    assert (found.same, found.unknowable, found.fine) == (1, 0, True)
    anew = signals(app)
    assert (anew["backlog.depth"], anew["integrate.count"], anew["labels.total"]) == (0, 2, 1)
    assert anew["integrate.latency_p95"] == 500.0, "not since they were said"
    assert proved(app).erased == 1


def test_a_label_without_words_stands_as_it_is_and_nobody_merges_again(app: App) -> None:
    said = [say(app, "i-0", "1", who) for who in ("ann-A", "ann-B")]
    merge(app)
    before = facts(app, LabelSettled.kind)
    assert forget(app)["kinds"] == {"answer-given": 1}
    assert facts(app, LabelSettled.kind) == before
    assert standing(app, *said) == ["erased", "merged"]
    assert app.tools.store.jobs.waiting("merge").ready == 0


def test_no_label_ends_because_words_were_erased(app: App) -> None:
    say(app, "i-0", "1", "ann-B")
    say(app, "i-0", "1", "ann-A", fields={"note": WORDS})
    merge(app)
    say(app, "i-0", "", "ann-B", withdrawn=True)
    merge(app)
    forget(app)
    merge(app)
    assert WORDS not in kept(app)
    assert (label(app, "i-0"), facts(app, LabelWithdrawn.kind)) == ("1", [])
    proved(app)


def test_what_would_go_is_told_before_with_the_labels(quick: App) -> None:
    say(quick, "i-0", "1", "ann-A", fields={"note": WORDS})
    merge(quick)
    store = quick.tools.store
    expected = traces(store.log, store.evidence, "ann-A", "annotator")
    assert expected.told() == {
        "facts": 2,
        "kinds": {"answer-given": 1, "label-settled": 1},
        "named_in": {},
        "refused": 0,
    }
    assert forget(quick)["facts"] == 2


class Cut:
    """Evidence at which an erasure is cut off, or in front of which somebody acts first."""

    def __init__(self, evidence: Any, first: Any) -> None:
        self._evidence, self._first = evidence, [first]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._evidence, name)

    def erase(self, *args: Any) -> Any:
        """See `ports.Evidence`."""
        if self._first:
            self._first.pop()()
        return self._evidence.erase(*args)


def two_say(app: App) -> None:
    """Two agree on an item, each with words of their own."""
    for who in ("ann-A", "ann-B"):
        say(app, "i-0", "1", who, fields={"note": f"{WORDS} and {who}"})


def test_a_label_that_is_settled_a_moment_before_its_answers_are_erased_loses_its_words_too(
    app: App,
) -> None:
    two_say(app)
    store = app.tools.store
    app.tools.store = replace(store, evidence=Cut(store.evidence, lambda: merge(app)))
    assert forget(app)["kinds"]["label-settled"] >= 1
    assert facts(app, LabelSettled.kind) == [] and label(app, "i-0") == "1"
    merge(app)
    assert "ann-A" not in kept(app)
    assert len(facts(app, BodyErased.kind)) == 2
    assert (len(facts(app, LabelSettled.kind)), label(app, "i-0")) == (1, "1")
    proved(app)


def test_an_erasure_that_is_cut_off_is_made_up_for_by_the_next(app: App) -> None:
    two_say(app)
    merge(app)
    store = app.tools.store

    def down() -> None:
        raise Unreachable("the database is away")

    app.tools.store = replace(store, evidence=Cut(store.evidence, down))
    with pytest.raises(Unreachable):
        forget(app)
    assert facts(app, LetterRequeued.kind) and label(app, "i-0") == "1"
    app.tools.store = store
    merge(app)
    forget(app)
    merge(app)
    assert "ann-A" not in kept(app) and label(app, "i-0") == "1"
    assert proved(app).erased == 1


# --- what was refused, and what could not be read


@pytest.mark.parametrize("who", ["ann-A", "ann-B"])
def test_what_came_under_the_id_of_somebody_else_goes_with_whoever_said_it(app: App, who: str) -> None:
    words = {"ann-A": "A's words", "ann-B": "B's words"}
    say(app, "i-0", "1", "ann-A", name="e-1", fields={"note": words["ann-A"]})
    say(app, "i-0", "0", "ann-B", name="e-1", fields={"note": words["ann-B"]})
    say(app, "i-1", "0", "ann-B", name="e-2")
    say(app, "i-2", "0", "ann-A", name="e-2", fields={"note": words["ann-A"]})
    say(app, "i-1", "0", "ann-C", name="e-3")
    say(app, "i-2", "0", "ann-C", name="e-3", fields={"note": "C's words"})
    merge(app)
    forget(app, who)
    assert words[who] not in kept(app) and "C's words" in kept(app)


def test_who_said_nothing_but_what_was_refused_is_found_and_erased(app: App) -> None:
    say(app, "i-0", "1", "ann-A", name="e-1")
    say(app, "i-0", "0", "ann-B", name="e-1", fields={"note": WORDS})
    store = app.tools.store
    assert about_of(store.log, store.evidence, "ann-B", None) == "annotator"
    told = forget(app, "ann-B")
    assert (told["facts"], told["refused"]) == (0, 1)
    assert WORDS not in kept(app) and len(facts(app, BodyErased.kind)) == 1
    with pytest.raises(NotFound):
        forget(app, "ann-B")


def test_what_was_refused_about_an_item_goes_with_it_and_nothing_about_others(app: App) -> None:
    say(app, "i-1", "1", "ann-A", name="e-1")
    say(app, "i-0", "0", "ann-B", name="e-1", fields={"note": "of i-0"})
    say(app, "i-0", "1", "ann-B", name="e-2")
    say(app, "i-1", "1", "ann-C", name="e-3")
    say(app, "i-2", "1", "ann-B", name="e-3", fields={"note": "of i-2"})
    merge(app)
    erase(app.tools, "i-0", "item", "me", "case 7", app.clock.now())
    assert "of i-0" not in kept(app) and "of i-2" in kept(app)


NAME = 'Zoë "Z" \N{FACE WITH TEARS OF JOY}/1'


@pytest.mark.parametrize(
    "written",
    [
        json.dumps(NAME, ensure_ascii=False),
        json.dumps(NAME),
        json.dumps(NAME).upper().replace("\\U", "\\u").replace("ZO", "Zo"),
        json.dumps(NAME).replace("/", "\\/"),
        json.dumps({"payload": json.dumps({"by": NAME})}),
    ],
    ids=["plain", "escaped", "in capitals", "slash", "twice"],
)
def test_a_delivery_that_could_not_be_read_goes_however_json_writes_the_name(
    quick: App, written: str
) -> None:
    say(quick, "i-0", "1", NAME)
    for name, raw in (("one", '{"by": ' + written), ("two", '{"by": "Zo\\u00eb" ')):
        unread = DeliveryUnread("source:x", "webhook", "bad", ("x: y",))
        quick.tools.write(Commit([Draft(unread, "source:x", name, raw.encode())]), quick.clock.now())
    forget(quick, NAME)
    left = [link.raw for link in quick.tools.store.evidence.links() if link.kind == DeliveryUnread.kind]
    assert left == [None, b'{"by": "Zo\\u00eb" ']


# --- while a pass is under way


def test_a_pass_that_began_before_an_erasure_writes_nothing_of_it(app: App) -> None:
    third, first = (say(app, "i-0", "1", who, fields={"note": who}) for who in ("ann-C", "ann-A"))
    merge(app)
    other = say(app, "i-0", "1", "ann-B")
    begun = begin(app)
    forget(app)
    performed(app.lanes["integrate"], begun, app.clock.now)
    merge(app)
    assert standing(app, third, first, other) == ["merged", "erased", "merged"]
    assert "ann-A" not in kept(app)
    assert proved(app).parked == 0


def test_an_item_that_is_erased_under_a_pass_gets_no_label_by_it(app: App) -> None:
    seq = say(app, "i-0", "1", "ann-A")
    interrupt(app, lambda: erase(app.tools, "i-0", "item", "me", "case 7", app.clock.now()))
    performed(app.lanes["integrate"], begin(app), app.clock.now)
    assert (label(app, "i-0"), standing(app, seq)) == (None, ["erased"])
    assert facts(app, LabelSettled.kind) == []
    proved(app)
