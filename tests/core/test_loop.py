"""Where a loop stands, as a fold of its facts."""

from __future__ import annotations

from flyball.core.facts import ActionAsked, ActionRefused, Fact, ModelPromoted, ModelTrained, Recorded
from flyball.core.ids import Digest, ModelVersion, Position, RunId
from flyball.core.loop import LoopState, fold

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
