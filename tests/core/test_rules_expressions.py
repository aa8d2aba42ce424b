"""What an operator writes as a condition, and how it is understood."""

from __future__ import annotations

import pytest
from tests.rules.catalogue import CATALOGUE

from flyball.core.rules import parse
from flyball.core.rules.model import AllOf, AnyOf, Compare, Condition, Named, Not
from flyball.core.rules.tree import written
from flyball.core.rules.typed import Names

NAMES = Names(CATALOGUE, ("overloaded", "late"))


def told(text: str, names: Names = NAMES) -> list[tuple[str, str]]:
    """The codes of what is wrong with a condition, each with the text that its caret stands under."""
    found: list[tuple[str, str]] = []
    parse.condition(text, names, lambda code, _, start, end: found.append((code, text[start:end])))
    return found


def plain(condition: Condition | None) -> str:
    """A condition with all its parentheses."""
    match condition:
        case Compare(operator=sign, left=left, right=right):
            return f"{written(left)} {sign} {written(right)}"
        case Not(of=inner):
            return f"not({plain(inner)})"
        case AllOf(of=parts):
            return f"and({', '.join(map(plain, parts))})"
        case AnyOf(of=parts):
            return f"or({', '.join(map(plain, parts))})"
        case Named(name=name):
            return name
        case None:
            return "nothing"


