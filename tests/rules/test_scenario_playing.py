"""Scenarios played: what passes, how a failure is told, and what of a rule is shown."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.rules.scenarios import RULES, suite, trial

from flyball.core.ids import RuleId
from flyball.core.rules.conditions import Side
from flyball.core.rules.model import Ruleset
from flyball.core.rules.reference import ReferenceEngine
from flyball.core.rules.scenario.coverage import Aspect

DEEP = """  - name: deep
    rule: deep
    signals: {queue.depth: 150 250x4 90 _}
    verdict: . wait wait FIRE on clear ?
    expect:
      - {at: 3m, fired: [deep], knobs: {sampler.name: random}}
      - {at: look 6, cleared: deep, fired: [], knobs: {sampler.name: entropy}}
"""


def failure(text: str) -> str:
    (outcome,) = trial(text).outcomes
    return outcome.failure


@pytest.mark.parametrize(
    "text",
    [
        DEEP,
        """  - name: each annotator has a rule of their own
    signals: {gold.accuracy@ana: 95% 80%x2, gold.accuracy@bob: 80% 95%x2}
    verdict: {gold@ana: . FIRE on, gold@bob: FIRE clear .}
    expect:
      - {at: 1m, fired: [gold@ana], cleared: [gold@bob]}
      - {at: 1m, knobs: {annotator.weight@ana: 0.5, annotator.weight@bob: 1}}
""",
        """  - name: actions and their options
    signals: {annotators.idle: 30% 10%, drift.share: 50%}
    expect:
      - {at: 0, fired: [idle, watch], asked: [retrain, alert warn]}
      - {at: 0, asked: [alert, retrain]}
      - {at: 1m, asked: []}
""",
        """  - name: a rule that is named is the only one that counts
    rule: watch
    signals: {annotators.idle: 30%, drift.share: 50%}
    expect: [{at: 0, fired: [watch], asked: [retrain]}]
""",
        """  - name: bounds
    knobs: {batch.size: 300}
    signals: {annotators.idle: 30%}
    expect: [{at: 0, fired: [idle], knobs: {batch.size: 400}, decided: {batch.size: 400}}]
""",
        """  - name: people come first
    signals: {queue.depth: 250x6}
    people:
      - {at: 1m, set: {sampler.name: margin}, for: 3m}
      - {at: 5m, pause: deep}
    expect:
      - {at: 2m, fired: [deep], knobs: {sampler.name: margin}}
      - {at: 4m, knobs: {sampler.name: random}}
      - {at: 5m, cleared: [deep], knobs: {sampler.name: entropy}}
""",
        """  - name: a pause ends, and an override is taken back
    signals: {queue.depth: 250x6}
    people:
      - {at: 0, pause: deep, set: {batch.size: 50}}
      - {at: 2m, resume: deep, clear: batch.size}
    verdict: {deep: . . wait wait FIRE on}
    expect:
      - {at: 1m, knobs: {batch.size: 50}}
      - {at: 2m, knobs: {batch.size: 100}}
""",
        """  - name: outside adaptive nothing is turned
    architecture: parallel
    signals: {queue.depth: 250x3}
    expect: [{at: 2m, fired: [deep], knobs: {sampler.name: entropy}, decided: {sampler.name: random}}]
