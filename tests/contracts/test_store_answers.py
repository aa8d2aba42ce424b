"""How answers stand, in every store: each in one place, counted at one moment, and none of them lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.stores import KINDS, answer, arrive, ids, opened, settled

from flyball.core.facts import (
    AlertCleared,
    AnswerParked,
    BodyErased,
    ClassAllowed,
    Fact,
    LabelSettled,
    LetterDropped,
    LetterRequeued,
)
from flyball.core.ids import ItemId, Position
from flyball.core.labels.proof import Accounts, proof
from flyball.errors import LeaseLost, StaleItems
from flyball.ports import Commit, Draft, Job, NewJob, Store, Unless


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with opened(request.param, tmp_path) as one:
        yield one


def say(store: Store, *items: str) -> list[Position]:
    """One answer with its job about each item."""
    drafts = [Draft(answer(item)) for item in items]
    jobs = [NewJob("merge", item, of) for of, item in enumerate(items)]
    return [each.seq for each in store.log.append(Commit(drafts, jobs), 10.0)]


def claim(store: Store, count: int = 99) -> list[Job]:
    return store.jobs.claim("merge", 10.0, count, 60.0)


def label(item: str, *answers: Position, superseded: tuple[Position, ...] = ()) -> LabelSettled:
    return LabelSettled(ItemId(item), "fraud", answers, "majority", None, 1.0, superseded)


def test_an_answer_nobody_looked_at_stands_nowhere_and_is_queued(store: Store) -> None:
    one, two = say(store, "a", "b")
    assert store.items.standing([one, two]) == {}
    assert store.evidence.accounts() == Accounts(2, {}, queued=2)
    assert set(store.jobs.causes("merge")) == {one, two}


def test_facts_say_how_answers_stand_and_a_job_that_is_done_leaves_its_answer_waiting(store: Store) -> None:
    seqs = say(store, "a", "a", "b", "c")
    first, second, third, fourth = seqs
    facts: list[Fact] = [label("a", second, superseded=(first,)), AnswerParked(third, "no", "no")]
    store.log.append(Commit([Draft(fact) for fact in facts], done=claim(store)), 20.0)
    assert store.items.standing(seqs) == {
        first: "superseded",
        second: "merged",
        third: "parked",
        fourth: "pending",
    }
    # The second answer about `a` had to wait for the first, and is done without a word now.
    store.log.append(Commit(done=claim(store)), 21.0)
    assert store.items.standing([second]) == {second: "merged"}
    assert proof(store.evidence.accounts()).holds
    assert [each.seq for each in store.items.standing_as("pending")] == [fourth]
    assert (store.items.count_standing("pending"), store.items.count_standing("dead")) == (1, 0)


def test_what_a_commit_says_of_answers_stands_where_no_fact_says_otherwise(store: Store) -> None:
    one, two = say(store, "a", "b")
    standing = {one: "superseded", two: "superseded"}
    store.log.append(Commit([Draft(AnswerParked(two, "no"))], standing=standing), 20.0)  # type: ignore[arg-type]
    assert store.items.standing([one, two]) == {one: "superseded", two: "parked"}


@pytest.mark.parametrize(
    "fact",
    [
        LetterRequeued(Position(1), "x", "", 1, "me", "mended"),
        ClassAllowed("fraud", "me", "looked", (Position(1),)),
    ],
    ids=["requeued", "allowed"],
)
def test_an_answer_that_is_to_be_looked_at_again_is_queued_once(
    store: Store, fact: LetterRequeued | ClassAllowed
) -> None:
    (one,) = say(store, "a")
    store.log.append(Commit([Draft(AnswerParked(one, "no"))], done=claim(store)), 20.0)
    assert store.evidence.accounts() == Accounts(1, {"parked": 1})
    store.log.append(Commit([Draft(fact)], [NewJob("merge", "a", 0, cause=one)]), 30.0)
    assert store.items.standing([one]) == {}
    assert store.evidence.accounts() == Accounts(1, {}, queued=1)


def test_dead_letters_are_dead_whether_or_not_somebody_looked_at_their_answers(store: Store) -> None:
    one, two, three = say(store, "a", "b", "c")
    store.log.append(Commit(standing={two: "pending", three: "merged"}), 15.0)
    for job in claim(store):
        store.jobs.fail(job, "poison", "", 20.0, None)
    assert store.evidence.accounts() == Accounts(
        3, {"pending": 1, "merged": 1}, queued=0, dead=2, dead_pending=1
    )
    assert (proof(store.evidence.accounts()).dead, proof(store.evidence.accounts()).holds) == (2, True)
    letters = store.jobs.letters("merge")
    store.log.append(
        Commit([Draft(LetterDropped(one, "poison", "", 1, "me", "x"))], dropped=letters[:1]), 30.0
    )
    store.log.append(
        Commit([Draft(LetterRequeued(two, "poison", "", 1, "me", "x"))], requeued=letters[1:2]), 30.0
    )
    found = store.evidence.accounts()
    assert (found.standing, found.queued, found.dead) == ({"dead": 1, "merged": 1}, 1, 0)
    assert proof(found).holds


def test_the_proof_fails_where_an_answer_was_captured_without_a_job(store: Store) -> None:
    say(store, "a")
    store.log.append(Commit([Draft(answer("b"))]), 11.0)
    found = proof(store.evidence.accounts())
    assert (found.holds, found.lost) == (False, 1)


def test_an_erased_answer_stands_as_erased(store: Store) -> None:
    one, two = say(store, "a", "b")
    store.log.append(Commit([Draft(label("a", one))], done=claim(store, 1)), 20.0)
    store.evidence.erase([one, two], [], BodyErased((one, two), "annotator", "me", "case 7"), 30.0)
    assert store.evidence.accounts() == Accounts(2, {"erased": 2})
    assert store.items.standing_as("erased") == ()
    assert store.items.answers_to(ids("a", "b")) == {"a": (), "b": ()}


def test_answers_of_many_items_come_together_each_in_order(store: Store) -> None:
    arrive(store, "a", "b")
    say(store, "b", "a", "b", "other")
    found = store.items.answers_to(ids("a", "b", "nobody"))
    assert found == {item: store.items.answers(item) for item in ids("a", "b", "nobody")}
    assert [each.seq for each in found[ItemId("b")]] == [2, 4]


def test_what_is_said_of_hundreds_of_answers_is_kept(store: Store) -> None:
    seqs = say(store, *(f"i-{number}" for number in range(700)))
    store.log.append(Commit([Draft(label("a", *seqs))]), 20.0)
    assert store.evidence.accounts() == Accounts(700, {"merged": 700})
    store.log.append(Commit([Draft(settled("a", "fraud"))], standing=dict.fromkeys(seqs, "pending")), 21.0)
    assert store.evidence.accounts().standing == {"merged": 1, "pending": 699}


def test_an_attempt_that_was_nobodys_fault_is_told_apart(store: Store) -> None:
    say(store, "a")
    for attempt in (1, 2):
        (job,) = claim(store)
        assert (job.attempt, job.spared) == (attempt, attempt - 1)
        store.jobs.fail(job, "outside", "", 10.0, 10.0, spared=True)
    (job,) = claim(store)
    store.jobs.fail(job, "poison", "", 10.0, None)
    (letter,) = store.jobs.letters("merge")
    store.log.append(
        Commit([Draft(LetterRequeued(letter.fact, "x", "", 3, "me", "x"))], requeued=[letter]), 11.0
    )
    (job,) = store.jobs.claim("merge", 11.0, 9, 60.0)
    assert (job.attempt, job.spared) == (4, 3)


def test_whoever_lost_jobs_is_told_which(store: Store) -> None:
    say(store, "a", "b", "c")
    jobs = claim(store)
    store.jobs.recover(10.0, everyone=True)
    kept = claim(store, 1)
    with pytest.raises(LeaseLost) as lost:
        store.log.append(Commit([Draft(AlertCleared("x"))], done=[*kept, *jobs[1:]]), 20.0)
    assert lost.value.jobs == {job.job for job in jobs[1:]}
    assert "and 1 more" in str(lost.value)


def test_what_was_read_is_changed_only_while_nobody_said_or_settled_more_about_it(store: Store) -> None:
    say(store, "a", "b")
    read_at = store.log.head().seq
    say(store, "a")
    for names in (["a"], ["b", "a"]):
        with pytest.raises(StaleItems, match="a"):
            store.log.append(Commit([Draft(label("b"))], unless=Unless(read_at, ids(*names))), 20.0)
    assert store.log.append(Commit([Draft(label("b"))], unless=Unless(read_at, ids("b"))), 20.0)[0].new
    with pytest.raises(StaleItems):
        store.log.append(Commit([Draft(label("b"))], unless=Unless(read_at, ids("b"))), 21.0)


def test_answers_that_stand_alike_and_facts_at_places_are_all_told_in_order(store: Store) -> None:
    seqs = say(store, *(f"i-{number}" for number in range(1_100)))
    store.log.append(Commit([Draft(AnswerParked(seq, "no", "no")) for seq in seqs]), 20.0)
    assert [each.seq for each in store.items.standing_as("parked")] == seqs
    store.evidence.erase(seqs[:1], ids("i-0"), BodyErased(tuple(seqs[:1]), "item", "me", "law"), 30.0)
    assert [each.seq for each in store.log.at({*seqs, Position(10_000)})] == seqs[1:]
