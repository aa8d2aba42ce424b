"""Decisions in plain values: what rules, verdicts on models, rule files and people came to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flyball.core.control import PERSON, Target
from flyball.core.facts import (
    CanaryBegan,
    CanaryEnded,
    ChallengerKept,
    DecisionMade,
    Fact,
    KnobTurned,
    ModelPromoted,
    Recorded,
    RulesLoaded,
    RulesRefused,
    ShadowDue,
    TransitionBegan,
    TransitionEnded,
)
from flyball.core.knobs import Value
from flyball.core.rules.upkeep import CONTROLLER
from flyball.work.rule_history import origin
from flyball.work.turn import PAUSED

#: The facts that are decisions, or hold some.
KINDS = (
    *("decision-made", "knob-turned", "model-promoted", "challenger-kept"),
    *("rules-loaded", "rules-refused"),
    *("canary-began", "canary-ended", "transition-began", "shadow-due", "transition-ended"),
)


def told(recorded: Recorded, first: bool = False) -> dict[str, Any]:
    """A decision as plain values: when, which rule, what became of it, why, what changed.

    `at` is the time of the look that concluded it, `written` that at which it was written down; what came
    of no look has one time. `first`: no rule file was in force before. Empty for what is no decision: a
    knob that a rule turned has one of its own.
    """
    fact = recorded.fact
    said = _said(fact, first)
    at = fact.due if isinstance(fact, DecisionMade) else recorded.at
    return {"seq": recorded.seq, "at": at, "written": recorded.at, **said} if said else {}


def _said(fact: Fact, first: bool) -> dict[str, Any]:
    match fact:
        case DecisionMade():
            return {
                "rule": fact.rule,
                "verdict": fact.verdict,
                "because": fact.because,
                "changes": [dict(change) for change in fact.changes],
                "live": fact.live,
                "overruled_by": fact.overruled_by,
                "about": fact.about,
                "rules": fact.rules,
                "values": dict(fact.values),
                "due": fact.due,
            }
        case ModelPromoted() if fact.before is not None and fact.model < fact.before:
            change = {"do": "rollback", "from": fact.before, "to": fact.model}
            return _row("rollback", f"by {fact.by}", fact.because, changes=[change])
        case ModelPromoted():
            change = {"do": "promote", "from": fact.before, "to": fact.model}
            verdict = "proven" if fact.proven else "unproven"
            return _row("promotion", verdict, fact.because, changes=[change], values=dict(fact.compared))
        case ChallengerKept():
            return _row("promotion", "kept the champion", fact.because, values=dict(fact.compared))
        case RulesLoaded():
            because = f"{fact.name} took effect: {_origin(fact, first)}"
            return _row("rule-file", "loaded", because, rules=fact.digest)
        case RulesRefused():
            because = "; ".join(fact.problems)
            return _row("rule-file", "refused", because, live=False, rules=fact.digest)
        case KnobTurned() if fact.layer.startswith(PERSON) and fact.by != CONTROLLER:
            given = {"target": _name(fact), "by": fact.by, "to": fact.to, "until": fact.until}
            return _row("person", _done(fact), fact.because, **given)
        case _:
            return _tried(fact)


def _tried(fact: Fact) -> dict[str, Any]:
    """What is tried before it governs."""
    match fact:
        case CanaryBegan():
            verdict = f"{fact.by} began {fact.name} on {fact.share:.0%} of the batches"
            return _row("canary", verdict, fact.because, rules=fact.digest)
        case CanaryEnded():
            return _row("canary", fact.verdict, fact.because, values=dict(fact.figures), rules=fact.digest)
        case TransitionBegan():
            verdict = f"{fact.by} began {fact.to} in shadow beside {fact.before}"
            return _row("architecture", verdict, fact.because)
        case ShadowDue():
            because = f"{fact.architecture} would start it now ({fact.why}); the loop waits: {fact.instead}"
            return _row("architecture", f"{fact.work} would start", because, live=False)
        case TransitionEnded():
            return _row("architecture", fact.verdict, fact.because)
        case _:
            return {}


def _row(rule: str, verdict: str, because: str, **more: Any) -> dict[str, Any]:
    """What is no decision of a rule's, with what all decisions have in common."""
    common = {"rule": rule, "verdict": verdict, "because": because, "live": True}
    return {**common, "changes": [], "values": {}, **more}


def _origin(fact: RulesLoaded, first: bool) -> str:
    why = origin(fact, first)
    if not fact.by:
        return why
    return f"{why} (by {fact.by})" if why else f"by {fact.by}"


def _done(fact: KnobTurned) -> str:
    """What a person did to a knob, in words."""
    rule = fact.about or "all rules"
    if fact.to is None:
        return f"{fact.by} " + (f"resumed {rule}" if fact.knob == PAUSED else f"cleared {_name(fact)}")
    until = "it is cleared"
    if fact.until is not None:
        until = f"{datetime.fromtimestamp(fact.until, UTC):%Y-%m-%d %H:%M:%S}"
    paused = fact.knob == PAUSED and fact.to is True
    what = f"paused {rule}" if paused else f"set {_name(fact)} to {_value(fact.to)}"
    return f"{fact.by} {what} until {until}"


def _name(fact: KnobTurned) -> str:
    return str(Target(fact.knob, fact.about))


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
