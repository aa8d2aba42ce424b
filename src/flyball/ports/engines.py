"""What matches rules and what learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from flyball.core.ids import (
    Digest,
    Instant,
    ModelVersion,
)
from flyball.core.rules.model import Ruleset
from flyball.core.table import Column, Feature, Table


class RuleEngine(Protocol):
    """What matches conditions. Time, bounds and conflicts are not its business."""

    def truths(self, rules: Ruleset, readings: Mapping[str, float | str | None]) -> Mapping[str, bool | None]:
        """For each condition of `rules` by its key, whether it holds; None is unknown.

        `readings` are the values of the comparisons' sides, as `core.rules.conditions` names them.
        """

    def close(self) -> None:
        """Free what was loaded."""


class Model(Protocol):
    """A trained model."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of the columns of `scores`."""

    def scores(self, table: Table) -> npt.NDArray[np.float64]:
        """Class probabilities, shape (items, classes), rows sum to 1. Raises LearnerFailed."""


class Learner(Protocol):
    """How a model is made, and how it is written down."""

    def fit(
        self,
        table: Table,
        labels: Column,
        weights: npt.NDArray[np.float64] | None,
        features: Sequence[Feature],
        seed: int,
    ) -> Model:
        """Train from scratch, the same for the same arguments. Raises LearnerFailed."""

    def dump(self, model: Model) -> bytes:
        """The model as bytes that `load` reads; never a pickle for models of our own."""

    def load(self, content: bytes) -> Model:
        """The model that `dump` wrote. Raises BadFile."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training hands to the shelf. `parents` say what it learned from and who asked for it."""

    loop: str
    pins: Digest
    model: Model
    content: bytes
    snapshot: Digest
    #: Features, then `label`, `item`, `weight`: the rows that were learned from.
    rows: Table
    features: tuple[Feature, ...]
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    rule_file: str
    began: Instant
    ended: Instant


@dataclass(frozen=True, slots=True)
class Shelved:
    """A model version on the shelf. `tracking` is where a person finds the run."""

    version: ModelVersion
    pins: Digest
    snapshot: Digest
    aliases: tuple[str, ...]
    tracking: str
    metrics: Mapping[str, float]


class Shelf(Protocol):
    """Where model versions stand, with their snapshots, metrics and aliases."""

    def put(self, trained: Trained) -> Shelved:
        """Keep a model. The same pins again give the version that stands there. Raises Unreachable."""

    def get(self, version: ModelVersion) -> bytes:
        """What the learner dumped. Raises NotFound, Unreachable."""

    def point(self, alias: Literal["champion", "challenger"], version: ModelVersion | None) -> None:
        """Let an alias name this version (None: no version). Raises NotFound, Unreachable."""

    def versions(self) -> tuple[Shelved, ...]:
        """All versions, the oldest first. Raises Unreachable."""
