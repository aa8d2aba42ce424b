"""What changed between two contracts, and who can still read whose answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flyball.core.labels.contract import Contract, Label, meaning
from flyball.core.labels.contract_fields import Field, bounds


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `backward`: answers given under the old contract can be read under the new one, and
    mean the same; `forward`: the other way about. `about` is the label, the field or the key.

    `meaning`: it is one of the definitions, and not only of how answers are settled.
    """

    about: str
    sentence: str
    backward: bool = True
    forward: bool = True
    meaning: bool = True

    @property
    def reads(self) -> str:
        """The compatibility in a word."""
        if self.backward:
            return "full" if self.forward else "backward"
        return "forward" if self.forward else "none"


def changes(old: Contract, new: Contract) -> tuple[Change, ...]:
    """Everything that differs, in the order labels, fields, combinations, settling."""
    return (*_labels(old, new), *_fields(old, new), *_nevers(old, new), *_settling(old, new))


def readable(old: Contract, new: Contract) -> bool:
    """Whether answers given under the old definitions can be read under the new ones, and mean the same."""
    return all(change.backward for change in changes(old, new) if change.meaning)


def together(found: Sequence[Change]) -> str:
    """How far all these changes together are compatible: full, backward, forward or none."""
    return Change("", "", all(each.backward for each in found), all(each.forward for each in found)).reads


def allows(asked: str, reads: str) -> bool:
    """Whether a compatibility is as good as the one that is asked for.

    >>> allows("full", "backward"), allows("forward", "full"), allows("none", "none")
    (False, True, True)
    """
    return asked in ("none", reads) or reads == "full"


def both(one: str, other: str) -> str:
    """What is kept where two are asked for, one after the other.

    >>> both("full", "backward"), both("backward", "forward"), both("none", "full")
    ('backward', 'none', 'none')
    """
    if "full" in (one, other):
        return other if one == "full" else one
    return one if one == other else "none"


def _labels(old: Contract, new: Contract) -> Iterator[Change]:
    before, after = ({each.id: each for each in contract.labels} for contract in (old, new))
    if not before or not after:
        if before or after:
            told = "labels are defined from now on" if after else "any label may be given from now on"
            yield Change("labels", told, False, False)
        return
    for id in sorted(before.keys() - after.keys()):
        yield Change(id, f"label `{id}` is gone: answers that say it cannot be read", backward=False)
    for id in sorted(after.keys() - before.keys()):
        yield Change(id, f"label `{id}` is new: whoever has the old contract cannot read it", forward=False)
    for id in sorted(before.keys() & after.keys()):
        yield from _label(before[id], after[id])
    yield from _moved(old, new)


def _label(old: Label, new: Label) -> Iterator[Change]:
    if (old.name or old.id) != (new.name or new.id):
        told = f"label `{old.id}` is called {new.name or new.id}; {old.name or old.id} stays an alias"
        yield Change(old.id, told, meaning=False)
    for alias in sorted(set(new.names) - set(old.names) - {new.name}):
        yield Change(old.id, f"label `{old.id}` is also understood as {alias}", meaning=False)
    if meaning(old) != meaning(new):
        yield Change(old.id, f"label `{old.id}` is defined in other words", False, False)
    for key in sorted(old.attributes.keys() | new.attributes.keys()):
        was, now = old.attributes.get(key), new.attributes.get(key)
        if was != now:
            told = f"label `{old.id}`: {key} is {_or_nothing(now)}, and was {_or_nothing(was)}"
            yield Change(old.id, told, False, False)
    if old.abstains != new.abstains:
        told = "abstains" if new.abstains else "decides"
        yield Change(old.id, f"label `{old.id}` {told} from now on", False, False)


def _moved(old: Contract, new: Contract) -> Iterator[Change]:
    """Names that mean another label than before: the same word, and not the same thing."""
    for label in old.labels:
        for name in label.names:
            now = new.label_of(name)
            if now is not None and now != label.id:
                told = f"`{name}` meant the label `{label.id}` and means `{now}` now"
                yield Change(name, told, False, False)


def _fields(old: Contract, new: Contract) -> Iterator[Change]:
    before, after = ({each.name: each for each in contract.fields} for contract in (old, new))
    if old.other_fields != new.other_fields:
        told = "fields that are not declared are " + ("taken" if new.other_fields else "refused")
        yield Change("other_fields", told, backward=new.other_fields, forward=old.other_fields)
    # What is not declared and taken unchecked may be anything, and need not be there.
    for name in sorted(before.keys() - after.keys()):
        needed = before[name].required
        told = f"field `{name}` is gone" + ("; every answer had it" if needed else "")
        yield Change(name, told, new.other_fields, not needed and not new.other_fields)
    for name in sorted(after.keys() - before.keys()):
        needed = after[name].required
        told = f"field `{name}` is new" + ("; answers from before lack it" if needed else "")
        yield Change(name, told, not needed and not old.other_fields, old.other_fields)
    for name in sorted(before.keys() & after.keys()):
        yield from _field(before[name], after[name])


