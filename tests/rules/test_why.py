"""Why a rule fired or did not: the answer agrees with the log, and its margins are right."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.adapters.test_durable_rules import any_look, any_ruleset
from tests.loops import little, play
from tests.replays import CATALOGUES, decisions_of, looks_of, past_of

from flyball.bootstrap import App
from flyball.core.facts import KnobTurned
from flyball.core.rules.compiled import CompiledEngine
from flyball.core.rules.conditions import Side
from flyball.core.rules.margin import margin_of
from flyball.core.rules.model import Compare, Number, Read
from flyball.core.rules.reference import ReferenceEngine, truth
from flyball.core.rules.why import Node, Why, towards, tree
from flyball.core.rules.why_words import headline, nearest
from flyball.core.rules.words import Sign
from flyball.errors import BadUsage, NotFound

DAY = 86400.0
RULES = """
version: 1
every: 1h
defaults: {cooldown: 6h}
knobs:
  sampler.diversity: {min: 0, max: 0.3}
conditions:
  crowded: queue.depth > 15 or annotators.load > 60%
rules:
  - {id: busy, because: "{queue.depth} wait", when: crowded, until: queue.depth < 5,
     hold: {sampler.reserve: 0.5}, priority: 10}
  - {id: rival, because: "it gives way", when: queue.depth > 10, hold: {sampler.reserve: 0.2}, priority: 5}
  - {id: calm, because: "calm", when: queue.depth < 10, for: 4 looks,
     then: [{add: sampler.diversity, by: 0.2}]}
  - {id: both, because: "both", when: queue.depth > 10_000 and not answers.total < 1_000_000,
     then: [{do: alert}]}
  - {id: either, because: "either", when: answers.total > 900 or answers.total > 1_000_000,
     then: [{do: alert}]}
  - {id: unheard, because: "no data", when: al.gain_vs_random > 1%, then: [{do: alert}]}
