"""A range of values for one number of a rule: how often each would have fired on recorded signals."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from flyball.core.ids import RuleId, Seconds, digest_of
from flyball.core.rules import values
from flyball.core.rules.margin import said, told_comparison, unit_of_comparison
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
)
from flyball.core.rules.replay_model import Tally
from flyball.core.rules.steps import evenly, grain, usual_numbers, usual_times
from flyball.core.rules.tree import comparisons_in, written
from flyball.core.rules.why import Catalogues
from flyball.core.rules.why_words import lasting
from flyball.core.rules.words import near
from flyball.errors import BadUsage

MOST_STEPS = 200

_FORM = re.compile(r"(?P<what>[^=]+)=(?P<low>[^/]+?)\.\.(?P<high>[^/]+?)(?:/(?P<steps>\d+))?")
_HOW = "a sweep is `RULE.for=1m..30m`, `RULE.cooldown=…` or `RULE.SIGNAL=100..400`, with `/20` for 20 steps"
_SPANS = ("for", "cooldown", "repeat")


@dataclass(frozen=True, slots=True)
class Variant:
    """One value to try: the rule that has it, under a name of its own."""

    value: float
    text: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is swept: a number of a rule, over values in order. `now`: what the file says."""

    rule: RuleId
    what: str
    unit: str
    now: str
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True)
class Swept:
    """What one value would have done."""

    value: float
    text: str
    tally: Tally


def read_sweep(text: str, rules: Ruleset, catalogues: Catalogues) -> Sweep:
    """What `RULE.WHAT=LOW..HIGH/STEPS` asks for. Raises BadUsage with what can be swept instead."""
    form = _FORM.fullmatch(text.replace(" ", ""))
    if form is None:
        raise BadUsage(f"`{text}` is no sweep; {_HOW}")
    rule, what = _named(form["what"], rules)
    steps = int(form["steps"]) if form["steps"] else None
    if steps is not None and not 2 <= steps <= MOST_STEPS:
        raise BadUsage(f"a sweep has 2 to {MOST_STEPS} steps, not {steps}")
    if what in _SPANS:
        return _spans(rule, what, (form["low"], form["high"]), steps, rules)
    return _thresholds(rule, what, (form["low"], form["high"]), steps, rules, catalogues)


def variants_of(sweep: Sweep, rules: Ruleset) -> Ruleset:
    """A file of nothing but the variants, which turn nothing: all values are tried in one go."""
    bare = tuple(
        replace(each.rule, then=(), hold={}, because="", reason=(), mode="shadow") for each in sweep.variants
    )
    digest = digest_of(f"{rules.digest} {sweep}".encode())
    return replace(rules, digest=digest, rules=bare)


def inlined(condition: Condition, rules: Ruleset) -> Condition:
    """A condition with the named ones in their places."""
    match condition:
        case Named(name=name):
            return inlined(rules.conditions[name], rules)
        case Not(of=inner):
            return Not(inlined(inner, rules))
        case AllOf(of=parts):
            return AllOf(tuple(inlined(each, rules) for each in parts))
        case AnyOf(of=parts):
            return AnyOf(tuple(inlined(each, rules) for each in parts))
        case Compare():
            return condition


def _named(what: str, rules: Ruleset) -> tuple[Rule, str]:
    name, dot, rest = what.partition(".")
    rule = next((each for each in rules.rules if each.id == name), None)
    if rule is None:
        raise BadUsage(f"no rule `{name}` in {rules.name}{near(name, [r.id for r in rules.rules])}")
    if not dot or not rest:
        raise BadUsage(f"what of `{name}` is to be swept? {_HOW}")
    return rule, rest


def _spans(rule: Rule, what: str, ends: tuple[str, str], steps: int | None, rules: Ruleset) -> Sweep:
    low, high = (_span(end) for end in ends)
    if low.unit != high.unit:
        raise BadUsage(f"`{ends[0]}..{ends[1]}`: both ends are times, looks or cycles")
    _check_rising(low.amount, high.amount, lasting(low), lasting(high))
    if steps is None:
        amounts = _usual(low.amount, high.amount, low.unit, rules.every, counted=low.unit != "seconds")
    else:
        step = (high.amount - low.amount) / (steps - 1)
        amounts = evenly(
            low.amount, high.amount, steps, 1.0 if low.unit != "seconds" else grain(step, rules.every)
        )
    field = "for_" if what == "for" else what
    found = []
    for number, amount in enumerate(amounts):
        span = Span(amount, low.unit)
        changed: dict[str, Any] = {field: span if amount else None}
        other = replace(rule, id=RuleId(f"{rule.id}#{number}"), **changed)
        found.append(Variant(amount, lasting(span), other))
    now: Span | None = getattr(rule, field)
    return Sweep(rule.id, what, low.unit, "none" if now is None else lasting(now), tuple(found))


