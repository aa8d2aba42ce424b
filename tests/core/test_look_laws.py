"""What holds of every look, whatever the rules and whatever is true."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.looking import Play, rule, ruleset

from flyball.core.facts import DecisionMade, KnobTurned
from flyball.core.knobs import KNOBS
from flyball.core.rules.memory import Memory, carry
from flyball.core.rules.model import Bounds, Do, Rule, Span, StepLimit, Turn

LAW = settings(deadline=None, max_examples=40)

SPANS = st.one_of(
    st.none(),
    st.builds(Span, st.integers(1, 4), st.sampled_from(["looks", "cycles"])),
    st.builds(lambda n: Span(60.0 * n, "seconds"), st.integers(1, 4)),
)
TURNS = st.one_of(
    st.builds(Turn, st.just("scale"), st.just("batch.size"), st.floats(0.1, 5)),
    st.builds(Turn, st.just("add"), st.just("sampler.diversity"), st.floats(-1, 1)),
    st.builds(Turn, st.just("set"), st.just("sampler.name"), st.sampled_from(KNOBS["sampler.name"].words)),
    st.just(Do("retrain")),
)
HOLDS = st.fixed_dictionaries(
    {},
    optional={
        "batch.size": st.integers(1, 9000),
        "sampler.name": st.sampled_from(["random", "margin"]),
        "score.paused": st.booleans(),
    },
)


@st.composite
def rules(draw: st.DrawFn, modes: tuple[str, ...] = ("live", "live", "shadow")) -> tuple[Rule, ...]:
    def one(i: int) -> Rule:
        more: dict[str, Any] = {
            "then": tuple(draw(st.lists(TURNS, max_size=2))),
            "hold": draw(HOLDS),
            "priority": draw(st.integers(0, 2)),
            "mode": draw(st.sampled_from(modes)),
            "until": draw(st.sampled_from([None, True])),
            "once": draw(st.booleans()),
            "when_missing": draw(st.sampled_from(["keep", "clear"])),
            **{name: draw(SPANS) for name in ("for_", "cooldown", "repeat")},
        }
        return rule(f"r{i}", **more)

    return tuple(one(i) for i in range(draw(st.integers(1, 5))))


@st.composite
def limits(draw: st.DrawFn) -> list[Bounds]:
    step = draw(st.sampled_from([None, StepLimit("factor", 2, Span(3, "looks"))]))
    size = Bounds("batch.size", 50, 800, step=step, turns=draw(st.integers(1, 8)), safe=60)
    safe = Bounds("sampler.diversity", 0.1, 0.8, safe=0.2, silent_for=draw(SPANS))
    return [size, safe, Bounds("sampler.name", words=("random", "margin", "entropy"))]


LOOKS = st.lists(
    st.tuples(st.lists(st.sampled_from([True, False, None]), min_size=10, max_size=10), st.integers(0, 1)),
    min_size=1,
    max_size=12,
)


def truths(listed: tuple[Rule, ...], row: list[bool | None]) -> dict[str, bool | None]:
    keys = [key for each in listed for key in (f"{each.id}.when", f"{each.id}.until")]
    return dict(zip(keys, row, strict=False))


def step(play: Play, listed: tuple[Rule, ...], row: list[bool | None], settled: int) -> list[Any]:
    play.cycle += settled
    return list(play.look(truths(listed, row)))


@LAW
@given(rules(), limits(), LOOKS)
def test_one_rule_writes_a_knob_in_one_look_and_stays_within_bounds(
    listed: tuple[Rule, ...], bounds: list[Bounds], looks: list[tuple[list[bool | None], int]]
) -> None:
    play = Play(ruleset(*listed, bounds=bounds))
    for row, settled in looks:
        writes = {
            (fact.knob, fact.by)
            for fact in step(play, listed, row, settled)
            if isinstance(fact, KnobTurned) and fact.to is not None and fact.by != "flyball"
        }
        assert max(Counter(knob for knob, _ in writes).values(), default=1) == 1
        assert 50 <= play.value("batch.size") <= 800  # type: ignore[operator]
        assert isinstance(play.value("batch.size"), int)
        assert 0.1 <= play.value("sampler.diversity") <= 0.8  # type: ignore[operator]
        assert play.value("sampler.name") in ("random", "margin", "entropy")


@LAW
@given(rules(), limits(), LOOKS, st.booleans())
def test_a_restart_between_any_two_looks_changes_nothing(
    listed: tuple[Rule, ...], bounds: list[Bounds], looks: list[tuple[list[bool | None], int]], live: bool
) -> None:
    through, restarted = (Play(ruleset(*listed, bounds=bounds), live=live) for _ in range(2))
    for row, settled in looks:
        text = restarted.memory.to_json()
        restarted.memory = Memory.from_json(text)
        assert json.loads(restarted.memory.to_json()) == json.loads(text)
        assert step(through, listed, row, settled) == step(restarted, listed, row, settled)
        assert through.memory == restarted.memory


@LAW
@given(rules(), limits(), LOOKS)
def test_when_all_rules_are_gone_every_knob_is_at_its_base(
    listed: tuple[Rule, ...], bounds: list[Bounds], looks: list[tuple[list[bool | None], int]]
) -> None:
    play = Play(ruleset(*listed, bounds=bounds))
    for row, settled in looks:
        step(play, listed, row, settled)
    play.memory, facts = carry(play.memory, play.rules, ruleset(digest="d2"))
    for fact in facts:
        play.knobs = play.knobs.evolve(fact)
    play.rules = ruleset(digest="d2")
    play.look({})
    assert list(play.knobs.holds()) == []
    assert all(play.value(name) == play.knobs.base(name) for name in ("batch.size", "sampler.name"))


@LAW
@given(rules(("live",)), rules(("shadow",)), limits(), LOOKS)
def test_shadow_rules_change_nothing_for_live_ones(
    live: tuple[Rule, ...],
    shadow: tuple[Rule, ...],
    bounds: list[Bounds],
    looks: list[tuple[list[bool | None], int]],
) -> None:
    renamed = tuple(rule(f"s{i}", **_but_name(each)) for i, each in enumerate(shadow))
    alone = Play(ruleset(*live, bounds=bounds))
    beside = Play(ruleset(*live, *renamed, bounds=bounds))
    for row, settled in looks:
        expected = step(alone, live, row, settled)
        beside.cycle = alone.cycle
        facts = beside.look(truths((*live, *renamed), row * 2))
        assert [
            fact for fact in facts if not (isinstance(fact, DecisionMade) and fact.rule[0] == "s")
        ] == expected


@LAW
@given(rules(("live",)), limits(), LOOKS)
def test_what_is_not_applied_is_decided_all_the_same_at_the_first_firing(
    listed: tuple[Rule, ...], bounds: list[Bounds], looks: list[tuple[list[bool | None], int]]
) -> None:
    adaptive, parallel = (
        Play(ruleset(*listed, bounds=bounds)),
        Play(ruleset(*listed, bounds=bounds), live=False),
    )
    for row, settled in looks:
        step(adaptive, listed, row, settled)
        assert all(isinstance(fact, DecisionMade) for fact in step(parallel, listed, row, settled))
        assert {k: (i.state, i.since, i.fired) for k, i in adaptive.memory.instances.items()} == {
            k: (i.state, i.since, i.fired) for k, i in parallel.memory.instances.items()
        }


@LAW
@given(st.lists(st.floats(0.2, 5), min_size=1, max_size=15))
def test_a_knob_never_moves_further_than_its_step_within_its_window(factors: list[float]) -> None:
    bounds = [Bounds("batch.size", 10, 5000, step=StepLimit("factor", 2, Span(3, "looks")), turns=99)]
    names = [rule(f"r{i}", then=(Turn("scale", "batch.size", by),)) for i, by in enumerate(factors)]
    play = Play(ruleset(*names, bounds=bounds), {"batch.size": 400})
    sizes: list[Any] = [400]
    for i in range(len(factors)):
        play.look({f"r{j}": i == j for j in range(len(factors))})
        sizes.append(play.value("batch.size"))
    windows = [sizes[i : i + 4] for i in range(len(sizes))]
    assert all(max(window) <= 2 * min(window) for window in windows)


def _but_name(of: Rule) -> dict[str, Any]:
    skipped = {"id", "because", "when", "when_text"}
    return {name: getattr(of, name) for name in of.__dataclass_fields__ if name not in skipped}
