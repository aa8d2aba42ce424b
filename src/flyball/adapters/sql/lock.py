"""The lock file beside a store: who holds it writes, and whoever is killed lets go of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from weakref import WeakMethod

from flyball.errors import StoreLocked

if sys.platform == "win32":
    import msvcrt

    def _take(file: int) -> None:
        # Far behind the text, so that others can read who holds it.
        os.lseek(file, 1 << 20, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def held(path: Path) -> bool:
    """Whether the process that took this lock last is alive. To try the lock could keep a writer out."""
    try:
        os.kill(int(path.read_text().split()[0]), 0)
    except (OSError, ValueError, IndexError) as gone:
        return isinstance(gone, PermissionError)
    return True


def holder_of(path: Path) -> int | None:
    """The number of the process that took this lock last, if that is alive."""
    if not held(path):
        return None
    try:
        return int(path.read_text().split()[0])
    except (OSError, ValueError, IndexError):  # it changes hands right now
        return None


class WriterLock:
    """Held from its making until `release`, or until its process is gone in whatever way."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _take(self._file)
        except OSError as refused:
            holder = _holder(self._file)
            os.close(self._file)
            raise StoreLocked(
                f"{holder} writes this loop (it holds {path}). Stop it, or send the command through it."
            ) from refused
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        os.write(self._file, f"{os.getpid()}\n".encode())
        if hasattr(os, "register_at_fork"):
            # A forked child shares the lock; without this, it would hold it on after we are killed.
            os.register_at_fork(after_in_child=_weakly(self.release))

    def release(self) -> None:
        """Let go. A second time changes nothing."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


def _weakly(method: Callable[[], None]) -> Callable[[], None]:
    reference = WeakMethod(method)

    def call() -> None:
        if (alive := reference()) is not None:
            alive()

    return call


def _holder(file: int) -> str:
    os.lseek(file, 0, os.SEEK_SET)
    text = os.read(file, 32).strip()
    return f"process {text.decode()}" if text.isdigit() else "another process"
