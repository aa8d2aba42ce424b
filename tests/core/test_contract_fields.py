"""What is right and wrong with the values of a contract's fields."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contracts_of import fields

from flyball.core.labels.contract_codes import REFUSALS
from flyball.core.labels.contract_fields import EXACT, TYPES, Field, refusals, same

BOX = {"x": 10, "y": 10.5, "width": 80, "height": 20}
SPAN = {"start": 2, "end": 4}


def _codes(field: Field, value: Any) -> list[str]:
    return [each.code for each in refusals(field, value)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (Field("f", "text"), ""),
        (Field("f", "text", high=2.0), "ab"),
        (Field("f", "word", words=("é",)), "e\u0301"),
        (Field("f", "number"), 3),
        (Field("f", "number"), -0.0),
        (Field("f", "number", low=0.0, high=1.0), 1),
        (Field("f", "whole"), 3.0),
        (Field("f", "whole"), EXACT),
        (Field("f", "flag"), False),
        (Field("f", "time"), "2026-11-20T09:30:00+01:00"),
        (Field("f", "time"), 1.7e9),
        (Field("f", "box"), BOX),
        (Field("f", "box"), BOX | {"x": 20, "width": 80.0000001}),
        (Field("f", "box", high=4000.0), BOX | {"width": 3000}),
        (Field("f", "span"), SPAN | {"text": "ab"}),
        (Field("f", "span", unit="utf-16"), SPAN | {"text": "\U0001f600", "unit": "utf-16"}),
        (Field("f", "number", null=True), None),
        (Field("f", "number", many=True), []),
        (Field("f", "number", many=True, least=1, most=2), (1, 2)),
    ],
)
def test_what_is_right_is_taken(field: Field, value: Any) -> None:
    assert _codes(field, value) == []


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        *((Field("f", type_), None, "null") for type_ in TYPES),
        (Field("f", "number", many=True, null=False), [None], "wrong-type"),
        (Field("f", "text"), 3, "wrong-type"),
        (Field("f", "text", high=2.0), "abc", "out-of-range"),
        (Field("f", "word", words=("a",)), "A", "not-a-word"),
        (Field("f", "word", words=("a",)), 1, "wrong-type"),
        (Field("f", "number"), "3", "wrong-type"),
        (Field("f", "number"), True, "wrong-type"),
        (Field("f", "number"), math.nan, "bad-number"),
        (Field("f", "number"), math.inf, "bad-number"),
        (Field("f", "number", low=0.0), -0.1, "out-of-range"),
        (Field("f", "whole"), 3.5, "wrong-type"),
        (Field("f", "whole"), 2**64, "bad-number"),
        (Field("f", "flag"), 1, "wrong-type"),
        (Field("f", "flag"), "true", "wrong-type"),
        (Field("f", "time"), "2026-11-20T09:30:00", "wrong-type"),
        (Field("f", "time"), "yesterday", "wrong-type"),
        (Field("f", "time"), math.nan, "wrong-type"),
        (Field("f", "time"), -5, "out-of-range"),
        (Field("f", "time"), 1e15, "out-of-range"),
        (Field("f", "box"), [10, 10, 80, 20], "cardinality"),
        (Field("f", "box"), BOX | {"x": None}, "bad-box"),
        (Field("f", "box"), {"x": 1, "y": 1, "width": 5}, "bad-box"),
        (Field("f", "box"), BOX | {"x": -1}, "bad-box"),
        (Field("f", "box"), BOX | {"width": 0}, "bad-box"),
        (Field("f", "box"), BOX | {"width": 95}, "bad-box"),
        (Field("f", "span"), {"start": 4, "end": 4}, "bad-span"),
        (Field("f", "span"), {"start": "2", "end": 4}, "bad-span"),
        (Field("f", "span"), SPAN | {"unit": "bytes"}, "span-unit"),
        (Field("f", "span"), SPAN | {"text": "\U0001f600"}, "span-unit"),
        (Field("f", "number"), [1], "cardinality"),
        (Field("f", "number", many=True), 1, "cardinality"),
        (Field("f", "number", many=True, most=10_000), [1] * 10_001, "cardinality"),
        (Field("f", "number", many=True, least=1), [], "cardinality"),
    ],
)
def test_what_is_wrong_is_refused_with_its_code(field: Field, value: Any, code: str) -> None:
    assert _codes(field, value) == [code]
    assert code in REFUSALS


def test_every_wrong_coordinate_and_value_is_told_with_its_path() -> None:
    many = Field("boxes", "box", many=True)
    found = list(refusals(many, [BOX, {"x": 1, "y": None, "width": 5}]))
    assert [each.field for each in found] == ["boxes[1].y", "boxes[1].height"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(fields("f"), anything)
def test_whatever_is_sent_is_taken_or_refused_in_a_sentence_and_never_fails(field: Field, value: Any) -> None:
    for each in refusals(field, value):
        assert each.code in REFUSALS and each.sentence and len(each.sentence) < 400


@settings(max_examples=60, deadline=None)
@given(anything)
def test_a_value_is_the_same_as_itself_but_for_what_is_no_number(value: Any) -> None:
    assert same(value, value) or "nan" in repr(value)