def _thresholds(
    rule: Rule, what: str, ends: tuple[str, str], steps: int | None, rules: Ruleset, catalogues: Catalogues
) -> Sweep:
    part, dot, rest = what.partition(".")
    field: Literal["when", "until"] = "until" if dot and part == "until" else "when"
    signal = rest if dot and part in ("when", "until") else what
    condition = rule.until if field == "until" else rule.when
    whole = None if condition is None else inlined(condition, rules)
    literal = [each for each in comparisons_in(whole) if _literal(each) is not None] if whole else []
    meant = [each for each in literal if signal in _words(_other(each))]
    if len(meant) != 1 or whole is None:
        raise BadUsage(_which(rule, field, signal, literal, meant, catalogues))
    unit = unit_of_comparison(meant[0], catalogues.signals, catalogues.knobs)
    low, high = (_number(end, unit) for end in ends)
    _check_rising(low, high, said(low, unit), said(high, unit))
    counted = unit in ("count", "cycles") and low.is_integer() and high.is_integer()
    tried = (
        _usual(low, high, unit, rules.every, counted)
        if steps is None
        else evenly(low, high, steps, float(counted))
    )
    found = []
    for number, value in enumerate(tried):
        other = _with(whole, meant[0], value)
        name = RuleId(f"{rule.id}#{number}")
        changed = (
            replace(rule, id=name, when=other) if field == "when" else replace(rule, id=name, until=other)
        )
        found.append(Variant(value, said(value, unit), changed))
    now = _literal(meant[0])
    return Sweep(rule.id, told_comparison(meant[0], unit), unit, said(now, unit), tuple(found))


def _which(
    rule: Rule,
    field: str,
    signal: str,
    literal: Sequence[Compare],
    meant: Sequence[Compare],
    catalogues: Catalogues,
) -> str:
    def texts(comparisons: Sequence[Compare]) -> str:
        signals, knobs = catalogues.signals, catalogues.knobs
        return ", ".join(
            f"`{told_comparison(each, unit_of_comparison(each, signals, knobs))}`" for each in comparisons
        )

    if meant:
        return (
            f"`{field}` of `{rule.id}` compares `{signal}` {len(meant)} times: {texts(meant)}; name only one"
        )
    known = f"; it compares {texts(literal)}" if literal else ""
    return f"`{field}` of `{rule.id}` does not compare `{signal}` with a number{known}. Else {_HOW}"


def _literal(compare: Compare) -> float | None:
    """The number that a comparison has on one side."""
    for side, other in ((compare.right, compare.left), (compare.left, compare.right)):
        if isinstance(side, Number) and not isinstance(other, Number):
            return side.value
    return None


def _other(compare: Compare) -> Expression:
    return compare.left if isinstance(compare.right, Number) else compare.right


def _words(expression: Expression) -> list[str]:
    """The names in an expression; the whole of it is a name too."""
    text = written(expression)
    return [text, *re.findall(r"[a-z_][\w.]*", text)]


def _with(condition: Condition, old: Compare, value: float) -> Condition:
    match condition:
        case Compare():
            if condition != old:
                return condition
            if isinstance(condition.right, Number):
                return replace(condition, right=Number(value))
            return replace(condition, left=Number(value))
        case Not(of=inner):
            return Not(_with(inner, old, value))
        case AllOf(of=parts):
            return AllOf(tuple(_with(each, old, value) for each in parts))
        case AnyOf(of=parts):
            return AnyOf(tuple(_with(each, old, value) for each in parts))
        case Named():
            return condition


def _span(text: str) -> Span:
    found = re.fullmatch(r"(\d+)(looks?|cycles?)", text)
    if found:
        return Span(float(found[1]), "looks" if found[2].startswith("look") else "cycles")
    seconds = values.number(text, "seconds")
    if seconds is None or seconds < 0 or (text[-1].isdigit() and seconds > 0):
        raise BadUsage(
            f"`{text}` is no length of time; write `30s`, `10m`, `6h`, `2d`, `3looks` or `3cycles`"
        )
    return Span(seconds, "seconds")


def _number(text: str, unit: str) -> float:
    value = values.number(text, unit)
    if value is None:
        raise BadUsage(f"`{text}` is no number; write `100`, `0.25` or `25%`")
    return value


def _usual(low: float, high: float, unit: str, every: Seconds, counted: bool) -> list[float]:
    return usual_times(low, high, every) if unit == "seconds" else usual_numbers(low, high, float(counted))


def _check_rising(low: float, high: float, first: str, last: str) -> None:
    if not (math.isfinite(low) and low < high):
        raise BadUsage(f"a sweep goes up: from {first} to {last} it does not; write the smaller one first")
