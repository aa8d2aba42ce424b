"""One rule's states from look to look: idle, pending, active, resting, idle."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from flyball.core.rules.memory import Instance, Moment, resting
from flyball.core.rules.model import Rule

#: What happened to a rule in a look; None: nothing that anybody needs to be told.
Event = Literal["fired", "repeated", "cleared"] | None


def step(
    rule: Rule, was: Instance, when: bool | None, until: bool | None, now: Moment, last: Moment | None
) -> tuple[Instance, Event]:
    """Where the rule stands after this look.

    `when` and `until` are its conditions now, None for unknown, which neither fires nor clears. `last`
    is the look before this one: what lies between the two does not count as waiting while `when` is
    unknown.
    """
    if was.state == "active":
        return _active(rule, was, _over(rule, when, until), now)
    return _waiting(rule, was, when, now, last)


def decisive(rule: Rule, instance: Instance, when: bool | None, until: bool | None) -> bool | None:
    """The condition that a rule waits for as it stands: what clears it when active, else `when`."""
    return until if instance.state == "active" and rule.until is not None else when


def stopped(was: Instance) -> tuple[Instance, Event]:
    """Where a rule stands that a person has paused."""
    return Instance(fired=was.fired), "cleared" if was.state == "active" else None


def _over(rule: Rule, when: bool | None, until: bool | None) -> bool | None:
    over = until
    if rule.until is None:
        over = None if when is None else not when
    return True if over is None and rule.when_missing == "clear" else over


def _active(rule: Rule, was: Instance, over: bool | None, now: Moment) -> tuple[Instance, Event]:
    if over:
        return Instance(fired=was.fired), "cleared"
    again = rule.repeat is not None and was.fired is not None and now.past(was.fired, rule.repeat)
    if over is False and again and not rule.once:
        return replace(was, fired=now), "repeated"
    return was, None


def _waiting(
    rule: Rule, was: Instance, when: bool | None, now: Moment, last: Moment | None
) -> tuple[Instance, Event]:
    if when is None and rule.when_missing == "keep":
        if was.since is None or last is None:
            return was, None
        return replace(was, since=was.since.later(by=now, than=last)), None
    if not when:
        return (was if was.state == "idle" else Instance(fired=was.fired)), None
    since = was.since or now
    if _waited(rule, since, now) and not resting(rule, was, now):
        return Instance("active", now, now), "fired"
    return (was if was.since else Instance("pending", now, was.fired)), None


def _waited(rule: Rule, since: Moment, now: Moment) -> bool:
    if rule.for_ is None:
        return True
    # The look in which a condition comes true is the first of `for: 3 looks`.
    first = replace(since, look=since.look - 1)
    return now.past(first, rule.for_)
