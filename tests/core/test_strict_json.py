"""Strict reading: whatever is JSON and harmless is read as it is, with its bytes; the rest is refused."""

from __future__ import annotations

import json
import math
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.core.strict_json import DEEPEST, LARGEST, BadJson, Flaw, Reader, lines, pointer

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-LARGEST, LARGEST)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)


@given(VALUES, st.booleans(), st.sampled_from([None, 0, 3]))
def test_what_is_harmless_is_read_as_it_is_with_its_bytes(value: Any, escaped: bool, indent: Any) -> None:
    raw = json.dumps(value, ensure_ascii=escaped, indent=indent).encode()
    read = Reader().one(b"\n " + raw + b"\t\r\n")
    assert (read.value, read.raw, read.flaws) == (value, raw, ())


@given(st.lists(VALUES, max_size=6), st.text(" \t\r\n", max_size=3))
def test_an_array_is_its_elements_byte_for_byte(values: list[Any], space: str) -> None:
    parts = [json.dumps(value).encode() for value in values]
    gap = space.encode()
    body = gap + b"[" + gap + (gap + b"," + gap).join(parts) + gap + b"]" + gap
    assert [(read.value, read.raw) for read in Reader().elements(body)] == list(
        zip(values, parts, strict=True)
    )


@settings(max_examples=300)
@given(st.binary(max_size=60) | st.text('{}[]",:0eE+-.aN\\u\n ', max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused_and_what_is_read_python_reads_alike(body: bytes) -> None:
    try:
        read = Reader().one(body)
    except BadJson as error:
        assert error.flaw.code and error.flaw.message
        return
    if not read.flaws:
        assert read.raw == body.strip(b" \t\r\n")
        assert read.value == json.loads(body)


def _flaws(text: str) -> set[tuple[str, str]]:
    return {(flaw.code, flaw.where) for flaw in Reader().one(text.encode("utf-8", "surrogatepass")).flaws}


def test_every_flaw_is_told_at_its_place() -> None:
    text = r'{"a": [1, NaN, {"b": 1e999}], "a": 9007199254740993, "c\ud800": "\u0000", "d/~": -Infinity}'
    assert _flaws(text) == {
        ("duplicate_key", "/a"),
        ("bad_number", "/a/1"),
        ("bad_number", "/a/2/b"),
        ("bad_number", "/a"),
        ("lone_surrogate", "/c\ufffd"),
        ("nul", "/c\ufffd"),
        ("bad_number", "/d~1~0"),
    }


def test_numbers_are_exact_and_finite_or_refused() -> None:
    for text in (str(LARGEST), str(-LARGEST), "-0", "1e308", "-1E-400", "5e-324", "0.1"):
        read = Reader().one(text.encode())
        assert not read.flaws and math.isfinite(read.value), text
    for text in (str(LARGEST + 1), str(-LARGEST - 1), "1e309", "-1e999", "9" * 5000, "1" + "0" * 400 + ".0"):
        assert _flaws(text) == {("bad_number", "")}, text[:20]


def test_the_depth_that_is_read_does_not_depend_on_who_calls() -> None:
    def deep(levels: int) -> set[str]:
        try:
            return {flaw.code for flaw in Reader().one(b"[" * levels + b"]" * levels).flaws}
        except BadJson as error:
            return {error.flaw.code}

    def called(times: int, levels: int) -> set[str]:
        return deep(levels) if times == 0 else called(times - 1, levels)

    assert deep(DEEPEST) == called(500, DEEPEST) == set()
    for levels in (DEEPEST + 1, 900, 100_000):
        assert deep(levels) == called(500, levels) == {"too_deep"}
    assert sys.getrecursionlimit() >= 1000


def test_brackets_in_texts_are_no_depth() -> None:
    read = Reader().one(json.dumps({"a": "[" * 500, "b": [{}] * 300}).encode())
    assert read.flaws == ()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xef\xbb\xbf{}", "byte_order_mark"),
        (b'"\xed\xa0\x80"', "not_utf8"),
        (b"{} {}", "trailing_bytes"),
        (b'{"a":}', "not_json"),
        (b'"\x00"', "not_json"),
    ],
)
def test_what_cannot_be_read_at_all_has_a_code(body: bytes, code: str) -> None:
    with pytest.raises(BadJson) as refused:
        Reader().one(body)
    assert refused.value.flaw.code == code
    assert [flaw.code for flaw in Reader().line(body).flaws] == [code]


def test_where_a_text_is_broken_is_told_by_line_and_column() -> None:
    with pytest.raises(BadJson, match="line 3, column 8"):
        Reader().one(b'{\n  "a": 1,\n  "b": ,\n}')


def test_an_array_that_breaks_off_gives_what_stood_before_and_then_says_so() -> None:
    reading = Reader().elements(b"[1, 2, }")
    assert [next(reading).value, next(reading).value] == [1, 2]
    with pytest.raises(BadJson, match="line 1, column 8"):
        next(reading)


def test_lines_have_their_numbers_and_empty_ones_are_none() -> None:
    assert list(lines(b'1\n\n \r\n{"a":2}\r\n3')) == [(1, b"1"), (4, b'{"a":2}\r'), (5, b"3")]


def test_a_place_is_told_without_what_could_harm_a_terminal() -> None:
    assert pointer("a\x1b[31m", "b\0", 3) == "/a\ufffd[31m/b\ufffd/3"
    assert Flaw("code", "message", "/b").at("/0").where == "/0/b"
