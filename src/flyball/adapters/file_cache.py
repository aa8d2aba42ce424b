"""Copies of what is elsewhere: a directory of files that never change, bounded in size."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from flyball.errors import Unreachable


class FileCache:
    """Files under names that say what is in them; those that were not used for longest go first.

    Several processes may share it. The newest file stays, however large it is.
    """

    def __init__(self, directory: Path, most: int) -> None:
        self._directory = directory
        self._most = most
        self._held: int | None = None

    def find(self, name: str) -> Path | None:
        """The file of that name, which counts as used now; None where it is not kept."""
        path = self._directory / name
        try:
            os.utime(path)
        except OSError:
            return None
        return path

    def keep(self, name: str, write: Callable[[IO[bytes]], None]) -> Path:
        """Let a file appear whole, or not at all where `write` raises. Raises Unreachable for a full disk."""
        path = self._directory / name
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            handle, new = tempfile.mkstemp(prefix=".new-", dir=self._directory)
        except OSError as error:
            raise self._told(error) from error
        try:
            with os.fdopen(handle, "wb") as file:
                write(file)
                size = file.tell()
            Path(new).replace(path)
        except OSError as error:
            Path(new).unlink(missing_ok=True)
            raise self._told(error) from error
        except BaseException:
            Path(new).unlink(missing_ok=True)
            raise
        self._made_room(path, size)
        return path

    def drop(self, name: str) -> None:
        """Forget a file that turned out to be damaged."""
        with suppress(OSError):
            (self._directory / name).unlink()

    def _made_room(self, newest: Path, size: int) -> None:
        if self._held is not None and self._held + size <= self._most:
            self._held += size
            return
        found: list[tuple[float, int, str]] = []
        for entry in os.scandir(self._directory):
            with suppress(OSError):  # another process was faster
                seen = entry.stat()
                found.append((seen.st_mtime, seen.st_size, entry.path))
        self._held = sum(length for _, length, _ in found)
        for _, length, path in sorted(found):
            if self._held <= self._most:
                return
            if path != str(newest):
                with suppress(OSError):
                    Path(path).unlink()
                self._held -= length

    def _told(self, error: OSError) -> Unreachable:
        return Unreachable(f"copies cannot be kept in {self._directory}: {error.strerror or error}.")
