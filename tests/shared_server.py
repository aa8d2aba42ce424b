"""One server for all test runs that are under way: the first starts it, and whoever leaves last stops it.

Every process that uses it holds a lock for as long as it lives; after a run that was killed, the next one
takes the server over.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def home_of(name: str) -> Path:
    """The directory that all test runs of this user share for something."""
    home = Path(tempfile.gettempdir()) / f"flyball-{name}-{os.getuid()}"
    home.mkdir(exist_ok=True)
    return home


def shared(home: Path, start: Callable[[], T], stop: Callable[[T], None]) -> T:
    """A server that `start` starts, or finds; `stop` ends it when the last process that uses it ends."""
    users = os.open(home / "users.lock", os.O_RDWR | os.O_CREAT)
    with alone(home / "start.lock"):
        served = start()
        fcntl.flock(users, fcntl.LOCK_SH)
    ours = os.getpid()

    def leave() -> None:
        if os.getpid() != ours:
            return
        with alone(home / "start.lock"):
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            stop(served)

    atexit.register(leave)
    return served


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Nobody else is in here with the same file."""
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
