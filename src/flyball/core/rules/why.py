"""Why a rule did what it did at a moment, or why it did not: its conditions with every value and margin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from flyball.core.control import KnobState, Layer
from flyball.core.facts import DecisionMade
from flyball.core.ids import Instant
from flyball.core.knobs import Knob
from flyball.core.rules.conditions import Side, side_key
from flyball.core.rules.evaluator import Taken
from flyball.core.rules.margin import Margin, margin_of, told_comparison, unit_of_comparison
from flyball.core.rules.memory import IDLE, Instance, Moment, instance_key, resting
from flyball.core.rules.model import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Expression,
    Named,
    Not,
    Number,
    Rule,
    Ruleset,
    Span,
    Turn,
    Word,
)
from flyball.core.rules.reference import truth
from flyball.core.rules.standing import word
from flyball.core.rules.writers import target_of
from flyball.core.signal import Signal


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a condition as it stood.

    A comparison has what each side read, in `unit`, and its margin; the others have `parts`. `turns`:
    a comparison that would have to change for the whole to become what it is not.
    """

    kind: Literal["compare", "not", "all", "any", "named"]
    text: str
    holds: bool | None
    parts: tuple[Node, ...] = ()
    left: Side = None
    right: Side = None
    unit: str = ""
    margin: Margin | None = None
    turns: bool = False

    def leaves(self) -> tuple[Node, ...]:
        """Every comparison in the order of the text."""
        return (
            (self,)
            if self.kind == "compare"
            else tuple(leaf for part in self.parts for leaf in part.leaves())
        )


@dataclass(frozen=True, slots=True)
class Why:
    """Everything that bears on one rule at one look.

    `verdict`: the word of a scenario for it. `decides`: the condition that it waits for as it stands, and
    `wanted` what that would have to be. `for_left`, `cooldown_left` and `repeat_left`: what was left to
    wait, None where nothing waits. `decisions`: those of this look; `last`: the newest one before.
    `overrides`: what people hold of the knobs that the rule writes.
    """

    rule: str
    about: str | None
    at: Instant
    cycle: int
    mode: Literal["live", "shadow"]
    adaptive: bool
    verdict: str
    state: Literal["idle", "pending", "active", "resting"]
    since: Instant | None
    fired: Instant | None
    when: Node
    until: Node | None
    decides: Literal["when", "until"]
    wanted: bool
    for_: Span | None
    for_left: Span | None
    cooldown_left: Span | None
    repeat_left: Span | None
    spent: bool
    paused: Layer | None
    overrides: tuple[tuple[str, Layer], ...]
    decisions: tuple[DecisionMade, ...]
    last: DecisionMade | None

    @property
    def decisive(self) -> Node:
        """The condition that the rule waits for as it stands."""
        return self.until if self.decides == "until" and self.until is not None else self.when


@dataclass(frozen=True, slots=True)
class Catalogues:
    """What tells the unit of a comparison."""

    signals: Mapping[str, Signal]
    knobs: Mapping[str, Knob]


def explain(
    taken: Taken,
    rules: Ruleset,
    rule: Rule,
    about: str | None,
    knobs: KnobState,
    catalogues: Catalogues,
    decisions: Sequence[DecisionMade] = (),
    last: DecisionMade | None = None,
) -> Why:
    """Why one rule stood as it did in a look that was taken. `knobs`: as they were before that look."""
    now = taken.memory.last
    assert now is not None
    instance = taken.memory.instances.get(instance_key(rule, about), IDLE)
    cooling = instance.state != "active" and resting(rule, instance, now)
    active = instance.state == "active"
    decides: Literal["when", "until"] = "until" if active and rule.until is not None else "when"
    wanted = not active or decides == "until"
    when = tree(rule.when, taken.readings, rules, catalogues, about)
    until = None if rule.until is None else tree(rule.until, taken.readings, rules, catalogues, about)
    if decides == "when":
        when = towards(when, wanted)
    elif until is not None:
        until = towards(until, wanted)
    pause = knobs.person("rule.paused", now.at, rule.id)
    return Why(
        rule=rule.id,
        about=about,
        at=now.at,
        cycle=now.cycle,
        mode=rule.mode,
        adaptive=taken.memory.live,
        verdict=word(taken.before, taken.memory, rule, about, taken.truths),
        state="resting" if cooling and instance.state == "idle" else instance.state,
        since=None if instance.since is None else instance.since.at,
        fired=None if instance.fired is None else instance.fired.at,
        when=when,
        until=until,
        decides=decides,
        wanted=wanted,
        for_=rule.for_,
        for_left=_for_left(rule, instance, now),
        cooldown_left=left(rule.cooldown, instance.fired, now) if cooling and rule.cooldown else None,
        repeat_left=left(rule.repeat, instance.fired, now) if active and not rule.once else None,
        spent=rule.once and instance.fired is not None and not active,
        paused=pause if pause is not None and pause.value is True else None,
        overrides=tuple(_overrides(rule, about, knobs, now)),
        decisions=tuple(decisions),
        last=last,
    )


