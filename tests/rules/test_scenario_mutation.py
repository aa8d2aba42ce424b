"""Nudges of rule files: what is nudged, how it is told, and who notices."""

from __future__ import annotations

import pytest
from tests.rules.catalogue import CATALOGUE
from tests.rules.scenarios import RULES, rule_file, trial

from flyball.core.rules.scenario.edits import of_condition, of_limit
from flyball.core.rules.scenario.nudges import Nudges


def told(condition: str) -> list[str]:
    return [edit.told(condition) for edit in of_condition(condition, CATALOGUE.signals)]


@pytest.mark.parametrize(
    ("condition", "edits"),
    [
        ("queue.depth > 200", ["> 200 → >= 200", "> 200 → > 210", "> 200 → > 190"]),
        ("queue.depth < 7", ["< 7 → <= 7", "< 7 → < 8", "< 7 → < 6"]),
        ("annotators.idle > 20%", ["> 20% → >= 20%", "> 20% → > 21%", "> 20% → > 19%"]),
        ("model.lag > 3 cycles", ["> 3 cycles → >= 3 cycles", "→ > 4 cycles", "→ > 2 cycles"]),
        ("queue.age > 10m", ["→ >= 10m", "→ > 10.5m", "→ > 9.5m"]),
        ("answers.total <= 0", ["→ < 0", "→ <= 1", "→ <= -1"]),
        ("val.ap > -0.5", ["→ >= -0.5", "→ > -0.525", "→ > -0.475"]),
        ("queue.depth > 2 * batch.size", ["→ >= 2", "→ > 2.1 *", "→ > 1.9 *", "→ > 2 / batch.size"]),
        (
            "slope(val.ap, 5) < 0",
            ["→ slope(val.ap, 6)", "→ slope(val.ap, 4)", "→ <= 0", "→ < 0.01", "→ < -0.01"],
        ),
        (
            "abs(delta(queue.depth, 10m)) != 3",
            ["→ abs(delta(queue.depth, 12m))", "→ abs(delta(queue.depth, 8m))", "→ == 3", "→ != 4", "→ != 2"],
        ),
        (
            "min(queue.depth, 5 cycles) > max(1, answers.total)",
            ["6 cycles", "4 cycles", ">= max(1", "max(2", "max(0"],
        ),
        ("sampler.name == random", ["→ != random"]),
        ("drift.changed", []),
        ("not drift.changed", ["not drift.changed → drift.changed"]),
        ("drift.changed and not deep", ["and not deep → or", "→ drift.changed and deep"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_threshold_window_and_operator_is_nudged(condition: str, edits: list[str]) -> None:
    found = told(condition)
    assert len(found) == len(edits), found
    assert all(edit in made for edit, made in zip(edits, found, strict=True)), found


def test_parts_joined_are_told_by_themselves() -> None:
    assert told("(queue.depth > 200 or annotators.idle > 20%) and drift.changed")[:4] == [
        "queue.depth > 200 → >= 200",
        "queue.depth > 200 → > 210",
        "queue.depth > 200 → > 190",
        "annotators.idle > 20% → >= 20%",
    ]


def test_a_limit_is_nudged_in_its_amount_and_its_time() -> None:
    assert [edit.of("2x per 30m") for edit in of_limit("2x per 30m")] == [
        "2.1x per 30m",
        "1.9x per 30m",
        "2x per 36m",
        "2x per 24m",
    ]
    assert [edit.of("3 per 6 cycles") for edit in of_limit("3 per 6 cycles")][:2] == [
        "4 per 6 cycles",
        "2 per 6 cycles",
    ]


def nudged(rules: str = RULES) -> list[str]:
    file = rule_file(rules)
    return [str(nudge) for nudge in Nudges(file.root, file.source, file.rules, CATALOGUE).all()]


@pytest.mark.parametrize(
    "nudge",
    [
        "line 4: [batch.size max] 400 → 420",
        "line 4: [batch.size turns] 2 per 1h → 2 per 1.2h",
        "line 9: [deep for] 2m → 2.4m",
        "line 11: [deep hold] random → entropy",
        "line 16: [idle then] 2 → 2.1",
        "line 16: [idle then] warn → info",
        "line 17: [idle cooldown] 2 looks → 3 looks",
        "line 22: [gold hold] 0.5 → 0.475",
    ],
)
def test_durations_bounds_and_values_are_nudged_too(nudge: str) -> None:
    assert nudge in nudged()


def test_a_priority_is_nudged_only_where_it_decides() -> None:
    assert not [each for each in nudged() if "priority" in each]
    other = RULES.replace(
        "    cooldown: 2 looks\n",
        "    hold: {sampler.name: margin}\n    until: annotators.idle < 9%\n    priority: 3\n",
    )
    assert [each for each in nudged(other) if "priority" in each] == ["line 19: [idle priority] 3 → 10"]


def test_a_bound_that_no_rule_can_reach_is_not_nudged() -> None:
    """The rule scales by two at least 10 items, so that it never comes under 20."""
    near = RULES.replace("max: 400", "min: 15, max: 400")
    far = RULES.replace("max: 400", "min: 60, max: 400")
    assert not [each for each in nudged(near) if "size min" in each]
    assert len([each for each in nudged(far) if "size min" in each]) == 2


WATCH = """version: 1
every: 1m
rules:
  - {id: watch, because: so, when: drift.share > 30%, then: {do: retrain}}
"""


@pytest.mark.parametrize(
    ("row", "words", "survivors"),
    [
        ("10% 60%", ". FIRE", ["→ >= 30%", "→ > 31.5%", "→ > 28.5%"]),
        ("29% 60%", ". FIRE", ["→ >= 30%", "→ > 31.5%"]),
        ("30% 60%", ". FIRE", ["→ > 31.5%"]),
        ("30% 31%", ". FIRE", []),
    ],
    ids=["far from it", "near below", "on it", "on it and near above"],
)
def test_values_near_the_threshold_notice_what_others_do_not(
    row: str, words: str, survivors: list[str]
) -> None:
    scenarios = f"  - name: x\n    rule: watch\n    signals: {{drift.share: {row}}}\n    verdict: {words}\n"
    found = trial(scenarios, WATCH, mutation=True)
    assert [str(each.nudge).partition("%")[2].strip() for each in found.survivors] == survivors
    assert found.score == pytest.approx(100 * (3 - len(survivors)) / 3)


NOTHING = "  - name: x\n    rule: watch\n    signals: {val.ap: 0.5}\n    verdict: '?'\n"


def test_a_nudge_that_would_be_refused_is_left_out() -> None:
    """A slope needs two cycles."""
    rules = WATCH.replace("drift.share > 30%", "'slope(val.ap, 2) > 0.1'")
    told = [each.nudge.told for each in trial(NOTHING, rules, mutation=True).mutated or ()]
    assert told[0] == "slope(val.ap, 2) > 0.1 → slope(val.ap, 3) > 0.1"
    assert not [each for each in told if "slope(val.ap, 1)" in each]


def test_while_scenarios_fail_nothing_is_nudged() -> None:
    found = trial(NOTHING.replace("'?'", "FIRE"), mutation=True)
    assert found.failed
    assert (found.mutated, found.score) == (None, None)
