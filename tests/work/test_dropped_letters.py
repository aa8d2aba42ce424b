"""What is dropped stays out of every merge, and what was settled meanwhile is no dead letter any more."""

from __future__ import annotations

from typing import Any

import pytest
from tests.loops import facts
from tests.merging import interrupt, label, proved, say, standing
from tests.work.test_integrate import begin, one_pass

from flyball.bootstrap import App, performed
from flyball.core.facts import AnswerParked, LabelSettled, LetterDropped, LetterRequeued
from flyball.core.gauges_labels import Integration
from flyball.core.ids import ItemId, Position
from flyball.errors import NotFound
from flyball.ports import Commit, Draft, NewJob
from flyball.work import deadletters
from flyball.work.integrate import Merged
from flyball.work.reconcile import Reconciled, reconcile


def give_up(app: App, item: str, name: str = "1", who: str = "ann-1", **more: Any) -> Position:
    """An answer whose merge cannot be done."""
    seq = say(app, item, name, who, **more)
    begun = begin(app)
    poisoned = [Merged(each, None, ValueError("poison")) for each in begun.inputs.merges]
    app.lanes["integrate"].finish(begun, poisoned, app.clock.now())
    return seq


def merge_all(app: App) -> None:
    while app.tools.store.jobs.waiting("merge").ready:
        one_pass(app)


def dead(app: App) -> list[Position]:
    """The answers that lie apart, which are as many as are counted."""
    found = [each.fact for each in deadletters.dead(app.tools.store)]
    assert deadletters.count(app.tools.store) == len(found)
    return found


def resolve(app: App, what: Any, *those: Position) -> list[Position]:
    done: list[Position] = deadletters.resolve(app.tools, what, those, "me", "of no use", app.clock.now())[
        "facts"
    ]
    return done


def again(app: App) -> Reconciled:
    return reconcile(app.tools.store, app.tools.segments, app.tools.classes, 0.0)


def labels(app: App) -> list[LabelSettled]:
    return [each.fact for each in facts(app, LabelSettled.kind) if isinstance(each.fact, LabelSettled)]


def test_a_bad_answer_that_is_dropped_is_not_parked_anew_by_what_is_said_later(app: App) -> None:
    bad = say(app, "i-0", "what")
    merge_all(app)
    assert dead(app) == [bad]
    resolve(app, "drop", bad)
    other = say(app, "i-0", "1", "ann-2")
    merge_all(app)
    assert (standing(app, bad, other), dead(app), label(app, "i-0")) == (["dead", "merged"], [], "1")
    assert len(facts(app, AnswerParked.kind)) == 1
    assert proved(app).dead == 1


def test_an_answer_about_an_item_that_never_came_stays_dropped_when_the_item_is_spoken_of(app: App) -> None:
    lost = say(app, "nobody")
    merge_all(app)
    resolve(app, "drop", lost)
    other = say(app, "nobody", who="ann-2")
    merge_all(app)
    assert (standing(app, lost, other), dead(app)) == (["dead", "parked"], [other])
    proved(app)


def test_a_right_answer_that_is_dropped_votes_no_more_and_the_same_comes_out_when_it_is_run_again(
    app: App,
) -> None:
    dropped = give_up(app, "i-0", "0", fields={"note": "of the one who was dropped"})
    resolve(app, "drop", dropped)
    other = say(app, "i-0", "1", "ann-2")
    done = one_pass(app)
    assert (standing(app, dropped, other), label(app, "i-0")) == (["dead", "merged"], "1")
    (told,) = labels(app)
    assert (told.answers, told.superseded, told.agreed) == ((other,), (), 1.0)
    assert (done.numbers["different"], proved(app).dead) == (0, 1)
    found = again(app)
    assert (found.fine, found.same, found.accounts["dead"]) == (True, 1, 1)


