"""Where a loop stands, as a fold of its facts."""

from __future__ import annotations

from dataclasses import replace

from tests.stores import released, settled

from flyball.core.facts import (
    ActionAsked,
    ActionRefused,
    Fact,
    LabelWithdrawn,
    ModelPromoted,
    ModelTrained,
    Recorded,
)
from flyball.core.ids import BatchId, Digest, ItemId, ModelVersion, Position, RunId
from flyball.core.loop import LoopState, fold
from flyball.core.loop_parts import JUDGED_KEPT

NONE = Digest("0" * 64)


def given(*facts: Fact) -> LoopState:
    return fold(Recorded(Position(seq), float(seq), fact) for seq, fact in enumerate(facts, start=1))


def trained(version: int) -> ModelTrained:
    run = RunId(f"train-{version}")
    return ModelTrained(
        ModelVersion(version), run, NONE, NONE, 60, Position(1), (), ("no", "yes"), {}, "", 1.0
    )


def promoted(version: int, before: int | None = None) -> ModelPromoted:
    return ModelPromoted(ModelVersion(version), None if before is None else ModelVersion(before), "", False)


def test_a_second_way_back_leads_further_back_and_never_to_the_model_just_left() -> None:
    up: list[Fact] = [trained(1), promoted(1), trained(2), promoted(2, 1), trained(3), promoted(3, 2)]
    once = given(*up, promoted(2, 3))
    assert (once.champion, once.past_champions) == (2, [1])
    twice = given(*up, promoted(2, 3), promoted(1, 2))
    assert (twice.champion, twice.past_champions) == (1, [])


def test_a_promotion_that_was_asked_for_is_not_kept_for_a_later_challenger() -> None:
    state = given(trained(1), promoted(1), ActionAsked("promote", "a-rule", "because"), trained(2))
    assert state.asked_for("promote") is None


def test_what_was_refused_is_not_asked_for_any_more() -> None:
    state = given(ActionAsked("rollback", "a-rule", "because"), ActionRefused("rollback", "nowhere to go"))
    assert state.asked_for("rollback") is None


SCORED = replace(
    released("b-1", ["i-0", "i-1"], ["i-1"]),
    model=ModelVersion(1),
    scores={"i-0": (0.9, 0.1), "i-1": (0.2, 0.8)},
)


def back(item: str, batch: str | None = "b-1") -> LabelWithdrawn:
    named = None if batch is None else BatchId(batch)
    return LabelWithdrawn(ItemId(item), "no", Position(2), (), "withdrawn", named)


def judged(state: LoopState) -> list[tuple[dict[str, str], ...]]:
    both = (state.judged.all, state.judged.reserve)
    return [tuple({str(each.item): each.label} for each in those.values()) for those in both]


def test_a_model_is_measured_on_the_label_that_an_item_has_now() -> None:
    first: list[Fact] = [SCORED, settled("i-0", "no", "b-1"), settled("i-1", "no", "b-1")]
    assert judged(given(*first)) == [({"i-0": "no"}, {"i-1": "no"}), ({"i-1": "no"},)]
    late = given(*first, settled("i-1", "yes"))
    assert judged(late) == [({"i-0": "no"}, {"i-1": "yes"}), ({"i-1": "yes"},)]
    ended = given(*first, back("i-1"))
    assert judged(ended) == [({"i-0": "no"},), ()]
    assert judged(given(*first, back("i-1"), settled("i-1", "yes", "b-1")))[1] == ({"i-1": "yes"},)


def test_a_label_that_is_taken_back_is_counted_no_more_and_its_item_waits_again() -> None:
    state = given(SCORED, settled("i-0", "no", "b-1"), settled("i-1", "yes", "b-1"), back("i-0"))
    assert (dict(state.classes), state.answered_labels, state.labels_at) == ({"yes": 1}, 1, 4)
    assert (state.open[BatchId("b-1")].unsettled, state.in_flight()) == ({"i-0"}, 1)
    assert given(SCORED, settled("i-0", "no", "b-1"), back("i-0", None)).in_flight() == 1


def test_an_item_is_counted_once_under_the_label_that_it_has_now() -> None:
    twice: list[Fact] = [SCORED, settled("i-0", "no", "b-1"), settled("i-0", "no", "b-1")]
    assert (dict(given(*twice).classes), given(*twice).answered_labels) == ({"no": 1}, 1)
    other = given(*twice, settled("i-0", "yes"), settled("i-1", "yes"))
    assert (dict(other.classes), other.answered_labels) == ({"yes": 2}, 2)
    ended = given(*twice, settled("i-0", "yes"), back("i-0"))
    assert (dict(ended.classes), ended.answered_labels) == ({}, 0)


def test_only_the_newest_labels_are_kept_to_measure_on() -> None:
    items = [f"i-{number}" for number in range(JUDGED_KEPT + 5)]
    scores = dict.fromkeys(items, (0.5, 0.5))
    many = replace(released("b-1", items), model=ModelVersion(1), scores=scores)
    state = given(many, *(settled(item, "no", "b-1") for item in items))
    assert list(state.judged.all) == items[5:]
