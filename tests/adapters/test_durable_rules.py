"""The engine on durable-rules says what the reference says, and keeps clear of the library's traps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from random import Random

import durable_rules_engine
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.adapters.durable_rules import DurableEngine
from flyball.adapters.durable_rulesets import WIDEST, shards_of
from flyball.core.ids import RuleId, digest_of
from flyball.core.rules.conditions import Side, Sides
from flyball.core.rules.model import (
    AllOf,
    AnyOf,
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
    Word,
)
from flyball.core.rules.reference import ReferenceEngine
from flyball.core.rules.words import Sign

NUMBERS = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.1,
    0.3,
    0.1 + 0.2,
    10.0,
    200.0,
    1e-12,
    -1e-12,
    1e15,
    1e15 + 1,
    5e-324,
    1e300,
)
WORDS = ("random", "10", "1.0", "1e3", "", "true", "mär'gin\\\"", "random2")
ODD = (None, math.nan, math.inf, -math.inf)
NAMES = ("first", "second", "third")
SIGNS: tuple[Sign, ...] = ("<", "<=", ">", ">=", "==", "!=")


def any_condition(random: Random, names: tuple[str, ...], depth: int = 4) -> Condition:
    """A condition tree, a comparison in the end, that may use these named conditions."""
    match random.choice(
        ("compare", "compare", "name", "not", "all", "any") if depth else ("compare", "name")
    ):
        case "not":
            return Not(any_condition(random, names, depth - 1))
        case "all" | "any" as join:
            parts = tuple(any_condition(random, names, depth - 1) for _ in range(random.randint(1, 4)))
            return AllOf(parts) if join == "all" else AnyOf(parts)
        case "name" if names:
            return Named(random.choice(names))
        case _:
            return Compare(random.choice(SIGNS), any_side(random), any_side(random))


def any_side(random: Random) -> Expression:
    match random.randrange(5):
        case 0:
            return Word(random.choice(WORDS))
        case 1 | 2:
            return Number(random.choice(NUMBERS))
        case 3:
            return KnobRead(f"k{random.randrange(2)}")
        case _:
            return Read(f"s{random.randrange(5)}")


def any_reading(random: Random) -> Side:
    among: tuple[Side, ...] = random.choice((NUMBERS, NUMBERS, WORDS, ODD, (random.uniform(-2, 2),)))
    return random.choice(among)


def any_ruleset(random: Random) -> Ruleset:
    """A dozen rules over three named conditions, each of which may use those before it."""
    named = {name: any_condition(random, NAMES[:place]) for place, name in enumerate(NAMES)}
    rules = (
        rule(
            f"r{number}",
            any_condition(random, NAMES),
            until=any_condition(random, NAMES) if random.random() < 0.5 else None,
            each=random.random() < 0.4,
        )
        for number in range(12)
    )
    return ruleset(*rules, conditions=named)


def any_look(random: Random, rules: Ruleset) -> dict[str, Side]:
    """What everything reads at one moment, for the loop and for two annotators."""
    sides = Sides.of(rules)
    keys = [*sides.loop, *(f"{key}@{about}" for about in ("ana", "b@c") for key in sides.each)]
    present = {f"annotator@{about}": 1.0 for about in ("ana", "b@c")}
    return {key: any_reading(random) for key in keys} | present


def rule(name: str, when: Condition, *, until: Condition | None = None, each: bool = False) -> Rule:
    return Rule(RuleId(name), "", when, "", until=until, foreach="annotator" if each else None)


def ruleset(*rules: Rule, conditions: Mapping[str, Condition] | None = None) -> Ruleset:
    digest = digest_of(repr((rules, conditions)).encode())
    return Ruleset(digest, "test", "", 30.0, rules, conditions or {})


def above(signal: str, value: float) -> Compare:
    return Compare(">", Read(signal), Number(value))


@pytest.fixture
def engine() -> Iterator[DurableEngine]:
    made = DurableEngine()
    yield made
    made.close()


@settings(max_examples=20, deadline=None)
@given(random=st.randoms(use_true_random=False))
def test_it_agrees_with_the_reference_on_any_condition_and_any_reading(random: Random) -> None:
    rules = any_ruleset(random)
    engine = DurableEngine()
    try:
        for _ in range(10):
            readings = any_look(random, rules)
            said, meant = engine.truths(rules, readings), ReferenceEngine().truths(rules, readings)
            assert {key: said[key] for key in said if said[key] != meant[key]} == {}
            assert said.keys() == meant.keys()
    finally:
        engine.close()


def test_what_is_not_read_is_unknown_and_so_is_its_opposite(engine: DurableEngine) -> None:
    rules = ruleset(rule("deep", above("queue", 200)), rule("shallow", Not(above("queue", 200))))
    assert engine.truths(rules, {"queue": None}) == {"deep.when": None, "shallow.when": None}
    assert engine.truths(rules, {"queue": 201.0}) == {"deep.when": True, "shallow.when": False}
    assert engine.truths(rules, {}) == {"deep.when": None, "shallow.when": None}


def test_a_named_condition_is_inferred_before_the_rules_that_use_it(engine: DurableEngine) -> None:
    rules = ruleset(
        rule("act", AllOf((Named("both"), Not(Named("late"))))),
        conditions={
            "deep": above("queue", 200),
            "late": above("age", 60),
            "both": AllOf((Named("deep"), above("load", 1))),
        },
    )
    truths = engine.truths(rules, {"queue": 300.0, "load": 2.0, "age": 10.0})
    assert truths == {"deep": True, "late": False, "both": True, "act.when": True}


def test_each_annotator_is_asked_about_alone(engine: DurableEngine) -> None:
    rules = ruleset(
        rule("gold", AllOf((above("gold", 0.5), Named("open"))), each=True),
        conditions={"open": above("q", 1)},
    )
    readings: dict[str, Side] = {"q": 2.0}
    for about, gold in {"ana": 0.9, "bo": 0.1, "cy": None}.items():
        readings |= {f"annotator@{about}": 1.0, f"gold@{about}": gold}
    truths = engine.truths(rules, readings)
    assert truths == {"open": True, "gold.when@ana": True, "gold.when@bo": False, "gold.when@cy": None}


def test_more_annotators_than_the_library_has_sessions_are_fine(engine: DurableEngine) -> None:
    rules = ruleset(rule("gold", above("gold", 0.5), each=True))
    readings: dict[str, Side] = {}
    for number in range(1500):
        readings |= {f"annotator@{number}": 1.0, f"gold@{number}": float(number % 2)}
    truths = engine.truths(rules, readings)
    assert [truths[f"gold.when@{number}"] for number in range(1500)] == [bool(n % 2) for n in range(1500)]


def test_a_thousand_rules_that_all_hold_all_answer(engine: DurableEngine) -> None:
    rules = ruleset(*(rule(f"r{number}", above("queue", number)) for number in range(1000)))
    assert list(engine.truths(rules, {"queue": 2000.0}).values()) == [True] * 1000
    assert sum(map(bool, engine.truths(rules, {"queue": 500.5}).values())) == 501


def test_a_condition_wider_than_the_library_can_match_is_answered(engine: DurableEngine) -> None:
    wide = tuple(above(f"s{number}", 0.5) for number in range(700))
    rules = ruleset(rule("all", AllOf(wide)), rule("any", AnyOf(wide)))
    high = {f"s{number}": 1.0 for number in range(700)}
    assert engine.truths(rules, high) == {"all.when": True, "any.when": True}
    assert engine.truths(rules, high | {"s699": 0.0}) == {"all.when": False, "any.when": True}
    assert engine.truths(rules, dict.fromkeys(high, 0.0)) == {"all.when": False, "any.when": False}


def test_ors_within_ands_do_not_multiply(engine: DurableEngine) -> None:
    one = AnyOf((above("a", 1), above("b", 1)))
    rules = ruleset(rule("deep", AllOf(tuple(AllOf((one, Not(Not(one)))) for _ in range(30)))))
    assert engine.truths(rules, {"a": 2.0, "b": 2.0}) == {"deep.when": True}


def test_no_ruleset_can_match_more_than_the_library_bears() -> None:
    conditions = [(f"c{number}", AnyOf(tuple(above(f"s{k}", k) for k in range(7)))) for number in range(40)]
    shards, _ = shards_of(conditions, {})
    assert all(len(shard.means) <= 2 * WIDEST for shard in shards)
    assert sum(len(shard.parts) for shard in shards) == 40


@pytest.mark.parametrize(
    ("left", "right", "sign", "holds"),
    [
        pytest.param("10", 10.0, "==", None, id="a word that looks like a number is no number"),
        pytest.param("abc", 10.0, ">", None, id="words have no order against numbers"),
        pytest.param("abc", "abd", "<", None, id="words have no order"),
        pytest.param("abc", "abcd", "==", False, id="a word is not its beginning"),
        pytest.param(1e-12, 0.0, ">", True, id="tiny is more than nothing"),
        pytest.param(1e15 + 1, 1e15, ">", True, id="large numbers keep their last digit"),
        pytest.param(None, 0.0, "!=", None, id="missing is not different"),
        pytest.param(1.0, None, ">", None, id="missing on the right is unknown"),
    ],
)
def test_two_readings_are_compared_as_what_they_are(
    engine: DurableEngine, left: Side, right: Side, sign: Sign, holds: bool | None
) -> None:
    rules = ruleset(rule("r", Compare(sign, Read("a"), Read("b"))))
    assert engine.truths(rules, {"a": left, "b": right}) == {"r.when": holds}


def test_files_come_and_go_and_each_answers_for_itself(engine: DurableEngine) -> None:
    for number in range(20):
        rules = ruleset(rule("r", above("queue", number)))
        assert engine.truths(rules, {"queue": 10.0}) == {"r.when": number < 10}


def test_after_closing_it_loads_again(engine: DurableEngine) -> None:
    rules = ruleset(rule("r", above("queue", 1)))
    engine.truths(rules, {"queue": 2.0})
    engine.close()
    assert engine.truths(rules, {"queue": 2.0}) == {"r.when": True}


def test_a_ruleset_that_stopped_answering_is_loaded_anew(engine: DurableEngine) -> None:
    rules = ruleset(rule("r", above("queue", 1)))
    engine.truths(rules, {"queue": 2.0})
    # What a process killed amid a look would leave: a fact whose matches nobody has collected.
    (program,) = engine._loaded.values()
    (loaded,) = program._loop
    _, state = durable_rules_engine.assert_fact(loaded._handle, '{"id":"left","look":0.5,"n0":0.0}')
    durable_rules_engine.start_action_for_state(loaded._handle, state)
    assert engine.truths(rules, {"queue": 2.0}) == {"r.when": True}


def test_an_interrupt_leaves_nothing_behind_that_would_answer_the_next_look(engine: DurableEngine) -> None:
    class Interrupting(dict[str, Side]):
        def get(self, key: str, default: Side = None) -> Side:  # type: ignore[override]
            raise KeyboardInterrupt

    rules = ruleset(rule("r", above("queue", 1)))
    assert engine.truths(rules, {"queue": 2.0}) == {"r.when": True}
    with pytest.raises(KeyboardInterrupt):
        engine.truths(rules, Interrupting())
    assert engine.truths(rules, {"queue": 0.0}) == {"r.when": False}
