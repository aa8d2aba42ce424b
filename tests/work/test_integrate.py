"""Integration as a lane: what it writes, what it proves, and what it does when something goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.loops import DAY, RULES, facts, little, play, write_loop
from tests.merging import label, proved, standing
from tests.stores import arrivals, released, settled

from flyball.adapters.clock import VirtualClock
from flyball.bootstrap import App, open_loop, performed
from flyball.core.drift.detector import Cusum
from flyball.core.due import Go, Wait
from flyball.core.facts import (
    ActionAsked,
    ActionRefused,
    AlertCleared,
    AlertRaised,
    AnswerGiven,
    AnswerGivenUp,
    AnswerParked,
    BatchSettled,
    ClassAllowed,
    ClassBlocked,
    Fact,
    LabelSettled,
    Looked,
    QualityMeasured,
    Recorded,
)
from flyball.core.ids import AnnotatorId, BatchId, ItemId, Position
from flyball.core.labels.proof import Proof
from flyball.errors import BadUsage, NotFound, Unreachable
from flyball.ports import Answer, Commit, Draft, Items, NewJob
from flyball.work import integrate, integrate_blocks
from flyball.work.asked import carry_out
from flyball.work.capture import capture
from flyball.work.integrate import Merged
from flyball.work.integrate_proof import held, judgements, of_pass
from flyball.work.integrate_write import close
from flyball.work.lanes import Begun, Done
from flyball.work.measure import Watch, measure, quality

PAUSE = """
version: 1
every: 6h
rules:
  - id: bad-answers
    because: "{dlq.depth} answers cannot be taken"
    when: dlq.depth > 0
    then: [{set: release.paused, to: true}]
