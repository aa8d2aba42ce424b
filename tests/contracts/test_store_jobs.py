"""What every job queue promises: leased, fenced, one at a time for each lock, and never lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.stores import KINDS, answer, opened

from flyball.core.facts import AlertCleared, AnswerGivenUp
from flyball.errors import LeaseLost
from flyball.ports import Commit, Draft, GivenUp, Letter, NewJob, Soon, Store, Waiting


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with opened(request.param, tmp_path) as one:
        yield one


def ask(store: Store, *locks: str, kind: str = "merge", run_at: float = 0.0, now: float = 10.0) -> None:
    """One answer and one job for each lock, in one commit."""
    drafts = [Draft(answer(lock)) for lock in locks]
    jobs = [NewJob(kind, lock, of, run_at) for of, lock in enumerate(locks)]
    store.log.append(Commit(drafts, jobs), now)


def claimed(store: Store, now: float = 10.0, limit: int = 10, kind: str = "merge") -> list[str]:
    return [job.lock for job in store.jobs.claim(kind, now, limit, 60.0)]


def test_a_job_comes_with_the_fact_that_asked_for_it(store: Store) -> None:
    store.log.append(Commit([Draft(AlertCleared("x")), Draft(answer("a"))], [NewJob("merge", "a", 1)]), 10.0)
    (job,) = store.jobs.claim("merge", 10.0, 5, 60.0)
    assert (job.kind, job.lock, job.attempt) == ("merge", "a", 1)
    assert (job.cause.seq, job.cause.at, job.cause.fact) == (2, 10.0, answer("a"))


def test_the_oldest_jobs_are_claimed_first_and_no_more_than_asked_for(store: Store) -> None:
    ask(store, "a", "b", "c", "d", "e")
    assert claimed(store, limit=2) == ["a", "b"]
    assert claimed(store, limit=2) == ["c", "d"]
    assert claimed(store, limit=2) == ["e"]
    assert claimed(store) == []


def test_a_job_is_not_claimed_before_its_time_or_by_another_kind(store: Store) -> None:
    ask(store, "a", run_at=50.0)
    assert claimed(store, now=49.9) == []
    assert claimed(store, now=50.0, kind="train") == []
    assert claimed(store, now=50.0) == ["a"]


def test_two_jobs_with_one_lock_never_run_together_and_go_in_order(store: Store) -> None:
    ask(store, "a", "a", "b", "a")
    first = store.jobs.claim("merge", 10.0, 10, 60.0)
    assert [(job.lock, job.cause.seq) for job in first] == [("a", 1), ("b", 3)]
    assert store.jobs.claim("merge", 10.0, 10, 60.0) == []
    store.log.append(Commit(done=first[:1]), 11.0)
    assert [job.cause.seq for job in store.jobs.claim("merge", 11.0, 10, 60.0)] == [2]


def test_a_lock_holds_across_kinds(store: Store) -> None:
    ask(store, "a")
    ask(store, "a", kind="train")
    assert claimed(store) == ["a"]
    assert claimed(store, kind="train") == []


def test_a_finished_job_never_comes_back(store: Store) -> None:
    ask(store, "a")
    jobs = store.jobs.claim("merge", 10.0, 10, 60.0)
    store.log.append(Commit([Draft(AlertCleared("done"))], done=jobs), 11.0)
    assert store.jobs.recover(1e9, everyone=True) == 0
    assert store.jobs.waiting("merge") == Waiting(0, 0, 0, None)
    with pytest.raises(LeaseLost):
        store.log.append(Commit(done=jobs), 12.0)


def test_a_zombie_cannot_finish_what_another_worker_took_over(store: Store) -> None:
    ask(store, "a")
    (zombie,) = store.jobs.claim("merge", 10.0, 1, lease=60.0)
    assert store.jobs.recover(69.9) == 0
    assert store.jobs.recover(70.0) == 1
    (holder,) = store.jobs.claim("merge", 70.0, 1, lease=60.0)
    assert (holder.job, holder.attempt) == (zombie.job, 2)
    with pytest.raises(LeaseLost, match="attempt 1"):
        store.log.append(Commit([Draft(AlertCleared("zombie"))], done=[zombie]), 71.0)
    with pytest.raises(LeaseLost):
        store.jobs.fail(zombie, "late", "", 71.0, None)
    assert store.log.head().seq == 1
    store.log.append(Commit([Draft(AlertCleared("holder"))], done=[holder]), 72.0)
    assert store.log.head().seq == 2


def test_a_worker_that_is_only_late_may_still_finish(store: Store) -> None:
    ask(store, "a")
    jobs = store.jobs.claim("merge", 10.0, 1, lease=60.0)
    store.log.append(Commit(done=jobs), 500.0)


def test_a_job_that_kills_its_worker_is_seen_to_have_been_tried(store: Store) -> None:
    ask(store, "a")
    attempts = []
    for now in (10.0, 20.0, 30.0):
        (job,) = store.jobs.claim("merge", now, 1, 60.0)
        attempts.append(job.attempt)
        assert store.jobs.recover(now, everyone=True) == 1
    assert attempts == [1, 2, 3]


def test_a_failed_job_waits_until_its_next_time(store: Store) -> None:
    ask(store, "a", "b")
    first, _ = store.jobs.claim("merge", 10.0, 2, 60.0)
    store.jobs.fail(first, "timeout", "no answer in 5 s", 11.0, again_at=30.0)
    assert claimed(store, now=29.0) == []
    (again,) = store.jobs.claim("merge", 30.0, 2, 60.0)
    assert (again.lock, again.attempt) == ("a", 2)


def test_a_job_that_is_given_up_is_dead_and_lets_the_next_of_its_lock_go(store: Store) -> None:
    ask(store, "a", "a")
    (first,) = store.jobs.claim("merge", 10.0, 2, 60.0)
    store.jobs.fail(first, "poison", "it cannot be read", 11.0, again_at=None)
    assert store.jobs.waiting("merge") == Waiting(ready=1, running=0, dead=1, oldest=10.0)
    (second,) = store.jobs.claim("merge", 12.0, 2, 60.0)
    assert second.cause.seq == 2
    with pytest.raises(LeaseLost):
        store.jobs.fail(first, "poison", "again", 13.0, again_at=None)


def test_a_job_is_given_up_together_with_the_fact_that_says_so_or_not_at_all(store: Store) -> None:
    ask(store, "a", "b")
    first, second = store.jobs.claim("merge", 10.0, 2, 60.0)
    told = AnswerGivenUp(first.cause.seq, "poison", "it cannot be read", 1)
    store.log.append(Commit([Draft(told)], given_up=[GivenUp(first, "poison", "it cannot be read")]), 11.0)
    (letter,) = store.jobs.letters("merge")
    assert letter == Letter(first.job, "merge", "a", first.cause.seq, "poison", letter.detail, 1, 10.0, 11.0)
    assert (letter.detail, store.jobs.waiting("merge").running) == ("it cannot be read", 1)
    head = store.log.head()
    with pytest.raises(LeaseLost):  # the first of them is not held any more: nothing is done to the second
        both = [GivenUp(job, "poison", "again") for job in (second, first)]
        store.log.append(Commit([Draft(AlertCleared("x"))], given_up=both), 12.0)
    assert (store.log.head(), store.jobs.letters("merge")) == (head, [letter])
    store.log.append(Commit(done=[second]), 13.0)


def test_all_jobs_that_are_not_held_any_more_are_named_together(store: Store) -> None:
    ask(store, "a", "b", "c")
    jobs = store.jobs.claim("merge", 10.0, 3, 60.0)
    store.jobs.recover(70.0)
    with pytest.raises(LeaseLost) as lost:
        store.log.append(Commit(done=jobs[:2], given_up=[GivenUp(jobs[2], "poison", "")]), 71.0)
    assert lost.value.jobs == {job.job for job in jobs}


def test_what_would_rest_too_long_is_taken_now(store: Store) -> None:
    ask(store, "a", "b", "c")
    ask(store, "t", kind="train", run_at=9e9)
    a, b, _ = store.jobs.claim("merge", 10.0, 3, 60.0)
    store.jobs.fail(a, "timeout", "", 11.0, again_at=1e6)
    store.jobs.fail(b, "timeout", "", 11.0, again_at=30.0)
    assert store.jobs.hasten("merge", 71.0, 11.0) == 1
    assert claimed(store, now=11.0) == ["a"]
    assert store.jobs.soon("merge", 11.0).waits == 30.0
    assert store.jobs.soon("train", 11.0).waits == 9e9


def test_waiting_says_how_many_and_since_when_the_oldest_was_due(store: Store) -> None:
    assert store.jobs.waiting("merge") == Waiting(0, 0, 0, None)
    ask(store, "a", "b", now=10.0)
    ask(store, "c", run_at=25.0, now=20.0)
    ask(store, "x", kind="train", now=5.0)
    assert store.jobs.waiting("merge") == Waiting(ready=3, running=0, dead=0, oldest=10.0)
    assert store.jobs.soon("merge", 20.0) == Soon(waits=0.0)
    store.jobs.claim("merge", 20.0, 2, 60.0)
    assert store.jobs.waiting("merge") == Waiting(ready=1, running=2, dead=0, oldest=25.0)
    assert store.jobs.soon("merge", 20.0) == Soon(waits=25.0, leased=80.0)


def test_what_rests_hides_nothing_that_may_be_claimed(store: Store) -> None:
    ask(store, "a", "b", "c", now=10.0)
    a, b, _ = store.jobs.claim("merge", 10.0, 3, 60.0)
    store.jobs.fail(a, "timeout", "no answer", 11.0, again_at=70.0)
    store.jobs.fail(b, "timeout", "no answer", 11.0, again_at=30.0)
    assert store.jobs.soon("merge", 20.0) == Soon(waits=30.0, leased=70.0)
    assert store.jobs.waiting("merge").oldest == 30.0
    ask(store, "d", now=20.0)
    assert store.jobs.soon("merge", 20.0) == Soon(waits=0.0, leased=70.0)
    assert store.jobs.waiting("merge").oldest == 20.0
    # A clock that was set back hides none of those that were asked for at once.
    assert store.jobs.soon("merge", 1.0).waits == 0.0
    assert store.jobs.soon("train", 99.0) == Soon()


def test_hundreds_of_jobs_for_one_lock_do_not_hide_the_others(store: Store) -> None:
    ask(store, *["hot"] * 700, "cold")
    assert claimed(store, limit=50) == ["hot", "cold"]
