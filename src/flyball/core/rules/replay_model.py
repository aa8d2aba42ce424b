"""What a replay finds: decisions that differ, how often each rule fired, how the knobs would have stood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flyball.core.facts import DecisionMade
from flyball.core.ids import Digest, Instant, Seconds
from flyball.core.knobs import Value
from flyball.core.rules.replay_lines import Stretch


@dataclass(frozen=True, slots=True)
class Difference:
    """One rule in one look that decided something else.

    `before` and `after` are its decisions there, empty where it made none. `because`: how the replayed
    rule stood, with its margins. `beyond`: the knobs for which the recording no longer spoke by then.
    """

    at: Instant
    rule: str
    about: str | None
    before: tuple[DecisionMade, ...]
    after: tuple[DecisionMade, ...]
    because: str
    beyond: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """How often one rule fired on one side, for how long it was active, when first and last."""

    fired: int = 0
    repeated: int = 0
    overruled: int = 0
    limited: int = 0
    active: Seconds = 0.0
    pending: Seconds = 0.0
    first: Instant | None = None
    last: Instant | None = None


@dataclass(frozen=True, slots=True)
class RuleTold:
    """One rule on both sides; None where that side has no such rule. `same`: firings both have."""

    rule: str
    before: Tally | None
    after: Tally | None
    differences: int
    same: int


@dataclass(frozen=True, slots=True)
class Curve:
    """A knob on both sides: what it was from when on. `parted`: since when they differ."""

    knob: str
    before: tuple[tuple[Instant, Value], ...]
    after: tuple[tuple[Instant, Value], ...]
    parted: Instant | None


@dataclass(frozen=True, slots=True)
class Replayed:
    """A recording through a rule file, against what was recorded or against another file.

    `beyond`: each knob, and each action such as `retrain`, with the moment from which on the recording
    no longer tells what would have happened. `unlike`: looks in which the recorded rules, played again,
    did not decide as the log says; what is assumed of the start is wrong there. `shadowed`: looks outside
    the adaptive architecture, in which nothing is applied.
    """

    since: Instant
    until: Instant
    looks: int
    shadowed: int
    unlike: int
    rules: tuple[RuleTold, ...]
    differences: tuple[Difference, ...]
    curves: tuple[Curve, ...]
    beyond: Mapping[str, Instant]
    stretches: tuple[tuple[Stretch, ...], tuple[Stretch, ...]]
    files: tuple[tuple[Instant, Digest, str], ...]
