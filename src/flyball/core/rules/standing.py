"""Where each rule stands, to be shown: by state, and in the words of a scenario's `verdict` line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from flyball.core.ids import Instant, Seconds
from flyball.core.rules.memory import IDLE, Memory, instance_key, resting
from flyball.core.rules.model import Rule, Ruleset, condition_key


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a rule stands, to be shown. `lasted`: for how long, as of the last look."""

    rule: str
    about: str | None
    mode: Literal["live", "shadow"]
    state: Literal["idle", "pending", "active", "resting"]
    since: Instant | None
    lasted: Seconds
    fired_at: Instant | None


def describe(memory: Memory, rules: Ruleset) -> tuple[Standing, ...]:
    """Where each rule stands as of the last look; a rule for each annotator once for each that is known."""
    return tuple(standing for rule in rules.rules for standing in _standings(memory, rule))


def _standings(memory: Memory, rule: Rule) -> Iterator[Standing]:
    prefix = f"{rule.id}@"
    keys = [key for key in memory.instances if key == rule.id or key.startswith(prefix)]
    for key in keys or [str(rule.id)]:
        instance = memory.instances.get(key, IDLE)
        now = memory.last
        cooling = now is not None and instance.state != "active" and resting(rule, instance, now)
        since = instance.fired if cooling else instance.since
        yield Standing(
            rule=rule.id,
            about=key.removeprefix(prefix) if key != rule.id else None,
            mode=rule.mode,
            state="resting" if cooling else instance.state,
            since=None if since is None else since.at,
            lasted=now.at - since.at if now and since else 0.0,
            fired_at=None if instance.fired is None else instance.fired.at,
        )


def word(
    before: Memory, after: Memory, rule: Rule, about: str | None, truths: Mapping[str, bool | None]
) -> str:
    """What one rule said in one look, in the words of a scenario: `.` not met, `wait`, `FIRE`, `on`,
    `rest`, `?` no data, `clear`.
    """
    key = instance_key(rule, about)
    was, now_is = before.instances.get(key, IDLE), after.instances.get(key, IDLE)
    now = after.last
    if now is not None and now_is.fired is not None and now_is.fired.look == now.look:
        return "FIRE"
    if was.state == "active" and now_is.state != "active":
        return "clear"
    part: Literal["when", "until"] = "until" if now_is.state == "active" and rule.until else "when"
    if truths.get(condition_key(rule.id, part, about)) is None:
        return "?"
    if now_is.state == "active":
        return "on"
    if now is not None and resting(rule, now_is, now):
        return "rest"
    return "wait" if now_is.state == "pending" else "."
