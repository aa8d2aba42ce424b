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


def conditions(**texts: str) -> bytes:
    lines = "".join(f"  {name}: {text}\n" for name, text in texts.items())
    return HEAD + f"conditions:\n{lines}rules: []\n".encode()


def when(text: str) -> bytes:
    return HEAD + f"rules: [{{id: a, because: so, then: {{do: retrain}}, when: '{text}'}}]\n".encode()


def rule(line: str) -> bytes:
    head = HEAD + b"rules:\n  - id: a\n    because: so\n    when: queue.depth > 3\n    then: {do: retrain}\n"
    return head + f"    {line}\n".encode()


LONG = " and ".join(["queue.depth > 3"] * 50)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(when("(" * 100_000), "R307", id="a hundred thousand parentheses"),
        pytest.param(when("(" * 3_900), "R307", id="as many parentheses as a condition can have"),
        pytest.param(when("not " * 990 + "drift.changed"), "R307", id="a thousand nots"),
        pytest.param(when("-" * 3_900), "R307", id="four thousand signs"),
        pytest.param(when("<" * 3_900), "R301", id="four thousand comparisons with nothing"),
        pytest.param(when("1" * 3_900), "R203", id="a number of four thousand digits"),
        pytest.param(when("1_" * 1_900), "R203", id="a number of underscores"),
        pytest.param(when("1e" * 1_900), "R203", id="a number of exponents"),
        pytest.param(when("a." * 1_900), "R101", id="a name of dots"),
        pytest.param(when('"' + "a" * 3_900), "R301", id="a quote that never ends"),
        pytest.param(when("max(" + "1," * 1_900 + "1"), "R301", id="a call that never ends"),
        pytest.param(when("queue.depth > 1e999"), "R203", id="a number beyond all"),
        pytest.param(when("queue.depth > .nan"), "R301", id="no number"),
        pytest.param(when("queue.depth > .inf"), "R301", id="infinity"),
        pytest.param(when("queue.depth > 0x10"), "R203", id="a hexadecimal number"),
        pytest.param(when("queue.depth > 2026-01-02"), "R203", id="a date"),
        pytest.param(when("queue.depth > 010"), "R203", id="an octal number, or not"),
        pytest.param(when("queue.depth > \uff13"), "R301", id="a digit of another script"),
        pytest.param(when("queue.depth \u202e> 3"), "R301", id="a mark that turns the text round"),
        pytest.param(when("\U0001f388 > 3"), "R301", id="an emoji for a signal"),
        pytest.param(rule("priority: 0o17"), "R203", id="an octal priority"),
        pytest.param(rule("priority: 010"), "R203", id="a priority with a zero in front"),
        pytest.param(rule("priority: " + "9" * 5_000), "R203", id="a priority of five thousand digits"),
        pytest.param(rule("for: 1:30"), "R203", id="a time of day"),
        pytest.param(rule("for: " + "9" * 5_000 + "s"), "R203", id="longer than for ever"),
        pytest.param(rule("for: .nan"), "R203", id="a time that is no number"),
        pytest.param(rule("<<: {mode: shadow}"), "R105", id="a merge key"),
        pytest.param(rule("because: again"), "R010", id="a key twice"),
        pytest.param(HEAD + b"every: 30s\n" * 40_000, "R008", id="a key forty thousand times"),
        pytest.param(HEAD + b"k" * 990_000 + b": 1\n", "R003", id="a key of a megabyte"),
        pytest.param(HEAD + b"rules: [{id: " + b"k" * 990_000 + b"}]\n", "R203", id="a name of a megabyte"),
        pytest.param(HEAD + b"rules: []\n" + b"\xed\xa0\x80: 1\n", "R002", id="half of a character"),
        pytest.param("version: 1\n".encode("utf-16"), "R002", id="UTF-16"),
        pytest.param(HEAD + b"rules:\n\t- {id: a}\n", "R003", id="tabs for indentation"),
        pytest.param(
            HEAD
            + b"rules:\n"
            + b"".join(
                b"- {id: r%d, because: so, when: %s, then: {do: retrain}}\n" % (n, LONG.encode())
                for n in range(900)
            ),
            "R008",
            id="nine hundred rules with a page of conditions each",
        ),
        pytest.param(
            conditions(**{f"c{n}": f"c{(n + 1) % 800} or c{(n + 7) % 800}" for n in range(800)}),
            "R308",
            id="eight hundred conditions in circles",
        ),
    ],
)
def test_what_no_rule_says_is_refused_with_its_reason(content: bytes, code: str) -> None:
    assert code in refused(content)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(
            conditions(
                **{f"c{n}": f"c{n + 1} and queue.depth > {n}" for n in range(1500)}, c1500="drift.changed"
            ),
            id="fifteen hundred conditions, each before the one it uses",
        ),
        pytest.param(
            conditions(
                c0="queue.depth > 3", **{f"c{n}": f"c{n - 1} or not c{n - 1}" for n in range(1, 1500)}
            ),
            id="conditions that double their ways each time",
        ),
        pytest.param(
            when(" and ".join(["(queue.depth > 3 or drift.share < 5%)"] * 90)), id="two to the ninetieth ways"
        ),
        pytest.param(b"version: 1\revery: 30s\rrules: []\r", id="the line ends of old Macs"),
        pytest.param(b"? version\n: 1\n? every\n: 30s\n? rules\n: []\n", id="keys with question marks"),
        pytest.param(HEAD + b"rules: []\n#" + b"x" * 900_000, id="a comment of a megabyte"),
        pytest.param(HEAD + "rules: [] # \U0001f388\n".encode(), id="an emoji in a comment"),
        pytest.param(HEAD + b"rules: &all []\n", id="an anchor that nobody uses"),
    ],
)
def test_what_is_only_odd_is_read(content: bytes) -> None:
    rules, _ = read(content, "odd.yaml", CATALOGUE)
    assert rules.every == 30.0


def test_what_is_told_of_hostile_text_is_short_and_moves_no_cursor() -> None:
    content = HEAD + b'rules: [{id: "a\\e[2J\\n\\u202e' + b"k" * 100_000 + b'", because: so}]\n'
    with pytest.raises(BadFile) as caught:
        read(content, "hostile.yaml", CATALOGUE)
    said = str(caught.value)
    assert len(said) < 4_000
    assert all(each.isprintable() or each == "\n" for each in said)


def test_the_caret_stands_below_the_place_whatever_stands_before_it() -> None:
    line = 'rules: [{id: a, because: "\U0001f388\u4e16e\u0301", when: quue.depth > 3, then: {do: retrain}}]'
    with pytest.raises(BadFile) as caught:
        read(HEAD + line.encode(), "wide.yaml", CATALOGUE)
    shown, caret = str(caught.value).splitlines()[-2:]
    # Two wide characters take two columns each, and the accent none.
    assert caret.index("^") == shown.index("quue") + 2 - 1


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
