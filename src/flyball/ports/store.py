"""What is written down: the log with what is written along with it, and content-addressed tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from flyball.core.chain import Link
from flyball.core.facts import BodyErased, Fact, Recorded
from flyball.core.ids import (
    START,
    Digest,
    Instant,
    ItemId,
    Position,
)
from flyball.core.labels.proof import Accounts, Status
from flyball.core.table import Table
from flyball.ports.items import Items, Unless
from flyball.ports.jobs import GivenUp, Job, Jobs, Letter, NewJob


class Clock(Protocol):
    """What time it is in the loop's world."""

    def now(self) -> Instant:
        """This moment. It never goes backwards."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A fact that is about to be written.

    (`source`, `event_id`) names it for ever: the same name with the same content is written once, with
    other content it is a Conflict. Without an `event_id` the fact has no name and is always new.
    `raw`: the bytes as they were received, where they came from outside.
    """

    fact: Fact
    source: str = "flyball"
    event_id: str | None = None
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The items of a segment that come in with a commit: their names and times, in the segment's order."""

    segment: Digest
    items: Sequence[ItemId]
    times: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class KnownLabels:
    """Labels that became known by themselves and come in with a commit."""

    items: Sequence[ItemId]
    labels: Sequence[str]


@dataclass(frozen=True, slots=True)
class Commit:
    """What is written together, or not at all.

    `done` are jobs that this commit finishes, and `given_up` those that it sends to the dead letters; one
    whose lease was lost raises LeaseLost and nothing is written. `requeued` are dead letters that wait again
    from now on, as if they were new, and `dropped` those that are given up for good; one that is not there
    any more raises NotFound.
    `notes` are small checkpoints by name: of no worth to history, only to a fast restart. `apart`: the
    facts come from several hands; one that conflicts is kept as evidence and the others are written.
    `standing`: how answers stand of which no fact here says it. `unless`: after this place nobody may have
    said or settled anything about the items, or written a fact of the kinds, or it raises StaleItems and
    nothing is written.
    """

    facts: Sequence[Draft] = ()
    jobs: Sequence[NewJob] = ()
    done: Sequence[Job] = ()
    given_up: Sequence[GivenUp] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    arrivals: Arrivals | None = None
    known: KnownLabels | None = None
    requeued: Sequence[Letter] = ()
    dropped: Sequence[Letter] = ()
    apart: bool = False
    standing: Mapping[Position, Status] = field(default_factory=dict)
    unless: Unless | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a fact stands. `new` False: it stood there already, and this is its first receipt.

    `conflict`: something else stands under its name, and this is the receipt of that.
    """

    seq: Position
    at: Instant
    hash: Digest
    new: bool
    conflict: bool = False


class Log(Protocol):
    """The append-only history of one loop, with the read models that are written along with it."""

    def append(self, commit: Commit, now: Instant) -> tuple[Receipt, ...]:
        """Write all of it durably and answer with a receipt for each fact, in order.

        A fact's time is never before that of the fact in front of it. Facts that stood there already
        bring no jobs and no changes again. Raises Conflict (after keeping the other bytes as
        evidence), LeaseLost, StaleItems, DuplicateItems, NotFound.
        """

    def read(
        self, after: Position = START, kinds: Sequence[str] | None = None, limit: int | None = None
    ) -> Iterator[Recorded]:
        """Facts after a position in order, of these kinds only where kinds are named.

        Facts whose bytes were erased are left out: nobody knows any more what they said.
        """

    def at(self, places: Iterable[Position]) -> Iterator[Recorded]:
        """The facts at these places, in order, without those that were erased."""

    def head(self) -> Receipt:
        """The newest fact's receipt; position 0 and 64 zeros for an empty log."""

    def note(self, name: str) -> str | None:
        """A checkpoint, as the newest commit that named it left it."""


@dataclass(frozen=True, slots=True)
class Contested:
    """What came under the name of a fact that says something else: kept as evidence, never a fact."""

    source: str
    event_id: str
    kind: str
    body: bytes
    raw: bytes | None
    seen_at: Instant


class Evidence(Protocol):
    """What an audit needs beside the facts, and the one thing that is ever taken out of them."""

    def links(self, after: Position = START, bodies: bool = True) -> Iterator[Link]:
        """What `core.chain.verify` reads, in order; without the bytes, as if all were erased, much faster."""

    def erase(
        self,
        facts: Sequence[Position],
        items: Sequence[ItemId],
        record: BodyErased,
        now: Instant,
        people: Sequence[str] = (),
    ) -> Receipt:
        """Erase the bytes, salts and names of these facts for good, and write down that it was done.

        What came under their names with other content goes too, and all that was refused about these items
        or from these people; the jobs and dead letters about them, and the labels of these items: those that
        the facts settled stand. Places, hashes and commitments stay: the chain holds.
        """

    def sweep(self) -> bool:
        """Leave no copy of what was erased behind in files; False where a reader keeps one for a while."""

    def versions(self, source: str, word: str) -> Sequence[tuple[Position, str]]:
        """Answers whose names are this word, an @ and anything, in order, where they stand and the names.

        Only of a source of the settings (`source:NAME`), and without those whose bytes were erased.
        """

    def contested(self) -> Iterator[Contested]:
        """What was refused with a Conflict, in order of time; the same bytes again are kept once."""

    def accounts(self) -> Accounts:
        """What was captured and how it stands, counted in each place at the same moment."""


@dataclass(frozen=True, slots=True)
class Store:
    """The store of one loop. `close` frees its files and its lock; it is not used after that.

    `shared`: other processes may write at the same time. `leads`: whether this one of them all decides.
    `serving`: show others that this process serves the loop; to be called again and again while it does.
    """

    log: Log
    jobs: Jobs
    items: Items
    evidence: Evidence
    close: Callable[[], None]
    shared: bool = False
    leads: Callable[[], bool] = lambda: True
    serving: Callable[[], bool] = lambda: True


class Segments(Protocol):
    """Content-addressed tables, written once."""

    def put(self, table: Table) -> Digest:
        """Keep a table and give its name, which is the SHA-256 of its content. Twice is once."""

    def get(self, digest: Digest) -> Table:
        """The table of that name. Raises NotFound; content that does not match its name raises BadFile."""
