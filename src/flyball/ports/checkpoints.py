"""Where checkpoints are kept: outside the database, signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from flyball.core.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint whose signature holds: where it stands, and the key that signed it as text."""

    checkpoint: Checkpoint
    where: str
    key: str


@dataclass(frozen=True, slots=True)
class Kept:
    """All checkpoints of a place in the order of their sizes, and sentences about what is not right there."""

    signed: tuple[Signed, ...]
    wrong: Sequence[str]


class Notary(Protocol):
    """Signs checkpoints and keeps them where the database cannot change them."""

    origin: str

    def last(self) -> Checkpoint | None:
        """The newest checkpoint that this notary's keys signed; None for an empty place."""

    def keep(self, checkpoint: Checkpoint) -> None:
        """Sign a checkpoint and put it on the disk. Raises Unreachable."""
