"""What labels mean and may be: contracts in force, definitions that a person let in, classes held back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from flyball.core.ids import Digest, Position


@dataclass(frozen=True, slots=True)
class ContractLoaded:
    """A contract took effect. `text` is the whole file; `definitions` the digest of what its labels mean."""

    kind: ClassVar[str] = "contract-loaded"
    digest: Digest
    definitions: Digest
    name: str
    version: int
    text: str
    by: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True)
class ContractRefused:
    """A contract was saved with mistakes; the one before it stays in force."""

    kind: ClassVar[str] = "contract-refused"
    digest: Digest
    name: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DefinitionsApproved:
    """A person let answers in that were given under other definitions.

    `answers` were parked for it and are merged now. `labels` says what a label of theirs is called in
    the contract, where that differs.
    """

    kind: ClassVar[str] = "definitions-approved"
    definitions: Digest
    by: str
    because: str
    answers: tuple[Position, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClassBlocked:
    """No label of this class is settled until a person looks. `shares`: of each batch, oldest first."""

    kind: ClassVar[str] = "class-blocked"
    label: str
    by: str
    because: str
    shares: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ClassAllowed:
    """Labels of this class are settled again. `answers` were parked for it and are merged now."""

    kind: ClassVar[str] = "class-allowed"
    label: str
    by: str
    because: str
    answers: tuple[Position, ...] = ()
