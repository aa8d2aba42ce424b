"""The proof that no answer is lost: as many stand somewhere as were captured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

#: How an answer stands that was looked at. "merged": a label rests on it, or one of the world's own that
#: stands above it. "superseded": it does not count, because its annotator said something else or took it
#: back, or because others decided. "pending": it waits for more answers, its other parts or a final word.
#: "parked": it cannot be taken as it stands. "dead": it was given up for good. "erased": its bytes are gone.
Status = Literal["merged", "superseded", "pending", "parked", "dead", "erased"]


@dataclass(frozen=True, slots=True)
class Accounts:
    """What is counted at one moment, each in a place of its own.

    `captured`: answers in the history. `standing`: answers that were looked at, by how they stand.
    `queued`: answers that nobody has looked at and whose job waits or runs. `dead`: answers that lie with
    the dead letters and are not merged, superseded or parked; `dead_pending` of them stand as pending.
    """

    captured: int
    standing: Mapping[Status, int] = field(default_factory=dict)
    queued: int = 0
    dead: int = 0
    dead_pending: int = 0


@dataclass(frozen=True, slots=True)
class Proof:
    """captured = merged + parked + pending + dead + superseded (+ erased), or what is missing."""

    captured: int
    merged: int
    parked: int
    pending: int
    dead: int
    superseded: int
    erased: int = 0

    @property
    def lost(self) -> int:
        """Answers that were captured and stand nowhere; below 0, more stand than were captured."""
        return self.captured - (
            self.merged + self.parked + self.pending + self.dead + self.superseded + self.erased
        )

    @property
    def holds(self) -> bool:
        """Whether every answer that was captured stands in exactly one account."""
        return self.lost == 0

    def numbers(self) -> dict[str, int | bool]:
        """The proof as plain values."""
        return {**asdict(self), "lost": self.lost, "holds": self.holds}

    def __str__(self) -> str:
        parts = ["merged", "parked", "pending", "dead", "superseded", *(["erased"] if self.erased else [])]
        sum_ = " + ".join(f"{getattr(self, name)} {name}" for name in parts)
        missing = "" if self.holds else f" + {self.lost} LOST" if self.lost > 0 else f" - {-self.lost} TWICE"
        return f"captured {self.captured} = {sum_}{missing}"


def proof(accounts: Accounts) -> Proof:
    """Add the accounts up. An answer that has a dead letter is dead, though it stands as pending.

    >>> str(proof(Accounts(5, {"merged": 2, "pending": 1}, queued=1, dead=1)))
    'captured 5 = 2 merged + 0 parked + 2 pending + 1 dead + 0 superseded'
    >>> proof(Accounts(5, {"merged": 2, "pending": 1}, queued=1)).lost
    1
    """
    of = accounts.standing
    return Proof(
        captured=accounts.captured,
        merged=of.get("merged", 0),
        parked=of.get("parked", 0),
        pending=of.get("pending", 0) - accounts.dead_pending + accounts.queued,
        dead=of.get("dead", 0) + accounts.dead,
        superseded=of.get("superseded", 0),
        erased=of.get("erased", 0),
    )
