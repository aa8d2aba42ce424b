"""Rule files that mean harm, or that nobody wrote: refused, quickly, and with a reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.catalogue import CATALOGUE

from flyball.adapters.rule_file import read
from flyball.errors import BadFile

HEAD = b"version: 1\nevery: 30s\n"
BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (name + 1, name + 1, b", ".join([b"*%c" % name] * 9)) for name in range(97, 110)
)


#: A file that keeps the reader busy is as bad as one that kills it.
pytestmark = pytest.mark.timeout(30)


def refused(content: bytes) -> list[str]:
    with pytest.raises(BadFile) as caught:
        read(content, "hostile.yaml", CATALOGUE)
    return [problem.code for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(BOMB, "R005", id="aliases that stand for gigabytes"),
        pytest.param(b"a: &a [*a]\n", "R005", id="a list that holds itself"),
        pytest.param(
            b"x: !!python/object/apply:os.system ['true']\n", "R006", id="a tag that runs a command"
        ),
        pytest.param(b"x: !!binary aGVsbG8=\n", "R006", id="a tag that makes bytes"),
        pytest.param(b"x: " + b"y" * 10_000_000, "R001", id="ten megabytes"),
        pytest.param(HEAD + b"rules: \xff\xfe\n", "R002", id="bytes that are no UTF-8"),
        pytest.param(b"[" * 10_000, "R007", id="ten thousand lists within each other"),
        pytest.param(b"{a: " * 10_000, "R007", id="ten thousand mappings within each other"),
        pytest.param(b"? " * 10_000, "R007", id="keys of keys of keys"),
        pytest.param(b"- " * 10_000, "R007", id="lists begun on one line"),
        pytest.param(HEAD + b"rules: []\n--- {}\n" * 1000, "R004", id="a thousand documents"),
        pytest.param(b"- x\n" * 240_000, "R008", id="more parts than any rules have"),
        pytest.param(
            HEAD + b"rules:\n" + b"- {id: a}\n" * 1001, "R008", id="more rules than anybody oversees"
        ),
        pytest.param(HEAD + b"x: a\x00b\n", "R003", id="a zero byte"),
        pytest.param(b"", "R003", id="nothing"),
        pytest.param(b"\xef\xbb\xbf", "R003", id="a byte order mark and nothing"),
        pytest.param(b"%YAML 9.9\n---\n", "R003", id="a YAML of the future"),
        pytest.param(b"{a: b}: c\n", "R003", id="a mapping as a key"),
    ],
)
def test_it_is_refused_before_it_does_harm(content: bytes, code: str) -> None:
    assert code in refused(content)


def test_more_mistakes_than_anybody_reads_are_cut_off() -> None:
    rules = b"".join(b"- {id: r%d, because: so, when: quue.depth > 3, thn: {}}\n" % n for n in range(1000))
    codes = refused(HEAD + b"rules:\n" + rules)
    assert (len(codes), codes[-1]) == (101, "R009")


def test_a_condition_of_a_megabyte_is_refused() -> None:
    assert refused(HEAD + b"conditions: {a: " + b"(" * 900_000 + b"}\nrules: []\n") == ["R307"]


def test_a_reason_of_a_megabyte_is_refused() -> None:
    because = b"{queue.depth}" * 60_000
    assert "R307" in refused(
        HEAD + b"rules: [{id: a, because: '" + because + b"', when: a, then: {do: retrain}}]\n"
    )


def test_a_file_with_a_byte_order_mark_and_windows_lines_is_read_with_the_right_places() -> None:
    content = "\ufeffversion: 1\r\nevery: 30s\r\nconditions:\r\n  ä: quue.depth > 3\r\nrules: []\r\n".encode()
    with pytest.raises(BadFile) as caught:
        read(content, "windows.yaml", CATALOGUE)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column, problem.source) == (4, 6, "  ä: quue.depth > 3")


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: HEAD + text.encode()))
def test_whatever_the_bytes_there_are_rules_or_a_reason(content: bytes) -> None:
    try:
        read(content, "any.yaml", CATALOGUE)
    except BadFile as error:
        assert error.problems


@given(st.text(st.sampled_from("ab.(),-+*/<>=!&|'\"%0159 \n\t{}:ortnd"), max_size=60))
def test_whatever_a_condition_says_the_caret_stands_within_the_file(text: str) -> None:
    quoted = text.replace("'", "''")
    content = HEAD + f"conditions:\n  a: '{quoted}'\nrules: []\n".encode()
    try:
        read(content, "any.yaml", CATALOGUE)
    except BadFile as error:
        lines = content.decode().split("\n")
        for problem in error.problems:
            assert problem.source == lines[problem.line - 1]
            assert 1 <= problem.column <= len(problem.source) + 1
