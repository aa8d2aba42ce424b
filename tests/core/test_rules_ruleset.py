"""What a rule file says, as values; and what is legal in it but unwise."""

from __future__ import annotations

import pytest
from tests.rules.catalogue import CATALOGUE

from flyball.adapters.rule_file import read
from flyball.core.ids import digest_of
from flyball.core.rules.model import Bounds, Do, Ruleset, Span, StepLimit, Turn
from flyball.core.rules.reason import render_because, shown
from flyball.core.rules.tree import written
from flyball.errors import Problem

HEAD = "version: 1\nevery: 30s\n"


def file(text: str) -> tuple[Ruleset, tuple[Problem, ...]]:
    return read((HEAD + text).encode(), "rules.yaml", CATALOGUE)


def only(text: str) -> Ruleset:
    ruleset, warnings = file(text)
    assert warnings == ()
    return ruleset


def codes(text: str) -> list[str]:
    """What is unwise in rules that all say the same beside what is given."""
    _, warnings = file(text)
    assert all(warning.severity == "warning" for warning in warnings)
    return [warning.code for warning in warnings]


def test_a_rule_says_everything_it_was_given() -> None:
    ruleset = only(
        """
rules:
  - id: all-of-it
    because: "{queue.depth} wait"
    when: queue.depth > 200
    for: 5m
    until: queue.depth < 100
    then: [{scale: batch.size, by: 0.5}, {add: sampler.reserve, by: 10%}, {do: alert, severity: warn}]
    hold: {sampler.name: random, release.paused: true, release.every: 10m}
    cooldown: 3 cycles
    repeat: 2 looks
    once: true
    priority: 90
    mode: shadow
    when_missing: clear
"""
    )
    (rule,) = ruleset.rules
    assert rule.then == (
        Turn("scale", "batch.size", 0.5),
        Turn("add", "sampler.reserve", 0.1),
        Do("alert", {"severity": "warn"}),
    )
    assert rule.hold == {"sampler.name": "random", "release.paused": True, "release.every": 600.0}
    assert (rule.for_, rule.cooldown, rule.repeat) == (
        Span(300, "seconds"),
        Span(3, "cycles"),
        Span(2, "looks"),
    )
    assert (rule.once, rule.priority, rule.mode, rule.when_missing) == (True, 90, "shadow", "clear")
    assert (rule.when_text, rule.until_text, rule.line) == ("queue.depth > 200", "queue.depth < 100", 5)


def test_defaults_are_what_a_rule_does_not_say_itself() -> None:
    ruleset = only(
        """
defaults: {mode: shadow, cooldown: 15m, when_missing: clear}
rules:
  - {id: quiet, because: so, when: queue.depth > 3, then: {do: retrain}}
  - {id: loud, because: so, when: queue.depth > 3, then: {do: retrain}, mode: live, cooldown: 1h}
"""
    )
    quiet, loud = ruleset.rules
    assert (quiet.mode, quiet.cooldown, quiet.when_missing) == ("shadow", Span(900, "seconds"), "clear")
    assert (loud.mode, loud.cooldown, loud.when_missing) == ("live", Span(3600, "seconds"), "clear")


def test_knobs_are_narrowed_limited_and_made_safe() -> None:
    ruleset = only(
        """
knobs:
  batch.size: {min: 50, max: 800, step: 2x per 30m, turns: 3 per 1h}
  sampler.reserve: {step: 0.1 per 3 cycles, safe: 20%, silent_for: 10m}
  sampler.name: {values: [entropy, random], safe: random}
  annotator.weight: {max: 50%, per: annotator}
rules: []
"""
    )
    half_hour, hour = Span(1800, "seconds"), Span(3600, "seconds")
    assert ruleset.bounds == {
        "batch.size": Bounds(
            "batch.size", 50, 800, step=StepLimit("factor", 2, half_hour), turns=3, turns_within=hour
        ),
        "sampler.reserve": Bounds(
            "sampler.reserve",
            step=StepLimit("amount", 0.1, Span(3, "cycles")),
            safe=0.2,
            silent_for=Span(600, "seconds"),
        ),
        "sampler.name": Bounds("sampler.name", words=("entropy", "random"), safe="random"),
        "annotator.weight": Bounds("annotator.weight", high=0.5),
    }


def test_named_conditions_stand_after_those_they_use() -> None:
    ruleset = only(
        """
conditions:
  last: middle or first
  middle: not first
  first: queue.depth > 3
rules: []
"""
    )
    assert list(ruleset.conditions) == ["first", "middle", "last"]


def test_a_file_is_named_by_the_digest_of_its_bytes() -> None:
    content = (HEAD + "rules: []\n").encode()
    assert read(content, "a", CATALOGUE)[0].digest == digest_of(content)


def test_a_long_condition_may_go_over_several_lines() -> None:
    ruleset = only(
        """
rules:
  - id: folded
    because: >-
      two lines
      become one
    when: >-
      queue.depth > 3
      and drift.changed
    then: {do: retrain}
"""
    )
    (rule,) = ruleset.rules
    assert (rule.because, rule.when_text) == ("two lines become one", "queue.depth > 3 and drift.changed")


