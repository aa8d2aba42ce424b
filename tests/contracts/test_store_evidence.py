"""What every store promises about its evidence: dead letters are resolved once, erased bytes are gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.stores import KINDS, answer, arrive, ids, opened, release, settle

from flyball.core.chain import verify
from flyball.core.facts import (
    AlertCleared,
    AnswerGiven,
    AnswerParked,
    BodyErased,
    LetterDropped,
    LetterRequeued,
)
from flyball.core.ids import ItemId, Position
from flyball.errors import Conflict, LeaseLost, NotFound
from flyball.ports import Commit, Draft, Letter, NewJob, Store, Waiting


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with opened(request.param, tmp_path) as one:
        yield one


def ask(store: Store, *locks: str, name: str | None = None, label: str = "fraud") -> Position:
    drafts = [Draft(answer(lock, label), "desk", name, b"as it came") for lock in locks]
    jobs = [NewJob("merge", lock, of) for of, lock in enumerate(locks)]
    return store.log.append(Commit(drafts, jobs), 10.0)[0].seq


def kill(store: Store, *locks: str) -> list[Letter]:
    """Answers whose merges are given up at once."""
    ask(store, *locks)
    for job in store.jobs.claim("merge", 11.0, 10, 60.0):
        store.jobs.fail(job, "ValueError", f"no {job.lock}", 12.0, None)
    return store.jobs.letters("merge")


def said(letter: Letter) -> tuple[str, str]:
    return letter.lock, letter.detail


REQUEUED = LetterRequeued(Position(1), "ValueError", "no a", 1, "me", "mended")
DROPPED = LetterDropped(Position(1), "ValueError", "no a", 1, "me", "a test")


def erased(*facts: int) -> BodyErased:
    return BodyErased(tuple(map(Position, facts)), "annotator", "me", "case 7")


# --- dead letters


def test_a_dead_letter_says_what_was_tried_and_why_it_failed(store: Store) -> None:
    (letter,) = kill(store, "a")
    assert letter == Letter(letter.job, "merge", "a", Position(1), "ValueError", "no a", 1, 11.0, 12.0)
    assert store.jobs.letters("train") == []


def test_dead_letters_come_in_the_order_of_their_jobs(store: Store) -> None:
    assert [said(each) for each in kill(store, "b", "a")] == [("b", "no b"), ("a", "no a")]


def test_a_letter_that_is_requeued_waits_again_and_counts_its_attempts_on(store: Store) -> None:
    (letter,) = kill(store, "a")
    store.log.append(Commit([Draft(REQUEUED)], requeued=[letter]), 20.0)
    assert store.jobs.letters("merge") == []
    assert store.jobs.waiting("merge") == Waiting(1, 0, 0, 20.0)
    assert store.jobs.claim("merge", 19.9, 10, 60.0) == []
    (job,) = store.jobs.claim("merge", 20.0, 10, 60.0)
    assert (job.job, job.attempt, job.cause.fact) == (letter.job, 2, answer("a"))


def test_a_letter_that_is_dropped_is_never_tried_again_and_its_answer_stays(store: Store) -> None:
    (letter,) = kill(store, "a")
    store.log.append(Commit([Draft(DROPPED)], dropped=[letter]), 20.0)
    assert store.jobs.letters("merge") == []
    assert store.jobs.waiting("merge") == Waiting(0, 0, 0, None)
    assert store.jobs.recover(99.0, everyone=True) == 0
    assert [each.fact for each in store.log.read()] == [answer("a"), DROPPED]


@pytest.mark.parametrize("again", ["requeued", "dropped"])
def test_a_letter_is_resolved_once_and_the_second_time_nothing_is_written(store: Store, again: str) -> None:
    (letter,) = kill(store, "a")
    store.log.append(Commit([Draft(REQUEUED)], requeued=[letter]), 20.0)
    with pytest.raises(NotFound, match="fact 1 is not there any more"):
        commit = {"requeued": Commit([Draft(REQUEUED)], requeued=[letter])}.get(again)
        store.log.append(commit or Commit([Draft(DROPPED)], dropped=[letter]), 21.0)
    assert store.log.head().seq == 2
    assert store.jobs.waiting("merge").ready == 1


def test_a_job_may_be_about_a_fact_that_has_stood_before(store: Store) -> None:
    seq = ask(store, "a")
    store.log.append(Commit(done=store.jobs.claim("merge", 10.0, 1, 60.0)), 11.0)
    store.log.append(Commit([Draft(AlertCleared("x"))], [NewJob("merge", "a", 0, cause=seq)]), 12.0)
    (job,) = store.jobs.claim("merge", 12.0, 1, 60.0)
    assert (job.cause.seq, job.cause.fact) == (seq, answer("a"))


# --- what a tool calls its words


def test_all_versions_of_a_word_are_found_by_its_name_and_nothing_else(store: Store) -> None:
    names = ("w-1@1", "w-10@1", "w-1@2", "w-1", "W-1@1", "w-1@1#gone", "w-1A", "w-1@é/~", "w%1@1")
    for name in names:
        store.log.append(Commit([Draft(answer("a"), "source:tool", name)]), 10.0)
    store.log.append(Commit([Draft(answer("b"), "source:other", "w-1@3")]), 11.0)
    store.log.append(Commit([Draft(AlertCleared("x"), "source:tool", "w-1@4")]), 12.0)
    found = store.evidence.versions("source:tool", "w-1")
    assert found == [(1, "w-1@1"), (3, "w-1@2"), (6, "w-1@1#gone"), (8, "w-1@é/~")]
    assert store.evidence.versions("source:tool", "w%1") == [(9, "w%1@1")]
    assert store.evidence.versions("source:tool", "w") == []
    store.evidence.erase([Position(3)], [], erased(3), 20.0)
    assert [seq for seq, _ in store.evidence.versions("source:tool", "w-1")] == [1, 6, 8]


# --- erasing


def test_what_was_erased_is_read_by_nobody_and_the_chain_holds(store: Store) -> None:
    ask(store, "a", "b", "c")
    receipt = store.evidence.erase([Position(2)], [], erased(2), 20.0)
    assert (receipt.seq, receipt.new) == (4, True)
    assert [each.seq for each in store.log.read()] == [1, 3, 4]
    assert [each.seq for each in store.log.read(kinds=[AnswerGiven.kind], limit=2)] == [1, 3]
    assert store.items.answers(ItemId("b")) == ()
    links = list(store.evidence.links())
    gone = links[1]
    assert (gone.salt, gone.body, gone.raw, gone.event_id, gone.item) == (None, None, None, None, "b")
    assert verify(links) == verify(store.evidence.links(bodies=False)) == ()
    assert store.evidence.sweep()


def test_nothing_is_left_to_do_about_what_was_erased(store: Store) -> None:
    kill(store, "a")
    ask(store, "b", "c")
    (held,) = store.jobs.claim("merge", 15.0, 1, 60.0)
    store.evidence.erase([Position(1), Position(2), Position(3)], [], erased(1, 2, 3), 20.0)
    assert store.jobs.waiting("merge") == Waiting(0, 0, 0, None)
    assert store.jobs.letters("merge") == []
    with pytest.raises(LeaseLost):
        store.log.append(Commit(done=[held]), 21.0)


def test_an_erased_name_is_still_taken_and_brings_no_second_fact(store: Store) -> None:
    ask(store, "a", name="e-1")
    store.evidence.erase([Position(1)], [], erased(1), 20.0)
    (receipt,) = store.log.append(Commit([Draft(answer("a"), "desk", "e-1", b"as it came")]), 21.0)
    assert (receipt.seq, receipt.new) == (1, False)


def test_what_came_under_the_same_name_with_other_content_is_erased_too(store: Store) -> None:
    ask(store, "a", name="e-1")
    with pytest.raises(Conflict):
        store.log.append(Commit([Draft(answer("a", "fine"), "desk", "e-1")]), 11.0)
    assert len(list(store.evidence.contested())) == 1
    store.evidence.erase([Position(1)], [], erased(1), 20.0)
    assert list(store.evidence.contested()) == []


def test_an_item_that_was_erased_has_no_label_and_is_not_offered_again(store: Store) -> None:
    arrive(store, "a", "b")
    release(store, "b-1", "a", "b")
    settle(store, "a", "fraud", "b-1")
    settle(store, "b", "fine", "b-1")
    store.evidence.erase([Position(3)], list(ids("a")), erased(3), 50.0)
    assert list(store.items.labelled(store.log.head().seq).table["item"]) == ["b"]
    assert len(store.items.pool(10)) == 0
    found = store.items.find(ids("a"))[ItemId("a")]
    assert (found.state, found.label, found.seq) == ("labelled", None, None)


def test_an_item_comes_into_the_pool_if_the_label_that_was_there_before_it_was_erased(store: Store) -> None:
    settle(store, "a", "fine")
    settle(store, "b", "fine")
    settle(store, "b", "fraud")
    store.evidence.erase([Position(1), Position(3)], list(ids("a")), erased(1, 3), 50.0)
    arrive(store, "a", "b")
    found = store.items.find(ids("a", "b"))
    assert [(each.state, each.label) for each in found.values()] == [("pool", None), ("labelled", "fraud")]


def test_a_label_whose_bytes_were_erased_stands_at_every_place_it_stood_at(store: Store) -> None:
    arrive(store, "a")
    settle(store, "a", "fraud")
    settle(store, "a", "fine", now=31.0)
    store.evidence.erase([Position(2), Position(3)], [], erased(2, 3), 50.0)
    assert [each.seq for each in store.log.read()] == [1, 4]
    state = store.items.find(ids("a"))[ItemId("a")]
    assert (state.state, state.label, state.seq) == ("labelled", "fine", 3)
    stood = [store.items.labelled(Position(place)).table["label"].tolist() for place in (1, 2, 3, 4)]
    assert stood == [[], ["fraud"], ["fine"], ["fine"]]


def test_what_somebody_said_under_the_name_of_anothers_fact_is_erased_with_what_they_said(
    store: Store,
) -> None:
    def ann(who: str, item: str, name: str) -> None:
        store.log.append(Commit([Draft(answer(item, "x", who), "desk", name, who.encode())], apart=True), 1.0)

    def refused() -> list[tuple[str, bytes | None]]:
        return [(each.event_id, each.raw) for each in store.evidence.contested()]

    for who, item, name in (
        *(("ann-1", "a", "e-1"), ("ann-2", "b", "e-1"), ("ann-2", "a", "e-2"), ("ann-1", "b", "e-2")),
        *(("ann-3", "c", "e-2"), ("ann-3", "c", "e-3")),
    ):
        ann(who, item, name)
    assert refused() == [("e-1", b"ann-2"), ("e-2", b"ann-1"), ("e-2", b"ann-3")]
    store.evidence.erase(
        [Position(2)], [], erased(2), 50.0, ["ann-2"]
    )  # what ann-2 said, and all under its name
    assert refused() == []
    ann("ann-2", "b", "e-3")
    ann("ann-2", "c", "e-1")
    assert refused() == [("e-1", b"ann-2"), ("e-3", b"ann-2")]
    store.evidence.erase([], list(ids("c")), erased(), 51.0)
    assert refused() == [("e-3", b"ann-2")]
    store.evidence.erase([], [], erased(), 52.0, ["ann-2"])
    assert refused() == []


def test_an_erased_answer_that_is_called_parked_lies_nowhere(store: Store) -> None:
    ask(store, "a", "b")
    store.evidence.erase([Position(1)], [], erased(1), 20.0)
    parked = [Draft(AnswerParked(Position(seq), "no", "no")) for seq in (1, 2)]
    store.log.append(Commit(parked), 21.0)
    assert [each.seq for each in store.items.standing_as("parked")] == [2]
    assert store.items.count_standing("parked") == 1
