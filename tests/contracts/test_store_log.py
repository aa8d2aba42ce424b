"""What every log promises: once, whole, in order, for good."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.stores import KINDS, answer, arrivals, arrive, opened, released

from flyball.core.chain import verify
from flyball.core.facts import (
    AlertCleared,
    AlertRaised,
    DecisionMade,
    Fact,
    LoopStopped,
    QualityMeasured,
    RunBegan,
)
from flyball.core.ids import Digest, ModelVersion, Pins, Position, RuleId, RunId
from flyball.errors import Conflict, LeaseLost, StaleItems
from flyball.ports import Commit, Draft, NewJob, Store


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with opened(request.param, tmp_path) as one:
        yield one


def named(item: str, event_id: str = "e-1", source: str = "desk", label: str = "fraud") -> Draft:
    return Draft(answer(item, label), source=source, event_id=event_id)


# --- once


def test_an_answer_that_is_sent_again_gets_its_first_receipt_and_no_second_place(store: Store) -> None:
    (first,) = store.log.append(Commit([named("a")]), 10.0)
    (again,) = store.log.append(Commit([named("a")]), 99.0)
    assert first.new and not again.new
    assert again == replace(first, new=False)
    assert len(list(store.log.read())) == 1


def test_an_answer_that_stands_twice_in_one_commit_is_written_once(store: Store) -> None:
    first, again = store.log.append(Commit([named("a"), named("a")], [NewJob("merge", "a", 1)]), 10.0)
    assert (first.seq, first.new, again.seq, again.new) == (1, True, 1, False)
    assert store.jobs.waiting("merge").ready == 0


def test_what_stood_there_already_brings_no_job_again(store: Store) -> None:
    commit = Commit([named("a")], [NewJob("merge", "a", 0)])
    for _ in range(3):
        store.log.append(commit, 10.0)
    assert store.jobs.waiting("merge").ready == 1


def test_an_id_belongs_to_its_source(store: Store) -> None:
    store.log.append(Commit([named("a", source="desk"), named("b", source="tool")]), 10.0)
    store.log.append(Commit([named("c", "2x", "ann-1"), named("d", "x", "ann-12")]), 10.0)
    assert len(list(store.log.read())) == 4


def test_a_fact_without_a_name_is_always_new(store: Store) -> None:
    for _ in range(2):
        store.log.append(Commit([Draft(AlertCleared("rules"))]), 10.0)
    assert len(list(store.log.read())) == 2


def test_keys_never_expire(store: Store) -> None:
    store.log.append(Commit([named("a")]), 10.0)
    for start in range(0, 1_500, 500):
        store.log.append(Commit([named("b", f"later-{start + n}") for n in range(500)]), 20.0)
    (again,) = store.log.append(Commit([named("a")]), 1e9)
    assert (again.seq, again.new) == (1, False)


# --- other content under the same name


def test_the_same_name_with_other_content_is_a_conflict_and_the_first_stands(store: Store) -> None:
    store.log.append(Commit([named("a", label="fraud")]), 10.0)
    with pytest.raises(Conflict, match="e-1 of desk"):
        store.log.append(Commit([named("a", label="fine")]), 11.0)
    assert [recorded.fact for recorded in store.log.read()] == [answer("a", "fraud")]


def test_nothing_of_a_commit_with_a_conflict_is_written(store: Store) -> None:
    store.log.append(Commit([named("a")]), 10.0)
    commit = Commit([Draft(AlertCleared("x")), named("b")], [NewJob("merge", "b", 1)], notes={"cursor": "9"})
    with pytest.raises(Conflict):
        store.log.append(commit, 11.0)
    assert store.log.head().seq == 1
    assert store.log.note("cursor") is None
    assert store.jobs.waiting("merge").ready == 0


def test_what_contradicts_is_kept_as_evidence_once(store: Store) -> None:
    store.log.append(Commit([named("a", label="fraud")]), 10.0)
    for now in (11.0, 12.0):
        with pytest.raises(Conflict):
            store.log.append(Commit([named("a", label="fine")]), now)
    (kept,) = store.evidence.contested()
    assert (kept.source, kept.event_id, kept.kind, kept.seen_at) == ("desk", "e-1", "answer-given", 11.0)
    assert b'"label":"fine"' in kept.body


def test_two_contents_under_one_name_in_one_commit_are_a_conflict(store: Store) -> None:
    with pytest.raises(Conflict):
        store.log.append(Commit([named("a", label="fraud"), named("a", label="fine")]), 10.0)
    assert store.log.head().seq == 0


def test_the_same_bytes_as_received_are_the_same_event_however_they_are_read(store: Store) -> None:
    first = replace(named("a", label="fraud"), raw=b'{"label": "Fraud"}')
    store.log.append(Commit([first]), 10.0)
    read_otherwise = replace(first, fact=answer("a", "fraud", annotator="ann-1b"))
    (again,) = store.log.append(Commit([read_otherwise]), 11.0)
    assert (again.seq, again.new) == (1, False)
    with pytest.raises(Conflict):
        store.log.append(Commit([replace(first, raw=b'{"label":"Fraud"}')]), 12.0)


def test_of_facts_from_several_hands_a_contradiction_holds_up_none_of_the_others(store: Store) -> None:
    (first,) = store.log.append(Commit([named("a")]), 10.0)
    several = [named("b", "e-2"), named("a", label="fine"), named("a"), named("c", "e-3"), named("d", "e-3")]
    jobs = [NewJob("merge", draft.fact.item, of) for of, draft in enumerate(several)]  # type: ignore[union-attr]
    receipts = store.log.append(Commit(several, jobs, apart=True), 11.0)
    assert [(r.seq, r.new, r.conflict) for r in receipts] == [
        (2, True, False),
        (1, False, True),
        (1, False, False),
        (3, True, False),
        (3, False, True),
    ]
    assert receipts[1].hash == first.hash
    assert [job.lock for job in store.jobs.claim("merge", 20.0, 9, 60.0)] == ["b", "c"]
    assert [kept.event_id for kept in store.evidence.contested()] == ["e-1", "e-3"]
    assert store.log.append(Commit(several, jobs, apart=True), 12.0)[1].conflict
    assert len(list(store.evidence.contested())) == 2
    assert not verify(store.evidence.links())


# --- whole, or not at all


def test_a_commit_that_fails_leaves_no_trace(store: Store) -> None:
    arrive(store, "a")
    store.log.append(Commit([named("a")], [NewJob("merge", "a", 0)]), 11.0)
    (job,) = store.jobs.claim("merge", 11.0, 1, 60.0)
    before = store.log.head()
    commit = Commit(
        facts=[named("a", "e-2"), Draft(released("b-1", ["a", "nowhere"]))],
        jobs=[NewJob("merge", "a2", 0)],
        done=[job],
        notes={"cursor": "5"},
    )
    with pytest.raises(StaleItems, match="nowhere"):
        store.log.append(commit, 12.0)
    assert store.log.head() == before
    assert store.log.note("cursor") is None
    assert len(store.items.pool(10)) == 1
    waiting = store.jobs.waiting("merge")
    assert (waiting.ready, waiting.running) == (0, 1)
    store.log.append(Commit(done=[job]), 12.0)


def test_a_lost_lease_keeps_everything_else_out_too(store: Store) -> None:
    store.log.append(Commit([named("a")], [NewJob("merge", "a", 0)]), 11.0)
    (job,) = store.jobs.claim("merge", 11.0, 1, 60.0)
    with pytest.raises(LeaseLost):
        store.log.append(Commit([named("b", "e-2")], done=[replace(job, token="stolen")]), 12.0)
    assert store.log.head().seq == 1


def test_what_json_cannot_hold_is_refused_before_anything_is_written(store: Store) -> None:
    unsayable = QualityMeasured(None, 1, 1, {"ap": (float("nan"), 0.0, 1.0)})
    with pytest.raises(ValueError, match="JSON"):
        store.log.append(Commit([named("a"), Draft(unsayable)]), 10.0)
    assert store.log.head().seq == 0


# --- order and time


def test_time_never_goes_back_though_the_clock_does(store: Store) -> None:
    for now in (10.0, 8.0, 9.5, 11.25):
        store.log.append(Commit([Draft(AlertCleared(str(now)))]), now)
    assert [recorded.at for recorded in store.log.read()] == [10.0, 10.0, 10.0, 11.25]


def test_a_time_is_kept_to_the_microsecond(store: Store) -> None:
    now = 1_789_000_000.123456
    (receipt,) = store.log.append(Commit([Draft(AlertCleared("x"))]), now)
    assert receipt.at == now == next(iter(store.log.read())).at


def test_receipts_and_reading_follow_the_order_of_the_facts(store: Store) -> None:
    facts = [AlertCleared(f"k-{n}") for n in range(2_500)]
    receipts = store.log.append(Commit([Draft(fact) for fact in facts]), 10.0)
    assert [receipt.seq for receipt in receipts] == list(range(1, 2_501))
    read = list(store.log.read())
    assert [recorded.seq for recorded in read] == list(range(1, 2_501))
    assert [recorded.fact for recorded in read] == facts


@pytest.mark.parametrize(
    ("after", "kinds", "limit", "expected"),
    [
        (0, None, None, [1, 2, 3, 4, 5, 6]),
        (4, None, None, [5, 6]),
        (9, None, None, []),
        (0, None, 2, [1, 2]),
        (0, None, 0, []),
        (0, ["alert-cleared"], None, [1, 3, 6]),
        (1, ["alert-cleared"], 1, [3]),
        (1, ["alert-cleared", "loop-stopped"], None, [3, 4, 6]),
        (0, ["alert-cleared", "alert-cleared", "answer-given"], 4, [1, 2, 3, 5]),
        (0, ["no-such-kind"], None, []),
        (0, [], None, []),
    ],
)
def test_facts_are_read_after_a_place_by_kind_and_up_to_a_number(
    store: Store, after: int, kinds: list[str] | None, limit: int | None, expected: list[int]
) -> None:
    facts: list[Fact] = [
        AlertCleared("1"),
        answer("2"),
        AlertCleared("3"),
        LoopStopped("4"),
        answer("5"),
        AlertCleared("6"),
    ]
    store.log.append(Commit([Draft(fact) for fact in facts]), 10.0)
    read = store.log.read(Position(after), kinds, limit)
    assert [recorded.seq for recorded in read] == expected


def test_the_log_can_be_written_while_it_is_read(store: Store) -> None:
    store.log.append(Commit([Draft(AlertCleared(f"{n}")) for n in range(1_100)]), 10.0)
    seen = []
    for recorded in store.log.read():
        seen.append(recorded.seq)
        if recorded.seq % 100 == 0:
            store.log.append(Commit([Draft(AlertCleared("more"))] * 100), 11.0)
    assert seen == list(range(1, len(seen) + 1))
    assert 1_100 <= len(seen) < store.log.head().seq


def test_every_shape_of_fact_comes_back_as_it_went_in(store: Store) -> None:
    digest = Digest("ab" * 32)
    facts: list[Fact] = [
        RunBegan(RunId("r"), "train", Pins(Position(3), digest, digest, digest, 7, {"of": ("a", 1)}), "due"),
        DecisionMade(
            rule=RuleId("r"),
            verdict="fired",
            due=1.5,
            because="é ≥ 3",
            live=True,
            rules=digest,
            values={"drift.score": None, "x": 1.25, "word": "w"},
            changes=({"knob": "batch.size", "from": 50, "to": 100},),
        ),
        QualityMeasured(ModelVersion(2), 5, 1, {"ap": (0.5, 0.25, 0.75)}),
        AlertRaised("key", "warn", 'quote " and \x00 and \u2028'),
    ]
    store.log.append(Commit([Draft(fact) for fact in facts]), 10.0)
    assert [recorded.fact for recorded in store.log.read()] == facts


# --- the head, the notes, the chain


def test_an_empty_log_has_a_head_of_zeros(store: Store) -> None:
    head = store.log.head()
    assert (head.seq, head.at, head.hash) == (0, 0.0, "0" * 64)


def test_the_head_is_the_last_receipt(store: Store) -> None:
    receipts = store.log.append(Commit([named("a"), named("b", "e-2")]), 10.0)
    assert store.log.head() == replace(receipts[-1], new=False)


def test_a_note_is_what_the_newest_commit_left(store: Store) -> None:
    store.log.append(Commit(notes={"a": "1", "b": "1"}), 10.0)
    store.log.append(Commit(notes={"a": "2"}), 10.0)
    assert (store.log.note("a"), store.log.note("b"), store.log.note("c")) == ("2", "1", None)


def test_a_commit_of_nothing_is_no_fact(store: Store) -> None:
    assert store.log.append(Commit(), 10.0) == ()
    assert store.log.head().seq == 0


def test_the_chain_of_a_log_holds_and_ends_at_its_head(store: Store) -> None:
    for number in range(5):
        store.log.append(Commit([named("a", f"e-{number}"), Draft(AlertCleared("x"), raw=b"\xff")]), number)
    links = list(store.evidence.links())
    assert verify(links) == ()
    assert links[-1].hash.hex() == store.log.head().hash
    assert [link.seq for link in store.evidence.links(Position(7))] == [8, 9, 10]


def test_columns_without_their_fact_and_a_fact_without_its_columns_are_refused(store: Store) -> None:
    whole = arrivals_of(3)
    with pytest.raises(ValueError, match="ItemsArrived"):
        store.log.append(replace(whole, arrivals=None), 10.0)
    with pytest.raises(ValueError, match="ItemsArrived"):
        store.log.append(replace(whole, facts=()), 10.0)
    assert whole.arrivals is not None
    with pytest.raises(ValueError, match="3 items"):
        store.log.append(replace(whole, arrivals=replace(whole.arrivals, items=())), 10.0)
    with pytest.raises(ValueError, match="segment"):
        other = replace(whole.arrivals, segment=Digest("00" * 32))
        store.log.append(replace(whole, arrivals=other), 10.0)
    with pytest.raises(ValueError, match="without a time"):
        store.log.append(replace(whole, arrivals=replace(whole.arrivals, times=np.full(3, np.nan))), 10.0)
    assert store.log.head().seq == 0


def arrivals_of(count: int) -> Commit:
    return arrivals([f"i-{number}" for number in range(count)])
