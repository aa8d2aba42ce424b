"""What is tried before it governs: a rule file on a share of the batches, an architecture in shadow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from flyball.core.ids import Digest


@dataclass(frozen=True, slots=True)
class CanaryBegan:
    """A new rule file governs a share of the batches. `text` is the whole file.

    It is judged by `signal`, of which `better` says which way is good, once `batches` of its own have
    settled, and half-way. `share` is above 0 and at most a half.
    """

    kind: ClassVar[str] = "canary-began"
    digest: Digest
    name: str
    text: str
    share: float
    signal: str
    better: Literal["higher", "lower"]
    batches: int
    by: str
    because: str
    #: The number of the first batch that it may govern.
    first: int = 1
    #: The rule file in force, which it is compared with.
    against: str = ""


@dataclass(frozen=True, slots=True)
class CanaryEnded:
    """A canary is over: its file was promoted, rolled back because it was worse, or stopped.

    "undecided": its batches are settled, and too few had a reading of the signal to compare them.

    `figures`: `canary`, `others` (means of the signal over batches), `difference`, `low`, `high`, and
    how many batches of each there were.
    """

    kind: ClassVar[str] = "canary-ended"
    digest: Digest
    verdict: Literal["promoted", "rolled-back", "undecided", "stopped"]
    because: str
    by: str
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TransitionBegan:
    """Another architecture runs in shadow, and takes over after so many cycles."""

    kind: ClassVar[str] = "transition-began"
    before: str
    to: str
    cycles: int
    by: str
    because: str


@dataclass(frozen=True, slots=True)
class ShadowDue:
    """What the architecture in shadow would have done first: it would have started this work by now."""

    kind: ClassVar[str] = "shadow-due"
    architecture: str
    work: str
    why: str
    #: Why the architecture that governs did not.
    instead: str


@dataclass(frozen=True, slots=True)
class TransitionEnded:
    """The transition is over: the new architecture governs, or a person called it off."""

    kind: ClassVar[str] = "transition-ended"
    to: str
    verdict: Literal["switched", "called-off"]
    because: str
    by: str