def tree(
    condition: Condition,
    readings: Mapping[str, Side],
    rules: Ruleset,
    catalogues: Catalogues,
    about: str | None = None,
) -> Node:
    """A condition with what each part of it was. Named conditions are expanded in their place."""

    def grown(part: Condition, about: str | None) -> Node:
        match part:
            case Compare(operator=sign, left=left, right=right):
                unit = unit_of_comparison(part, catalogues.signals, catalogues.knobs)
                a, b = _read(left, readings, about), _read(right, readings, about)
                return Node(
                    "compare",
                    told_comparison(part, unit),
                    truth(part, readings, {}, about),
                    left=a,
                    right=b,
                    unit=unit,
                    margin=margin_of(sign, a, b),
                )
            case Not(of=inner):
                of = grown(inner, about)
                return Node("not", "not", None if of.holds is None else not of.holds, (of,))
            case AllOf(of=inner_parts):
                parts = tuple(grown(each, about) for each in inner_parts)
                held = [each.holds for each in parts]
                return Node(
                    "all", "all of", False if False in held else None if None in held else True, parts
                )
            case AnyOf(of=inner_parts):
                parts = tuple(grown(each, about) for each in inner_parts)
                held = [each.holds for each in parts]
                return Node("any", "any of", True if True in held else None if None in held else False, parts)
            case Named(name=name):
                # A named condition is of the whole loop, also in a rule for each annotator.
                of = grown(rules.conditions[name], None)
                return Node("named", name, of.holds, (of,))
            case _:
                assert_never(part)

    return grown(condition, about)


def towards(node: Node, wanted: bool) -> Node:
    """The tree with the comparisons marked that would have to turn for the whole to be as wanted.

    Where one of several would do it is the nearest: the one whose margin is the smallest share of what it
    compares; one with data before one without.
    """
    return _marked(node, wanted)[1]


def left(span: Span | None, since: Moment | None, now: Moment) -> Span | None:
    """What is left of a span that began at a moment; None where none did, nothing where it is over."""
    if span is None or since is None:
        return None
    gone = {"seconds": now.at - since.at, "looks": now.look - since.look, "cycles": now.cycle - since.cycle}
    return Span(max(0.0, span.amount - gone[span.unit]), span.unit)


_Cost = tuple[int, float]


def _marked(node: Node, wanted: bool) -> tuple[_Cost, Node]:
    if node.holds is wanted:
        return (0, 0.0), node
    match node.kind:
        case "compare":
            return _cost(node), replace(node, turns=True)
        case "not" | "named":
            cost, of = _marked(node.parts[0], wanted is (node.kind == "named"))
            return cost, replace(node, parts=(of,))
        case "all" | "any":
            found = [_marked(part, wanted) for part in node.parts]
            if wanted is (node.kind == "all"):
                cost = (sum(each[0][0] for each in found), sum(each[0][1] for each in found))
                return cost, replace(node, parts=tuple(of for _, of in found))
            best = min(range(len(found)), key=lambda place: found[place][0])
            parts = tuple(found[i][1] if i == best else part for i, part in enumerate(node.parts))
            return found[best][0], replace(node, parts=parts)
        case _:
            assert_never(node.kind)


def _cost(node: Node) -> _Cost:
    """How much a comparison would have to change: without data last, else as a share of what it compares."""
    if node.margin is None:
        return (1, 0.0)
    size = max((abs(side) for side in (node.left, node.right) if isinstance(side, float)), default=0.0)
    return (0, node.margin.by / size if size else 0.0)


def _read(side: Expression, readings: Mapping[str, Side], about: str | None) -> Side:
    if isinstance(side, Number | Word):
        return side.value
    return readings.get(side_key(side, about))


def _for_left(rule: Rule, instance: Instance, now: Moment) -> Span | None:
    if instance.state != "pending" or instance.since is None or rule.for_ is None:
        return None
    # The look in which a condition comes true is the first of `for: 3 looks`.
    first = replace(instance.since, look=instance.since.look - 1)
    return left(rule.for_, first, now)


def _overrides(rule: Rule, about: str | None, knobs: KnobState, now: Moment) -> list[tuple[str, Layer]]:
    names = dict.fromkeys([*(act.knob for act in rule.then if isinstance(act, Turn)), *rule.hold])
    targets = [target_of(name, about, knobs) for name in names]
    found = [(str(each), knobs.person(each.knob, now.at, each.about)) for each in targets]
    return [(name, layer) for name, layer in found if layer is not None]