def test_the_label_of_the_time_before_an_answer_was_dropped_is_run_again_with_it(app: App) -> None:
    first = give_up(app, "i-0", "0")
    second = say(app, "i-0", "0", "ann-2")
    one_pass(app)
    # It lies apart once more, as somebody found that it is not what was captured.
    app.tools.tell(app.clock.now(), AnswerParked(first, "it is another", "not-as-captured"))
    resolve(app, "drop", first)
    third = say(app, "i-0", "0", "ann-3")
    one_pass(app)
    assert [each.answers for each in labels(app)] == [(first, second), (second, third)]
    found = again(app)
    assert (found.fine, found.same) == (True, 2)


def test_what_is_requeued_after_it_was_dropped_votes_again_and_the_same_comes_out(app: App) -> None:
    first = give_up(app, "i-0")
    resolve(app, "drop", first)
    # Somebody else had asked for it, in this very moment.
    requeued = LetterRequeued(first, "ValueError", "poison", 1, "you", "mended")
    jobs = [NewJob("merge", ItemId("i-0"), 0, app.clock.now(), cause=first)]
    app.tools.write(Commit([Draft(requeued)], jobs), app.clock.now())
    one_pass(app)
    assert (standing(app, first), label(app, "i-0")) == (["merged"], "1")
    assert again(app).fine


@pytest.mark.parametrize("what", ["drop", "requeue"])
def test_an_answer_that_was_given_up_and_settled_all_the_same_is_no_dead_letter_any_more(
    app: App, what: str
) -> None:
    merged, replaced = give_up(app, "i-0"), give_up(app, "i-1", "0", "ann-9")
    assert dead(app) == [merged, replaced]
    say(app, "i-0", who="ann-2")
    say(app, "i-1", "1", "ann-9")
    merge_all(app)
    assert (standing(app, merged, replaced), dead(app)) == (["merged", "superseded"], [])
    for each in (merged, replaced):
        with pytest.raises(NotFound, match=f"no dead letter is about fact {each}"):
            resolve(app, what, each)
    assert (standing(app, merged, replaced), label(app, "i-0")) == (["merged", "superseded"], "1")
    gauges = Integration()
    for recorded in app.tools.store.log.read():
        gauges.observe(recorded)
    assert gauges.read(app.clock.now())["dlq.depth"] == 0
    proved(app)


@pytest.mark.parametrize("what", ["drop", "requeue"])
def test_what_is_settled_while_a_person_asks_stays_settled(app: App, what: str) -> None:
    settled, bad = give_up(app, "i-0"), give_up(app, "i-1", "what")

    def settle() -> None:
        say(app, "i-0", who="ann-2")
        merge_all(app)

    interrupt(app, settle, when=lambda commit: bool(commit.dropped or commit.requeued))
    assert resolve(app, what, settled, bad) == [bad]
    assert (standing(app, settled), label(app, "i-0")) == (["merged"], "1")
    kind = LetterDropped if what == "drop" else LetterRequeued
    told = [each.fact for each in facts(app, kind.kind)]
    assert [each.fact for each in told if isinstance(each, kind)] == [bad]
    proved(app)


def test_what_was_given_up_and_then_parked_is_one_dead_letter(app: App) -> None:
    bad = give_up(app, "i-0", "what")
    waits = give_up(app, "i-1", part=("e", 1, 2))
    say(app, "i-0", who="ann-2")
    say(app, "i-1", who="ann-2")
    merge_all(app)
    assert (standing(app, bad, waits), dead(app)) == (["parked", "pending"], [bad, waits])
    resolve(app, "drop", bad, waits)
    assert (standing(app, bad, waits), dead(app)) == (["dead", "dead"], [])
    assert proved(app).dead == 2


def test_what_is_dropped_while_a_pass_runs_takes_no_part_in_it(app: App) -> None:
    dropped = give_up(app, "i-0", "0")
    other = say(app, "i-0", "1", "ann-2")
    begun = begin(app)
    resolve(app, "drop", dropped)
    performed(app.lanes["integrate"], begun, app.clock.now)
    assert (standing(app, dropped, other), label(app, "i-0")) == (["dead", "merged"], "1")
    assert again(app).fine
    proved(app)
