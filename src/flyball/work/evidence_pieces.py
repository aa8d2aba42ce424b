"""Verify a log in pieces, one after the other or side by side: what is found is the same.

The first fact of a piece is taken as it stands, and every other is verified against the one in front of it.
When pieces are put together, the first of each is verified against the last of the piece before it. So every
fact is verified once, against what was read of the one in front of it, wherever the cuts are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from flyball.core.chain import Break, Head, Link, verify
from flyball.core.ids import Position
from flyball.ports import Evidence

#: Positions in a span; and the most spans of a log, however far away somebody put its newest fact.
SPAN, MOST_SPANS = 20_000, 1_000
#: Facts that are verified at a time: few, so that the processor still has them at hand.
CHUNK = 2_000
#: More than there will ever be.
_END = Position(2**62)


@dataclass(frozen=True, slots=True)
class Span:
    """The positions after one and up to another."""

    after: Position
    until: Position


@dataclass(frozen=True, slots=True)
class Piece:
    """What was found in a span.

    `first` was not verified yet; `hashes` are those of all facts in order, with the first; `gone` are the
    facts without bytes, where bytes were read.
    """

    first: Link
    last: Head
    hashes: Sequence[bytes]
    gone: Sequence[Position]
    breaks: Sequence[Break]


#: Reads spans and gives what is in each, in their order; None for one in which there is nothing.
Pieces = Callable[[Iterable[Span]], Iterator[Piece | None]]


def spans(head: Position, size: int = SPAN) -> Iterator[Span]:
    """A log up to its newest fact in spans. The last one has no end, for what comes in meanwhile.

    >>> [span.after for span in spans(Position(45), size=20)]
    [0, 20, 40]
    """
    size = max(size, head // MOST_SPANS)
    last = max(0, (head - 1) // size) * size
    for after in range(0, last, size):
        yield Span(Position(after), Position(after + size))
    yield Span(Position(last), _END)


def read(evidence: Evidence, span: Span, bodies: bool) -> Piece | None:
    """What is in a span; None where nothing is. Raises Unreachable."""
    links = evidence.links(span.after, bodies=bodies)
    first = next(links, None)
    if first is None or first.seq > span.until:
        return None
    before, hashes, breaks = first, [first.hash], list[Break]()
    gone = [first.seq] if bodies and first.salt is None else []
    while chunk := _up_to(span.until, links, before.seq):
        breaks.extend(verify(chunk, before))
        hashes.extend([link.hash for link in chunk])
        if bodies:
            gone.extend([link.seq for link in chunk if link.salt is None])
        before = chunk[-1]
    return Piece(first, Head(before.seq, before.at, before.hash), hashes, gone, breaks)


def one_by_one(evidence: Evidence, bodies: bool) -> Pieces:
    """Read one span after the other, here."""
    return lambda wanted: (read(evidence, span, bodies) for span in wanted)


def _up_to(until: Position, links: Iterator[Link], seq: Position) -> list[Link]:
    """The next links of a span; so many at most as are left in it, and fewer where some are missing."""
    chunk = list(islice(links, min(CHUNK, until - seq)))
    if chunk and chunk[-1].seq > until:
        chunk = [link for link in chunk if link.seq <= until]
    return chunk
