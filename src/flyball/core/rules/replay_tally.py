"""A replay in numbers: how often each rule fired on either side, and where the knobs part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from flyball.core.control import Target
from flyball.core.facts import DecisionMade
from flyball.core.ids import Instant
from flyball.core.knobs import Value
from flyball.core.rules.replay_lines import Stretch
from flyball.core.rules.replay_model import Curve, Difference, RuleTold, Tally

_Steps = Mapping[Target, Sequence[tuple[Instant, Value]]]


def tallied(
    decisions: tuple[Sequence[DecisionMade], Sequence[DecisionMade]],
    stretches: tuple[Sequence[Stretch], Sequence[Stretch]],
    ids: tuple[Sequence[str], Sequence[str]],
    differences: Sequence[Difference],
) -> tuple[RuleTold, ...]:
    """Each rule of either side, in the order of the new file, then those that only the old one has."""
    old, new = (tallies(*side) for side in zip(decisions, stretches, ids, strict=True))
    apart: Counter[str] = Counter(each.rule for each in differences)
    fired = [{(m.rule, m.about, m.due) for m in side if m.verdict == "fired"} for side in decisions]
    both: Counter[str] = Counter(rule for rule, _, _ in fired[0] & fired[1])
    return tuple(
        RuleTold(name, old.get(name), new.get(name), apart[name], both[name]) for name in {**new, **old}
    )


def curves(old: _Steps, new: _Steps) -> tuple[Curve, ...]:
    """The knobs that moved on either side, those first that part."""
    found = []
    for target in {**old, **new}:
        before, after = _plain(old, new, target), _plain(new, old, target)
        if len(before) > 1 or len(after) > 1:
            found.append(Curve(str(target), before, after, _parted(before, after)))
    return tuple(sorted(found, key=lambda each: (each.parted is None, each.parted or 0.0, each.knob)))


def tallies(
    made: Sequence[DecisionMade], stretches: Sequence[Stretch], ids: Sequence[str]
) -> dict[str, Tally]:
    """What each of these rules did, by its decisions and by how long it was pending and active."""
    verdicts: Counter[tuple[str, str]] = Counter((each.rule, each.verdict) for each in made)
    limited: Counter[str] = Counter(
        each.rule for each in made if any(change.get("limited_by") for change in each.changes)
    )
    fired: dict[str, list[Instant]] = {}
    for each in made:
        if each.verdict == "fired":
            fired.setdefault(each.rule, []).append(each.due)
    lasted: Counter[tuple[str, str]] = Counter()
    for stretch in stretches:
        lasted[stretch.rule, stretch.state] += stretch.end - stretch.begin  # type: ignore[assignment]
    return {
        name: Tally(
            fired=verdicts[name, "fired"],
            repeated=verdicts[name, "repeated"],
            overruled=verdicts[name, "overruled"],
            limited=limited[name],
            active=float(lasted[name, "active"]),
            pending=float(lasted[name, "pending"]),
            first=fired[name][0] if name in fired else None,
            last=fired[name][-1] if name in fired else None,
        )
        for name in ids
    }


def _plain(own: _Steps, other: _Steps, target: Target) -> tuple[tuple[Instant, Value], ...]:
    """A knob's steps; of one that never moved here what it was when it did there."""
    return tuple(own[target]) if target in own else tuple(other[target][:1])


def _parted(
    before: Sequence[tuple[Instant, Value]], after: Sequence[tuple[Instant, Value]]
) -> Instant | None:
    """From when on they differ."""
    for first, second in zip(before, after, strict=False):
        if first != second:
            return min(first[0], second[0])
    if len(before) != len(after):
        return (before if len(before) > len(after) else after)[min(len(before), len(after))][0]
    return None
