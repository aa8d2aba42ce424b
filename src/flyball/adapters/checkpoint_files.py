"""Checkpoints in a directory: one text file for each day, which only ever grows, and the public keys."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from flyball.core.chain import instant
from flyball.core.checkpoint import Checkpoint, Key, Note, key_of_text, notes, written
from flyball.errors import BadUsage, NotFound, Unreachable
from flyball.ports.checkpoints import Kept, Signed

#: The public keys, one in each line, beside the checkpoints.
KEYS = "keys.pub"
_DAY = "%Y-%m-%d.checkpoints"
#: Bits of a private key's mode that let others in.
_OTHERS = 0o077


class CheckpointFiles:
    """The `Notary` port. The private key is made where there is none, readable by its owner alone."""

    def __init__(self, directory: Path, private: Path, origin: str) -> None:
        self.origin = origin
        self._directory = directory
        with _told(directory):
            directory.mkdir(parents=True, exist_ok=True)
            self._private = private_key(private)
            self._key = Key(origin, self._private.public_key().public_bytes_raw())
            self._publish()

    def last(self) -> Checkpoint | None:
        """See `ports.Notary`."""
        keys = keys_of(self._directory / KEYS)
        for path in reversed(_days(self._directory)):
            good = [each.checkpoint for each in held(path.name, path.read_bytes(), keys, [])]
            if good:
                return max(good, key=lambda each: each.size)
        return None

    def keep(self, checkpoint: Checkpoint) -> None:
        """See `ports.Notary`."""
        signature = self._private.sign(checkpoint.text().encode())
        path = self._directory / f"{datetime.fromtimestamp(instant(checkpoint.at), UTC):{_DAY}}"
        with _told(self._directory):
            _append(path, written(checkpoint, self._key, signature))

    def _publish(self) -> None:
        path = self._directory / KEYS
        if not path.exists() or str(self._key) not in path.read_text().splitlines():
            _append(path, f"{self._key}\n")


def read(directory: Path, keys: Sequence[Key]) -> Kept:
    """All checkpoints in a directory that one of these keys signed. Raises NotFound."""
    if not directory.is_dir():
        raise NotFound(
            f"there are no checkpoints at {directory}: name their directory with --from."
            " The first run of a loop begins them."
        )
    wrong: list[str] = []
    found = [each for path in _days(directory) for each in held(path.name, path.read_bytes(), keys, wrong)]
    return Kept(tuple(sorted(found, key=lambda each: each.checkpoint.size)), wrong)


def keys_of(path: Path) -> list[Key]:
    """The public keys in a file, one in each line. Raises NotFound, BadUsage."""
    if not path.exists():
        raise NotFound(f"there is no public key at {path}; name one with --key")
    try:
        return [key_of_text(line) for line in path.read_text().splitlines() if line.strip()]
    except ValueError as error:
        raise BadUsage(f"{path}: {error}") from error


def held(name: str, content: bytes, keys: Sequence[Key], wrong: list[str]) -> list[Signed]:
    """The checkpoints in a file that one of these keys signed. `wrong` is told of all else."""
    found = []
    for note in notes(content.decode(errors="replace")):
        if isinstance(note, str):
            wrong.append(f"{name}, {note}")
        elif (key := _signer(note, keys)) is None:
            wrong.append(f"{name}: the checkpoint of {note.checkpoint.size} facts has no good signature")
        else:
            found.append(Signed(note.checkpoint, name, str(key)))
    return found


def _signer(note: Note, keys: Iterable[Key]) -> Key | None:
    for key in keys:
        for name, key_id, signature in note.signatures:
            if (name, key_id) == (key.name, key.id) and name == note.checkpoint.origin:
                try:
                    Ed25519PublicKey.from_public_bytes(key.public).verify(signature, note.text.encode())
                except InvalidSignature:
                    continue
                return key
    return None


def _days(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.checkpoints"))


def private_key(path: Path) -> Ed25519PrivateKey:
    """The private key in a file, or a new one where there is none. Raises BadUsage, OSError."""
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "wb") as opened:
            opened.write(key.private_bytes_raw().hex().encode() + b"\n")
            opened.flush()
            os.fsync(opened.fileno())
        return key
    mode = path.stat().st_mode
    if os.name == "posix" and mode & _OTHERS:
        raise BadUsage(
            f"{path} signs this loop's checkpoints and others may read it (its mode is {mode & 0o777:04o})."
            f" Run: chmod 600 {path}"
        )
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text().strip()))
    except ValueError as error:
        raise BadUsage(
            f"{path} holds no private key of Flyball (64 hexadecimal digits). Put the right one back, or"
            " move it away: the next run makes a new one."
        ) from error


def _append(path: Path, text: str) -> None:
    """Put text at a file's end and on the disk; a torn end of a write before it is closed off first."""
    new = not path.exists()
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(file).st_size
        torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
        os.write(file, ("\n" * torn + text).encode())
        os.fsync(file)
    finally:
        os.close(file)
    if new and os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def _told(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unreachable(f"checkpoints cannot be kept at {directory}: {error.strerror or error}") from error
