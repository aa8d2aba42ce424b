"""People at the knobs: an override above every rule, with a reason and for a time, and taken off again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from flyball.core.control import PERSON, KnobState, Layer, Target, fault
from flyball.core.facts import KnobTurned
from flyball.core.ids import Instant, Seconds
from flyball.core.knobs import Knob, Value
from flyball.core.rules.values import number
from flyball.core.rules.words import SECONDS
from flyball.errors import BadUsage, NotFound

#: The knob that stops a rule, or with nobody named all rules.
PAUSED = "rule.paused"
_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class Ask:
    """What somebody asks of a knob. `value` as it was written; `lasts` None: until it is cleared.

    `about`: the annotator or the rule, for a knob that has a value for each.
    """

    knob: str
    value: str
    by: str
    because: str
    about: str | None = None
    lasts: Seconds | None = None


#: What to write down, and what to tell the person who asked.
Turned = tuple[tuple[KnobTurned, ...], dict[str, Any]]


def setting(knobs: KnobState, rules: Collection[str], ask: Ask, now: Instant) -> Turned:
    """Set an override in the place of whatever people set there. Raises BadUsage, NotFound."""
    target = _target(knobs, rules, ask.knob, ask.about)
    if not ask.because.strip():
        raise BadUsage('say why with --because "…"; whoever looks at this knob will want to know')
    if ask.lasts is not None and ask.lasts <= 0:
        raise BadUsage("an override lasts longer than nothing, such as --for 2h")
    value = parse(knobs.catalogue, ask.knob, ask.value)
    until = None if ask.lasts is None else now + ask.lasts
    before = knobs.value(target.knob, now, target.about)
    others = [layer for layer in _of(knobs, target) if layer.name != PERSON + ask.by]
    off = tuple(_off(target, layer, ask.by, ask.because) for layer in others)
    layer = PERSON + ask.by
    fact = KnobTurned(target.knob, layer, value, ask.because, ask.by, until=until, about=target.about)
    replaced = [_told(target, each, now) for each in _of(knobs, target) if _counts(each, now)]
    return (*off, fact), {
        "knob": target.knob,
        "about": target.about,
        "value": value,
        "before": before,
        "by": ask.by,
        "because": ask.because,
        "at": now,
        "until": until,
        "replaces": replaced,
        "takes_effect": knobs.catalogue[target.knob].takes_effect,
    }


def clearing(
    knobs: KnobState, rules: Collection[str], target: Target, by: str, because: str, now: Instant
) -> Turned:
    """Take people's override off a knob. Raises BadUsage where there is none, NotFound."""
    _target(knobs, rules, *target, anything=True)
    layers = _of(knobs, target)
    if not any(_counts(each, now) for each in layers):
        raise BadUsage(_nothing(knobs, target, now))
    off = tuple(_off(target, layer, by, because) for layer in layers)
    after = knobs
    for fact in off:
        after = after.evolve(fact)
    return off, {
        "knob": target.knob,
        "about": target.about,
        "value": after.value(target.knob, now, target.about),
        "before": knobs.value(target.knob, now, target.about),
        "by": by,
        "because": because,
        "taken_off": [_told(target, each, now) for each in layers if _counts(each, now)],
    }


def overrides(knobs: KnobState, now: Instant) -> list[dict[str, Any]]:
    """What people have set over the rules and stands now: knob, value, owner, reason, seconds left."""
    return [
        _told(target, layer, now)
        for target in knobs.turned
        for layer in _of(knobs, target)
        if _counts(layer, now)
    ]


def parse(catalogue: Mapping[str, Knob], name: str, text: str) -> Value:
    """A knob's value as a person writes it: `300`, `20%`, `2h`, `random`, `yes`. Raises BadUsage, NotFound.

    >>> from flyball.core.knobs import KNOBS
    >>> parse(KNOBS, "sampler.reserve", "20%"), parse(KNOBS, "release.every", "2h")
    (0.2, 7200.0)
    """
    knob = catalogue.get(name)
    if knob is None:
        raise NotFound(fault(catalogue, name, text))
    value: Value = text.strip()
    if knob.kind == "flag":
        value = _FLAGS.get(text.strip().lower(), text.strip())
    elif knob.kind != "word" and (given := number(text, knob.unit)) is not None:
        value = int(given) if knob.kind == "integer" and given.is_integer() else given
    if wrong := fault(catalogue, name, value):
        raise BadUsage(wrong)
    return value


def lasting(text: str) -> Seconds:
    """A length of time as a person writes it. Raises BadUsage.

    >>> lasting("90m"), lasting("2d")
    (5400.0, 172800.0)
    """
    seconds = number(text, "seconds") if text.strip()[-1:] in SECONDS else None
    if seconds is None or seconds <= 0:
        raise BadUsage(f"`{text}` is no length of time; times are written 30s, 10m, 6h, 2d")
    return seconds


def _target(
    knobs: KnobState, rules: Collection[str], name: str, about: str | None, anything: bool = False
) -> Target:
    """The knob that is meant. `anything`: also of a rule that the file does not have any more."""
    if name not in knobs.catalogue:
        raise NotFound(fault(knobs.catalogue, name, ""))
    per = knobs.catalogue[name].per
    if about is not None and per is None:
        raise BadUsage(f"`{name}` has one value for the whole loop; leave --about away")
    if per == "rule" and about is not None and about not in rules and not anything:
        near = get_close_matches(about, rules, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(rules) or 'none'}"
        raise NotFound(f"no rule `{about}` is in force; {hint}")
    return Target(name, about)


def _of(knobs: KnobState, target: Target) -> list[Layer]:
    return [layer for layer in knobs.turned.get(target, ()) if layer.name.startswith(PERSON)]


def _counts(layer: Layer, now: Instant) -> bool:
    return layer.until is None or now < layer.until


def _off(target: Target, layer: Layer, by: str, because: str) -> KnobTurned:
    return KnobTurned(target.knob, layer.name, None, because, by, about=target.about)


def _told(target: Target, layer: Layer, now: Instant) -> dict[str, Any]:
    return {
        "knob": target.knob,
        "about": target.about,
        "value": layer.value,
        "by": layer.by,
        "because": layer.because,
        "until": layer.until,
        "left": None if layer.until is None else layer.until - now,
    }


def _nothing(knobs: KnobState, target: Target, now: Instant) -> str:
    """What to say where there is nothing to take off."""
    if target.knob == PAUSED:
        everything = any(_counts(each, now) for each in _of(knobs, Target(PAUSED)))
        hint = "; all rules are: `flyball knobs clear rule.paused`" if everything else ""
        return (
            f"{target.about or 'no rule'} is not paused{hint}" if target.about else "nobody paused all rules"
        )
    found = ", ".join(dict.fromkeys(str(Target(o["knob"], o["about"])) for o in overrides(knobs, now)))
    return f"nobody overrides `{target}`; overridden: {found or 'nothing'}"
