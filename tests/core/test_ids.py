"""Canonical JSON: one form for each value, and nothing that another reader would not take."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.ids import canonical

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text("aä\n\u2028😀", max_size=3), inner),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_read_back_and_written_the_same(value: object) -> None:
    written = canonical(value)
    assert json.loads(written) == value
    assert canonical(json.loads(written)) == written
    assert written == json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode("utf-8")


def test_the_order_of_keys_does_not_show() -> None:
    assert canonical({"b": 1, "a": [{"d": 1, "c": 2}]}) == b'{"a":[{"c":2,"d":1}],"b":1}'


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_does_not_know_is_refused_wherever_it_stands(number: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical({"deep": [number]})


def test_what_is_no_plain_value_is_refused() -> None:
    with pytest.raises(TypeError, match="set"):
        canonical({"names": {"a"}})
