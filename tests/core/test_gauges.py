"""The loop's own gauges, read from its facts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.core.control import KnobState
from flyball.core.facts import (
    AnswerGiven,
    AnswerGivenUp,
    AnswerParked,
    BatchReleased,
    BatchSettled,
    BodyErased,
    DriftMeasured,
    Fact,
    ItemsArrived,
    LabelSettled,
    LabelsKnown,
    LabelWithdrawn,
    LetterDropped,
    LetterRequeued,
    ModelPromoted,
    ModelTrained,
    PoolScored,
    QualityMeasured,
    Recorded,
    RunBegan,
    RunEnded,
    RunFailed,
    TeamMeasured,
)
from flyball.core.gauges import NO_LIMIT, Gauges
from flyball.core.ids import AnnotatorId, BatchId, Digest, ItemId, ModelVersion, Pins, Position, RunId
from flyball.core.sampling.budget import Budget
from flyball.core.signals import SIGNALS

HOUR = 3600.0
NO = Digest("")
Timed = tuple[float, Fact]


def released(batch: str, items: int, model: int | None = None, needed: int = 1) -> BatchReleased:
    names = tuple(ItemId(f"{batch}-{i}") for i in range(items))
    version = None if model is None else ModelVersion(model)
    return BatchReleased(BatchId(batch), 1, names, (), "random", 0, version, NO, needed, 0.0)


def answer(batch: str, i: int, label: str = "yes", who: str = "ana", **more: Any) -> AnswerGiven:
    return AnswerGiven(ItemId(f"{batch}-{i}"), AnnotatorId(who), label, BatchId(batch), **more)


def label(
    batch: str, i: int, said: str = "yes", answers: Sequence[int] = (), agreed: float = 1.0
) -> LabelSettled:
    seqs = tuple(Position(seq) for seq in answers)
    return LabelSettled(ItemId(f"{batch}-{i}"), said, seqs, "majority", BatchId(batch), agreed)


def settled(batch: str, seconds: float = 60.0) -> BatchSettled:
    return BatchSettled(BatchId(batch), 1, 1, 0, seconds)


def began(run: str) -> RunBegan:
    return RunBegan(RunId(run), "train", Pins(Position(0), NO, NO, NO, 1, {}), "")


def trained(model: int, run: str = "t") -> ModelTrained:
    return ModelTrained(ModelVersion(model), RunId(run), NO, NO, 1, Position(0), (), (), {}, "", 1.0)


def promoted(model: int) -> ModelPromoted:
    return ModelPromoted(ModelVersion(model), None, "", True)


def scored(count: int, seconds: float, confidence: float, purpose: str = "pool") -> PoolScored:
    return PoolScored(RunId("s"), ModelVersion(1), purpose, NO, count, 0, confidence, 0.4, seconds)  # type: ignore[arg-type]


def read(
    facts: Sequence[Timed], now: float, budget: Budget = NO_LIMIT, **knobs: Any
) -> dict[str, float | None]:
    gauges = Gauges(budget)
    for seq, (time, fact) in enumerate(facts, start=1):
        gauges.observe(Recorded(Position(seq), time, fact))
    state = KnobState.start({name.replace("__", "."): value for name, value in knobs.items()})
    return dict(gauges.read(state, now).values)


def at(time: float, *facts: Fact) -> list[Timed]:
    return [(time, fact) for fact in facts]


def failed(run: str, final: bool) -> RunFailed:
    return RunFailed(RunId(run), "train", "", "", 1, final)


def five_batches(last: str) -> list[Timed]:
    """Four batches of nine a and one b, then one of these labels."""
    facts: list[Fact] = []
    for i, labels in enumerate(["aaaaaaaaab"] * 4 + [last]):
        facts += [released(f"{i}", len(labels)), *(label(f"{i}", j, said) for j, said in enumerate(labels))]
        facts.append(settled(f"{i}"))
    return at(0.0, *facts)


TEAM_OF_TWO = [(0.0, TeamMeasured(2, 0, 0))]


@pytest.mark.parametrize(
    ("facts", "now", "expected"),
    [
        ([], 5.0, {"queue.depth": 0, "queue.age_p95": 0, "queue.in_flight": 0, "answers.total": 0}),
        (
            at(0.0, released("a", 4)) + at(5.0, answer("a", 0), answer("a", 0), answer("a", 1, draft=True)),
            9.0,
            {"queue.depth": 3, "queue.age_p95": 9.0, "queue.in_flight": 1, "answers.total": 2},
        ),
        (
            at(0.0, released("a", 2, needed=2), answer("a", 0), answer("a", 1), answer("a", 1, who="bob")),
            9.0,
            {"queue.depth": 1, "backlog.depth": 3},
        ),
        (
            at(0.0, released("a", 3)) + at(90.0, released("b", 97)),
            100.0,
            {"queue.depth": 100, "queue.age_p95": 10.0, "queue.in_flight": 2},
        ),
        (
            at(0.0, released("a", 2), answer("a", 0), settled("a", 77.0)),
            9.0,
            {"queue.depth": 0, "queue.in_flight": 0, "cycle.seconds": 77.0},
        ),
    ],
    ids=[
        "nothing happened",
        "an answer twice is one, a draft none",
        "an item waits until it has all its answers",
        "most items are young",
        "what a settled batch lacked is not waited for",
    ],
)
def test_the_queue_is_what_is_out_and_lacks_an_answer(
    facts: list[Timed], now: float, expected: dict[str, float]
) -> None:
    signals = read(facts, now)
    assert {name: signals[name] for name in expected} == expected


def test_idle_time_is_a_share_of_the_last_hour_weighted_by_time() -> None:
    facts = at(0.0, TeamMeasured(4, 4, 0)) + at(2 * HOUR, TeamMeasured(4, 0, 9))
    assert read(facts, 2.25 * HOUR)["annotators.idle"] == pytest.approx(0.75)
    assert read(facts, 3 * HOUR)["annotators.idle"] == 0.0
    assert read(facts, 9 * HOUR)["annotators.active"] == 4


def test_a_team_that_is_not_on_shift_has_no_idle_share() -> None:
    assert read(at(0.0, TeamMeasured(0, 0, 0)), HOUR)["annotators.idle"] is None


def test_a_batch_for_one_training_is_what_the_team_answers_meanwhile() -> None:
    answers: list[Timed] = [(HOUR * i / 100, answer("x", i)) for i in range(1, 101)]
    training = at(HOUR, began("t"), RunEnded(RunId("t"), "train", 2 * HOUR))
    signals = read([*TEAM_OF_TWO, *answers, *training], HOUR)
    assert signals["annotators.throughput"] == pytest.approx(100)
    assert signals["batch.suggested"] == pytest.approx(200)
    twice = read([*TEAM_OF_TWO, *answers, *training], HOUR, label__answers_needed=2)
    assert twice["batch.suggested"] == pytest.approx(100)


def test_a_team_that_waited_for_work_is_as_fast_as_while_it_had_some() -> None:
    idle = at(0.0, TeamMeasured(2, 2, 0)) + at(HOUR / 2, TeamMeasured(2, 0, 0))
    answers: list[Timed] = [(HOUR / 2 + 18.0 * i, answer("x", i)) for i in range(1, 101)]
    assert read([*idle, *answers], HOUR)["annotators.throughput"] == pytest.approx(200)


@pytest.mark.parametrize(
    ("waiting", "train", "load"),
    [(0, None, 0.0), (50, None, 0.5), (150, None, 1.5), (150, 3 * HOUR, 0.5), (150, 60.0, 1.5)],
    ids=["nothing waits", "half an hour of work", "too much", "a long training", "a short training"],
)
def test_load_is_the_work_that_waits_against_an_hour_or_a_training(
    waiting: int, train: float | None, load: float
) -> None:
    answers: list[Timed] = [(HOUR * i / 100, answer("x", i)) for i in range(1, 101)]
    training = [] if train is None else at(HOUR, RunEnded(RunId("t"), "train", train))
    signals = read([*TEAM_OF_TWO, *answers, *training, *at(HOUR, released("b", waiting))], HOUR)
    assert signals["annotators.load"] == pytest.approx(load)


def test_nobody_knows_the_load_of_a_team_that_was_never_seen_at_work() -> None:
    assert read([*TEAM_OF_TWO, *at(0.0, released("b", 9))], 1.0)["annotators.load"] is None


@pytest.mark.parametrize(
    ("ending", "since"),
    [([], 1), ([RunEnded(RunId("t"), "train", 9.0)], 1), ([failed("t", True)], 3), ([failed("t", False)], 1)],
    ids=["under way", "ended", "failed for good", "failed and tried again"],
)
def test_answers_count_since_the_last_training_began(ending: list[Fact], since: int) -> None:
    facts = at(0.0, answer("a", 0), answer("a", 1), began("t"), answer("a", 2), *ending)
    assert read(facts, 1.0)["answers.since_train"] == since


def test_an_item_of_an_open_batch_is_labelled_once_and_natural_labels_count() -> None:
    facts = at(0.0, released("a", 2), label("a", 0), label("a", 0), LabelsKnown(NO, 5, 0))
    assert read(facts, 1.0)["labels.total"] == 6


def test_the_age_of_labels_is_from_release_to_settled_also_when_they_come_late() -> None:
    facts = at(0.0, released("a", 2)) + at(10.0, label("a", 0), settled("a")) + at(70.0, label("a", 1))
    assert read(facts, 99.0)["labels.age_p95"] == 70.0


@pytest.mark.parametrize(
    ("facts", "shift"),
    [(five_batches("aaaaaaaaab"), 0.0), (five_batches("aaaaaaabbb"), 0.2), (five_batches("aaaaaaaaac"), 0.1)],
    ids=["the same mix", "more of one class", "a class that was not there"],
)
def test_a_shift_of_labels_is_seen_over_five_batches(facts: list[Timed], shift: float) -> None:
    assert read(facts, 1.0)["labels.shift"] == shift
    assert read(facts[:-1], 1.0)["labels.shift"] is None


def test_disagreement_is_what_is_missing_to_agreement() -> None:
    facts = at(0.0, label("a", 0, agreed=1.0), label("a", 1, agreed=0.5))
    assert read(facts, 1.0)["labels.disagreement"] == 0.25


def test_the_budget_counts_what_was_asked_for_and_is_in_flight() -> None:
    arrived = ItemsArrived(NO, 1000, 0.0, 0.0, 1000)
    facts = at(0.0, arrived, released("a", 30), released("b", 10, needed=2))
    assert read(facts, 1.0, Budget(share=0.1))["budget.left"] == 50
    assert read(facts, 1.0, Budget(labels=40))["budget.left"] == 0
    assert read(facts, 1.0)["budget.left"] is None


def test_the_backlog_is_what_was_captured_and_neither_settled_nor_parked() -> None:
    facts = [
        *at(0.0, answer("a", 0), answer("a", 0, "no"), answer("a", 1), answer("z", 0), answer("a", 2)),
        *at(30.0, label("a", 0, answers=[2])),
        *at(50.0, label("a", 1, answers=[3]), AnswerParked(Position(4), "item z-0 never arrived")),
    ]
    signals = read(facts, 60.0)
    expected = {
        "capture.count": 5,
        "integrate.count": 4,
        "backlog.depth": 1,
        "dlq.depth": 1,
        "integrate.latency_p95": 50.0,
        "integrate.last_success_age": 10.0,
    }
    assert {name: signals[name] for name in expected} == expected
    mended = read([*facts, *at(60.0, label("z", 0, answers=[4]))], 60.0)
    assert (mended["dlq.depth"], mended["integrate.count"]) == (0, 4)
    assert read(facts, 50.0 + HOUR)["integrate.latency_p95"] is None


def requeued(answer: int) -> LetterRequeued:
    return LetterRequeued(Position(answer), "", "", 1, "me", "mended")


def test_what_is_tried_once_more_waits_again_and_is_integrated_once() -> None:
    parked = at(
        0.0, answer("a", 0), answer("a", 1), AnswerParked(Position(1), ""), AnswerParked(Position(2), "")
    )
    again = [*parked, *at(500.0, requeued(1))]
    signals = read(again, 500.0)
    assert (signals["backlog.depth"], signals["dlq.depth"], signals["integrate.count"]) == (1, 1, 2)
    done = read([*again, *at(540.0, label("a", 0, answers=[1]))], 540.0)
    assert (done["backlog.depth"], done["dlq.depth"], done["integrate.count"]) == (0, 1, 2)
    # Not the time for which it lay there until a person came.
    assert done["integrate.latency_p95"] == 40.0


def test_an_answer_that_was_given_up_is_a_dead_letter_until_it_is_tried_again_or_settled() -> None:
    facts = at(0.0, answer("a", 0), answer("a", 1), AnswerGivenUp(Position(1), "ValueError", "poison", 3))
    signals = read(facts, 9.0)
    assert (signals["backlog.depth"], signals["dlq.depth"], signals["integrate.count"]) == (1, 1, 1)
    again = read([*facts, *at(10.0, requeued(1))], 10.0)
    assert (again["backlog.depth"], again["dlq.depth"]) == (2, 0)
    settled = read([*facts, *at(10.0, label("a", 0, answers=[1]))], 10.0)
    assert (settled["backlog.depth"], settled["dlq.depth"]) == (1, 0)


def test_what_was_erased_neither_waits_nor_lies_apart_and_is_not_counted() -> None:
    facts = at(0.0, answer("a", 0), answer("a", 1), AnswerParked(Position(1), ""), answer("b", 0, who="bob"))
    signals = read(
        [*facts, *at(1.0, BodyErased((Position(1), Position(2), Position(3)), "annotator", "", ""))], 1.0
    )
    expected = {
        "backlog.depth": 1,
        "dlq.depth": 0,
        "capture.count": 1,
        "integrate.count": 0,
        "answers.total": 1,
    }
    assert {name: signals[name] for name in expected} == expected


def test_an_answer_whose_label_was_erased_waits_from_when_it_is_looked_at_again() -> None:
    facts = [*at(0.0, answer("a", 0)), *at(900.0, requeued(1)), *at(930.0, label("a", 0, answers=[1]))]
    signals = read(facts, 930.0)
    assert (signals["integrate.latency_p95"], signals["integrate.count"]) == (30.0, 1)


COUNTS = (
    *("capture.count", "integrate.count", "backlog.depth", "dlq.depth"),
    *("answers.total", "answers.since_train", "labels.total"),
)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 80), st.sets(st.integers(0, 79)), st.booleans())
def test_a_process_that_began_before_an_erasure_counts_what_one_counts_that_begins_after_it(
    seed: int, length: int, erased: set[int], failed: bool
) -> None:
    facts = [Recorded(Position(seq), *each) for seq, each in enumerate(history(seed, length), start=1)]
    if failed:
        again: list[Fact] = [began("late"), RunFailed(RunId("late"), "train", "", "", 3, True)]
        facts += [
            Recorded(Position(len(facts) + 1 + of), facts[-1].at, each) for of, each in enumerate(again)
        ]
    items = {f"{place // 10}-{place % 10}" for place in erased}
    said = {each.seq for each in facts if getattr(each.fact, "item", None) in items}
    gone = [each.seq for each in facts if each.seq in said or getattr(each.fact, "answer", None) in said]
    before, after = counted(facts, gone)
    assert before == after


def counted(
    facts: Sequence[Recorded], gone: Sequence[Position], *then: Fact
) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """The counts of two processes: one saw what was erased, and then its end; the other never did."""
    before, after = Gauges(), Gauges()
    for each in facts:
        before.observe(each)
        if each.seq not in gone:
            after.observe(each)
    for seq, fact in enumerate((BodyErased(tuple(gone), "item", "me", "case 7"), *then), len(facts) + 1):
        for gauges in (before, after):
            gauges.observe(Recorded(Position(seq), facts[-1].at, fact))
    one, other = (gauges.read(KnobState(), facts[-1].at).values for gauges in (before, after))
    return {name: one[name] for name in COUNTS}, {name: other[name] for name in COUNTS}


def test_a_label_that_is_settled_anew_after_an_erasure_counts_once_in_every_process() -> None:
    said: list[Fact] = [released("a", 2, needed=2), answer("a", 0), answer("a", 0, who="bob")]
    facts = [
        Recorded(Position(seq), 0.0, each)
        for seq, each in enumerate([*said, label("a", 0, answers=[2, 3])], 1)
    ]
    before, after = counted(facts, [Position(2), Position(4)], label("a", 0, answers=[3]))
    assert before == after and before["labels.total"] == 1


def test_a_label_that_is_erased_with_its_end_is_counted_by_nobody() -> None:
    ended = LabelWithdrawn(ItemId("a-0"), "yes", Position(2), (Position(1),), "withdrawn")
    said: list[Fact] = [answer("a", 0), label("a", 0, answers=[1]), ended]
    facts = [Recorded(Position(seq), 0.0, each) for seq, each in enumerate(said, 1)]
    before, after = counted(facts, [each.seq for each in facts])
    assert before == after and before["labels.total"] == 0


def test_what_was_taken_back_or_dropped_waits_for_nothing() -> None:
    given_up = LetterDropped(Position(1), "", "", 3, "me", "of no use")
    never = at(0.0, answer("a", 0), answer("a", 1), answer("a", 1, "", withdrawn=True), given_up)
    signals = read(never, 9.0)
    assert (signals["backlog.depth"], signals["capture.count"], signals["integrate.count"]) == (0, 3, 3)
    others = at(0.0, answer("a", 0), answer("a", 0, "", who="bob", withdrawn=True))
    assert read(others, 9.0)["backlog.depth"] == 1, "ana's answer waits still"


def test_what_was_superseded_is_no_dead_letter_any_more() -> None:
    facts = at(0.0, answer("a", 0), answer("a", 0), AnswerParked(Position(1), ""))
    settled_by = LabelSettled(
        ItemId("a-0"), "yes", (Position(2),), "majority", None, 1.0, superseded=(Position(1),)
    )
    assert read([*facts, *at(1.0, settled_by)], 2.0)["dlq.depth"] == 0


def test_a_label_that_is_taken_back_is_none_of_the_labels_and_its_item_is_in_the_queue_again() -> None:
    facts = at(0.0, released("a", 2, needed=2), answer("a", 0), label("a", 0, answers=[2]), label("a", 1))
    assert read(facts, 1.0)["labels.total"] == 2
    ended = LabelWithdrawn(ItemId("a-0"), "yes", Position(3), (Position(2),), "withdrawn", BatchId("a"))
    signals = read([*facts, *at(1.0, ended)], 1.0)
    assert (signals["labels.total"], signals["queue.depth"]) == (1, 1)
    shares = five_batches("aaaaabbbbb")
    taken = LabelWithdrawn(ItemId("4-9"), "b", Position(1), (), "withdrawn", BatchId("4"))
    assert read(shares, 1.0)["labels.shift"] == 0.4
    less = read([*shares[:-1], *at(0.0, taken), shares[-1]], 1.0)["labels.shift"]
    assert less is not None and less < 0.4


def test_gauges_that_begin_anew_after_a_restart_say_what_those_before_it_said() -> None:
    facts = history(seed=3, length=60)
    whole, moment = Gauges(), facts[-1][0] + 60.0
    for seq, (time, fact) in enumerate(facts, start=1):
        whole.observe(Recorded(Position(seq), time, fact))
        whole.read(KnobState(), time)
    assert whole.read(KnobState(), moment).values == read(facts, moment)
    assert whole.read(KnobState(), moment).values["integrate.latency_p95"] is not None


def test_scores_are_as_old_as_the_cycles_between_the_trainings_of_two_models() -> None:
    one = at(0.0, began("t1"), trained(1, "t1"), promoted(1), released("a", 1, model=1))
    assert read(one, 1.0)["score.model_lag"] == 0
    more: list[Fact] = [settled("x"), settled("y"), began("t2"), settled("z"), trained(2, "t2")]
    assert read([*one, *at(1.0, *more)], 1.0)["score.model_lag"] == 0
    assert read([*one, *at(1.0, *more, promoted(2))], 1.0)["score.model_lag"] == 2
    after: list[Fact] = [*more, promoted(2), released("b", 1, model=2), settled("a")]
    assert read([*one, *at(1.0, *after)], 1.0)["score.model_lag"] == 0
    assert read([*one, *at(1.0, *after, settled("b"))], 1.0)["score.model_lag"] == 0


def test_a_batch_chosen_without_a_model_has_no_old_scores() -> None:
    assert read(at(0.0, trained(1), promoted(1), released("a", 1)), 1.0)["score.model_lag"] is None


def test_a_models_age_counts_from_its_training_and_not_from_its_promotion() -> None:
    facts = [*at(0.0, trained(1)), *at(50.0, promoted(1)), *at(70.0, trained(2))]
    assert read(facts, 100.0)["model.age"] == 100.0


def test_confidence_is_that_of_the_pool_and_speed_that_of_any_pass() -> None:
    facts = at(0.0, scored(100, 5.0, 0.8), scored(10, 1.0, 0.6, "arrivals"), scored(0, 1.0, 0.1))
    signals = read(facts, 1.0)
    expected = {"model.confidence": 0.8, "score.seconds_per_item": 0.1, "score.rows_per_s": 10.0}
    assert {name: signals[name] for name in expected} == expected


def test_quality_and_drift_are_as_last_measured_and_drift_grows_old() -> None:
    quality = QualityMeasured(None, 99, 9, {"val.ap": (0.7, 0.6, 0.8), "val.ece": (float("nan"), 0.0, 1.0)})
    facts = at(0.0, quality, DriftMeasured(0.3, 0.5, None, True, 0.1))
    signals = read(facts, HOUR)
    assert (signals["val.ap"], signals["val.auc"], signals["val.ece"]) == (0.7, None, None)
    drift = [signals[name] for name in ("drift.share", "drift.error", "drift.error.changed")]
    assert drift == [0.3, None, 1.0]
    assert read(facts, 30 * 24 * HOUR)["drift.share"] is None


def test_each_annotators_time_is_the_median_of_their_newest_answers() -> None:
    gauges = Gauges()
    for seq, seconds in enumerate([5.0, 7.0, 90.0, None], start=1):
        gauges.observe(Recorded(Position(seq), 0.0, answer("a", seq, seconds=seconds)))
    gauges.observe(Recorded(Position(9), 0.0, answer("a", 9, who="bob")))
    each = gauges.read(KnobState(), 1.0).each
    assert each == {"ana": {"annotator.seconds_p50": 7.0}, "bob": {"annotator.seconds_p50": None}}


def test_every_signal_with_a_source_is_read_and_no_other() -> None:
    gauges = Gauges()
    gauges.observe(Recorded(Position(1), 0.0, answer("a", 0)))
    snapshot = gauges.read(KnobState(), 1.0)
    loop = {name for name, signal in SIGNALS.items() if signal.source and signal.per is None}
    each = {name for name, signal in SIGNALS.items() if signal.source and signal.per == "annotator"}
    assert set(snapshot.values) == loop
    assert set(snapshot.each["ana"]) == each


def history(seed: int, length: int) -> list[Timed]:
    """A made-up loop: batches out, answered, settled, parked, models trained."""
    chance = random.Random(seed)
    facts: list[Timed] = []
    for i in range(length):
        batch, now = f"{i // 10}", i * 60.0
        if i % 10 == 0:
            facts += at(now, released(batch, 10, model=i // 20))
        if i % 20 == 0:
            facts += at(now, began(f"t{i}"), trained(i // 20, f"t{i}"), promoted(i // 20))
        facts += at(now + 5, TeamMeasured(3, chance.randint(0, 3), 0), scored(9, 1.0, chance.random()))
        facts += at(now + 10, answer(batch, i % 10, chance.choice("ab"), seconds=chance.random()))
        said = len(facts)
        if chance.random() < 0.8:
            facts += at(now + 10 + 9 * chance.random(), label(batch, i % 10, chance.choice("ab"), [said]))
        elif chance.random() < 0.5:
            facts += at(now + 20, AnswerParked(Position(said), "not a label"))
        if i % 10 == 9:
            facts += at(now + 30, settled(batch, 600.0))
    return facts


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 120))
def test_the_same_facts_give_the_same_readings_within_their_ranges(seed: int, length: int) -> None:
    facts = history(seed, length)
    signals = read(facts, length * 60.0)
    assert signals == read(facts, length * 60.0)
    for name, value in signals.items():
        low, high = SIGNALS[name].low, SIGNALS[name].high
        assert value is None or ((low is None or value >= low) and (high is None or value <= high)), name


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32), st.floats(0, 100 * 60.0))
def test_reading_in_between_changes_nothing(seed: int, moment: float) -> None:
    facts = history(seed, 100)
    asked, gauges = KnobState(), Gauges()
    for seq, (time, fact) in enumerate(facts, start=1):
        if facts[seq - 2][0] <= moment < time:
            gauges.read(asked, moment)
        gauges.observe(Recorded(Position(seq), time, fact))
    assert dict(gauges.read(asked, 6000.0).values) == read(facts, 6000.0)
