"""The knobs in force, layer by layer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.core.control import SAFE, KnobState, Target, fault
from flyball.core.facts import KnobTurned
from flyball.core.knobs import KNOBS, Value
from flyball.errors import BadUsage, NotFound


def turned(layer: str, to: Value | None, **more: Any) -> KnobTurned:
    knob = more.pop("knob", "batch.size")
    return KnobTurned(knob, layer, to, f"because {layer}", layer.partition(":")[2] or "a rule", **more)


def after(*facts: KnobTurned, **values: Value) -> KnobState:
    state = KnobState.start(values)
    for fact in facts:
        state = state.evolve(fact)
    return state


@pytest.mark.parametrize(
    ("facts", "value"),
    [
        ([], 100),
        ([turned("base", 200)], 200),
        ([turned("base", 200), turned("base", 300)], 300),
        ([turned("base", 200), turned("hold:a", 50)], 50),
        ([turned("hold:a", 50, priority=1), turned("hold:b", 60, priority=9)], 60),
        ([turned("hold:b", 60, priority=9), turned("hold:a", 50, priority=1)], 60),
        ([turned("hold:a", 50, priority=5), turned("hold:b", 60, priority=5)], 50),
        ([turned("hold:a", 50), turned("base", 200), turned("hold:a", None)], 200),
        ([turned("person:ana", 300), turned("hold:a", 50, priority=99)], 300),
        ([turned("person:ana", 300), turned("person:bob", 400)], 400),
        ([turned("person:ana", 300), turned("person:bob", 400), turned("person:ana", 310)], 310),
        ([turned("hold:a", 50), turned("person:ana", 300), turned("person:ana", None)], 50),
        ([turned("person:ana", 300, until=10.0), turned("base", 200)], 200),
        ([turned("person:ana", 300, until=10.5), turned("base", 200)], 300),
        ([turned("hold:a", 50, priority=99), turned(SAFE, 70)], 70),
    ],
    ids=[
        "the default",
        "a base",
        "the newest base",
        "a hold lies above the base",
        "the hold of highest priority",
        "in whatever order they came",
        "of equal holds the one put on first",
        "what is written beneath a hold counts when it is taken off",
        "a person lies above every hold",
        "of two people the one who spoke last",
        "also when they spoke before",
        "a person lets go and the hold counts",
        "an override ends at its time",
        "and not before",
        "a safe value lies above every rule",
    ],
)
def test_the_highest_layer_is_in_force(facts: list[KnobTurned], value: Value) -> None:
    assert after(*facts).value("batch.size", now=10.0) == value


def test_settings_replace_the_catalogues_defaults() -> None:
    assert KnobState.start({"batch.size": 250}).value("batch.size", 0.0) == 250
    assert KnobState.start({"batch.size": 250}).values(0.0)["sampler.name"] == "entropy"


def test_an_annotators_own_layer_goes_before_that_of_all() -> None:
    state = after(
        turned("base", 0.8, knob="annotator.weight"),
        turned("base", 0.5, knob="annotator.weight", about="ana"),
    )
    weights = [state.value("annotator.weight", 0.0, who) for who in ("ana", "bob", None)]
    assert weights == [0.5, 0.8, 0.8]


def test_every_layer_is_explained_the_one_in_force_first() -> None:
    state = after(
        turned("base", 200),
        turned("hold:a", 50, priority=90),
        turned("hold:b", 60, priority=10),
        turned("person:ana", 300, until=10.0),
    )
    layers = state.layers("batch.size", now=10.0)
    assert [(each.name, each.value, each.in_force) for each in layers] == [
        ("hold:a", 50, True),
        ("hold:b", 60, False),
        ("base", 200, False),
        ("default", 100, False),
    ]
    assert (layers[0].because, layers[0].by) == ("because hold:a", "a")
    assert [each.name for _, each in state.expired(10.0)] == ["person:ana"]


def test_a_knob_nobody_turned_has_its_default_in_force() -> None:
    (only,) = KnobState().layers("batch.size", 0.0)
    assert (only.name, only.value, only.in_force) == ("default", 100, True)


def test_all_settings_that_cannot_be_are_told_at_once() -> None:
    with pytest.raises(BadUsage) as told:
        KnobState.start({"batch.sise": 5, "batch.size": 5, "train.mode": "windo", "release.paused": 1})
    assert str(told.value).splitlines() == [
        "unknown knob `batch.sise`; did you mean `batch.size`?",
        "`batch.size` is 10 to 5000 items; 5 is not",
        "`train.mode` is one of full, window, recency; `windo` is not; did you mean `window`?",
        "`release.paused` is true or false; 1 is not",
    ]


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("batch.size", 12.5, "`batch.size` is whole numbers 10 to 5000 items; 12.5 is not"),
        ("batch.size", True, "`batch.size` is 10 to 5000 items; True is not"),
        ("batch.size", "many", "`batch.size` is 10 to 5000 items; 'many' is not"),
        ("batch.size", float("nan"), "`batch.size` is whole numbers 10 to 5000 items; nan is not"),
        ("sampler.reserve", 1.5, "`sampler.reserve` is 0 to 1; 1.5 is not"),
        ("batch.size", 200.0, ""),
        ("sampler.reserve", 1, ""),
    ],
    ids=[
        "a part of an item",
        "a flag",
        "a word",
        "not a number",
        "above its bounds",
        "whole",
        "at its bound",
    ],
)
def test_a_value_a_knob_cannot_have_is_told_in_a_sentence(name: str, value: object, complaint: str) -> None:
    assert fault(KNOBS, name, value) == complaint


def test_an_unknown_knob_is_told_with_the_near_word() -> None:
    with pytest.raises(NotFound, match=r"unknown knob `batch.siz`; did you mean `batch.size`"):
        KnobState().value("batch.siz", 0.0)


NAMES = st.sampled_from(["base", "hold:a", "hold:b", "person:ana", SAFE])
FACTS = st.lists(st.tuples(NAMES, st.integers(10, 99), st.integers(0, 3), st.sampled_from([None, 5.0, 50.0])))


@settings(deadline=None)
@given(FACTS)
def test_with_every_layer_but_the_base_taken_off_the_base_is_in_force(
    facts: list[tuple[str, int, int, float | None]],
) -> None:
    state = after(*(turned(layer, to, priority=rank, until=end) for layer, to, rank, end in facts))
    for name in ("hold:a", "hold:b", "person:ana", SAFE):
        state = state.evolve(turned(name, None))
    bases = [(to, end) for layer, to, _, end in facts if layer == "base"]
    expected = 100 if not bases or bases[-1][1] == 5.0 else bases[-1][0]
    assert state.value("batch.size", 10.0) == expected
    assert list(state.holds()) == []


@settings(deadline=None)
@given(FACTS)
def test_what_is_explained_is_what_is_in_force(facts: list[tuple[str, int, int, float | None]]) -> None:
    state = after(*(turned(layer, to, priority=rank, until=end) for layer, to, rank, end in facts))
    layers = state.layers("batch.size", 10.0)
    assert [each.in_force for each in layers] == [True] + [False] * (len(layers) - 1)
    assert layers[0].value == state.value("batch.size", 10.0)


@pytest.mark.parametrize(
    "target", [Target("batch.size"), Target("annotator.weight", "ana@team.example")], ids=str
)
def test_a_target_can_be_written_and_read(target: Target) -> None:
    assert Target.of(str(target)) == target
