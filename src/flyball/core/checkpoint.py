"""Checkpoints of the log in the form of C2SP's tlog-checkpoint: a signed size and root, kept elsewhere.

A checkpoint is a note of text lines, an empty line, and signatures:

    flyball/card-fraud           the origin: which log this is
    1000                         the size: so many facts
    base64                       the RFC 6962 Merkle root over the hashes of the facts, in order
    head base64                  the hash of the newest of them, which the whole chain runs into
    at 1767225600000000          when it was signed, in microseconds since 1970-01-01 UTC
    peaks base64,base64          the roots of the whole trees that the root is made of

    — flyball/card-fraud base64  a key's name, and its id of 4 bytes with the Ed25519 signature

`head` lets a reader of the whole log check a checkpoint at no cost; the root lets somebody prove a single
fact with a few hashes. From `peaks` the log goes on growing without being read again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

#: The signature type of Ed25519 in a signed note.
ED25519 = b"\x01"
_DASH = "\u2014 "
#: The lines of a checkpoint's text.
_LINES = 6
_EMPTY_ROOT = hashlib.sha256(b"").digest()


class Tree:
    """The Merkle tree of RFC 6962 over leaves that only come: it keeps the whole trees' roots alone."""

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if len(peaks) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} peaks, and not {len(peaks)}")
        self.size = size
        self.peaks = list(peaks)

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Take leaves in, in order."""
        peaks, size, sha256 = self.peaks, self.size, hashlib.sha256
        for leaf in leaves:
            node = sha256(b"\x00" + leaf).digest()
            bits = size
            while bits & 1:
                node = sha256(b"\x01" + peaks.pop() + node).digest()
                bits >>= 1
            peaks.append(node)
            size += 1
        self.size = size

    def root(self) -> bytes:
        """The Merkle tree hash over all leaves so far.

        >>> Tree().root().hex()[:8]
        'e3b0c442'
        """
        if not self.peaks:
            return _EMPTY_ROOT
        *rest, root = self.peaks
        for peak in reversed(rest):
            root = hashlib.sha256(b"\x01" + peak + root).digest()
        return root


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was signed: the log of this origin had so many facts, this root and this newest hash.

    `at` is in microseconds since 1970-01-01 UTC.
    """

    origin: str
    size: int
    root: bytes
    head: bytes
    at: int
    peaks: tuple[bytes, ...]

    def text(self) -> str:
        """The text that is signed."""
        peaks = ",".join(map(_base64, self.peaks))
        lines = (self.origin, str(self.size), _base64(self.root))
        more = (f"head {_base64(self.head)}", f"at {self.at}", f"peaks {peaks}")
        return "".join(f"{line}\n" for line in (*lines, *more))

    def tree(self) -> Tree:
        """The tree at this size, to go on from."""
        return Tree(self.size, self.peaks)


@dataclass(frozen=True, slots=True)
class Key:
    """A public Ed25519 key with the name that it signs under."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The 4 bytes that stand in front of its signatures."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{_base64(ED25519 + self.public)}"


@dataclass(frozen=True, slots=True)
class Note:
    """A checkpoint as it was found: its text, what it says, and its signatures as (name, key id, bytes)."""

    text: str
    checkpoint: Checkpoint
    signatures: tuple[tuple[str, bytes, bytes], ...]


def key_of_text(text: str) -> Key:
    """A public key as `str(key)` wrote it. Raises ValueError."""
    # Base64 may hold a plus sign too, so only the first two divide.
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    content = _bytes(encoded)
    key = Key(name, content[1:])
    if content[:1] != ED25519 or len(key.public) != 32 or key.id.hex() != key_id or not name:
        raise ValueError("it is no public key as NAME+ID+BASE64")
    return key


def written(checkpoint: Checkpoint, key: Key, signature: bytes) -> str:
    """A signed note, as it is kept."""
    return f"{checkpoint.text()}\n{_DASH}{key.name} {_base64(key.id + signature)}\n"


def notes(content: str) -> Iterator[Note | str]:
    """The notes in a text in which one follows the other; for what is none, a sentence about it.

    What a write that was cut off left in front of a note spoils that note no more than the next.
    """
    lines: list[str] = []
    first = 1
    for number, line in enumerate(content.splitlines(keepends=True), start=1):
        if lines and lines[-1].startswith(_DASH) and not line.startswith(_DASH):
            yield from _parsed(lines, first)
            lines, first = [], number
        lines.append(line)
    if lines:
        yield from _parsed(lines, first)


def _parsed(lines: Sequence[str], first: int) -> Iterator[Note | str]:
    signed = [line for line in lines if line.startswith(_DASH)]
    end = len(lines) - len(signed) - 1
    start = max(0, end - _LINES)
    try:
        if not signed or not signed[-1].endswith("\n") or lines[end] != "\n":
            raise ValueError("it is cut off")
        text = "".join(lines[start:end])
        note = Note(text, _checkpoint(text), tuple(map(_signature, signed)))
    except (ValueError, IndexError) as error:
        yield f"line {first}: no checkpoint can be read there ({error})"
        return
    if start:
        yield f"line {first}: a checkpoint there is cut off; the next one is whole"
    yield note


def _checkpoint(text: str) -> Checkpoint:
    lines = text.splitlines()
    if len(lines) != _LINES:
        raise ValueError("it is cut off")
    origin, size, root, head, at, peaks = lines
    values = [line.removeprefix(name) for name, line in (("head ", head), ("at ", at), ("peaks ", peaks))]
    found = Checkpoint(
        origin, int(size), _bytes(root), _bytes(values[0]), int(values[1]), tuple(_peaks(values[2]))
    )
    if found.text() != text:
        raise ValueError("it is not written as Flyball writes it")
    if found.tree().root() != found.root:
        raise ValueError("its peaks do not come to its root")
    return found


def _peaks(text: str) -> list[bytes]:
    return [_bytes(each) for each in text.split(",") if each]


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, _, encoded = line.removeprefix(_DASH).rstrip("\n").partition(" ")
    content = _bytes(encoded)
    return name, content[:4], content[4:]


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("it is not base64") from error
