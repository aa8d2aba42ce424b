"""Every fact that can happen: past tense, frozen, written once and never edited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, get_args

from flyball.core.facts.contracts import (
    ClassAllowed,
    ClassBlocked,
    ContractLoaded,
    ContractRefused,
    DefinitionsApproved,
)
from flyball.core.facts.evidence import BodyErased, LetterDropped, LetterRequeued
from flyball.core.facts.models import (
    ChallengerKept,
    DriftMeasured,
    ModelPromoted,
    ModelTrained,
    QualityMeasured,
    RunBegan,
    RunEnded,
    RunFailed,
)
from flyball.core.facts.outside import DeliveryUnread, WordsDeleted
from flyball.core.facts.people import (
    AnswerGiven,
    AnswerGivenUp,
    AnswerParked,
    BatchReleased,
    BatchSettled,
    CaptureMeasured,
    LabelSettled,
    LabelWithdrawn,
    TeamMeasured,
)
from flyball.core.facts.steering import (
    ActionAsked,
    ActionRefused,
    AlertCleared,
    AlertRaised,
    DecisionMade,
    KnobTurned,
    Looked,
    RulesLoaded,
    RulesRefused,
)
from flyball.core.facts.stream import (
    ItemsArrived,
    ItemsRefused,
    LabelsKnown,
    LoopStarted,
    LoopStopped,
    Measured,
    PoolScored,
    Work,
)
from flyball.core.facts.trials import (
    CanaryBegan,
    CanaryEnded,
    ShadowDue,
    TransitionBegan,
    TransitionEnded,
)
from flyball.core.ids import Instant, Pins, Position

__all__ = [
    "KINDS",
    "ActionAsked",
    "ActionRefused",
    "AlertCleared",
    "AlertRaised",
    "AnswerGiven",
    "AnswerGivenUp",
    "AnswerParked",
    "BatchReleased",
    "BatchSettled",
    "BodyErased",
    "CanaryBegan",
    "CanaryEnded",
    "CaptureMeasured",
    "ChallengerKept",
    "ClassAllowed",
    "ClassBlocked",
    "ContractLoaded",
    "ContractRefused",
    "DecisionMade",
    "DefinitionsApproved",
    "DeliveryUnread",
    "DriftMeasured",
    "Fact",
    "ItemsArrived",
    "ItemsRefused",
    "KnobTurned",
    "LabelSettled",
    "LabelWithdrawn",
    "LabelsKnown",
    "LetterDropped",
    "LetterRequeued",
    "Looked",
    "LoopStarted",
    "LoopStopped",
    "Measured",
    "ModelPromoted",
    "ModelTrained",
    "PoolScored",
    "QualityMeasured",
    "Recorded",
    "RulesLoaded",
    "RulesRefused",
    "RunBegan",
    "RunEnded",
    "RunFailed",
    "ShadowDue",
    "TeamMeasured",
    "TransitionBegan",
    "TransitionEnded",
    "WordsDeleted",
    "Work",
    "body_of",
    "fact_of",
]

Fact = (
    LoopStarted
    | DeliveryUnread
    | WordsDeleted
    | LoopStopped
    | ItemsArrived
    | ItemsRefused
    | LabelsKnown
    | PoolScored
    | BatchReleased
    | AnswerGiven
    | AnswerGivenUp
    | AnswerParked
    | LabelSettled
    | LabelWithdrawn
    | BatchSettled
    | TeamMeasured
    | CaptureMeasured
    | RunBegan
    | RunEnded
    | RunFailed
    | ModelTrained
    | ModelPromoted
    | ChallengerKept
    | QualityMeasured
    | DriftMeasured
    | RulesLoaded
    | RulesRefused
    | Looked
    | DecisionMade
    | KnobTurned
    | ActionAsked
    | ActionRefused
    | AlertRaised
    | AlertCleared
    | CanaryBegan
    | CanaryEnded
    | TransitionBegan
    | ShadowDue
    | TransitionEnded
    | BodyErased
    | LetterRequeued
    | LetterDropped
    | ContractLoaded
    | ContractRefused
    | DefinitionsApproved
    | ClassBlocked
    | ClassAllowed
)


def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    # Of one name it would give the value itself.
    return attrgetter(*names) if len(names) > 1 else lambda fact: tuple(getattr(fact, each) for each in names)


KINDS: Mapping[str, type[Any]] = {cls.kind: cls for cls in get_args(Fact)}


#: Of each kind the fields as they are written: facts are written and read by the thousand.
_NAMES = {cls: tuple(sorted(each.name for each in fields(cls))) for cls in KINDS.values()}
_KNOWN = {cls: frozenset(names) for cls, names in _NAMES.items()}
_VALUES = {cls: _getter(names) for cls, names in _NAMES.items()}
_SCALAR = (str, int, float, type(None))


@dataclass(frozen=True, slots=True)
class Recorded:
    """A fact with its place in the log and the server's time at which it was written."""

    seq: Position
    at: Instant
    fact: Fact


def body_of(fact: Fact) -> dict[str, Any]:
    """A fact as plain JSON values, without its kind.

    >>> body_of(AlertCleared(key="rules"))
    {'key': 'rules'}
    """
    cls = type(fact)
    body: dict[str, Any] = dict(zip(_NAMES[cls], _VALUES[cls](fact), strict=True))
    for name, value in body.items():
        if not isinstance(value, _SCALAR):
            body[name] = _plain(value)
    return body


def fact_of(kind: str, body: Mapping[str, Any]) -> Fact:
    """A fact from what `body_of` gave, also from an older version with fewer fields.

    A kind that is not known raises KeyError; a field without a default that is missing, TypeError.
    """
    cls = KINDS[kind]
    names = _KNOWN[cls]
    values = {
        name: value if isinstance(value, _SCALAR) else _frozen(value)
        for name, value in body.items()
        if name in names
    }
    if cls is RunBegan:
        values["pins"] = Pins(**{**body["pins"], "more": _frozen(body["pins"]["more"])})
    fact: Fact = cls(**values)
    return fact


def _plain(value: Any) -> Any:
    if isinstance(value, _SCALAR):
        return value
    match value:
        case Pins():
            return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
        case Mapping():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case tuple() | list():
            return [_plain(inner) for inner in value]
        case _:
            return value


def _frozen(value: Any) -> Any:
    match value:
        case dict():
            return {k: v if isinstance(v, _SCALAR) else _frozen(v) for k, v in value.items()}
        case list():
            return tuple(_frozen(inner) for inner in value)
        case _:
            return value
