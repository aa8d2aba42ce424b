"""What is done to the evidence itself: bytes erased, dead letters sent on their way again or dropped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from flyball.core.ids import Position


@dataclass(frozen=True, slots=True)
class BodyErased:
    """The bytes of these facts were erased for good; their places, hashes and commitments stay.

    `about` says what kind of subject asked for it. Its name is not kept, or nothing would be erased.
    """

    kind: ClassVar[str] = "body-erased"
    facts: tuple[Position, ...]
    about: Literal["annotator", "item"]
    by: str
    because: str


@dataclass(frozen=True, slots=True)
class LetterRequeued:
    """A dead letter was sent on its way again. `fact`: its answer; `code` and `detail`: why it lay there."""

    kind: ClassVar[str] = "letter-requeued"
    fact: Position
    code: str
    detail: str
    attempts: int
    by: str
    because: str


@dataclass(frozen=True, slots=True)
class LetterDropped:
    """A dead letter will not be tried again. Its answer, and this, stay in the log."""

    kind: ClassVar[str] = "letter-dropped"
    fact: Position
    code: str
    detail: str
    attempts: int
    by: str
    because: str
