"""Which rule turns a knob, how far, and what stops it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.looking import MINUTE, Play, rule, ruleset

from flyball.core.facts import DecisionMade, KnobTurned
from flyball.core.knobs import KNOBS, Value
from flyball.core.rules.limits import bounded, stepped
from flyball.core.rules.memory import Memory, carry
from flyball.core.rules.model import Bounds, Named, Rule, Ruleset, Span, StepLimit, Turn


def scale(by: float, knob: str = "batch.size") -> tuple[Turn, ...]:
    return (Turn("scale", knob, by),)


def to(value: Value, knob: str = "sampler.name") -> tuple[Turn, ...]:
    return (Turn("set", knob, value),)


@pytest.mark.parametrize(
    ("rules", "decisions", "value"),
    [
        (
            [rule("low", then=scale(0.5), priority=1), rule("high", then=scale(2), priority=9)],
            ["low overruled batch.size 100>100 <high", "high fired batch.size 100>200"],
            200,
        ),
        (
            [rule("far", then=scale(3)), rule("near", then=scale(0.9))],
            ["far overruled batch.size 100>100 <near", "near fired batch.size 100>90"],
            90,
        ),
        (
            [rule("first", then=scale(1.1)), rule("second", then=scale(0.9))],
            ["first fired batch.size 100>110", "second overruled batch.size 100>100 <first"],
            110,
        ),
        (
            [rule("one", then=(*scale(2), Turn("add", "batch.size", 5))), rule("two", priority=-1)],
            ["one fired batch.size 100>205", "two fired"],
            205,
        ),
        (
            [rule("keeps", then=to(100, "batch.size"), priority=9), rule("turns", then=scale(2))],
            ["keeps fired batch.size 100>100", "turns overruled batch.size 100>100 <keeps"],
            100,
        ),
    ],
    ids=[
        "the higher priority writes",
        "of equal priority the smaller change",
        "of equal changes the one that stands first",
        "two turns of one rule add up",
        "one that wants no change keeps the other from it",
    ],
)
def test_one_rule_writes_a_knob_and_the_losers_are_told_by_whom(
    rules: list[Rule], decisions: list[str], value: Value
) -> None:
    play = Play(ruleset(*rules))
    play.look({each.id: True for each in rules})
    assert (play.decisions(), play.value("batch.size")) == (decisions, value)


def test_a_rule_that_is_overruled_in_one_knob_still_does_the_rest() -> None:
    both = rule("both", then=(*scale(2), Turn("set", "train.window_days", 7)))
    play = Play(ruleset(both, rule("high", then=scale(0.5), priority=9)))
    play.look({"both": True, "high": True})
    assert play.decisions() == [
        "both fired train.window_days 30>7",
        "both overruled batch.size 100>100 <high",
        "high fired batch.size 100>50",
    ]


def test_a_hold_that_lost_goes_on_at_the_next_look_and_takes_over_when_the_winner_clears() -> None:
    high = rule("high", hold={"sampler.name": "random"}, priority=9)
    low = rule("low", hold={"sampler.name": "margin"}, priority=1)
    play = Play(ruleset(high, low)).run(high="1 1 1 0 0", low="1 1 1 1 0")
    assert play.decisions() == [
        "high fired sampler.name entropy>random",
        "low overruled sampler.name entropy>entropy <high",
        "low repeated sampler.name random>margin [covered by hold:high]",
        "high cleared sampler.name random>margin",
        "low cleared sampler.name margin>entropy",
    ]


@pytest.mark.parametrize(
    ("bounds", "turn", "start", "changed"),
    [
        (Bounds("batch.size", 50, 800), Turn("scale", "batch.size", 3), 400, "400>800 [max 800]"),
        (Bounds("batch.size", 50, 800), Turn("scale", "batch.size", 0.1), 60, "60>50 [min 50]"),
        (Bounds("batch.size"), Turn("scale", "batch.size", 1e300), 60, "60>5000 [max 5000]"),
        (Bounds("batch.size"), Turn("scale", "batch.size", 1.25), 101, "101>126"),
        (
            Bounds("batch.size", step=StepLimit("factor", 2, Span(1800, "seconds"))),
            Turn("scale", "batch.size", 3),
            75,
            "75>150 [step 2x per 30m]",
        ),
        (
            Bounds("batch.size", high=120, step=StepLimit("factor", 2, Span(1800, "seconds"))),
            Turn("scale", "batch.size", 3),
            75,
            "75>120 [max 120]",
        ),
    ],
    ids=["the file's max", "the file's min", "the catalogue's max", "rounded", "a step", "the tighter one"],
)
def test_the_clause_that_limits_a_change_is_named(
    bounds: Bounds, turn: Turn, start: int, changed: str
) -> None:
    play = Play(ruleset(rule(then=(turn,)), bounds=[bounds]), {"batch.size": start})
    play.look({"r": True})
    assert play.decisions() == [f"r fired batch.size {changed}"]


@pytest.mark.parametrize(
    ("bounds", "turn", "start", "decision"),
    [
        (Bounds("batch.size", 50, 800), scale(2), {"batch.size": 800}, "batch.size 800>800 [max 800]"),
        (
            Bounds("sampler.name", words=("margin", "random")),
            to("hybrid"),
            {},
            "sampler.name entropy>entropy [values margin, random]",
        ),
        (
            Bounds("loop.architecture"),
            to("adaptive", "loop.architecture"),
            {},
            "loop.architecture sequential>sequential [only people turn it]",
        ),
    ],
    ids=["at the bound", "a word that the file leaves out", "a knob for people"],
)
def test_a_change_that_limits_leave_nothing_of_is_held(
    bounds: Bounds, turn: tuple[Turn, ...], start: dict[str, Value], decision: str
) -> None:
    play = Play(ruleset(rule(then=turn), bounds=[bounds]), start)
    play.look({"r": True})
    assert play.decisions() == [f"r held {decision}"]
    assert not any(isinstance(fact, KnobTurned) for fact in play.facts)


def test_the_step_limit_counts_all_moves_of_its_window() -> None:
    limit = StepLimit("factor", 2, Span(3 * MINUTE, "seconds"))
    grows = rule(then=scale(1.5), repeat=Span(1, "looks"))
    play = Play(ruleset(grows, bounds=[Bounds("batch.size", step=limit)])).run(r="1 1 1 1 1")
    assert play.decisions() == [
        "r fired batch.size 100>150",
        "r repeated batch.size 150>200 [step 2x per 3m]",
        "r held batch.size 200>200 [step 2x per 3m]",
        "r repeated batch.size 200>300",
        "r repeated batch.size 300>400 [step 2x per 3m]",
    ]


def test_a_hold_further_than_one_step_goes_there_step_by_step_and_comes_off_at_once() -> None:
    limit = StepLimit("amount", 100, Span(2, "looks"))
    rules = ruleset(rule(hold={"batch.size": 100}), bounds=[Bounds("batch.size", step=limit)])
    play = Play(rules, {"batch.size": 300})
    play.run(r="1 1 1 1 0")
    assert play.decisions() == [
        "r fired batch.size 300>200 [step 100 per 2 looks]",
        "r repeated batch.size 200>100",
        "r cleared batch.size 100>300",
    ]


def test_a_knob_that_goes_to_and_fro_is_frozen_and_says_so() -> None:
    bounds = Bounds("batch.size", turns=2, turns_within=Span(10, "looks"))
    up, down = rule("up", then=scale(2)), rule("down", then=scale(0.5))
    play = Play(ruleset(up, down, bounds=[bounds])).run(up="1 0 1 0 1", down="0 1 0 1 0")
    assert [each for each in play.decisions() if "cleared" not in each] == [
        "up fired batch.size 100>200",
        "down fired batch.size 200>100",
        "up fired batch.size 100>200",
        "down guard batch.size 200>200 [it would change direction 3 times in 10 looks, more than 2]",
        "up fired batch.size 200>400",
    ]
    frozen = next(each for each in play.facts if isinstance(each, DecisionMade) and each.verdict == "guard")
    assert "`batch.size` is frozen" in frozen.because


def test_a_hold_that_flaps_is_frozen_off_and_told_once_until_the_window_has_passed() -> None:
    bounds = Bounds("sampler.name", turns=2, turns_within=Span(6, "looks"))
    play = Play(ruleset(rule(hold={"sampler.name": "random"}), bounds=[bounds]))
    play.run(r="1 0 1 0 1 1 1 1 1 1 1 1")
    assert [each.split(" [")[0] for each in play.decisions()] == [
        "r fired sampler.name entropy>random",
        "r cleared sampler.name random>entropy",
        "r fired sampler.name entropy>random",
        "r cleared sampler.name random>entropy",
        "r guard sampler.name entropy>entropy",
        "r repeated sampler.name entropy>random",
    ]


def test_people_come_first_until_their_time_is_over() -> None:
    play = Play(ruleset(rule(then=scale(2)), rule("h", hold={"batch.size": 50})))
    play.turn("batch.size", 300, until=2 * MINUTE)
    values = []
    for truth in (True, True, False):
        play.look({"r": truth, "h": True})
        values.append(play.value("batch.size"))
    assert values == [300, 300, 50]
    assert play.decisions() == [
        "r overruled batch.size 100>100 <person:ana",
        "h fired batch.size 100>50 [covered by person:ana]",
        "flyball expired batch.size 300>50",
        "r cleared",
    ]


def test_a_paused_rule_lets_go_of_what_it_holds_and_is_not_looked_at() -> None:
    play = Play(ruleset(rule(hold={"batch.size": 50}))).run(r="1")
    play.turn("rule.paused", True, until=4 * MINUTE, about="r")
    play.run(r="1 1 1 1 1")
    assert [each for each in play.decisions() if each.startswith("r ")] == [
        "r fired batch.size 100>50",
        "r cleared batch.size 50>100",
        "r fired batch.size 100>50",
    ]
    cleared = next(
        each for each in play.facts if isinstance(each, DecisionMade) and each.verdict == "cleared"
    )
    assert cleared.because == "paused by ana: a trial"


def test_a_shadow_rule_decides_and_nothing_is_turned() -> None:
    shadow = rule("s", mode="shadow", hold={"sampler.name": "margin"}, then=scale(2), priority=99)
    play = Play(ruleset(shadow, rule("r", then=scale(0.5)))).run(s="1 1 0", r="1 1 0")
    assert play.decisions() == [
        "s fired batch.size 100>200 sampler.name entropy>margin (dry)",
        "r fired batch.size 100>50",
        "s cleared sampler.name entropy>entropy (dry)",
        "r cleared",
    ]
    assert (play.value("batch.size"), play.value("sampler.name")) == (50, "entropy")


def test_a_shadow_rule_is_overruled_as_it_would_be_live() -> None:
    play = Play(ruleset(rule("s", mode="shadow", then=scale(2)), rule("r", then=scale(0.5), priority=1)))
    play.look({"s": True, "r": True})
    assert play.decisions()[0] == "s overruled batch.size 100>100 <r (dry)"


def test_outside_adaptive_rules_look_and_turn_nothing() -> None:
    play = Play(ruleset(rule(hold={"batch.size": 50}, then=scale(2, "train.window_days"))), live=False)
    play.run(r="1 1 0")
    assert play.decisions() == [
        "r fired train.window_days 30>60 batch.size 100>50 (dry)",
        "r cleared batch.size 100>100 (dry)",
    ]
    assert len(play.facts) == 2


def test_active_rules_take_hold_when_the_loop_becomes_adaptive_and_let_go_when_it_leaves() -> None:
    play = Play(ruleset(rule(hold={"batch.size": 50})), live=False).run(r="1")
    play.live = True
    play.run(r="1")
    assert play.value("batch.size") == 50
    play.live = False
    play.run(r="1 1")
    assert play.value("batch.size") == 100


SAFE = Bounds("sampler.diversity", safe=0.2, silent_for=Span(3, "looks"))


def test_a_knob_whose_signals_fall_silent_is_safe_until_they_are_heard_again() -> None:
    play = Play(ruleset(rule(then=(Turn("set", "sampler.diversity", 0.5),)), bounds=[SAFE]))
    values = []
    for truth in (True, None, None, None, None, None, True):
        play.look({"r": truth})
        values.append(play.value("sampler.diversity"))
    assert values == [0.5, 0.5, 0.5, 0.5, 0.2, 0.2, 0.5]
    assert play.decisions() == [
        "r fired sampler.diversity 0.2>0.5",
        "flyball safe sampler.diversity 0.5>0.2",
        "flyball cleared sampler.diversity 0.2>0.5",
    ]


def test_one_rule_that_hears_something_is_enough() -> None:
    turn = (Turn("set", "sampler.diversity", 0.5),)
    play = Play(ruleset(rule("deaf", then=turn), rule("hears", then=turn), bounds=[SAFE]))
    play.run(deaf="1 ? ? ? ? ?", hears="0 0 0 0 0 0")
    assert play.value("sampler.diversity") == 0.5


def test_outside_adaptive_a_silent_knob_is_only_told() -> None:
    play = Play(ruleset(rule(then=scale(2, "sampler.diversity")), bounds=[SAFE]), {"sampler.diversity": 0.6})
    play.live = False
    play.run(r="? ? ? ? ? ?")
    assert play.decisions() == ["flyball safe sampler.diversity 0.6>0.2 (dry)"]
    assert play.value("sampler.diversity") == 0.6


def changed(play: Play, new: Ruleset) -> tuple[KnobTurned, ...]:
    play.memory, facts = carry(play.memory, play.rules, new)
    play.rules = new
    for fact in facts:
        play.knobs = play.knobs.evolve(fact)
    for each in new.rules:
        play.words.setdefault(each.id, [])
    return facts


def test_a_new_file_keeps_the_state_of_rules_that_mean_the_same() -> None:
    waits = Span(3, "looks")
    play = Play(ruleset(rule("a", for_=waits), rule("b", for_=waits))).run(a="1 1", b="1 1")
    changed(play, ruleset(rule("b", for_=waits, priority=5), rule("a", for_=waits, line=7), digest="d2"))
    play.run(a="1", b="1")
    assert (play.words["a"][-1], play.words["b"][-1]) == ("FIRE", "wait")


@pytest.mark.parametrize("new", [[], [rule("r", hold={"batch.size": 60})]], ids=["removed", "changed"])
def test_what_a_removed_or_changed_rule_holds_is_taken_off(new: list[Rule]) -> None:
    play = Play(ruleset(rule("r", hold={"batch.size": 50}))).run(r="1")
    (off,) = changed(play, ruleset(*new, digest="d2"))
    assert (off.knob, off.layer, off.to) == ("batch.size", "hold:r", None)
    assert play.value("batch.size") == 100


def test_a_rule_has_changed_when_a_condition_that_it_names_has() -> None:
    named = Rule(**{**_fields(rule("r", for_=Span(2, "looks"))), "when": Named("busy")})
    old = Ruleset("d1", "", "", MINUTE, (named,), {"busy": rule().when})  # type: ignore[arg-type]
    new = Ruleset("d2", "", "", MINUTE, (named,), {"busy": Named("other"), "other": rule().when})  # type: ignore[arg-type]
    play = Play(old).run(r="1")
    changed(play, new)
    assert play.memory.instances == {}


def test_a_hold_that_no_rule_stands_for_is_taken_off_at_the_next_look() -> None:
    play = Play(ruleset(rule("r", hold={"batch.size": 50}))).run(r="1")
    play.memory = Memory()
    play.run(r="0")
    assert play.value("batch.size") == 100


def test_limits_never_move_a_knob_the_other_way() -> None:
    knob = KNOBS["batch.size"]
    limit = StepLimit("factor", 2, Span(10, "looks"))
    assert stepped(knob, limit, 40, 50, [400, 50]) == (50, "step 2x per 10 looks")
    assert bounded(knob, Bounds("batch.size", 50, 800), float("nan"), 60) == (60, "not a finite number")


def _fields(of: Rule) -> dict[str, Any]:
    return {name: getattr(of, name) for name in of.__dataclass_fields__}
