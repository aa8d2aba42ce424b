"""What is unwise about two rules of a file together: ties, doubles, shadows, and tugs of war."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from itertools import islice

from flyball.core.knobs import Knob
from flyball.core.rules.marked import Complaints
from flyball.core.rules.model import Bounds, Condition, Not, Rule, Turn
from flyball.core.rules.placed import Placed
from flyball.core.rules.ways import Reasoning, Way, both, implied

#: Of more pairs than these the rest goes unchecked, so that a large file is checked in a moment.
_MOST_PAIRS = 20_000


def unwise_together(
    placed: list[Placed], bounds: Mapping[str, Bounds], thinks: Reasoning, tell: Complaints
) -> None:
    """Tell what is unwise about rules that work side by side. Rules in the shadow disturb nobody."""
    live = [each for each in placed if each.rule.mode == "live"]
    doubles = _doubles(placed, tell)
    _ties(live, doubles, tell)
    _outranked(live, doubles, tell)
    _covered(live, doubles, thinks, tell)
    _tugs([each for each in live if each.rule.id not in doubles], bounds, thinks, tell)


def _doubles(placed: list[Placed], tell: Complaints) -> set[str]:
    """Rules that say what another one says; they are told, and named."""
    first: dict[Hashable, Rule] = {}
    doubles: set[str] = set()
    for each in placed:
        rule = each.rule
        same = (rule.mode, rule.foreach, rule.when, rule.until, rule.for_, repr(rule.then), repr(rule.hold))
        other = first.setdefault(same, rule)
        if other is not rule:
            doubles.add(rule.id)
            message = f"`{other.id}` in line {other.line} does the same on the same condition; keep one"
            tell.of(rule.id).tell(each.key("id"), "W110", message)
    return doubles


def _ties(live: list[Placed], doubles: set[str], tell: Complaints) -> None:
    """Two rules that can write one knob with equal priority."""
    first: dict[tuple[str, int], Rule] = {}
    for each in live:
        if each.rule.id in doubles:
            continue
        for knob in each.turned:
            other = first.setdefault((knob, each.rule.priority), each.rule)
            if other is not each.rule:
                message = (
                    f"`{other.id}` in line {other.line} can turn `{knob}` too, with the same priority "
                    f"{each.rule.priority}; give the one that should win a higher one"
                )
                tell.of(each.rule.id).tell(each.key("priority", "id"), "W102", message)


def _outranked(live: list[Placed], doubles: set[str], tell: Complaints) -> None:
    """Rules that fire in the very looks in which a stronger one does, and turn nothing else."""
    alike: dict[Hashable, list[Rule]] = {}
    for each in live:
        alike.setdefault(_timing(each.rule), []).append(each.rule)
    for each in live:
        rule = each.rule
        if rule.id in doubles or not each.turned or _acts(rule):
            continue
        for other in islice(alike[_timing(rule)], 100):
            covers = _set(other) >= _set(rule) and other.hold.keys() >= rule.hold.keys()
            if other.priority > rule.priority and covers:
                message = (
                    f"`{other.id}` in line {other.line} fires whenever this does, with the higher priority "
                    f"{other.priority}, and turns the same: this rule is always overruled"
                )
                tell.of(rule.id).tell(each.key("when"), "W108", message)
                break


def _timing(rule: Rule) -> Hashable:
    """Two rules with the same timing are in the same state in every look."""
    waits = (rule.for_, rule.cooldown, rule.repeat, rule.once, rule.when_missing)
    return (rule.foreach, rule.when, rule.until, *waits)


def _acts(rule: Rule) -> bool:
    return any(not isinstance(deed, Turn) for deed in rule.then)


def _set(rule: Rule) -> set[str]:
    return {deed.knob for deed in rule.then if isinstance(deed, Turn)}


def _covered(live: list[Placed], doubles: set[str], thinks: Reasoning, tell: Complaints) -> None:
    """Rules that only hold what a stronger rule holds, for as long as they are active."""
    holders: dict[str, list[Rule]] = {}
    for each in live:
        if each.rule.for_ is None and each.rule.cooldown is None and not each.rule.once:
            for knob in each.rule.hold:
                holders.setdefault(knob, []).append(each.rule)
    told = {problem.line for problem in tell.problems if problem.code == "W108"}
    pairs = (
        (each, other)
        for each in live
        if each.rule.hold and not each.rule.then and each.rule.id not in doubles
        for other in holders.get(next(iter(each.rule.hold)), ())
        if other.priority > each.rule.priority
    )
    for each, other in islice(pairs, _MOST_PAIRS):
        where = each.key("when")
        if where.line + 1 not in told and _covers(other, each.rule, thinks):
            told.add(where.line + 1)
            message = (
                f"`{other.id}` in line {other.line} is active whenever this is, and holds the same with the "
                f"higher priority {other.priority}: this rule changes nothing"
            )
            tell.of(each.rule.id).tell(where, "W108", message)


def _covers(strong: Rule, weak: Rule, thinks: Reasoning) -> bool:
    """Whether the strong rule is active in every look in which the weak one is."""
    if strong.foreach != weak.foreach or strong.when_missing != "keep":
        return False
    if not strong.hold.keys() >= weak.hold.keys():
        return False
    each = weak.foreach is not None
    begins, over = thinks.ways(weak.when, each=each), thinks.ways(_clears(strong), each=each)
    if not implied(thinks.ways(strong.when, each=each), begins):
        return False
    # It may not clear while the weak one begins, nor before the weak one clears.
    if begins is None or over is None or any(both(one, two) is not None for one in begins for two in over):
        return False
    return implied(thinks.ways(_clears(weak), each=each), over)


def _clears(rule: Rule) -> Condition:
    return Not(rule.when) if rule.until is None else rule.until


def _tugs(live: list[Placed], bounds: Mapping[str, Bounds], thinks: Reasoning, tell: Complaints) -> None:
    """Knobs that one rule pushes up and another down while both hold.

    A file that limits the changes of direction with `turns` has thought of it.
    """
    pushes: dict[str, list[tuple[Placed, str, int]]] = {}
    for each in live:
        for knob, (how, way) in _pushed(each.rule, thinks.catalogue.knobs).items():
            if (limits := bounds.get(knob)) is None or limits.turns is None:
                pushes.setdefault(knob, []).append((each, how, way))
    told: set[tuple[str, str]] = set()
    for each, how, other, other_how, knob in islice(_opposed(pushes), _MOST_PAIRS):
        if (each.rule.id, knob) not in told and _together(each.rule, other.rule, thinks):
            told.add((each.rule.id, knob))
            message = (
                f"this {how} `{knob}`, `{other.rule.id}` in line {other.rule.line} {other_how} it, and the "
                f"conditions of both can hold; let one exclude the other, or limit its `turns` under `knobs`"
            )
            tell.of(each.rule.id).tell(each.key("then", "hold"), "W109", message)


def _opposed(
    pushes: Mapping[str, list[tuple[Placed, str, int]]],
) -> Iterator[tuple[Placed, str, Placed, str, str]]:
    """Each rule with every one before it that pushes the same knob the other way."""
    for knob, of in pushes.items():
        ways = {way: [push for push in of if push[2] == way] for way in (1, -1)}
        if not ways[1] or not ways[-1]:
            continue
        for each, how, way in of:
            for other, other_how, _ in ways[-way]:
                if other.rule.line >= each.rule.line:
                    break
                if how.startswith("holds") and other_how.startswith("holds"):
                    continue  # The higher priority holds, for as long as it does.
                yield each, how, other, other_how, knob


def _pushed(rule: Rule, knobs: Mapping[str, Knob]) -> dict[str, tuple[str, int]]:
    """The knobs that a rule pushes one way only: in words, and 1 for up or -1 for down."""
    found: dict[str, set[tuple[str, int]]] = {}
    for deed in rule.then:
        if isinstance(deed, Turn) and deed.how != "set" and not isinstance(deed.value, str):
            still = 1.0 if deed.how == "scale" else 0.0
            if deed.value != still:
                way = 1 if deed.value > still else -1
                found.setdefault(deed.knob, set()).add(("raises" if way > 0 else "lowers", way))
    for name, value in rule.hold.items():
        usual = knobs[name].default
        if knobs[name].kind in ("number", "integer") and float(value) != float(usual):
            way = 1 if float(value) > float(usual) else -1
            found.setdefault(name, set()).add((f"holds at {value:g}", way))
    return {knob: of.pop() for knob, of in found.items() if len(of) == 1}


def _together(first: Rule, second: Rule, thinks: Reasoning) -> bool:
    """Whether there are readings for certain with which both rules fire."""
    one, two = (thinks.ways(rule.when, each=rule.foreach is not None) for rule in (first, second))
    return any(_certainly(a, b, thinks) for a in one or () for b in two or ())


def _certainly(one: Way, two: Way, thinks: Reasoning) -> bool:
    joined = both(one, two)
    return joined is not None and thinks.certain(joined)
