"""The catalogues of knobs and actions."""

from __future__ import annotations

import pytest

from flyball.core.control import fault
from flyball.core.knobs import ACTIONS, KNOBS, Knob

#: What rules and pages are promised.
PROMISED = [
    "loop.architecture",
    "batch.size",
    "sampler.name",
    "sampler.diversity",
    "sampler.reserve",
    "release.every",
    "release.max_open",
    "release.paused",
    "train.trigger",
    "train.every_labels",
    "train.mode",
    "train.window_days",
    "drift.threshold",
    "label.answers_needed",
    "label.route_senior_below",
    "score.pool_share",
    "score.every",
    "score.paused",
    "integrate.every",
    "integrate.batch",
    "integrate.workers",
    "annotator.weight",
]

EACH = pytest.mark.parametrize("knob", KNOBS.values(), ids=lambda knob: knob.name)


def test_every_knob_and_action_that_was_promised_is_listed() -> None:
    actions = {
        "retrain",
        "refresh",
        "rollback",
        "promote",
        "flag_annotator",
        "calibrate",
        "block_integration",
        "alert",
    }
    assert sorted(set(PROMISED) - set(KNOBS)) == []
    assert set(ACTIONS) == actions


@EACH
def test_a_knobs_default_and_safe_value_are_values_that_it_may_have(knob: Knob) -> None:
    assert fault(KNOBS, knob.name, knob.default) == ""
    if knob.safe is not None:
        assert fault(KNOBS, knob.name, knob.safe) == ""


@EACH
def test_a_knob_says_what_it_can_be(knob: Knob) -> None:
    assert knob.meaning.endswith(".")
    assert bool(knob.words) == (knob.kind == "word")
    assert (knob.low is not None and knob.high is not None) == (knob.kind in ("number", "integer"))
    assert bool(knob.unit) == (knob.kind in ("number", "integer"))


def test_the_architecture_and_pauses_are_for_people() -> None:
    assert {knob.name for knob in KNOBS.values() if knob.who == "people"} == {
        "loop.architecture",
        "rule.paused",
    }