""",
    ],
    ids=lambda text: text.splitlines()[0].removeprefix("  - name: "),
)
def test_what_comes_out_as_expected_passes(text: str) -> None:
    assert failure(text) == ""


def test_a_failed_row_is_shown_beside_what_came_with_the_reading_and_how_far_it_was() -> None:
    assert failure(
        DEEP.replace("wait wait FIRE on clear ?", "wait FIRE on on clear ?").split("    expect")[0]
    ) == (
        "deep differs at 2m (look 3)\n"
        "  time      0  1m    2m    3m    4m  5m     6m\n"
        "  expected  .  wait  FIRE  on    on  clear  ?\n"
        "  got       .  wait  wait  FIRE  on  clear  ?\n"
        "                     ^^^^  ^^^^\n"
        "  deep when: queue.depth > 200\n"
        "  met, pending for 1m of `for: 2m`\n"
        "    queue.depth > 200: yes, read 250, 50 above"
    )


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ("{at: 3m, fired: []}", ["at 3m (look 4), fired (line 8)", "expected: nothing", "got:      deep"]),
        ("{at: 2m, fired: [deep]}", ["got:      nothing", "met, pending for 1m of `for: 2m`"]),
        (
            "{at: 5m, fired: [deep]}",
            ["got:      nothing; deep cleared", "queue.depth < 100: yes, read 90, 10 below"],
        ),
        (
            "{at: 3m, knobs: {sampler.name: margin}}",
            ["sampler.name (line 8)", "expected: margin", "got:      random"],
        ),
        ("{at: 3m, asked: [retrain]}", ["expected: retrain", "got:      nothing"]),
        ("{at: 3m, decided: {batch.size: 50}}", ["expected: 50", "got:      nothing"]),
    ],
    ids=["too much", "too early", "something else", "a knob", "an action", "a decision"],
)
def test_a_failed_expectation_says_what_came_instead(expect: str, told: list[str]) -> None:
    found = failure(f"{DEEP.split('    expect')[0]}    expect:\n      - {expect}\n")
    assert all(line in found for line in told), found


def test_no_data_is_told_as_such() -> None:
    signals = "    signals: {drift.share: 20% _, drift.changed: 0}\n"
    text = f"  - name: x\n    rule: watch\n{signals}    verdict: . FIRE\n"
    assert "drift.share > 30%: no data" in failure(text)


def test_an_engine_that_finds_other_truths_fails_the_scenario() -> None:
    def contrary(rules: Ruleset, readings: Mapping[str, Side]) -> dict[str, bool | None]:
        found = ReferenceEngine().truths(rules, readings)
        return {**found, "deep.when": not found["deep.when"]}

    (outcome,) = trial(DEEP, engines={"contrary": contrary}).outcomes
    assert "at 0 (look 1), engines disagree on deep.when by contrary" in outcome.failure
    assert "expected: no\n  got:      yes" in outcome.failure


@pytest.mark.parametrize(
    ("rule", "signals", "row", "shown"),
    [
        ("deep", "queue.depth: 250x3", "wait wait FIRE", {"fires"}),
        ("deep", "queue.depth: 250x3 90", "wait wait FIRE clear", {"fires", "clears"}),
        ("deep", "queue.depth: 250x2", "wait wait", set()),
        ("deep", "queue.depth: 250x2 150", "wait wait .", {"held back"}),
        ("deep", "queue.depth: 250 _", "wait '?'", {"no data"}),
        ("idle", "annotators.idle: 30% 10% 30%", "FIRE clear FIRE", {"fires", "clears"}),
        ("idle", "annotators.idle: 30% 10% 10%", "FIRE clear .", {"fires", "clears"}),
        ("watch", "drift.share: 20%, drift.changed: 0", ".", {"held back"}),
    ],
    ids=[
        "fires",
        "clears",
        "still waits",
        "waited in vain",
        "no data",
        "not at rest any more",
        "not met is not held back where something can hold it back",
        "not met is held back where nothing else can hold it back",
    ],
)
def test_coverage_says_what_is_shown_of_a_rule(rule: str, signals: str, row: str, shown: set[Aspect]) -> None:
    row = row.replace("'", "")
    text = f'  - name: x\n    rule: {rule}\n    signals: {{{signals}}}\n    verdict: "{row}"\n'
    found = trial(text)
    assert not found.failed, found.failed
    assert {str(name): set(aspects) for name, aspects in found.coverage.rules.items() if aspects} == (
        {rule: shown} if shown else {}
    )


@pytest.mark.parametrize(
    ("more", "row"),
    [
        ("cooldown", "FIRE clear rest"),
        ("    knobs: {batch.size: 300}\n", "FIRE clear FIRE"),
        ("    people: [{at: 2m, pause: idle}]\n", "FIRE clear ."),
    ],
    ids=["rests", "is limited", "is paused"],
)
def test_a_rule_that_rests_is_limited_or_paused_is_held_back(more: str, row: str) -> None:
    rules = RULES.replace("cooldown: 2 looks", "cooldown: 3 looks") if more == "cooldown" else RULES
    more = "" if more == "cooldown" else more
    signals = "    signals: {annotators.idle: 30% 10% 30%}\n"
    found = trial(f"  - name: x\n    rule: idle\n{signals}{more}    verdict: {row}\n", rules)
    assert not found.failed, found.failed
    assert "held back" in found.coverage.rules[RuleId("idle")]


def test_a_scenario_says_nothing_of_rules_that_it_does_not_name() -> None:
    text = "  - name: x\n    signals: {queue.depth: 250x3}\n    expect: [{at: 0, knobs: {batch.size: 100}}]\n"
    assert suite(text).scenarios[0].concerns == frozenset()
    assert trial(text).coverage.shown == 0
