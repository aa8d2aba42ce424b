"""What was edited between two rule files: rules, named conditions and knobs, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from flyball.core.rules.margin import told_comparison, unit_of_comparison
from flyball.core.rules.model import (
    AllOf,
    AnyOf,
    Bounds,
    Compare,
    Condition,
    Do,
    Named,
    Not,
    Rule,
    Ruleset,
    Span,
    StepLimit,
    Turn,
)
from flyball.core.rules.why import Catalogues
from flyball.core.rules.why_words import lasting

#: The words of a rule file for fields that have other names here, and fields that no operator writes.
_NAMES = {"for_": "for", "when_text": "when", "until_text": "until"}
_HIDDEN = ("id", "when", "until", "line", "reason")


@dataclass(frozen=True, slots=True)
class Edit:
    """One thing that is other in the new file. `what`: a rule, `condition NAME`, `knob NAME` or `every`.

    `field` "" : the whole of it was added (`before` empty) or removed (`after` empty).
    """

    what: str
    field: str
    before: str
    after: str


def edits(old: Ruleset, new: Ruleset, catalogues: Catalogues) -> tuple[Edit, ...]:
    """Everything that differs in what two files say, comments and order aside."""
    return tuple(_edits(old, new, catalogues))


def _edits(old: Ruleset, new: Ruleset, catalogues: Catalogues) -> Iterator[Edit]:
    if old.every != new.every:
        yield Edit("every", "every", lasting(Span(old.every, "seconds")), lasting(Span(new.every, "seconds")))
    before = {name: condition_text(each, catalogues) for name, each in old.conditions.items()}
    after = {name: condition_text(each, catalogues) for name, each in new.conditions.items()}
    for name in {**before, **after}:
        if before.get(name) != after.get(name):
            whole = name not in before or name not in after
            yield Edit(
                f"condition {name}", "" if whole else "condition", before.get(name, ""), after.get(name, "")
            )
    yield from _both(
        {f"knob {name}": _of_bounds(each) for name, each in old.bounds.items()},
        {f"knob {name}": _of_bounds(each) for name, each in new.bounds.items()},
    )
    yield from _both(
        {rule.id: _of_rule(rule) for rule in old.rules}, {rule.id: _of_rule(rule) for rule in new.rules}
    )


def _both(old: Mapping[str, Mapping[str, str]], new: Mapping[str, Mapping[str, str]]) -> Iterator[Edit]:
    for name in {**old, **new}:
        before, after = old.get(name), new.get(name)
        if before is None or after is None:
            yield Edit(name, "", _summary(before), _summary(after))
            continue
        for field in before:
            if before[field] != after[field]:
                yield Edit(name, field, before[field], after[field])


def _summary(said: Mapping[str, str] | None) -> str:
    return "" if said is None else "; ".join(f"{name}: {text}" for name, text in said.items() if text)


def _of_rule(rule: Rule) -> dict[str, str]:
    return {
        _NAMES.get(each.name, each.name): _told(getattr(rule, each.name))
        for each in fields(rule)
        if each.name not in _HIDDEN
    }


def _of_bounds(bounds: Bounds) -> dict[str, str]:
    return {each.name: _told(getattr(bounds, each.name)) for each in fields(bounds) if each.name != "knob"}


def condition_text(condition: Condition, catalogues: Catalogues) -> str:
    """A condition as people write it."""
    match condition:
        case Compare():
            unit = unit_of_comparison(condition, catalogues.signals, catalogues.knobs)
            return told_comparison(condition, unit)
        case Named(name=name):
            return name
        case Not(of=inner):
            return f"not {_inner(inner, catalogues)}"
        case AllOf(of=parts):
            return " and ".join(_inner(each, catalogues) for each in parts)
        case AnyOf(of=parts):
            return " or ".join(_inner(each, catalogues) for each in parts)


def _inner(condition: Condition, catalogues: Catalogues) -> str:
    text = condition_text(condition, catalogues)
    return f"({text})" if isinstance(condition, AllOf | AnyOf) else text


def _told(value: object) -> str:
    match value:
        case None | "":
            return ""
        case Span():
            return lasting(value)
        case StepLimit(kind=kind, by=by, per=per):
            return f"{by:g}{'x' if kind == 'factor' else ''} per {lasting(per)}"
        case Turn(how=how, knob=knob, value=to):
            return f"{how} {knob} {'to' if how == 'set' else 'by'} {to}"
        case Do(action=action, options=options):
            return f"do {action}" + "".join(f" {name} {option}" for name, option in options.items())
        case tuple():
            return ", ".join(_told(each) for each in value)
        case Mapping():
            return ", ".join(f"{name}: {_told(each)}" for name, each in value.items())
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:g}"
        case _:
            return str(value)
