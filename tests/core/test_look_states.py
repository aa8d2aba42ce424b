"""One rule's states from look to look."""

from __future__ import annotations

from typing import Any

import pytest
from tests.looking import MINUTE, Play, rule, ruleset

from flyball.core.facts import DecisionMade, KnobTurned
from flyball.core.rules.model import Do, Span, Turn
from flyball.core.rules.standing import describe

BIGGER = (Turn("scale", "batch.size", 1.5),)


def minutes(amount: float) -> Span:
    return Span(amount * MINUTE, "seconds")


@pytest.mark.parametrize(
    ("more", "when", "until", "words"),
    [
        ({}, "0 1 1 0 1", None, ". FIRE on clear FIRE"),
        ({"for_": minutes(2)}, "1 1 1 1", None, "wait wait FIRE on"),
        ({"for_": Span(3, "looks")}, "1 1 1 1", None, "wait wait FIRE on"),
        ({"for_": Span(1, "looks")}, "1 0", None, "FIRE clear"),
        ({"for_": Span(2, "looks")}, "0 1 0 1 1", None, ". wait . wait FIRE"),
        ({"for_": Span(3, "looks")}, "1 1 ? 1", None, "wait wait ? FIRE"),
        ({"for_": minutes(2)}, "1 ? ? ? 1 1 1", None, "wait ? ? ? wait FIRE on"),
        ({"for_": Span(2, "looks"), "when_missing": "clear"}, "1 ? 1 1", None, "wait ? wait FIRE"),
        ({}, "1 ? ? 0", None, "FIRE ? ? clear"),
        ({"when_missing": "clear"}, "1 ?", None, "FIRE clear"),
        ({"until": True}, "1 0 0 0", "0 0 ? 1", "FIRE on ? clear"),
        ({"until": True, "when_missing": "clear"}, "1 1 1", "0 ? ?", "FIRE clear FIRE"),
        ({"cooldown": minutes(4)}, "1 0 1 1 1", None, "FIRE clear rest rest FIRE"),
        ({"cooldown": Span(3, "looks")}, "1 0 1 1", None, "FIRE clear rest FIRE"),
        ({"cooldown": minutes(4)}, "1 1 1 1 1 1", None, "FIRE on on on on on"),
        (
            {"cooldown": minutes(4), "for_": minutes(2)},
            "1 1 1 0 1 1 1",
            None,
            "wait wait FIRE clear rest rest FIRE",
        ),
        ({"cooldown": minutes(4)}, "1 0 ? 0 0", None, "FIRE clear ? rest ."),
        ({"repeat": minutes(2)}, "1 1 1 1 1", None, "FIRE on FIRE on FIRE"),
        ({"repeat": minutes(1)}, "1 ? 1", None, "FIRE ? FIRE"),
        ({"once": True}, "1 0 1 1 0 1", None, "FIRE clear rest rest rest rest"),
    ],
    ids=[
        "fires once while its condition holds",
        "waits for its time",
        "counts the look that began it",
        "one look is at once",
        "a spike is noise",
        "a silent sensor neither fires nor forgets",
        "time without data is no waiting",
        "no data clears what is pending where the rule says so",
        "no data does not clear",
        "no data clears where the rule says so",
        "until clears lower than when fires",
        "until unknown clears where the rule says so",
        "does not fire again while it rests",
        "rests for a number of looks",
        "the cooldown does not end what is active",
        "for runs while it rests",
        "no data while it rests",
        "repeats while it is active",
        "does not repeat without data",
        "once is once",
    ],
)
def test_a_rule_goes_from_idle_to_pending_to_active_to_resting(
    more: dict[str, Any], when: str, until: str | None, words: str
) -> None:
    play = Play(ruleset(rule(then=BIGGER, **more)))
    play.run(r=when, **({} if until is None else {"until_r": until}))
    assert " ".join(play.words["r"]) == words


@pytest.mark.parametrize(
    ("more", "cycles", "words"),
    [
        ({"for_": Span(2, "cycles")}, "0 0 1 1 2", "wait wait wait wait FIRE"),
        ({"repeat": Span(2, "cycles")}, "0 1 1 2 3", "FIRE on on FIRE on"),
    ],
    ids=["waits for cycles", "repeats by cycles"],
)
def test_time_may_be_counted_in_cycles(more: dict[str, Any], cycles: str, words: str) -> None:
    play = Play(ruleset(rule(then=BIGGER, **more))).run(cycles, r="1 1 1 1 1")
    assert " ".join(play.words["r"]) == words


def test_a_cooldown_in_cycles_ends_when_batches_settle() -> None:
    play = Play(ruleset(rule(then=BIGGER, cooldown=Span(2, "cycles"))))
    play.run("0 0 1 1 2", r="1 0 1 1 1")
    assert " ".join(play.words["r"]) == "FIRE clear rest rest FIRE"