"""


def with_items(app: App) -> App:
    """A loop in which twenty items have arrived."""
    app.tools.write(arrivals([f"i-{number}" for number in range(20)]), app.clock.now())
    return app


@pytest.fixture
def app(tmp_path: Path) -> App:
    return with_items(little(tmp_path))


def item(which: int) -> ItemId:
    return ItemId(f"i-{which}")


def say(app: App, item: str, label: str = "1", who: str = "ann-9", **more: Any) -> Position:
    """Capture one answer; gives where it stands."""
    now = app.clock.now()
    name = f"{item}/{who}/{app.tools.state.seq}"
    known: dict[str, Any] = {"batch": None, "said_at": now, **more}
    capture(app.tools, [Answer(name, ItemId(item), AnnotatorId(who), label, **known)], now)
    return app.tools.state.seq


def begin(app: App) -> Begun:
    due = app.lanes["integrate"].due(app.clock.now())
    assert isinstance(due, Go), due
    begun = app.lanes["integrate"].begin(due, app.clock.now())
    assert begun is not None
    return begun


def one_pass(app: App) -> Done:
    return performed(app.lanes["integrate"], begin(app), app.clock.now)


def test_each_pass_proves_that_no_answer_is_lost(app: App) -> None:
    before = proved(app)
    first, second = item(0), item(1)
    changed, fine = say(app, first), say(app, second)
    strange, bad = say(app, "nobody"), say(app, first, "what")
    draft, mind = say(app, second, who="ann-8", draft=True), say(app, first, "0")
    done = one_pass(app)
    while app.tools.store.jobs.waiting("merge").ready:
        done = one_pass(app)
    assert done.numbers["proof"]["holds"]
    assert standing(app, changed, fine, strange, bad, draft, mind) == [
        *("superseded", "merged", "parked", "parked", "pending", "merged")
    ]
    after = proved(app)
    assert after.captured - before.captured == 6
    assert (after.merged, after.parked, after.superseded) == (before.merged + 2, 2, before.superseded + 1)
    assert label(app, first) == "0"
    codes = {r.fact.answer: r.fact.code for r in facts(app, AnswerParked.kind)}  # type: ignore[union-attr]
    assert codes == {strange: "unknown-item", bad: "unknown-label"}


def test_a_large_log_is_not_counted_in_every_pass_and_a_proof_that_fails_is(app: App) -> None:
    tools, now = app.tools, app.clock.now()
    large = Proof(captured=200_000, merged=200_000, parked=0, pending=0, dead=0, superseded=0)
    tools.proved = now, large
    assert of_pass(tools, now + 19.0) is large
    assert of_pass(tools, now + 20.0).captured == 0
    tools.proved = now, replace(large, merged=199_999)
    assert of_pass(tools, now + 1.0).holds


def test_merging_again_writes_nothing(app: App) -> None:
    seq = say(app, item(0))
    name = item(0)
    one_pass(app)
    count = len(facts(app, LabelSettled.kind))
    store, now = app.tools.store, app.clock.now()
    store.log.append(Commit([Draft(ActionRefused("x", "y"))], [NewJob("merge", name, 0, cause=seq)]), now)
    one_pass(app)
    assert len(facts(app, LabelSettled.kind)) == count
    assert standing(app, seq) == ["merged"]


def test_a_late_part_completes_its_answer_and_one_given_offline_is_taken(app: App) -> None:
    name = item(0)
    first = say(app, name, "1", part=("e", 1, 2), said_at=app.clock.now() - 14 * DAY)
    one_pass(app)
    assert (standing(app, first), label(app, name)) == (["pending"], None)
    app.clock.set(app.clock.now() + DAY)  # type: ignore[union-attr]
    second = say(app, name, "", part=("e", 2, 2), fields={"note": "seen"})
    one_pass(app)
    assert (standing(app, first, second), label(app, name)) == (["merged", "merged"], "1")
    (settled,) = [r.fact for r in facts(app, LabelSettled.kind) if r.fact.item == name]  # type: ignore[union-attr]
    assert settled.fields == {"note": "seen"}  # type: ignore[union-attr]


def test_a_clock_that_is_ahead_is_noted_until_it_is_not_and_its_answer_counts(app: App) -> None:
    first, second, now = item(0), item(1), app.clock.now()
    say(app, first, said_at=now + 600.0)
    assert one_pass(app).numbers["skewed"] == 1
    assert "clock@ann-9" in app.tools.state.alerts
    assert label(app, first) == "1"
    say(app, second, said_at=now)
    one_pass(app)
    assert "clock@ann-9" not in app.tools.state.alerts


def test_what_another_worker_took_over_is_his_and_the_rest_is_written(app: App) -> None:
    mine, his = item(0), item(1)
    say(app, mine)
    say(app, his)
    begun, jobs = begin(app), app.tools.store.jobs
    jobs.recover(app.clock.now(), everyone=True)
    jobs.claim("merge", app.clock.now(), 9, 60.0)
    held = {merge.item.item: merge.job for merge in begun.inputs.merges}
    # Of the two that were taken over, one came back to us under its new token.
    (again,) = [merge for merge in begun.inputs.merges if merge.item.item == mine]
    token = held[mine].token.replace(".1", ".2")
    ours = replace(again, job=replace(held[mine], attempt=2, token=token))
    others = [merge for merge in begun.inputs.merges if merge.item.item != mine]
    begun = replace(begun, inputs=replace(begun.inputs, merges=(ours, *others)))
    done = performed(app.lanes["integrate"], begun, app.clock.now)
    assert not done.failed
    assert (label(app, mine), label(app, his)) == ("1", None)
    proved(app)


Error = Callable[[], Exception]


@pytest.mark.parametrize(
    ("error", "tries", "dead"),
    [
        (lambda: ValueError("poison"), 1, True),
        (lambda: RuntimeError("perhaps"), 3, True),
        (lambda: Unreachable("away"), 9, False),
    ],
    ids=[
        "what will never go is given up at once",
        "what may go is tried thrice",
        "what is outside, for ever",
    ],
)
def test_how_often_a_merge_is_tried(app: App, error: Error, tries: int, dead: bool) -> None:
    bad, good = item(0), item(1)
    say(app, bad)
    say(app, good)
    for attempt in range(tries):
        begun = begin(app)
        outcomes = [
            replace(each, outcome=None, error=error()) if each.merge.item.item == bad else each
            for each in integrate.perform(app.tools, begun)
        ]
        assert len(outcomes) == (1 if attempt else 2)
        app.lanes["integrate"].finish(begun, outcomes, app.clock.now())
        app.clock.set(app.clock.now() + 61.0)  # type: ignore[union-attr]
    assert app.tools.store.jobs.waiting("merge").dead == int(dead)
    assert label(app, good) == "1"
    assert proved(app).dead == int(dead)
    given_up = [each.fact for each in facts(app, AnswerGivenUp.kind)]
    assert given_up == [
        AnswerGivenUp(letter.fact, type(error()).__name__, str(error()), tries)
        for letter in app.tools.store.jobs.letters("merge")
    ]
    assert (app.tools.state.merging.bad_at > 0) == dead, "a rule looks at once"


def test_a_clock_that_was_ahead_keeps_no_answer_waiting_for_as_long(app: App) -> None:
    say(app, item(0))
    now = app.clock.now()
    app.clock.set(now + 30 * DAY)  # type: ignore[union-attr]
    begun = begin(app)
    failed = [Merged(merge, None, RuntimeError("no")) for merge in begun.inputs.merges]
    app.lanes["integrate"].finish(begun, failed, app.clock.now())
    assert app.lanes["integrate"].due(app.clock.now()) == Wait("no answers wait", rested(app))
    app.clock = app.tools.clock = VirtualClock(now)  # it was set right
    one_pass(app)
    assert label(app, item(0)) == "1"


def rested(app: App) -> float | None:
    return app.tools.store.jobs.soon("merge", app.clock.now()).waits


def test_rests_grow_and_are_not_the_same_for_all(app: App) -> None:
    for which in range(8):
        say(app, item(which))
    begun, now = begin(app), app.clock.now()
    failed = [Merged(merge, None, RuntimeError("no")) for merge in begun.inputs.merges]
    app.lanes["integrate"].finish(begun, failed, now)
    oldest = app.tools.store.jobs.waiting("merge").oldest
    assert oldest is not None
    assert now < oldest < now + 1.0
    assert 0 < len(app.tools.store.jobs.claim("merge", now + 0.5, 9, 60.0)) < 8


def test_a_job_that_kills_its_process_is_tried_alone_and_then_given_up(app: App) -> None:
    killer, other = item(0), item(1)
    say(app, killer)
    say(app, other)
    for _ in range(3):
        assert len(begin(app).inputs.merges) == 2
        app.tools.store.jobs.recover(app.clock.now(), everyone=True)
    alone = begin(app).inputs.merges
    assert [merge.item.item for merge in alone] == [killer]
    app.tools.store.jobs.recover(app.clock.now(), everyone=True)
    assert begin(app).inputs.merges == ()
    (letter,) = app.tools.store.jobs.letters("merge")
    assert letter.code == "killed"
    one_pass(app)
    assert label(app, other) == "1"
    proved(app)


def test_a_proof_that_fails_stops_the_lane_until_it_holds(app: App) -> None:
    name = item(0)
    app.tools.tell(app.clock.now(), AnswerGiven(name, AnnotatorId("ann-1"), "1"))
    stray = app.tools.state.seq
    say(app, item(1))
    done = one_pass(app)
    assert "LOST" in done.about and not done.numbers["proof"]["holds"]
    say(app, item(2))
    stopped = app.lanes["integrate"].due(app.clock.now())
    assert isinstance(stopped, Wait) and "1 LOST" in stopped.why and "flyball reconcile" in stopped.why
    job = NewJob("merge", name, 0, cause=stray)
    app.tools.write(Commit([Draft(ActionRefused("x", "mended"))], [job]), app.clock.now())
    one_pass(app)
    assert "integrate-proof" not in app.tools.state.alerts
    proved(app)


class Rotten:
    """Items on a disk that gives back another label than it was given, from the second reading on."""

    def __init__(self, items: Items) -> None:
        self._items, self._read = items, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._items, name)

    def answers_to(self, items: Sequence[ItemId]) -> Mapping[ItemId, tuple[Recorded, ...]]:
        self._read += 1
        found = self._items.answers_to(items)
        if self._read < 2:
            return found
        return {item: tuple(_other(each) for each in said) for item, said in found.items()}


def _other(recorded: Recorded) -> Recorded:
    assert isinstance(recorded.fact, AnswerGiven)
    return replace(recorded, fact=replace(recorded.fact, label="0"))


@pytest.mark.parametrize("rotten", [True, False])
def test_a_label_that_is_not_what_was_captured_is_held_back_and_a_person_asked(
    app: App, rotten: bool
) -> None:
    name = item(0)
    seq = say(app, name)
    if rotten:
        store = app.tools.store
        app.tools.store = replace(store, items=Rotten(store.items))
    done = one_pass(app)
    assert done.numbers["different"] == int(rotten)
    assert standing(app, seq) == ["parked" if rotten else "merged"]
    assert (f"held-{name}" in app.tools.state.alerts) == rotten
    assert (app.tools.state.merging.bad_at > 0) == rotten
    proved(app)


def test_a_bad_answer_lets_a_rule_pause_release_within_five_seconds(tmp_path: Path) -> None:
    app = with_items(little(tmp_path, rules=PAUSE, loop__architecture="adaptive"))
    look(app, app.clock.now() + 6 * 3600.0)
    came = app.clock.now()
    quiet = app.lanes["steer"].due(came)
    assert isinstance(quiet, Wait)
    assert quiet.until == came + 6 * 3600.0
    say(app, "nobody")
    one_pass(app)
    waits = app.lanes["steer"].due(came)
    assert isinstance(waits, Wait)
    assert waits.until is not None
    assert waits.until - came <= 5.0
    look(app, waits.until)
    assert app.tools.knobs.value("release.paused", app.clock.now()) is True
    # And it brings one look, not one after the other.
    assert isinstance(app.lanes["steer"].due(app.clock.now() + 60.0), Wait)
    assert len(facts(app, Looked.kind)) == 2


def look(app: App, now: float) -> None:
    """Let time pass, and steer."""
    app.clock.set(now)  # type: ignore[union-attr]
    due = app.lanes["steer"].due(now)
    assert isinstance(due, Go), due
    begun = app.lanes["steer"].begin(due, now)
    assert begun is not None
    performed(app.lanes["steer"], begun, app.clock.now)


def drifted(app: App) -> None:
    """Five batches of a hundred, of which the last has three times as many frauds."""
    now = app.clock.now()

    def tell(fact: Fact) -> None:
        app.tools.shares.observe(Recorded(app.tools.state.seq, now, fact))

    for run, frauds in enumerate((20, 20, 20, 20, 60)):
        names = [f"d-{run}-{number}" for number in range(100)]
        tell(released(f"drift-{run}", names))
        for number, name in enumerate(names):
            tell(settled(name, str(int(number < frauds)), f"drift-{run}"))
        tell(BatchSettled(BatchId(f"drift-{run}"), run, 100, 0, 1.0))


def ask(app: App, label: str) -> dict[str, Any]:
    request = {"command": "integrate-allow", "label": label, "by": "me", "because": "a real wave"}
    return carry_out(app.steering, request, app.clock.now())


@pytest.fixture
def blocked(tmp_path: Path) -> App:
    app = with_items(little(tmp_path))
    drifted(app)
    assert set(integrate_blocks.look(app.tools, app.clock.now(), closed=True)) == {"0", "1"}
    return app


def test_a_class_that_drifted_is_held_back_until_a_person_lets_it_in(blocked: App) -> None:
    app = blocked
    (first, *_) = [r.fact for r in facts(app, ClassBlocked.kind)]
    assert isinstance(first, ClassBlocked)
    assert len(first.shares) == 5
    assert {"class-blocked-0", "class-blocked-1"} <= app.tools.state.alerts.keys()
    name = item(0)
    bad_at = app.tools.state.merging.bad_at
    seq = say(app, name, "1")
    one_pass(app)
    assert (standing(app, seq), label(app, name)) == (["parked"], None)
    assert app.tools.state.merging.bad_at == bad_at
    proved(app)
    assert ask(app, "1")["answers"] == [seq]
    assert standing(app, seq) == [None]
    one_pass(app)
    assert (standing(app, seq), label(app, name)) == (["merged"], "1")
    assert app.tools.state.merging.blocked == {"0"}
    assert "class-blocked-1" not in app.tools.state.alerts
    proved(app)


def test_only_what_is_held_back_is_let_in_and_only_for_a_reason(blocked: App) -> None:
    with pytest.raises(NotFound, match="held back: 0, 1"):
        ask(blocked, "2")
    with pytest.raises(BadUsage, match="because"):
        integrate_blocks.allow(blocked.tools, "1", "me", " ", blocked.clock.now())
    assert facts(blocked, ClassAllowed.kind) == []


def test_a_rule_that_asks_to_block_is_told_why_nothing_is_blocked(tmp_path: Path) -> None:
    app = with_items(little(tmp_path))
    app.tools.tell(app.clock.now(), ActionAsked("block_integration", "label-shift", "it moved"))
    one_pass(app)
    (refused,) = [r.fact for r in facts(app, ActionRefused.kind)]
    assert isinstance(refused, ActionRefused)
    assert refused.because
    assert not app.tools.state.merging.blocked


def test_a_class_that_is_let_in_while_a_pass_is_under_way_is_let_in_for_that_pass_too(blocked: App) -> None:
    app, lane, name = blocked, blocked.lanes["integrate"], item(0)
    seq = say(app, name, "1")
    begun = begin(app)
    merged = lane.perform(begun)
    assert merged[0].outcome.label is None
    ask(app, "1")
    lane.finish(begun, merged, app.clock.now())
    assert (standing(app, seq), label(app, name)) == (["merged"], "1")
    assert not facts(app, AnswerParked.kind)


def out(app: App, *which: int, needed: int = 1) -> BatchId:
    """A batch of these items that is out for an hour."""
    fact = replace(released("b-1", [item(each) for each in which]), answers_needed=needed)
    now = app.clock.now()
    app.tools.write(Commit([Draft(replace(fact, due=now + 3600.0))]), now)
    return fact.batch


def test_a_batch_that_is_late_leaves_what_is_being_merged_to_its_merge_and_ends_after_it(app: App) -> None:
    first, last = item(0), item(1)
    batch = out(app, 0, 1, needed=2)
    say(app, first, batch=batch)
    one_pass(app)
    seq = say(app, last, batch=batch)
    (job,) = app.tools.store.jobs.claim("merge", app.clock.now(), 9, 7200.0)  # by another worker
    app.clock.set(app.clock.now() + 3601.0)  # type: ignore[union-attr]
    say(app, item(2))
    one_pass(app)
    assert not facts(app, BatchSettled.kind)
    waits = app.lanes["integrate"].due(app.clock.now())
    assert isinstance(waits, Wait) and waits.until is not None
    app.tools.store.jobs.fail(job, "ended", "", app.clock.now(), app.clock.now())
    one_pass(app)
    assert standing(app, seq) == ["merged"]
    assert (label(app, first), label(app, last)) == ("1", "1")
    assert len(facts(app, LabelSettled.kind)) == 3
    (ended,) = [r.fact for r in facts(app, BatchSettled.kind)]
    assert isinstance(ended, BatchSettled) and (ended.settled, ended.missing) == (2, 0)
    assert isinstance(app.lanes["integrate"].due(app.clock.now()), Wait)


class Talking:
    """Items of which somebody says more while they are read for the first time."""

    def __init__(self, items: Items, more: Callable[[], object]) -> None:
        self._items, self._more = items, [more]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._items, name)

    def answers_to(self, items: Sequence[ItemId]) -> Mapping[ItemId, tuple[Recorded, ...]]:
        found = self._items.answers_to(items)
        if self._more:
            self._more.pop()()
        return found


def test_a_batch_is_not_ended_over_an_answer_that_came_while_it_was_read(app: App) -> None:
    name, batch, now = item(0), out(app, 0, needed=3), app.clock.now()
    say(app, name, "1", batch=batch)
    one_pass(app)
    tools = app.tools
    store = tools.store
    tools.store = replace(
        store, items=Talking(store.items, lambda: say(app, name, "0", "ann-2", batch=batch))
    )
    late = now + 3601.0
    assert close(tools, tools.state.open[batch], late) is None
    assert label(app, name) is None
    app.clock.set(late)  # type: ignore[union-attr]
    one_pass(app)
    (made,) = [r.fact for r in facts(app, LabelSettled.kind)]
    assert isinstance(made, LabelSettled) and len(made.answers) + len(made.superseded) == 2
    assert len(facts(app, BatchSettled.kind)) == 1


def test_a_label_is_held_until_a_label_of_the_item_is_what_was_captured(app: App) -> None:
    bad, good = item(0), item(1)
    seq, store = say(app, bad), app.tools.store
    app.tools.store = replace(store, items=Rotten(store.items))
    one_pass(app)
    app.tools.store = store
    say(app, good)
    one_pass(app)
    assert held(app.tools.state) == [bad]
    request = {"command": "dlq", "what": "requeue", "facts": [seq], "by": "me", "because": "a new disk"}
    carry_out(app.steering, request, app.clock.now())
    one_pass(app)
    assert held(app.tools.state) == []


def test_no_model_learns_from_an_item_whose_label_is_held(tmp_path: Path) -> None:
    app = little(tmp_path)
    play(app, DAY)
    tools, now = app.tools, app.clock.now()
    first = trained_on(app)
    name = first[0]
    tools.tell(now, AlertRaised(f"held-{name}", "page", "look at the disk"))
    assert set(first) - set(trained_on(app)) == {name}


def test_a_label_that_is_held_is_measured_on_only_once_it_is_released(tmp_path: Path) -> None:
    app = little(tmp_path)
    play(app, 2 * DAY)
    tools, now = app.tools, app.clock.now()
    name = next(iter(tools.state.judged.reserve))
    count = quality(tools, judgements(tools.state)[1]).labels
    tools.tell(now, AlertRaised(f"held-{name}", "page", "look at the disk"))
    everything, reserve = judgements(tools.state)
    assert name not in {one.item for one in (*everything, *reserve)}
    assert quality(tools, reserve).labels == count - 1
    measure(tools, Watch(Cusum()), app.stream.features, now)
    (*_, measured) = [each.fact for each in facts(app, QualityMeasured.kind)]
    assert isinstance(measured, QualityMeasured) and measured.labels == count - 1
    tools.tell(now, AlertCleared(f"held-{name}"))
    assert quality(tools, judgements(tools.state)[1]).labels == count


def test_a_label_that_is_held_and_then_taken_back_is_held_no_more(app: App) -> None:
    name = item(0)
    say(app, name)
    one_pass(app)
    app.tools.tell(app.clock.now(), AlertRaised(f"held-{name}", "page", "look at the disk"))
    say(app, name, "", withdrawn=True)
    one_pass(app)
    assert (label(app, name), held(app.tools.state)) == (None, [])


def trained_on(app: App) -> list[str]:
    """What a training that begins now learns from."""
    now = app.clock.now()
    begun = app.lanes["train"].begin(Go("now", "full"), now)
    assert begun is not None
    outcome = app.lanes["train"].perform(begun)
    app.lanes["train"].finish(begun, outcome, now)
    return list(app.tools.segments.get(outcome.shelved.snapshot)["item"])


@pytest.mark.slow
def test_a_process_that_ends_in_the_middle_of_a_pass_loses_nothing(tmp_path: Path) -> None:
    directory = write_loop(tmp_path / "loop", RULES)
    with closing(open_loop(directory)) as app:
        seqs = [say(app, "nobody", who=f"ann-{number}") for number in range(3)]
        seqs += [say(app, f"i-{number}") for number in range(3)]
        begin(app)  # and nothing after it
        assert app.tools.store.jobs.waiting("merge").running == 4
    with closing(open_loop(directory)) as app:
        assert proved(app).pending == 6
        while app.tools.store.jobs.waiting("merge").ready:
            one_pass(app)
        assert (proved(app).parked, proved(app).pending) == (6, 0)
        assert standing(app, *seqs) == ["parked"] * 6