def read(text: str, names: Names = NAMES) -> str:
    """How a condition is understood, when nothing is wrong with it."""
    problems: list[str] = []
    condition = parse.condition(text, names, lambda code, message, *_: problems.append(f"{code} {message}"))
    assert not problems
    return plain(condition)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        pytest.param("queue.depth > 1_000", "queue.depth > 1000", id="digits may be grouped"),
        pytest.param("annotators.load > 20%", "annotators.load > 0.20000000000000001", id="per cent"),
        pytest.param("queue.age > 6h", "queue.age > 21600", id="a time where seconds are meant"),
        pytest.param("queue.age > 1.5m", "queue.age > 90", id="half a minute more"),
        pytest.param("model.lag > 3 cycles", "model.lag > 3", id="cycles where cycles are meant"),
        pytest.param("val.ap > 1e-3", "val.ap > 0.001", id="an exponent is a number"),
        pytest.param("val.ap - 1 > -.5", "(val.ap - 1) > -0.5", id="a sign before a number"),
        pytest.param("drift.changed", "drift.changed == 1", id="a flag alone"),
        pytest.param("drift.changed == false", "drift.changed == 0", id="a flag compared"),
        pytest.param("release.paused", "release.paused == 1", id="a knob that is a flag"),
        pytest.param("sampler.name == hybrid", "sampler.name == 'hybrid'", id="a bare word"),
        pytest.param('sampler.name != "hybrid"', "sampler.name != 'hybrid'", id="a quoted word"),
        pytest.param("hybrid == sampler.name", "'hybrid' == sampler.name", id="the word first"),
        pytest.param("batch.size >= 2 * 50", "batch.size >= (2 * 50)", id="a knob that is a number"),
        pytest.param(
            "queue.depth + 2 * answers.total > 1",
            "(queue.depth + (2 * answers.total)) > 1",
            id="times before plus",
        ),
        pytest.param(
            "queue.depth - answers.total - 1 > 1",
            "((queue.depth - answers.total) - 1) > 1",
            id="from left to right",
        ),
        pytest.param(
            "-(queue.depth + 1) * 2 < 1", "((0 - (queue.depth + 1)) * 2) < 1", id="a sign before parentheses"
        ),
        pytest.param(
            "overloaded or late and drift.changed",
            "or(overloaded, and(late, drift.changed == 1))",
            id="and before or",
        ),
        pytest.param(
            "(overloaded or late) and drift.changed",
            "and(or(overloaded, late), drift.changed == 1)",
            id="parentheses first",
        ),
        pytest.param(
            "not queue.depth > 3 and late",
            "and(not(queue.depth > 3), late)",
            id="comparison, then not, then and",
        ),
        pytest.param("not not late", "not(not(late))", id="not twice"),
        pytest.param(
            "(queue.depth + 1) > 3 and (late)",
            "and((queue.depth + 1) > 3, late)",
            id="parentheses of both kinds",
        ),
        pytest.param("abs(val.ap - 0.5) < 1", "abs((val.ap - 0.5)) < 1", id="a function of a value"),
        pytest.param(
            "max(queue.depth, answers.total) > 1", "max(queue.depth, answers.total) > 1", id="of values now"
        ),
        pytest.param(
            "max(5, queue.depth) > 6", "max(5, queue.depth) > 6", id="with a number first, of values"
        ),
        pytest.param("max(val.ap, 5) > 0.5", "max(val.ap, 5 cycles) > 0.5", id="over so many cycles"),
        pytest.param("slope(val.ap, 5 cycles) < 0", "slope(val.ap, 5 cycles) < 0", id="cycles said"),
        pytest.param("delta(queue.depth, 10m) > 0", "delta(queue.depth, 600 seconds) > 0", id="over a time"),
        pytest.param(
            "quantile(queue.depth, 90%, 1h) > 3",
            "quantile(queue.depth, 0.90000000000000002, 3600 seconds) > 3",
            id="a quantile over a time",
        ),
        pytest.param(
            "absent(val.ap, 1h) or late",
            "or(absent(val.ap, 3600 seconds) == 1, late)",
            id="absence is a flag",
        ),
        pytest.param(
            "max(abs(delta(val.ap, 5)), rise(val.ap, 5)) > 1",
            "max(abs(delta(val.ap, 5 cycles)), rise(val.ap, 5 cycles)) > 1",
            id="functions within functions",
        ),
    ],
)
def test_a_condition_is_understood_as_an_operator_means_it(text: str, meaning: str) -> None:
    assert read(text) == meaning


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        pytest.param("queue.dept > 3", [("R101", "queue.dept")], id="an unknown signal"),
        pytest.param(
            "quue.depth > 3 and late and drift.chnged",
            [("R101", "quue.depth"), ("R101", "drift.chnged")],
            id="two of them are told together",
        ),
        pytest.param("queue.depth > 3 && late", [("R302", "&&")], id="another language's and"),
        pytest.param("overlaoded", [("R101", "overlaoded")], id="an unknown condition"),
        pytest.param("queue.depth >", [("R301", "")], id="it ends too early"),
        pytest.param("", [("R301", "")], id="there is nothing"),
        pytest.param("queue.depth > 1e999", [("R203", "1e999")], id="a number beyond numbers"),
        pytest.param("gold.seen > 3", [("R208", "gold.seen")], id="which annotator's?"),
        pytest.param("annotators.idle > 90", [("W101", "90")], id="a threshold that cannot be reached"),
        pytest.param("(" * 5000, [("R307", "(")], id="longer than anybody reads"),
        pytest.param("-" * 100 + "1 > queue.depth", [("R307", "-")], id="deeper than anybody reads"),
    ],
)
def test_a_mistake_is_told_at_its_place(text: str, problems: list[tuple[str, str]]) -> None:
    assert told(text) == problems


def test_a_share_that_was_meant_in_per_cent_is_suggested() -> None:
    hints: list[str] = []
    parse.condition("annotators.idle > 90", NAMES, lambda _, message, *__: hints.append(message))
    assert hints == ["`annotators.idle` reads between 0 and 1, never 90; did you mean `90%`?"]


def test_what_is_read_for_each_annotator_may_be_read_with_foreach() -> None:
    assert read("gold.accuracy < 90%", Names(CATALOGUE, each=True)) == "gold.accuracy < 0.90000000000000002"


def test_a_value_says_its_unit() -> None:
    def unit_of(text: str) -> str:
        found = parse.expression(text, NAMES, lambda *problem: pytest.fail(str(problem)))
        assert found is not None
        return found[1]

    units = {
        text: unit_of(text)
        for text in ("queue.age", "rise(val.ap, 3)", "slope(val.ap, 3)", "drift.share + 10%")
    }
    assert units == {
        "queue.age": "seconds",
        "rise(val.ap, 3)": "share",
        "slope(val.ap, 3)": "slope",
        "drift.share + 10%": "share",
    }
