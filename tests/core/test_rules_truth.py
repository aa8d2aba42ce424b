"""What conditions are when something is missing, and what engines are given to decide them."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.ids import RuleId, digest_of
from flyball.core.rules.conditions import Moment, Side, Sides, annotators_in, read_by, readings
from flyball.core.rules.history import History
from flyball.core.rules.model import (
    AllOf,
    AnyOf,
    Arithmetic,
    Call,
    Compare,
    Condition,
    Expression,
    KnobRead,
    Named,
    Not,
    Number,
    Read,
    Rule,
    Ruleset,
    Span,
    Word,
)
from flyball.core.rules.normal import Part, Uses, parts_of
from flyball.core.rules.reference import ReferenceEngine, truth
from flyball.core.signal import Reading, Snapshot


def on(name: str) -> Condition:
    return Compare("==", Read(name), Number(1.0))


YES, NO, UNKNOWN = on("yes"), on("no"), on("nobody measures this")
LOOK: dict[str, Side] = {"yes": 1.0, "no": 0.0}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        pytest.param(Not(UNKNOWN), None, id="the opposite of unknown is unknown"),
        pytest.param(AnyOf((YES, UNKNOWN)), True, id="true or unknown is true"),
        pytest.param(AnyOf((NO, UNKNOWN)), None, id="false or unknown is unknown"),
        pytest.param(AllOf((NO, UNKNOWN)), False, id="false and unknown is false"),
        pytest.param(AllOf((YES, UNKNOWN)), None, id="true and unknown is unknown"),
        pytest.param(Not(AllOf((NO, UNKNOWN))), True, id="not (false and unknown) is true"),
        pytest.param(AnyOf((UNKNOWN, Not(UNKNOWN))), None, id="unknown or its opposite is unknown"),
        pytest.param(Compare("!=", Read("gone"), Number(1.0)), None, id="missing is not different"),
    ],
)
def test_missing_is_neither_true_nor_false(condition: Condition, holds: bool | None) -> None:
    assert truth(condition, LOOK, {}) is holds


def value(expression: Expression, signals: dict[str, Reading], **knobs: float | str | bool) -> Side:
    nothing = History(Ruleset(digest_of(b""), "", "", 30.0, ()))
    return Moment(Snapshot(0.0, 0, signals), nothing, knobs).value(expression)


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        pytest.param(Arithmetic("/", Read("a"), Read("zero")), None, id="nothing is divided by zero"),
        pytest.param(Arithmetic("+", Read("a"), Read("gone")), None, id="a sum with a gap is a gap"),
        pytest.param(Arithmetic("*", Read("big"), Read("big")), None, id="what is not finite is no data"),
        pytest.param(Arithmetic("-", Read("a"), Read("b")), -1.0, id="a difference"),
        pytest.param(Read("nan"), None, id="a reading that is no number"),
        pytest.param(Call("avg", (Read("a"), Read("b"))), 2.5, id="an average of values"),
        pytest.param(Call("sum", (Read("a"), Read("gone"))), None, id="a sum needs all of them"),
        pytest.param(Call("max", (Read("a"), Read("b"))), 3.0, id="the larger"),
        pytest.param(Call("min", (Read("a"), Read("b"))), 2.0, id="the smaller"),
        pytest.param(Call("abs", (Arithmetic("-", Read("a"), Read("b")),)), 1.0, id="without its sign"),
        pytest.param(KnobRead("size"), 100.0, id="a knob's number"),
        pytest.param(KnobRead("name"), "random", id="a knob's word"),
        pytest.param(KnobRead("paused"), 1.0, id="a knob's flag"),
        pytest.param(KnobRead("unheard of"), None, id="a knob that is not there"),
        pytest.param(Call("slope", (Read("a"),), Span(5, "cycles")), None, id="a past that nobody kept"),
    ],
)
def test_what_an_expression_is(expression: Expression, answer: Side) -> None:
    signals: dict[str, Reading] = {"a": 2.0, "b": 3.0, "zero": 0.0, "big": 1e300, "nan": math.nan}
    assert value(expression, signals, size=100, name="random", paused=True) == answer


def rule(name: str, when: Condition, until: Condition | None = None, *, each: bool = False) -> Rule:
    return Rule(RuleId(name), "", when, "", until=until, foreach="annotator" if each else None)


def above(side: Expression, number: float) -> Compare:
    return Compare(">", side, Number(number))


RULES = Ruleset(
    digest_of(b"rules"),
    "",
    "",
    30.0,
    (
        rule("deep", Named("open"), above(Read("queue"), 1)),
        rule("gold", AllOf((above(Read("gold"), 0.5), above(Read("queue"), 1))), each=True),
        rule("named", Compare("==", KnobRead("name"), Word("random"))),
    ),
    {"open": above(Arithmetic("+", Read("queue"), Read("late")), 5)},
)
SNAPSHOT = Snapshot(0.0, 0, {"queue": 4.0, "late": 3.0}, {"ana": {"gold": 0.9}, "b@c.d": {"gold": None}})


def test_a_look_reads_every_side_once_and_once_for_each_annotator() -> None:
    assert readings(RULES, SNAPSHOT, History(RULES), {"name": "margin"}) == {
        "(queue + late)": 7.0,
        "queue": 4.0,
        "name": "margin",
        "annotator@ana": 1.0,
        "gold@ana": 0.9,
        "queue@ana": 4.0,
        "annotator@b@c.d": 1.0,
        "gold@b@c.d": None,
        "queue@b@c.d": 4.0,
    }


def test_the_reference_answers_every_rule_condition_and_annotator() -> None:
    look = Sides.of(RULES).readings(SNAPSHOT, History(RULES), {"name": "margin"})
    assert annotators_in(look) == ["ana", "b@c.d"]
    assert ReferenceEngine().truths(RULES, look) == {
        "open": True,
        "deep.when": True,
        "deep.until": True,
        "gold.when@ana": True,
        "gold.when@b@c.d": None,
        "named.when": False,
    }


def test_a_rule_names_what_it_reads_also_through_named_conditions() -> None:
    deep, gold, _ = RULES.rules
    assert read_by(deep, RULES) == ["queue", "(queue + late)"]
    assert read_by(gold, RULES, "ana") == ["gold@ana", "queue@ana"]


def test_knobs_of_one_annotator_come_before_those_of_all() -> None:
    per = Ruleset(digest_of(b"per"), "", "", 30.0, (rule("w", above(KnobRead("weight"), 0.5), each=True),))
    look = readings(per, SNAPSHOT, History(per), {"weight": 1.0, "weight@ana": 0.2})
    assert (look["weight@ana"], look["weight@b@c.d"]) == (0.2, 1.0)


def _any(random: Random, depth: int) -> Condition:
    match random.choice(("on", "not", "all", "any") if depth else ("on",)):
        case "not":
            return Not(_any(random, depth - 1))
        case "all":
            return AllOf(tuple(_any(random, depth - 1) for _ in range(random.randint(1, 4))))
        case "any":
            return AnyOf(tuple(_any(random, depth - 1) for _ in range(random.randint(1, 4))))
        case _:
            return on(random.choice("abcde"))


@given(st.randoms(use_true_random=False))
def test_flat_parts_mean_what_the_tree_means(random: Random) -> None:
    tree = _any(random, 5)
    look: dict[str, Side] = {name: random.choice((0.0, 1.0, None)) for name in "abcde"}
    known: dict[str, bool | None] = {}
    parts = parts_of([("whole", tree)], {}, widest=3)
    for part in parts:
        known[part.name] = _part(part, look, known)
    assert known["whole"] is truth(tree, look, {})
    assert all(len(part.atoms) <= 3 for part in parts)
    assert all(known_before(part, parts[:place]) for place, part in enumerate(parts))


def _part(part: Part, look: dict[str, Side], known: dict[str, bool | None]) -> bool | None:
    atoms: list[Condition] = []
    for atom in part.atoms:
        inner: Condition = Named(atom.part) if isinstance(atom, Uses) else atom
        atoms.append(Not(inner) if isinstance(atom, Uses) and not atom.positive else inner)
    return truth(AllOf(tuple(atoms)) if part.every else AnyOf(tuple(atoms)), look, known)


def known_before(part: Part, before: list[Part]) -> bool:
    levels = {each.name: each.level for each in before}
    return all(levels[atom.part] < part.level for atom in part.atoms if isinstance(atom, Uses))
