"""What is legal in a rule file but unwise, as far as it can be said for certain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flyball.core.ids import Seconds
from flyball.core.rules.marked import Complaints, Marked, Pairs
from flyball.core.rules.model import AllOf, Compare, Condition, Named, Not, Number, Rule, Ruleset, Turn
from flyball.core.rules.tree import written
from flyball.core.rules.words import OPPOSITE, TURNED, Sign


@dataclass(frozen=True, slots=True)
class Placed:
    """A rule and the mapping it was read from."""

    rule: Rule
    entry: Pairs

    def key(self, *names: str) -> Marked:
        """Where the first of these keys stands."""
        keys = {key.text: key for key, _ in self.entry.entries}
        return next((keys[name] for name in names if name in keys), self.entry)


def unwise(ruleset: Ruleset, placed: list[Placed], tell: Complaints) -> None:
    """Tell everything that is unwise."""
    _ties(placed, tell)
    for each in placed:
        about = tell.of(each.rule.id)
        _short_wait(each, ruleset.every, about)
        _no_hysteresis(each, about)
        _until_with_when(each, ruleset.conditions, about)


def _ties(placed: list[Placed], tell: Complaints) -> None:
    """Two live rules that can write one knob with equal priority."""
    first: dict[tuple[str, int], Rule] = {}
    for each in placed:
        if each.rule.mode != "live":
            continue
        for knob in _turned(each.rule):
            other = first.setdefault((knob, each.rule.priority), each.rule)
            if other is not each.rule:
                message = (
                    f"`{other.id}` in line {other.line} can turn `{knob}` too, with the same priority "
                    f"{each.rule.priority}; give the one that should win a higher one"
                )
                tell.of(each.rule.id).tell(each.key("priority", "id"), "W102", message)


def _turned(rule: Rule) -> list[str]:
    turned = [deed.knob for deed in rule.then if isinstance(deed, Turn)]
    return list(dict.fromkeys([*turned, *rule.hold]))


def _short_wait(each: Placed, every: Seconds, tell: Complaints) -> None:
    waits = each.rule.for_
    if waits and waits.unit == "seconds" and waits.amount < every:
        message = f"`for` is {waits.amount:g}s and a look comes every {every:g}s, so it waits for nothing"
        tell.tell(each.key("for"), "W103", message)


def _no_hysteresis(each: Placed, tell: Complaints) -> None:
    if each.rule.hold and each.rule.until is None:
        message = "`hold` without `until` flaps on and off around the threshold; say when it clears"
        tell.tell(each.key("hold"), "W104", message)


def _until_with_when(each: Placed, conditions: Mapping[str, Condition], tell: Complaints) -> None:
    """`until` is one comparison with a number, and `when` asks for values that fit it too."""
    until = list(_demands(each.rule.until, conditions)) if each.rule.until else []
    if len(until) != 1:
        return
    (reads, last), *_ = until
    demands = [span for what, span in _demands(each.rule.when, conditions) if what == reads]
    if demands and not _apart([*demands, last]):
        message = f"`until` can hold while `when` does: both can be true of `{reads}` at once"
        tell.tell(each.key("until"), "W105", message)


#: From where to where, and whether the ends belong to it.
_Range = tuple[float, bool, float, bool]


def _demands(
    condition: Condition, conditions: Mapping[str, Condition], true: bool = True
) -> Iterator[tuple[str, _Range]]:
    """What every part of an `and` asks of a value, as far as it compares one with a number."""
    match condition:
        case AllOf(of=parts) if true:
            for part in parts:
                yield from _demands(part, conditions)
        case Not(of=inner):
            yield from _demands(inner, conditions, not true)
        case Named(name=name):
            yield from _demands(conditions[name], conditions, true)
        case Compare(left=Number(value=value), operator=sign, right=right):
            yield from _demand(written(right), TURNED[sign if true else OPPOSITE[sign]], value)
        case Compare(left=left, operator=sign, right=Number(value=value)):
            yield from _demand(written(left), sign if true else OPPOSITE[sign], value)
        case _:
            pass


def _demand(reads: str, sign: Sign, value: float) -> Iterator[tuple[str, _Range]]:
    match sign:
        case "<" | "<=":
            yield reads, (float("-inf"), False, value, sign == "<=")
        case ">" | ">=":
            yield reads, (value, sign == ">=", float("inf"), False)
        case "==":
            yield reads, (value, True, value, True)
        case "!=":
            pass


def _apart(ranges: list[_Range]) -> bool:
    """Whether no value lies in all of them."""
    low = max(each[0] for each in ranges)
    high = min(each[2] for each in ranges)
    if low == high:
        return not all((each[0] < low or each[1]) and (each[2] > high or each[3]) for each in ranges)
    return low > high
