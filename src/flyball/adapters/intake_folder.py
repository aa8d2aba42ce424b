"""A folder in which exported files are put: each is looked at once nobody writes it any more."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from flyball.core.ids import Seconds
from flyball.errors import NotFound, Unreachable
from flyball.ports.intake import Found

#: A file that keeps its size and time for so long, by the wall, is not being written any more.
SETTLED: Seconds = 1.0
#: Names that programs give to files which they rename when these are whole.
_BEGINS, _ENDS = (".", "_", "~"), (".tmp", ".temp", ".part", ".partial", ".crdownload", ".swp", "~")


class FolderDrop:
    """The `Drop` port over a folder and those in it, without hidden files and those named as unfinished.

    Only regular files are looked at: a pipe or a device would be read for ever. A file is settled once two
    looks, `SETTLED` seconds apart, found it with the same size and time.
    """

    def __init__(self, folder: Path, ticks: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._ticks = folder, ticks
        self._seen: dict[str, tuple[str, float]] = {}

    def found(self) -> Iterator[Found]:
        """See `ports.intake.Drop`."""
        now = self._ticks()
        seen: dict[str, tuple[str, float]] = {}
        for name, path in self._files():
            try:
                stands = path.stat()
            except FileNotFoundError:
                continue
            if not stat.S_ISREG(stands.st_mode):
                continue
            size, stamp = _stamp(stands)
            first = self._seen.get(name, ("", 0.0))
            seen[name] = first if first[0] == stamp else (stamp, now)
            yield Found(name, size, stamp, now - seen[name][1] >= SETTLED)
        self._seen = seen

    @contextmanager
    def opened(self, found: Found) -> Iterator[IO[bytes]]:
        """See `ports.intake.Drop`."""
        try:
            with os.fdopen(_at_once(self._folder / found.name), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise NotFound(f"{found.name} is no file any more")
                yield file
        except FileNotFoundError as error:
            raise NotFound(f"{found.name} was taken away") from error
        except OSError as error:
            raise Unreachable(f"{self._folder / found.name} cannot be read: {error.strerror}") from error

    def still(self, found: Found) -> bool:
        """See `ports.intake.Drop`."""
        try:
            return _stamp((self._folder / found.name).stat())[1] == found.stamp
        except OSError:
            return False

    def _files(self) -> list[tuple[str, Path]]:
        try:
            there = self._folder.is_dir()
        except OSError as error:  # one of the folders around it may not be entered
            raise Unreachable(f"{self._folder} cannot be read: {error.strerror}") from error
        if not there:
            raise Unreachable(f"{self._folder} is no folder; make it, or correct `place` in loop.toml")
        listed: list[tuple[str, Path]] = []

        def failed(error: OSError) -> None:
            raise Unreachable(f"{error.filename} cannot be listed: {error.strerror}") from error

        for folder, folders, names in os.walk(self._folder, onerror=failed):
            folders[:] = [each for each in folders if not each.startswith(_BEGINS)]
            for name in names:
                if not name.startswith(_BEGINS) and not name.lower().endswith(_ENDS):
                    path = Path(folder) / name
                    listed.append((path.relative_to(self._folder).as_posix(), path))
        return sorted(listed)


def _at_once(path: Path) -> int:
    """Open to read, without waiting for a writer where a pipe took the place of a file."""
    return os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))


def _stamp(of: os.stat_result) -> tuple[int, str]:
    return of.st_size, f"{of.st_size}-{of.st_mtime_ns}-{of.st_ino}"