"""
SIGNS: tuple[Sign, ...] = ("<", "<=", ">", ">=", "==", "!=")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> App:
    """Five days of an adaptive loop."""
    app = little(tmp_path_factory.mktemp("loop"), RULES, loop__architecture="adaptive")
    play(app, 5 * DAY)
    return app


def asked(app: App, rule: str, at: float | None = None) -> Why:
    """Why a rule stood as it did; whatever is asked, the rules played again decide as the log says."""
    why, _, agrees = past_of(app).why(rule, at, None)
    assert agrees
    return why


def test_at_every_look_of_a_rule_the_answer_is_what_the_log_says(played: App) -> None:
    made = {(str(each.rule), each.due): each.verdict for each in decisions_of(played)}
    assert len(made) > 15
    words = {"fired": "FIRE", "cleared": "clear"}
    for look in looks_of(played)[::3]:
        for rule in ("busy", "calm"):
            why = asked(played, rule, look.due)
            said = made.get((rule, look.due))
            assert [each.verdict for each in why.decisions] == ([] if said is None else [said])
            # A rule whose every change is held back, or overruled, has fired all the same.
            assert why.verdict == words[said] if said in words else said or why.verdict not in words.values()


def test_a_named_condition_is_expanded_with_both_values_of_each_comparison(played: App) -> None:
    fired = next(each for each in decisions_of(played) if (each.rule, each.verdict) == ("busy", "fired"))
    why = asked(played, "busy", fired.due)
    (named,) = [why.when]
    assert (named.kind, named.text, named.parts[0].kind) == ("named", "crowded", "any")
    depth, load = named.parts[0].parts
    assert (depth.text, depth.left, depth.right) == ("queue.depth > 15", fired.values["queue.depth"], 15.0)
    assert (load.text, load.unit) == ("annotators.load > 60%", "share")
    assert f"{depth.left - 15.0:g} above" in headline(why)  # type: ignore[operator]


def test_what_overruled_a_rule_and_what_clipped_it_is_told(played: App) -> None:
    made = decisions_of(played)
    overruled = next(each for each in made if each.rule == "rival" and each.overruled_by)
    assert asked(played, "rival", overruled.due).decisions[0].overruled_by == "busy"
    clipped = next(each for each in made if each.rule == "calm" and "wanted" in each.changes[0])
    assert asked(played, "calm", clipped.due).decisions[0].changes[0]["limited_by"] == "max 0.3"


def test_how_long_a_rule_still_waits_and_rests_is_counted(played: App) -> None:
    fired = next(each for each in decisions_of(played) if (each.rule, each.verdict) == ("calm", "fired"))
    dues = [look.due for look in looks_of(played)]
    place = dues.index(fired.due)
    left = [asked(played, "calm", due).for_left for due in dues[place - 3 : place]]
    assert [span and (span.amount, span.unit) for span in left] == [(3, "looks"), (2, "looks"), (1, "looks")]
    cleared = next(e for e in decisions_of(played) if e.rule == "calm" and e.due > fired.due)
    rests = asked(played, "calm", cleared.due)
    gone = cleared.due - fired.due
    assert (rests.cooldown_left and rests.cooldown_left.amount) == (6 * 3600 - gone if gone < 21600 else None)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        pytest.param(
            "both", ["`queue.depth > 10,000`", "`answers.total < 1,000,000`"], id="and: all of them"
        ),
        pytest.param("either", ["`answers.total > 900`"], id="or: the nearest"),
        pytest.param("unheard", ["`al.gain_vs_random > 1%` (no data)"], id="no data is said"),
    ],
)
def test_what_would_have_to_change_is_named(played: App, rule: str, told: list[str]) -> None:
    found = nearest(asked(played, rule))
    assert all(each in found for each in told)
    assert found.count("`") == 2 * len(told)


def test_a_pause_an_override_and_an_architecture_that_is_not_adaptive_are_told(tmp_path: Path) -> None:
    app = little(tmp_path, RULES)
    play(app, DAY / 2)
    now = app.clock.now()
    app.tools.tell(now, KnobTurned("rule.paused", "person:ana", True, "it is known", "ana", about="busy"))
    app.tools.tell(now, KnobTurned("sampler.reserve", "person:bo", 0.3, "a trial", "bo"))
    play(app, DAY / 2)
    why = asked(app, "busy")
    assert headline(why) == "paused by ana: it is known"
    assert [(name, layer.by) for name, layer in why.overrides] == [("sampler.reserve", "bo")]
    assert not why.adaptive
    assert asked(app, "busy", now).paused is None


def test_a_rule_that_is_not_there_and_a_time_before_the_first_look_are_told(played: App) -> None:
    past = past_of(played)
    with pytest.raises(NotFound, match="did you mean `busy`"):
        past.why("bussy", None, None)
    with pytest.raises(NotFound, match="the first look was taken"):
        past.why("busy", 0.0, None)
    with pytest.raises(BadUsage, match="leave --about away"):
        past.why("busy", None, "ana")


numbers = st.integers(-(2**40), 2**40).map(lambda number: number / 1024)


@given(sign=st.sampled_from(SIGNS), left=numbers, right=numbers)
def test_moving_a_reading_by_its_margin_turns_the_comparison_and_by_less_does_not(
    sign: Sign, left: float, right: float
) -> None:
    compare = Compare(sign, Read("x"), Number(right))
    holds = truth(compare, {"x": left}, {})
    margin = margin_of(sign, left, right)
    assert margin is not None
    towards_right = 1 if right > left else -1
    away = Fraction(1, 2**12)
    arrived = left + towards_right * margin.by
    # What lies beyond: on the other side of the threshold, or away from it where they were the same.
    beyond = [float(Fraction(arrived) + step) for step in (towards_right * away, -towards_right * away)]
    ahead = [truth(compare, {"x": each}, {}) for each in (beyond if margin.by == 0 else beyond[:1])]
    assert (truth(compare, {"x": arrived}, {}) is not holds) is (not margin.beyond)
    assert not margin.beyond or any(each is not holds for each in ahead)
    if margin.by > 0:
        short = float(Fraction(left) + towards_right * (Fraction(margin.by) * Fraction(9, 10)))
        assert truth(compare, {"x": short}, {}) is holds


@given(st.randoms(use_true_random=False))
def test_the_tree_says_of_each_rule_what_the_reference_says(random: Random) -> None:
    rules = any_ruleset(random)
    look = any_look(random, rules)
    truths = ReferenceEngine().truths(rules, look)
    for rule in rules.rules:
        about = "ana" if rule.foreach else None
        key = f"{rule.id}.when" + (f"@{about}" if about else "")
        assert tree(rule.when, look, rules, CATALOGUES, about).holds is truths[key]


@given(st.randoms(use_true_random=False), st.booleans())
def test_turning_what_is_named_turns_the_whole(random: Random, wanted: bool) -> None:
    rules = any_ruleset(random)
    look = any_look(random, rules)
    for rule in rules.rules:
        node = towards(tree(rule.when, look, rules, CATALOGUES), wanted)
        assert any(leaf.turns for leaf in node.leaves()) is (node.holds is not wanted)
        assert _turned(node, wanted) is wanted


def _turned(node: Node, wanted: bool) -> bool | None:
    """What the whole would be if each comparison that is marked were what it is wanted to be."""
    parts = [_turned(part, wanted is (node.kind != "not")) for part in node.parts]
    match node.kind:
        case "compare":
            return wanted if node.turns else node.holds
        case "not":
            return None if parts[0] is None else not parts[0]
        case "named":
            return parts[0]
        case "all":
            return False if False in parts else None if None in parts else True
        case "any":
            return True if True in parts else None if None in parts else False


@given(st.randoms(use_true_random=False))
def test_the_quick_engine_agrees_with_the_reference_on_any_condition_and_any_reading(random: Random) -> None:
    rules, engine = any_ruleset(random), CompiledEngine()
    for _ in range(5):
        look: dict[str, Side] = any_look(random, rules)
        assert engine.truths(rules, look) == ReferenceEngine().truths(rules, look)
