"""What is legal in a rule file but unwise, as far as it can be said for certain."""

from __future__ import annotations

from flyball.core.ids import Seconds
from flyball.core.rules.check_pairs import unwise_together
from flyball.core.rules.marked import Complaints
from flyball.core.rules.model import Number, Ruleset, Word
from flyball.core.rules.placed import Placed
from flyball.core.rules.ranges import Range
from flyball.core.rules.tree import comparisons_in, named_in, written
from flyball.core.rules.ways import Reasoning, both
from flyball.core.rules.words import Catalogue


def unwise(ruleset: Ruleset, placed: list[Placed], catalogue: Catalogue, tell: Complaints) -> None:
    """Tell everything that is unwise."""
    thinks = Reasoning(catalogue, ruleset.conditions)
    for each in placed:
        about = tell.of(each.rule.id)
        _short_wait(each, ruleset.every, about)
        _no_hysteresis(each, about)
        _never(each, thinks, about)
        _until_with_when(each, thinks, about)
    unwise_together(placed, ruleset.bounds, thinks, tell)


def _short_wait(each: Placed, every: Seconds, tell: Complaints) -> None:
    waits = each.rule.for_
    if waits and waits.unit == "seconds" and waits.amount < every:
        message = f"`for` is {waits.amount:g}s and a look comes every {every:g}s, so it waits for nothing"
        tell.tell(each.key("for"), "W103", message)


def _no_hysteresis(each: Placed, tell: Complaints) -> None:
    if each.rule.hold and each.rule.until is None:
        message = "`hold` without `until` flaps on and off around the threshold; say when it clears"
        tell.tell(each.key("hold"), "W104", message)


def _never(each: Placed, thinks: Reasoning, tell: Complaints) -> None:
    """`when` or `until` that no readings make true."""
    rule = each.rule
    about = rule.foreach is not None
    if thinks.ways(rule.when, each=about) == ():
        what = _compared(each)
        message = f"no value of {what} makes `when` true, so the rule never fires"
        tell.tell(each.key("when"), "W106", message)
    if rule.until is not None and thinks.ways(rule.until, each=about) == ():
        tell.tell(each.key("until"), "W107", "`until` can never hold, so once active the rule stays so")


def _compared(each: Placed) -> str:
    """The first few values that a rule's `when` compares, or the conditions that it names."""
    sides = [side for compare in comparisons_in(each.rule.when) for side in (compare.left, compare.right)]
    moving = [written(side) for side in sides if not isinstance(side, Number | Word)]
    names = list(dict.fromkeys([*moving, *named_in(each.rule.when)]))
    listed = ", ".join(f"`{name}`" for name in names[:3])
    return f"{listed} and others" if len(names) > 3 else listed


def _until_with_when(each: Placed, thinks: Reasoning, tell: Complaints) -> None:
    """One way of `until` asks one thing of one value, and `when` can be true with values that fit both."""
    rule, about = each.rule, each.rule.foreach is not None
    until = thinks.ways(rule.until, each=about) if rule.until is not None else None
    when = thinks.ways(rule.when, each=about)
    if not until or not when:
        return
    for over in until:
        reads, asked = next(iter(over.items()))
        if len(over) != 1 or not isinstance(asked, Range) or not all(reads in way for way in when):
            continue
        if all(both(way, over) is None for way in when):
            continue
        what = reads.removesuffix(" of one")
        message = f"`until` can hold while `when` does: both can be true of `{what}` at once"
        tell.tell(each.key("until"), "W105", message)
        return
