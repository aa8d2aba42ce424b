"""Every fact that can happen: past tense, frozen, written once and never edited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, get_args

from flyball.core.ids import (
    AnnotatorId,
    BatchId,
    Digest,
    Instant,
    ItemId,
    ModelVersion,
    Pins,
    Position,
    RuleId,
    RunId,
    Seconds,
)
from flyball.core.knobs import Value

Work = Literal["score", "train"]
#: A measured number with its 95% interval: (value, low, high).
Measured = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class LoopStarted:
    """A process began to run this loop."""

    kind: ClassVar[str] = "loop-started"
    config: Digest
    rules: Digest
    code: Digest
    architecture: str
    clock: str


@dataclass(frozen=True, slots=True)
class LoopStopped:
    """A process ended its run of this loop in order."""

    kind: ClassVar[str] = "loop-stopped"
    because: str


@dataclass(frozen=True, slots=True)
class ItemsArrived:
    """Items came in with their features, which are in the segment. `cursor`: how far the stream was read."""

    kind: ClassVar[str] = "items-arrived"
    segment: Digest
    count: int
    first: Instant
    last: Instant
    cursor: int


@dataclass(frozen=True, slots=True)
class ItemsRefused:
    """Items of the stream that cannot be taken, with the reason and a few of their names."""

    kind: ClassVar[str] = "items-refused"
    reason: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LabelsKnown:
    """Labels that became known by themselves. The segment holds `item`, `label`, `known_at`."""

    kind: ClassVar[str] = "labels-known"
    segment: Digest
    count: int
    cursor: int
    #: How many of each class, so that gauges need not open the segment.
    classes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PoolScored:
    """A model scored items. The segment holds `item` and one column `p_<class>` for each class.

    `confidence` is the mean highest probability, `uncertainty` the mean normalised entropy (0 to 1).
    `purpose` "arrivals": each item once, when it came; "pool": to choose the next batch.
    """

    kind: ClassVar[str] = "pool-scored"
    run: RunId
    model: ModelVersion
    purpose: Literal["arrivals", "pool"]
    segment: Digest
    count: int
    cursor: int
    confidence: float | None
    uncertainty: float | None
    seconds: Seconds


@dataclass(frozen=True, slots=True)
class BatchReleased:
    """Items went out to annotators. `reserve` names those that chance alone chose.

    `scores` gives what the model had said of each item before anybody labelled it.
    """

    kind: ClassVar[str] = "batch-released"
    batch: BatchId
    number: int
    items: tuple[ItemId, ...]
    reserve: tuple[ItemId, ...]
    sampler: str
    pool: int
    model: ModelVersion | None
    rules: Digest
    answers_needed: int
    due: Instant
    scores: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    knobs: Mapping[str, Value] = field(default_factory=dict)
    #: The decision that asked for this batch, where one did.
    decision: Position | None = None


@dataclass(frozen=True, slots=True)
class AnswerGiven:
    """What one annotator said about one item. `seconds`: how long they took, by their own account."""

    kind: ClassVar[str] = "answer-given"
    item: ItemId
    annotator: AnnotatorId
    label: str
    batch: BatchId | None = None
    said_at: Instant | None = None
    seconds: Seconds | None = None
    draft: bool = False
    model: ModelVersion | None = None


@dataclass(frozen=True, slots=True)
class AnswerParked:
    """An answer that cannot be merged as it stands: an unknown item or label. Nothing is lost."""

    kind: ClassVar[str] = "answer-parked"
    answer: Position
    reason: str


@dataclass(frozen=True, slots=True)
class LabelSettled:
    """Answers were settled into a label by a policy. A later one for the same item replaces it."""

    kind: ClassVar[str] = "label-settled"
    item: ItemId
    label: str
    answers: tuple[Position, ...]
    policy: str
    batch: BatchId | None
    agreed: float


@dataclass(frozen=True, slots=True)
class BatchSettled:
    """Every item of a batch has a label, or the batch ran out of time. This ends a cycle."""

    kind: ClassVar[str] = "batch-settled"
    batch: BatchId
    number: int
    settled: int
    missing: int
    seconds: Seconds


@dataclass(frozen=True, slots=True)
class TeamMeasured:
    """The annotators at one moment: on shift, without work, and work waiting per annotator on shift."""

    kind: ClassVar[str] = "team-measured"
    active: int
    idle: int
    waiting: int


@dataclass(frozen=True, slots=True)
class RunBegan:
    """Slow work was given its pins. Whoever holds the job's lease performs it."""

    kind: ClassVar[str] = "run-began"
    run: RunId
    work: Work
    pins: Pins
    because: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """Slow work came to its end and what came out is in the log."""

    kind: ClassVar[str] = "run-ended"
    run: RunId
    work: Work
    seconds: Seconds


@dataclass(frozen=True, slots=True)
class RunFailed:
    """Slow work failed. `final`: it will not be tried again with these pins."""

    kind: ClassVar[str] = "run-failed"
    run: RunId
    work: Work
    code: str
    detail: str
    attempt: int
    final: bool
    again_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class ModelTrained:
    """A model version came out of a training, with the snapshot that it learned from."""

    kind: ClassVar[str] = "model-trained"
    model: ModelVersion
    run: RunId
    pins: Digest
    snapshot: Digest
    rows: int
    labels_up_to: Position
    #: Reserve items that were kept away from this training, to compare models on.
    held_out: tuple[ItemId, ...]
    classes: tuple[str, ...]
    metrics: Mapping[str, float]
    tracking: str
    seconds: Seconds