def test_nothing_is_written_down_while_nothing_happens() -> None:
    play = Play(ruleset(rule(then=BIGGER, for_=minutes(3), cooldown=minutes(9))))
    play.run(r="0 ? 1 1 1 1 1 1 0 0 1 1 0 ?")
    assert play.decisions() == ["r fired batch.size 100>150", "r cleared"]


def test_a_decision_carries_its_reason_its_numbers_and_its_file() -> None:
    play = Play(ruleset(rule(then=BIGGER))).run(r="1")
    decision = play.facts[0]
    assert isinstance(decision, DecisionMade)
    assert (decision.because, decision.values, decision.rules, decision.due) == (
        "because of r",
        {"queue.depth": 3.0},
        "d1",
        0.0,
    )
    assert play.facts[1] == KnobTurned("batch.size", "base", 150, "because of r", "r")


def test_an_action_is_asked_for_once_for_each_firing() -> None:
    alert = Do("alert", {"severity": "warn"})
    play = Play(ruleset(rule(then=(Do("retrain"), alert), repeat=minutes(2))))
    play.run(r="1 1 1 0 1")
    assert play.asked() == ["retrain", "alert"] * 3
    assert play.decisions()[0] == "r fired do:retrain do:alert"


def test_a_hold_is_put_on_and_taken_off_and_the_value_beneath_is_there_again() -> None:
    play = Play(ruleset(rule(hold={"sampler.name": "random"}, priority=90)), {"sampler.name": "hybrid"})
    values = []
    for truth in (False, True, True, False):
        play.look({"r": truth})
        values.append(play.value("sampler.name"))
    assert values == ["hybrid", "random", "random", "hybrid"]
    assert play.decisions() == [
        "r fired sampler.name hybrid>random",
        "r cleared sampler.name random>hybrid",
    ]


def test_a_base_written_under_a_hold_counts_when_the_hold_is_taken_off() -> None:
    holds = rule("holds", hold={"batch.size": 50}, priority=9)
    writes = rule("writes", then=(Turn("set", "batch.size", 300),))
    play = Play(ruleset(holds, writes))
    play.run(holds="1 1 0", writes="0 1 1")
    assert play.decisions()[1] == "writes fired batch.size 100>300 [covered by hold:holds]"
    assert play.value("batch.size") == 300


def test_each_annotator_has_a_rule_of_their_own() -> None:
    gold = rule("gold", foreach="annotator", hold={"annotator.weight": 0.5}, then=(Do("flag_annotator"),))
    play = Play(ruleset(gold))
    play.look({"gold.when@ana": True, "gold.when@bob": False}, each=["ana", "bob"])
    assert (play.value("annotator.weight", "ana"), play.value("annotator.weight", "bob")) == (0.5, 1.0)
    play.look({"gold.when@ana": True, "gold.when@bob": True}, each=["ana", "bob"])
    play.look({"gold.when@ana": False, "gold.when@bob": True}, each=["ana", "bob"])
    assert (play.value("annotator.weight", "ana"), play.value("annotator.weight", "bob")) == (1.0, 0.5)
    assert [each.about for each in describe(play.memory, play.rules)] == ["ana", "bob"]
    assert play.decisions() == [
        "gold@ana fired annotator.weight 1>0.5 do:flag_annotator",
        "gold@bob fired annotator.weight 1>0.5 do:flag_annotator",
        "gold@ana cleared annotator.weight 0.5>1",
    ]


def test_an_annotator_who_is_not_there_keeps_what_was_decided_of_them() -> None:
    play = Play(ruleset(rule("gold", foreach="annotator", hold={"annotator.weight": 0.5})))
    play.look({"gold.when@ana": True}, each=["ana"])
    play.look({}, each=[])
    assert play.value("annotator.weight", "ana") == 0.5


def test_two_annotators_may_hold_one_knob_of_the_loop_and_the_last_one_frees_it() -> None:
    play = Play(ruleset(rule("slow", foreach="annotator", hold={"batch.size": 50})))
    for ana, bob in ((True, True), (False, True)):
        play.look({"slow.when@ana": ana, "slow.when@bob": bob}, each=["ana", "bob"])
    play.look({"slow.when@ana": False, "slow.when@bob": True}, each=["ana", "bob"])
    assert play.value("batch.size") == 50
    play.look({"slow.when@ana": False, "slow.when@bob": False}, each=["ana", "bob"])
    assert play.value("batch.size") == 100


def test_where_a_rule_stands_can_be_read_with_since_when() -> None:
    play = Play(ruleset(rule(then=BIGGER, for_=minutes(2), cooldown=minutes(30))))
    play.run(r="0 1 1")
    (pending,) = describe(play.memory, play.rules)
    assert (pending.state, pending.since, pending.lasted, pending.fired_at) == ("pending", 60.0, 60.0, None)
    play.run(r="1 1 0")
    (resting,) = describe(play.memory, play.rules)
    assert (resting.state, resting.fired_at) == ("resting", 180.0)
