"""The hash chain that ties facts together, so that a later edit of any of them shows.

A fact's hash covers the hash in front of it, and a salted commitment to what was written. Salt and
bytes may be erased later: the chain still holds, and the commitment gives nothing away.

    hash       = SHA-256("ev1", prev_hash, seq, received_at, key, kind, item, schema, commitment)
    key        = SHA-256("id", source, event_id), or without an id SHA-256("seq", source, seq)
    commitment = HMAC-SHA-256(salt, body), or (body, raw) where the bytes as received were kept

Each part but the first has its length in front, as 8 bytes big-endian. Numbers are 8 bytes big-endian
with a sign, times in microseconds, text in UTF-8. The first `prev_hash` is 32 zero bytes.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from flyball.core.ids import START, Instant, Position

#: What stands in front of the first fact.
GENESIS = bytes(32)
SALT_BYTES = 16
_DOMAIN = b"ev1"
_LENGTH = struct.Struct(">Q").pack
#: The first four parts, each with its length in front: 32 bytes, two numbers of 8, 32 bytes.
_FIXED = struct.Struct(">Q32sQqQqQ32s").pack


@dataclass(frozen=True, slots=True)
class Head:
    """The newest fact as the next one sees it: its place, its time in microseconds and its hash."""

    seq: Position = START
    at: int = 0
    hash: bytes = GENESIS


class Link(NamedTuple):
    """One fact as the chain sees it.

    `at` is in microseconds since 1970-01-01 UTC, `key` is what `key_of` gives. `body` is the canonical
    JSON of the fact, `raw` the bytes as they were received; they were erased where `salt` is None.
    """

    seq: Position
    at: int
    source: str
    event_id: str | None
    key: bytes
    kind: str
    item: str
    schema: str
    commitment: bytes
    hash: bytes
    salt: bytes | None
    body: bytes | None
    raw: bytes | None


@dataclass(frozen=True, slots=True)
class Break:
    """A place where the chain does not hold, and what is wrong there."""

    seq: Position
    what: str


def micros(moment: Instant) -> int:
    """A moment as whole microseconds, the nearest; until the year 2242 `instant` gives it back exactly.

    >>> micros(1.0000004), instant(micros(1.5))
    (1000000, 1.5)
    """
    # Of the moment as a whole the product would be rounded a second time.
    whole = math.floor(moment)
    return whole * 1_000_000 + round((moment - whole) * 1_000_000)


def instant(at: int) -> Instant:
    """Microseconds as a moment."""
    return at / 1_000_000


def key_of(source: str, name: str | Position) -> bytes:
    """What names a fact for ever: its source and its id there, or, where it has no id, its place.

    The parts are framed by their lengths, so that ("ann-1", "2x") is not ("ann-12", "x").
    """
    if isinstance(name, str):
        return hashlib.sha256(b"id" + _framed(source.encode(), name.encode())).digest()
    return hashlib.sha256(b"seq" + _framed(source.encode(), _number(name))).digest()


def commitment_of(salt: bytes, body: bytes, raw: bytes | None) -> bytes:
    """What the chain keeps of the bytes; without the salt they cannot be guessed from it."""
    framed = _LENGTH(len(body)) + body
    if raw is not None:
        framed += _LENGTH(len(raw)) + raw
    return hmac.digest(salt, framed, "sha256")


def seal(
    head: Head | Link,
    at: int,
    salt: bytes,
    *,
    source: str,
    event_id: str | None,
    key: bytes | None,
    kind: str,
    item: str,
    body: bytes,
    raw: bytes | None,
    schema: str = "",
) -> Link:
    """The next fact of the chain after `head`. `key`: that of its `event_id`, where it has one."""
    seq = Position(head.seq + 1)
    if key is None:
        key = key_of(source, seq)
    commitment = commitment_of(salt, body, raw)
    hashed = _hash(head.hash, seq, at, key, kind, item, schema, commitment)
    return Link(seq, at, source, event_id, key, kind, item, schema, commitment, hashed, salt, body, raw)


def verify(links: Iterable[Link], head: Head | None = None) -> tuple[Break, ...]:
    """Every place where the chain does not hold, from the fact after `head` on (None: the first).

    It finds each edit, deletion, insertion and exchange, also of bytes that were not erased. A tail
    that was cut off, and a chain written anew as a whole, show only against a head kept elsewhere.
    """
    before: Head | Link = head or Head()
    found: list[Break] = []
    for link in links:
        found.extend(Break(link.seq, what) for what in _faults(before, link))
        before = link
    return tuple(found)


def _faults(before: Head | Link, link: Link) -> Iterable[str]:
    if link.seq != before.seq + 1:
        yield f"it follows {before.seq}: facts between them are missing, or stand twice"
    if before.seq and link.at < before.at:
        yield "its time is before that of the fact in front of it"
    if link.key != key_of(link.source, link.seq if link.event_id is None else link.event_id):
        yield "its key is not that of its source and id"
    expected = _hash(
        before.hash, link.seq, link.at, link.key, link.kind, link.item, link.schema, link.commitment
    )
    if expected != link.hash:
        yield "its hash does not follow from what it says and the hash in front of it"
    if link.salt is not None and link.body is not None:
        if commitment_of(link.salt, link.body, link.raw) != link.commitment:
            yield "its bytes are not those that were written"
    elif not (link.salt is link.body is link.raw is None):
        yield "its bytes were erased only in part"


def _hash(
    prev: bytes, seq: int, at: int, key: bytes, kind: str, item: str, schema: str, commitment: bytes
) -> bytes:
    fixed = _FIXED(len(prev), prev, 8, seq, 8, at, len(key), key)
    rest = _framed(kind.encode(), item.encode(), schema.encode(), commitment)
    return hashlib.sha256(_DOMAIN + fixed + rest).digest()


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big", signed=True)


def _framed(*parts: bytes) -> bytes:
    return b"".join([piece for part in parts for piece in (_LENGTH(len(part)), part)])
