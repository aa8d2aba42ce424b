"""What was found in a payload: words about items, words taken back, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flyball.core.ids import Instant, Seconds
from flyball.core.strict_json import Flaw


@dataclass(frozen=True, slots=True)
class Said:
    """What one annotator said about one item, as the tool tells it.

    `word`: the tool's own name of these words, the same in each of their versions; "" where it has none.
    `exact`: word and version mean this content and no other, so that anything else is a conflict.
    `part`: the piece of the payload that says this, where the payload says more; None for all of it.
    """

    item: str
    annotator: str
    label: str
    word: str = ""
    version: str = ""
    exact: bool = False
    batch: str | None = None
    said_at: Instant | None = None
    seconds: Seconds | None = None
    draft: bool = False
    withdrawn: bool = False
    revision: float | None = None
    definitions: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    part: Any = None


@dataclass(frozen=True, slots=True)
class Gone:
    """Words that were deleted in the tool; of some only their name is told, and not by whom or about what."""

    word: str


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a payload says. `flaws`: what cannot be read. `about`: why nothing is said, if that is fine."""

    said: tuple[Said, ...] = ()
    gone: tuple[Gone, ...] = ()
    flaws: tuple[Flaw, ...] = ()
    about: str = ""


def together(parts: Iterable[Mapped]) -> Mapped:
    """What all of them say, in order."""
    listed = list(parts)
    return Mapped(
        tuple(each for part in listed for each in part.said),
        tuple(each for part in listed for each in part.gone),
        tuple(each for part in listed for each in part.flaws),
        next((part.about for part in listed if part.about), ""),
    )
