"""The loop's rule file on disk: read when nobody is writing it, replaced whole or not at all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from flyball.core.ids import Seconds, digest_of
from flyball.errors import BadUsage

#: New content counts once it was read twice, so far apart; a file that changes on and on waits for
#: the next look.
QUIET: Seconds = 0.05
MOST_READS = 10


class RuleDisk:
    """A rule file that editors save in whatever way they do: in place, in pieces, by rename."""

    def __init__(self, path: Path, name: str, pause: Callable[[Seconds], None] = time.sleep) -> None:
        self._path = path
        self._name = name
        self._pause = pause
        self._settled: bytes | None = None

    def read(self) -> tuple[bytes, str]:
        """The file's bytes and its name. While it is being written, the bytes from before. Raises OSError.

        Half of a rule file can be a rule file as well: one in which half of the rules are gone.
        """
        content = self._now()
        for _ in range(MOST_READS):
            if content is not None and content == self._settled:
                break
            self._pause(QUIET)
            before, content = content, self._now()
            if content == before:
                break
        else:
            content = self._settled
        if content is None:  # gone, and not only for the moment between two steps of a rename
            content = self._path.read_bytes()
        self._settled = content
        return content, self._name

    def replace(self, content: bytes) -> None:
        """Put other bytes in the file's place. Whoever reads, and whatever is killed, finds all or nothing.

        Raises BadUsage where the file cannot be written.
        """
        path = self._path.resolve()  # a link stays a link
        beside = path.with_name(f".{path.name}.new")
        try:
            mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
            _written(beside, content, mode)
            beside.replace(path)
        except OSError as error:
            raise BadUsage(
                f"{self._path} cannot be written: {error.strerror}; nothing was changed"
            ) from error
        with suppress(OSError):  # some file systems cannot, and the file is in its place all the same
            _sync(path.parent)
        self._settled = content

    def set_aside(self, content: bytes) -> str:
        """Keep bytes beside the file, under a name of their own. Gives the name. Raises BadUsage."""
        path = self._path.resolve()
        beside = path.with_name(f"{path.name}.{digest_of(content)[:12]}.unused")
        try:
            _written(beside, content, 0o644)
        except OSError as error:
            raise BadUsage(f"{beside} cannot be written: {error.strerror}; nothing was changed") from error
        return str(self._path.with_name(beside.name))

    def _now(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None


def _written(path: Path, content: bytes, mode: int) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(mode)


def _sync(directory: Path) -> None:
    """The rename itself must outlive a power cut, too."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
