"""What is unwise is warned of, in the right place; and no warning is ever wrong."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rules.catalogue import CATALOGUE

from flyball.adapters.rule_file import read
from flyball.core.control import KnobState
from flyball.core.facts import KnobTurned
from flyball.core.rules.conditions import Side
from flyball.core.rules.evaluator import Evaluator
from flyball.core.rules.model import Condition, Ruleset
from flyball.core.rules.reference import ReferenceEngine, truth
from flyball.core.rules.ways import Reasoning, both, implied
from flyball.core.signal import Snapshot
from flyball.errors import Problem

HEAD = "version: 1\nevery: 30s\n"
A = "  - {{id: a, because: so, when: '{}', {}}}\n"
B = "  - {{id: b, because: so, when: '{}', {}}}\n"
RETRAIN = "then: {do: retrain}"
UP, DOWN = "then: {scale: batch.size, by: 2}, priority: 1", "then: {add: batch.size, by: -10}, priority: 2"
HOLD_RANDOM = "hold: {sampler.name: random}"


def warned(rules: str) -> list[Problem]:
    return list(read(f"{HEAD}rules:\n{rules}".encode(), "rules.yaml", CATALOGUE)[1])


def codes(rules: str) -> list[str]:
    return [problem.code for problem in warned(rules)]


@pytest.mark.parametrize(
    "when",
    [
        pytest.param("queue.depth > 200 and queue.depth < 100", id="above and below"),
        pytest.param("annotators.idle > 100%", id="more than all"),
        pytest.param("queue.depth < 0", id="fewer than none"),
        pytest.param("drift.changed and not drift.changed", id="a flag and its opposite"),
        pytest.param("drift.changed and drift.changed == false", id="a flag that is true and false"),
        pytest.param("sampler.name == random and sampler.name != random", id="a word and another"),
        pytest.param("queue.depth > answers.total and queue.depth < answers.total", id="two ways to differ"),
        pytest.param("queue.depth > 3 and (queue.depth < 2 or drift.share < 0%)", id="each branch fails"),
        pytest.param("not (queue.depth < 5 or queue.depth >= 5)", id="neither below nor above"),
        pytest.param("drop(queue.depth, 5) > 200%", id="losing more than all"),
        pytest.param("annotators.idle + drift.share > 3", id="a sum out of reach"),
        pytest.param("batch.size > 2 * 5000", id="more than the knob goes"),
        pytest.param("delta(val.ap, 5) > 2", id="a change wider than the range"),
        pytest.param("abs(slope(val.ap, 5)) < 0", id="an absolute value below zero"),
    ],
)
def test_a_rule_that_cannot_fire_is_told(when: str) -> None:
    assert "W106" in codes(A.format(when, RETRAIN))


def test_a_rule_that_cannot_clear_is_told() -> None:
    assert codes(A.format("queue.depth > 3", f"{RETRAIN}, until: queue.depth < 0")) == ["W107"]


def test_a_percentage_that_lacks_its_sign_is_told_once_with_what_was_meant() -> None:
    (problem,) = warned(A.format("annotators.idle > 90", RETRAIN))
    assert (problem.code, problem.message.partition("; ")[2]) == ("W101", "did you mean `90%`?")


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        pytest.param(
            A.format("queue.depth > 100", f"{HOLD_RANDOM}, until: queue.depth < 50, priority: 9")
            + B.format("queue.depth > 200", "hold: {sampler.name: margin}, until: queue.depth < 150"),
            ["W108"],
            id="the weak one holds while the strong one does",
        ),
        pytest.param(
            A.format("queue.depth > 100", f"{HOLD_RANDOM}, until: queue.depth < 50, priority: 9")
            + B.format("queue.depth > 200", "hold: {sampler.name: margin}, until: queue.depth < 20"),
            [],
            id="the weak one lasts longer",
        ),
        pytest.param(
            A.format("queue.depth > 100", f"{HOLD_RANDOM}, until: queue.depth < 50, priority: 9, for: 5m")
            + B.format("queue.depth > 200", "hold: {sampler.name: margin}, until: queue.depth < 150"),
            [],
            id="the weak one is quicker",
        ),
        pytest.param(
            A.format(
                "queue.depth > 100", f"{HOLD_RANDOM}, until: queue.depth < 50, priority: 9, cooldown: 1h"
            )
            + B.format("queue.depth > 200", "hold: {sampler.name: margin}, until: queue.depth < 150"),
            [],
            id="the strong one rests",
        ),
        pytest.param(
            A.format("queue.depth > 100", f"{HOLD_RANDOM}, until: queue.depth < 50, priority: 9")
            + B.format("drift.changed", "hold: {sampler.name: margin}, until: not drift.changed"),
            [],
            id="on another condition",
        ),
        pytest.param(
            A.format("drift.changed", "then: {set: batch.size, to: 50}, priority: 9")
            + B.format("drift.changed", "then: {set: batch.size, to: 80}"),
            ["W108"],
            id="both write in the same look",
        ),
        pytest.param(
            A.format("queue.depth > 100", "then: {set: batch.size, to: 50}, priority: 9")
            + B.format("queue.depth > 200", "then: {set: batch.size, to: 80}"),
            [],
            id="the weak one writes later",
        ),
    ],
)
def test_a_rule_that_changes_nothing_is_told(rules: str, told: list[str]) -> None:
    assert codes(rules) == told


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        pytest.param(
            A.format("queue.depth > 100", UP) + B.format("annotators.idle > 20%", DOWN), ["W109"], id="a tug"
        ),
        pytest.param(
            A.format("queue.depth > 100", UP) + B.format("queue.depth < 50", DOWN), [], id="never both"
        ),
        pytest.param(
            A.format("queue.depth > 100", UP)
            + B.format("annotators.idle > 20% and not queue.depth > 100", DOWN),
            [],
            id="one excludes the other",
        ),
        pytest.param(
            A.format("queue.depth > 100", UP) + B.format("drift.changed", UP.replace("1", "3")),
            [],
            id="both up",
        ),
        pytest.param(
            A.format("queue.depth > 100", UP)
            + B.format("drift.changed", "hold: {batch.size: 20}, until: not drift.changed, priority: 2"),
            ["W109"],
            id="one raises what another holds low",
        ),
        pytest.param(
            A.format("queue.depth > 100", UP) + B.format("drift.changed", f"{DOWN}, mode: shadow"),
            [],
            id="one of them in the shadow",
        ),
        pytest.param(
            A.format("max(queue.depth, 5) < 10", UP) + B.format("queue.depth > 20", DOWN),
            [],
            id="nobody can tell without knowing the past",
        ),
        pytest.param(
            A.format("queue.depth > 3", UP) + B.format("queue.depth < 4", DOWN),
            [],
            id="no whole number between",
        ),
    ],
)
def test_a_knob_that_is_pushed_two_ways_is_told(rules: str, told: list[str]) -> None:
    assert codes(rules) == told


def test_a_limit_on_the_changes_of_direction_settles_a_tug() -> None:
    rules = A.format("queue.depth > 100", UP) + B.format("drift.changed", DOWN)
    text = f"{HEAD}knobs: {{batch.size: {{turns: 3 per 1h}}}}\nrules:\n{rules}"
    assert read(text.encode(), "rules.yaml", CATALOGUE)[1] == ()


def test_a_rule_that_says_what_another_says_is_told_once_and_not_as_a_tie() -> None:
    rules = A.format("queue.depth > 100", UP) + B.format("queue.depth > 100", UP)
    (problem,) = warned(rules)
    assert (problem.code, problem.line, "`a` in line 4" in problem.message) == ("W110", 5, True)


# --- never wrong: everything concluded is held against what conditions are ---------------------------

SIDES = ("queue.depth", "annotators.idle", "drift.changed", "sampler.name", "val.ap")


def any_condition(random: Random, depth: int = 3) -> str:
    pick = random.choice
    if depth and random.random() < 0.6:
        parts = [f"({any_condition(random, depth - 1)})" for _ in range(random.randint(1, 3))]
        return ("not " if random.random() < 0.3 else "") + f"({pick((' and ', ' or ')).join(parts)})"
    match pick(("queue", "idle", "flag", "word", "two", "ap")):
        case "queue":
            return f"queue.depth {pick(SIGNS)} {pick(('0', '3', '4', '9'))}"
        case "idle":
            return f"annotators.idle {pick(SIGNS)} {pick(('0%', '20%', '100%', '2'))}"
        case "flag":
            return pick(("drift.changed", "drift.changed == false", "drift.changed != true"))
        case "word":
            return f"sampler.name {pick(('==', '!='))} {pick(('random', 'entropy'))}"
        case "two":
            return f"val.ap {pick(SIGNS)} annotators.idle"
        case _:
            return f"val.ap * 2 {pick(SIGNS)} {pick(('0', '1', '2'))}"


SIGNS = ("<", "<=", ">", ">=", "==", "!=")
READINGS: Mapping[str, Sequence[Side]] = {
    "queue.depth": (None, 0.0, 1.0, 3.0, 4.0, 5.0, 9.0, 12.0),
    "annotators.idle": (None, 0.0, 0.1, 0.2, math.nextafter(0.2, 1), 0.5, 1.0),
    "drift.changed": (None, 0.0, 1.0),
    "sampler.name": ("random", "entropy", "margin"),
    "val.ap": (None, 0.0, 0.2, 0.5, 0.75, 1.0),
}


def readings() -> Iterator[dict[str, Side]]:
    """Every combination of readings that the conditions could tell apart."""
    for values in itertools.product(*READINGS.values()):
        found = dict(zip(READINGS, values, strict=True))
        ap = found["val.ap"]
        yield found | {"(val.ap * 2)": ap * 2 if isinstance(ap, float) else None}


GRID = list(readings())


def parsed(*whens: str) -> tuple[Ruleset, list[Condition]]:
    rules = "".join(
        f"  - {{id: r{place}, because: so, when: '{when}', {RETRAIN}, priority: {place}}}\n"
        for place, when in enumerate(whens)
    )
    ruleset, _ = read(f"{HEAD}rules:\n{rules}".encode(), "rules.yaml", CATALOGUE)
    return ruleset, [rule.when for rule in ruleset.rules]


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_what_is_concluded_of_conditions_is_so_for_all_readings(seed: int) -> None:
    random = Random(seed)
    _, (one, two) = parsed(any_condition(random), any_condition(random))
    thinks = Reasoning(CATALOGUE, {})
    first, second = thinks.ways(one), thinks.ways(two)
    holds = [(truth(one, read, {}) is True, truth(two, read, {}) is True) for read in GRID]
    if first == ():
        assert not any(held for held, _ in holds)
    if implied(second, first):
        assert all(other for held, other in holds if held)
    joined = [both(a, b) for a in first or () for b in second or ()]
    if first is not None and second is not None and not any(way is not None for way in joined):
        assert not any(held and other for held, other in holds)
    if any(way is not None and thinks.certain(way) for way in joined):
        assert any(held and other for held, other in holds)


def any_holding(random: Random, name: str, priority: int) -> str:
    """A rule that holds or sets one of two knobs, on a few thresholds of the queue."""
    sign, back = random.choice(((">", "<"), (">=", "<="), ("<", ">")))
    when = f"queue.depth {sign} {random.choice((3, 5))}"
    if random.random() < 0.4:
        when += random.choice((" and drift.changed", " or drift.changed", " and annotators.idle > 20%"))
    until = f", until: queue.depth {back} {random.choice((1, 3, 5))}" if random.random() < 0.7 else ""
    deed = random.choice(
        (HOLD_RANDOM, "hold: {sampler.name: margin}", f"then: {{set: batch.size, to: {priority + 20}}}")
    )
    waits = random.choice(
        ("", "", ", for: 2 looks", ", cooldown: 3 looks", ", when_missing: clear", ", once: true")
    )
    return f"  - {{id: {name}, because: so, when: '{when}', {deed}{until}{waits}, priority: {priority}}}\n"


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_without_a_rule_that_is_said_to_change_nothing_nothing_changes(seed: int) -> None:
    random = Random(seed)
    lines = [any_holding(random, "a", 9), any_holding(random, "b", 1)]
    random.shuffle(lines)
    if "W108" not in codes("".join(lines)):
        return
    needless = next(line for line in lines if "id: b" in line)
    for _ in range(30):
        past = [
            Snapshot(
                30.0 * look,
                0,
                {
                    "queue.depth": random.choice((None, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)),
                    "drift.changed": random.choice((None, 0.0, 1.0)),
                    "annotators.idle": random.choice((None, 0.1, 0.5)),
                },
            )
            # More changes than this, and the guard against going to and fro has its say too.
            for look in range(7)
        ]
        assert played("".join(lines), past) == played(
            "".join(line for line in lines if line != needless), past
        )


def played(rules: str, past: Sequence[Snapshot]) -> list[tuple[object, ...]]:
    """What the knobs are after each look."""
    ruleset, _ = read(f"{HEAD}rules:\n{rules}".encode(), "rules.yaml", CATALOGUE)
    evaluator, knobs = Evaluator(ruleset, ReferenceEngine().truths), KnobState.start({}, CATALOGUE.knobs)
    found: list[tuple[object, ...]] = []
    for snapshot in past:
        taken = evaluator.look(snapshot, knobs, live=True)
        evaluator.keep(taken)
        for fact in taken.facts:
            if isinstance(fact, KnobTurned):
                knobs = knobs.evolve(fact)
        found.append(tuple(knobs.value(name, snapshot.at) for name in ("sampler.name", "batch.size")))
    return found


def test_a_thousand_rules_over_one_knob_are_thought_through_within_reason() -> None:
    """More pairs than anybody compares are left alone; what is told of the others stays right."""
    rules = "".join(
        f"  - {{id: r{n}, because: so, when: queue.depth > {n}, {UP if n % 2 else DOWN}}}\n"
        for n in range(1000)
    )
    assert {"W109"} <= set(codes(rules)) <= {"W102", "W109"}
