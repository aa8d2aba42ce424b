"""What steers: rule files, looks, decisions, knobs, alerts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from flyball.core.ids import (
    Digest,
    Instant,
    RuleId,
)
from flyball.core.knobs import Value


@dataclass(frozen=True, slots=True)
class RulesLoaded:
    """A rule file took effect. `text` is the whole file, so that any decision can be read again.

    `by` and `because`: who put it in force with a command, and why. Empty for a file saved by hand.
    """

    kind: ClassVar[str] = "rules-loaded"
    digest: Digest
    name: str
    text: str
    by: str = ""
    because: str = ""


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
class ActionRefused:
    """What was asked for cannot be done, and will not be."""

    kind: ClassVar[str] = "action-refused"
    action: str
    because: str


@dataclass(frozen=True, slots=True)
class AlertRaised:
    """Somebody should know. `key` names what it is about; again with other words, it says something new."""

    kind: ClassVar[str] = "alert-raised"
    key: str
    severity: Literal["info", "warn", "page"]
    message: str


@dataclass(frozen=True, slots=True)
class AlertCleared:
    """What an alert was about is over."""

    kind: ClassVar[str] = "alert-cleared"
    key: str