def _field(old: Field, new: Field) -> Iterator[Change]:
    name = old.name

    def told(what: str, backward: bool, forward: bool) -> Change:
        return Change(name, f"field `{name}` {what}", backward, forward)

    if old.type != new.type:
        pair = (old.type, new.type)
        more, fewer = pair == ("whole", "number"), pair == ("number", "whole")
        yield told(f"is {new.type}, and was {old.type}", more, fewer)
    if old.many != new.many:
        yield told("is a list" if new.many else "is one value", False, False)
    for attribute, yes, no in (
        ("null", "may be null", "may not be null any more"),
        ("required", "may not be left out any more", "may be left out"),
    ):
        was, now = getattr(old, attribute), getattr(new, attribute)
        if was != now:
            looser = now == (attribute == "null")
            yield told(yes if now else no, looser, not looser)
    if (old.low, old.high) != (new.low, new.high):
        wider, narrower = _inside(old, new), _inside(new, old)
        if new.type == "box":  # other edges are another scale: percent and pixels
            wider = narrower = False
        yield told(f"is {bounds(new)}, and was {bounds(old)}", wider, narrower)
    if (old.least, old.most) != (new.least, new.most):
        more = new.least <= old.least and old.most <= new.most
        fewer = old.least <= new.least and new.most <= old.most
        yield told(f"has {new.least:,} to {new.most:,} values", more, fewer)
    if old.type == new.type:
        yield from _same_type(old, new)
    if meaning(old) != meaning(new):
        yield told("is defined in other words", False, False)


def _same_type(old: Field, new: Field) -> Iterator[Change]:
    what = f"field `{old.name}`"
    if gone := sorted(set(old.words) - set(new.words)):
        yield Change(old.name, f"{what} cannot be {', '.join(gone)} any more", backward=False)
    if come := sorted(set(new.words) - set(old.words)):
        yield Change(old.name, f"{what} can be {', '.join(come)}", forward=False)
    if old.unit != new.unit:
        yield Change(old.name, f"{what} counts in {new.unit}, and in {old.unit} before", False, False)


def _nevers(old: Contract, new: Contract) -> Iterator[Change]:
    before, after = ([each.values for each in contract.never_together] for contract in (old, new))
    for values in after:
        if values not in before:
            yield Change(*_told(values, "may not stand together any more"), backward=False, meaning=False)
    for values in before:
        if values not in after:
            yield Change(*_told(values, "may stand together"), forward=False, meaning=False)


def _settling(old: Contract, new: Contract) -> Iterator[Change]:
    """What decides how answers that differ become a label; everybody can read them all the same."""
    for name in ("identity", "ambiguous"):
        before, after = getattr(old, name), getattr(new, name)
        locks = name == "identity"
        for each in sorted(set(after) - set(before)):
            told = f"`{each}` is among the {name} fields"
            yield Change(each, told, backward=not locks, meaning=False)
        for each in sorted(set(before) - set(after)):
            told = f"`{each}` is no longer among the {name} fields"
            yield Change(each, told, forward=not locks, meaning=False)
    if old.definitions_required != new.definitions_required:
        told = "answers must name their definitions" if new.definitions_required else "answers need not name"
        required = new.definitions_required
        yield Change("definitions", told, not required, required, meaning=False)
    for name in ("policy", "weights", "seniority", "answers_needed", "grace"):
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            yield Change(name, f"{name} is {_or_nothing(now)}, and was {_or_nothing(was)}", meaning=False)


def _inside(inner: Field, outer: Field) -> bool:
    """Whether every value within the bounds of one is within those of the other."""
    above = outer.low is None or (inner.low is not None and inner.low >= outer.low)
    below = outer.high is None or (inner.high is not None and inner.high <= outer.high)
    return above and below


def _told(values: Mapping[str, Any], what: str) -> tuple[str, str]:
    names = " and ".join(f"`{name}`" for name in values)
    return next(iter(values), ""), f"{names} {what}"


def _or_nothing(value: object) -> str:
    match value:
        case None | "" | ():
            return "nothing"
        case dict():
            return ", ".join(f"{name} {each:g}" for name, each in value.items()) or "nothing"
        case tuple():
            return ", ".join(map(str, value))
        case _:
            return str(value)
