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
import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from flyball.core.ids import START, Instant, Position

#: What stands in front of the first fact.
GENESIS = bytes(32)
SALT_BYTES = 16
_DOMAIN = b"ev1"
_LENGTH = struct.Struct(">Q").pack
#: The first four parts, each with its length in front: 32 bytes, two numbers of 8, 32 bytes.
_FIXED = struct.Struct(">Q32sQqQqQ32s").pack
#: The same where the hash in front and the key, of 32 bytes each, are put in by the caller.
_MIDDLE = struct.Struct(">QqQqQ").pack
_START = _DOMAIN + _LENGTH(32)
_sha256 = hashlib.sha256
#: What HMAC needs: SHA-256 works on blocks of 64 bytes, and the salt is mixed with two constants.
_BLOCK = 64
_INNER, _OUTER = (bytes(value ^ mixed for value in range(256)) for mixed in (0x36, 0x5C))


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
        return _sha256(b"id" + _text(source) + _framed(name.encode())).digest()
    return _sha256(b"seq" + _text(source) + _framed(_number(name))).digest()


def commitment_of(salt: bytes, body: bytes, raw: bytes | None) -> bytes:
    """What the chain keeps of the bytes; without the salt they cannot be guessed from it."""
    framed = _LENGTH(len(body)) + body
    if raw is not None:
        framed += _LENGTH(len(raw)) + raw
    # HMAC-SHA-256 written out: for a message of this size `hmac.digest` takes more than twice as long.
    padded = (_sha256(salt).digest() if len(salt) > _BLOCK else salt).ljust(_BLOCK, b"\0")
    inner = _sha256(padded.translate(_INNER) + framed).digest()
    return _sha256(padded.translate(_OUTER) + inner).digest()


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


def verify(links: Iterable[Link], head: Head | Link | None = None) -> tuple[Break, ...]:
    """Every place where the chain does not hold, from the fact after `head` on (None: the first).

    It finds each edit, deletion, insertion and exchange, also of bytes that were not erased. A tail
    that was cut off, and a chain written anew as a whole, show only against a head kept elsewhere.
    """
    before: Head | Link = head or Head()
    prev, last_seq, last_at = before.hash, before.seq, before.at
    starts: dict[str, bytes] = {}
    texts: dict[str, bytes] = {}
    found: list[Break] = []
    sha256, length, middle, joined = _sha256, _LENGTH, _MIDDLE, b"".join
    # Flat and without calls, because it is read by the million: there are words only where it is wrong.
    for link in links:
        seq, at, source, event_id, key, kind, item, schema, commitment, hashed, salt, body, raw = link
        try:
            if event_id is None:
                name_fits = key == key_of(source, seq) or (salt is body is None)
            else:
                start = starts.get(source) or _kept(starts, source, b"id")
                name = event_id.encode()
                name_fits = key == sha256(start + length(len(name)) + name).digest()
            what = texts.get(kind) or _kept(texts, kind, b"")
            shape = texts.get(schema) or _kept(texts, schema, b"")
            about = item.encode()
            size, end = length(len(about)), length(len(commitment))
            parts = (_START, prev, middle(8, seq, 8, at, 32), key, what, size, about, shape, end, commitment)
            fine = (
                name_fits
                and seq == last_seq + 1
                and at >= last_at
                and hashed == sha256(joined(parts)).digest()
            )
            if salt is None:
                fine = fine and body is raw is None
            elif fine:
                fine = (
                    len(salt) == SALT_BYTES
                    and body is not None
                    and commitment == commitment_of(salt, body, raw)
                )
        except _UNREADABLE:
            fine = False
        if not fine:
            found.extend(Break(seq, fault) for fault in _faults(before, link))
        before, prev, last_seq, last_at = link, hashed, seq, at
    return tuple(found)


#: What becomes of a column that holds something else than it was made for.
_UNREADABLE = (struct.error, TypeError, ValueError, AttributeError)


def _kept(kept: dict[str, bytes], text: str, what: bytes) -> bytes:
    kept[text] = framed = what + _framed(text.encode())
    return framed


def _faults(before: Head | Link, link: Link) -> Iterable[str]:
    if link.seq != before.seq + 1:
        yield f"it follows {before.seq}: facts between them are missing, or stand twice"
    try:
        yield from _faults_of(before, link)
    except _UNREADABLE:
        yield "its columns hold something else than they were made for"


def _faults_of(before: Head | Link, link: Link) -> Iterable[str]:
    if before.seq and link.at < before.at:
        yield "its time is before that of the fact in front of it"
    erased = link.salt is link.body is None
    # The name of an erased fact may have been erased with its bytes: then its key alone is left.
    if link.key != key_of(link.source, link.seq if link.event_id is None else link.event_id) and not (
        erased and link.event_id is None
    ):
        yield "its key is not that of its source and id"
    expected = _hash(
        before.hash, link.seq, link.at, link.key, link.kind, link.item, link.schema, link.commitment
    )
    if expected != link.hash:
        yield "its hash does not follow from what it says and the hash in front of it"
    if link.salt is not None and link.body is not None:
        if commitment_of(link.salt, link.body, link.raw) != link.commitment:
            yield "its bytes are not those that were written"
        if len(link.salt) != SALT_BYTES:
            # HMAC takes a salt that lost a zero at its end for the same one.
            yield "its salt is not the one that was written"
    elif not (link.salt is link.body is link.raw is None):
        yield "its bytes were erased only in part"


def _hash(
    prev: bytes, seq: int, at: int, key: bytes, kind: str, item: str, schema: str, commitment: bytes
) -> bytes:
    fixed = _FIXED(len(prev), prev, 8, seq, 8, at, len(key), key)
    rest = _text(kind) + _framed(item.encode()) + _text(schema) + _framed(commitment)
    return _sha256(_DOMAIN + fixed + rest).digest()


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big", signed=True)


def _framed(part: bytes) -> bytes:
    return _LENGTH(len(part)) + part


@lru_cache(maxsize=1024)
def _text(text: str) -> bytes:
    """The same for a text that comes again and again: a source, a kind."""
    return _framed(text.encode())