def test_a_reason_shows_each_value_in_its_unit() -> None:
    ruleset = only(
        """
rules:
  - id: why
    foreach: annotator
    because: "{annotator}: {gold.accuracy} of {gold.seen}, {queue.age} old, {val.ap} {{so}}"
    when: gold.seen > 3
    then: {do: flag_annotator}
"""
    )
    values = {"gold.accuracy": 0.875, "gold.seen": 1200.0, "queue.age": 3900.0, "val.ap": None}
    said = render_because(ruleset.rules[0], lambda expression: values[written(expression)], "ana")
    assert said == "ana: 87.5% of 1,200, 1h 5m old, no data {so}"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0004, "share", "0.04%"),
        (12.5, "share", "1250%"),
        (0.25, "seconds", "0.25s"),
        (59.0, "seconds", "59s"),
        (60.0, "seconds", "1m"),
        (90061.0, "seconds", "1d 1h"),
        (-5400.0, "seconds", "-1h 30m"),
        (1.0, "flag", "yes"),
        (0.0012345, "slope", "0.001234"),
        (250.0, "count", "250"),
        ("random", "", "random"),
    ],
)
def test_a_value_is_shown_as_people_read_it(value: float | str, unit: str, text: str) -> None:
    assert shown(value, unit) == text


RULE = "  - {{id: {}, because: so, when: {}, {}}}\n"


@pytest.mark.parametrize(
    ("rules", "warned"),
    [
        pytest.param(
            RULE.format("a", "queue.depth > 3", "then: {scale: batch.size, by: 2}, priority: 5")
            + RULE.format("b", "drift.changed", "then: {set: batch.size, to: 50}, priority: 5"),
            ["W102"],
            id="two rules of one priority can turn one knob",
        ),
        pytest.param(
            RULE.format("a", "queue.depth > 3", "then: {scale: batch.size, by: 2}, priority: 5")
            + RULE.format("b", "drift.changed", "then: {set: batch.size, to: 50}, priority: 6"),
            [],
            id="one of them is stronger",
        ),
        pytest.param(
            RULE.format("a", "queue.depth > 3", "then: {scale: batch.size, by: 2}, mode: shadow")
            + RULE.format("b", "drift.changed", "then: {set: batch.size, to: 50}"),
            [],
            id="one of them is in the shadow",
        ),
        pytest.param(
            RULE.format("a", "queue.depth > 3", "then: {do: retrain}, for: 10s"),
            ["W103"],
            id="a wait shorter than a look",
        ),
        pytest.param(
            RULE.format("a", "queue.depth > 3", "then: {do: retrain}, for: 30s"), [], id="a wait of one look"
        ),
        pytest.param(
            RULE.format("a", "annotators.idle > 90", "then: {do: retrain}"),
            ["W101"],
            id="a threshold out of reach",
        ),
        pytest.param(
            RULE.format("a", "annotators.load > 90", "then: {do: retrain}"), [], id="a load may be anything"
        ),
        pytest.param(
            RULE.format("a", "queue.depth > 3", "hold: {release.paused: true}"),
            ["W104"],
            id="a hold that says not when it clears",
        ),
        pytest.param(
            RULE.format("a", "queue.depth > 3", "hold: {release.paused: true}, until: queue.depth < 5"),
            ["W105"],
            id="between 3 and 5 it fires and clears",
        ),
        pytest.param(
            RULE.format("a", "queue.depth > 3", "hold: {release.paused: true}, until: queue.depth <= 3"),
            [],
            id="at 3 it clears and does not fire",
        ),
        pytest.param(
            RULE.format("a", "queue.depth >= 3", "hold: {release.paused: true}, until: queue.depth <= 3"),
            ["W105"],
            id="at 3 it does both",
        ),
        pytest.param(
            RULE.format(
                "a", "3 < queue.depth and drift.changed", "then: {do: retrain}, until: not queue.depth > 3"
            ),
            [],
            id="the same said otherwise",
        ),
        pytest.param(
            RULE.format("a", "queue.depth != 3", "then: {do: retrain}, until: queue.depth == 3"),
            [],
            id="other than 3, until 3",
        ),
        pytest.param(
            RULE.format("a", "queue.depth > 3", "then: {do: retrain}, until: answers.total > 3"),
            [],
            id="of another signal nothing is known",
        ),
    ],
)
def test_what_is_unwise_is_warned_of_and_nothing_else(rules: str, warned: list[str]) -> None:
    assert codes(f"rules:\n{rules}") == warned


def test_until_is_compared_with_when_through_named_conditions() -> None:
    rules = RULE.format("a", "deep", "then: {do: retrain}, until: queue.depth < 5")
    assert codes(f"conditions: {{deep: queue.depth > 3}}\nrules:\n{rules}") == ["W105"]
