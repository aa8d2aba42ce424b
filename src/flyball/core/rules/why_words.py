"""Why a rule did something, or did not, in sentences."""

from __future__ import annotations

from flyball.core.rules.margin import apart, said
from flyball.core.rules.model import Span
from flyball.core.rules.reason import shown
from flyball.core.rules.why import Node, Why, towards


def headline(why: Why) -> str:
    """How the rule stood, in one sentence without its name."""
    if why.paused is not None:
        return f"paused by {why.paused.by}: {why.paused.because}"
    made = {decision.verdict for decision in why.decisions}
    if "cleared" in made or why.verdict == "clear":
        return "it cleared" + _held(why.when if why.until is None else why.until, why.until is not None)
    if why.verdict == "FIRE":
        return ("it fired again" if "repeated" in made else "it fired") + _held(why.when, True)
    match why.state:
        case "active":
            return f"active for {_since(why)}; {_what_clears(why)}"
        case "pending":
            return f"pending for {_since(why)}; {_what_is_left(why)}"
        case "resting":
            return _resting(why)
        case "idle":
            return "it does not fire; " + _what_fires(why)


def nearest(why: Why) -> str:
    """What would have to change for the rule to fire, or to clear: each comparison with its margin."""
    return turning(why.decisive)


def turning(node: Node) -> str:
    """What would have to turn, as `towards` marked it, in words; empty where nothing would."""
    found = [f"`{leaf.text}` ({distance(leaf)})" for leaf in node.leaves() if leaf.turns]
    return " and ".join(found)


def distance(leaf: Node) -> str:
    """How far a comparison was from turning: `140 now, 60 below`."""
    if leaf.left is None or leaf.right is None:
        return "no data"
    by = apart(leaf.left, leaf.right, leaf.unit)
    return f"{said(leaf.left, leaf.unit)} now" + (f", {by}" if by else "")


def lasting(span: Span) -> str:
    """A span as a person reads it.

    >>> lasting(Span(180.0, "seconds")), lasting(Span(1, "looks"))
    ('3m', '1 look')
    """
    if span.unit == "seconds":
        return shown(span.amount, "seconds")
    return f"{span.amount:g} {span.unit.removesuffix('s') if span.amount == 1 else span.unit}"


def _held(node: Node, holds: bool) -> str:
    """What made a condition what it is, with the margins by which it is so."""
    found = turning(towards(node, not holds))
    return f": {found}" if found else ""


def _since(why: Why) -> str:
    return "a moment" if why.since is None or why.at == why.since else shown(why.at - why.since, "seconds")


def _what_clears(why: Why) -> str:
    condition = "`until`" if why.until is not None else "`when` no longer holding"
    needed = nearest(why)
    if why.decisive.holds is None:
        return f"whether it clears is not known: {needed or 'no data'}"
    return f"it clears on {condition}: {needed}" if needed else f"it clears on {condition}"


def _what_is_left(why: Why) -> str:
    if why.when.holds is None:
        return f"the wait stands still while `when` has no data: {nearest(why)}"
    if why.for_left is not None and why.for_left.amount > 0:
        return f"`when` holds, {lasting(why.for_left)} of `for: {lasting(why.for_)}` are left"  # type: ignore[arg-type]
    return f"`when` holds; {_resting(why)}"


def _resting(why: Why) -> str:
    if why.spent:
        return "it fired before, and `once: true` lets it fire no more"
    if why.cooldown_left is not None:
        return f"it rests: {lasting(why.cooldown_left)} of `cooldown` are left since it fired"
    return "it rests"


def _what_fires(why: Why) -> str:
    needed = nearest(why)
    if why.when.holds is None:
        return f"`when` cannot be told: {needed or 'no data'}"
    return f"it needs {needed}" if needed else "`when` holds"