@dataclass(frozen=True, slots=True)
class ModelPromoted:
    """This model scores from now on. `proven`: it was compared with the one before and is no worse."""

    kind: ClassVar[str] = "model-promoted"
    model: ModelVersion
    before: ModelVersion | None
    because: str
    proven: bool
    by: str = "flyball"
    compared: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChallengerKept:
    """The challenger lost the comparison; the champion stays."""

    kind: ClassVar[str] = "challenger-kept"
    model: ModelVersion
    champion: ModelVersion
    because: str
    compared: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QualityMeasured:
    """How good the champion's predictions were on the newest reserve labels, each with an interval."""

    kind: ClassVar[str] = "quality-measured"
    model: ModelVersion | None
    labels: int
    positives: int
    metrics: Mapping[str, Measured]


@dataclass(frozen=True, slots=True)
class DriftMeasured:
    """How far the world moved. None: not enough was seen to say.

    `share` of features that moved, `score` the largest distance, `error` the recent error rate,
    `changed` whether the error's detector found a change since the last measurement, `prior` the
    largest change of a class's share, `features` the distance of each feature.
    """

    kind: ClassVar[str] = "drift-measured"
    share: float | None
    score: float | None
    error: float | None
    changed: bool
    prior: float | None
    features: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RulesLoaded:
    """A rule file took effect. `text` is the whole file, so that any decision can be read again."""

    kind: ClassVar[str] = "rules-loaded"
    digest: Digest
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class RulesRefused:
    """A rule file was saved with mistakes; the rules before it stay in force."""

    kind: ClassVar[str] = "rules-refused"
    digest: Digest
    name: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Looked:
    """One look was taken: the signals as they were read. What was decided follows as facts of its own."""

    kind: ClassVar[str] = "looked"
    due: Instant
    cycle: int
    rules: Digest
    values: Mapping[str, float | None]
    each: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DecisionMade:
    """What a look concluded for one rule, with its reason and the numbers that were seen.

    `verdict`: fired, repeated, cleared, held (over by a step limit or a bound), overruled, resting,
    no-data, or a word of the controller's own (expired, safe, guard).
    `changes`: for each knob or action {"knob"|"do", "from", "to", "how", "limited_by"}.
    `live` False: the rule is in shadow or the architecture is not adaptive: nothing was applied.
    """

    kind: ClassVar[str] = "decision-made"
    rule: RuleId
    verdict: str
    due: Instant
    because: str
    live: bool
    rules: Digest
    values: Mapping[str, float | str | None]
    changes: tuple[Mapping[str, Any], ...] = ()
    overruled_by: str | None = None
    about: str | None = None


@dataclass(frozen=True, slots=True)
class KnobTurned:
    """A layer of a knob was set, or (with `to` None) taken off.

    `layer`: "base", "hold:RULE" or "person:NAME". `until`: when it ends by itself.
    """

    kind: ClassVar[str] = "knob-turned"
    knob: str
    layer: str
    to: Value | None
    because: str
    by: str
    priority: int = 0
    until: Instant | None = None
    about: str | None = None


@dataclass(frozen=True, slots=True)
class ActionAsked:
    """A rule or a person asked for something that is not a knob: retrain, alert, rollback."""

    kind: ClassVar[str] = "action-asked"
    action: str
    by: str
    because: str
    options: Mapping[str, Any] = field(default_factory=dict)
    about: str | None = None


@dataclass(frozen=True, slots=True)
class AlertRaised:
    """Somebody should know. `key` names what it is about; the same key is raised once while it lasts."""

    kind: ClassVar[str] = "alert-raised"
    key: str
    severity: Literal["info", "warn", "page"]
    message: str


@dataclass(frozen=True, slots=True)
class AlertCleared:
    """What an alert was about is over."""

    kind: ClassVar[str] = "alert-cleared"
    key: str


Fact = (
    LoopStarted
    | LoopStopped
    | ItemsArrived
    | ItemsRefused
    | LabelsKnown
    | PoolScored
    | BatchReleased
    | AnswerGiven
    | AnswerParked
    | LabelSettled
    | BatchSettled
    | TeamMeasured
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
    | AlertRaised
    | AlertCleared
)

KINDS: Mapping[str, type[Any]] = {cls.kind: cls for cls in get_args(Fact)}
#: Of each kind the fields in order: facts are written and read by the thousand.
_NAMES = {cls: tuple(each.name for each in fields(cls)) for cls in KINDS.values()}
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
    return {name: _plain(getattr(fact, name)) for name in _NAMES[type(fact)]}


def fact_of(kind: str, body: Mapping[str, Any]) -> Fact:
    """A fact from what `body_of` gave, also from an older version with fewer fields.

    A kind that is not known raises KeyError; a field without a default that is missing, TypeError.
    """
    cls = KINDS[kind]
    values = {name: _frozen(body[name]) for name in _NAMES[cls] if name in body}
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
            return {key: _frozen(inner) for key, inner in value.items()}
        case list():
            return tuple(_frozen(inner) for inner in value)
        case _:
            return value
