"""A disk that remembers what was written to it and when it was synced, and what a power loss leaves of it.

SQLite is run on it by APSW, whose own virtual file system passes everything through and writes it down.
From the tape, the files can be made as they would be after the power went at any moment: a write that
no sync of its file came after may be there, or not, or be torn at any of its sectors of 512 bytes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import apsw
import numpy as np

SECTOR = 512


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes at a place in a file."""

    file: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file is cut off at a size."""

    file: str
    size: int


@dataclass(frozen=True, slots=True)
class Delete:
    """A file is gone; `durable`: the directory was synced."""

    file: str
    durable: bool


@dataclass(frozen=True, slots=True)
class Sync:
    """What a file holds is on the disk."""

    file: str


@dataclass(frozen=True, slots=True)
class Acked:
    """Somebody was told that these facts are written: their positions and hashes."""

    facts: tuple[tuple[int, str], ...]


Step = Write | Truncate | Delete | Sync | Acked


class RecordingDisk(apsw.VFS):
    """Everything below its name goes to the disk, and onto the tape where it changes a file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tape: list[Step] = []
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> _RecordedFile:  # noqa: N802
        return _RecordedFile(name, flags, self.tape)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self.tape.append(Delete(Path(filename).name, bool(syncdir)))
        super().xDelete(filename, syncdir)

    def acked(self, *facts: tuple[int, str]) -> None:
        """Note that these facts were acknowledged."""
        self.tape.append(Acked(facts))

    def connect(self, synchronous: int) -> Callable[..., Connection]:
        """What opens a connection as `sqlite3.connect` does, with a driver that may lie.

        `synchronous` is what is really set where FULL (2) is asked for, and it says that it is FULL.
        """

        def opened(name: str, timeout: float, **_: Any) -> Connection:
            flags = apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
            connection = apsw.Connection(name, flags=flags, vfs=self.name)
            connection.set_busy_timeout(int(timeout * 1000))
            return Connection(connection, synchronous)

        return opened


class _RecordedFile(apsw.VFSFile):
    def __init__(self, name: Any, flags: list[int], tape: list[Step]) -> None:
        super().__init__("", name, flags)
        self._file = Path(name if isinstance(name, str) else name.filename()).name if name else ""
        self._tape = tape

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._tape.append(Write(self._file, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._tape.append(Truncate(self._file, newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._tape.append(Sync(self._file))
        super().xSync(flags)


class Connection:
    """As much of `sqlite3.Connection` over APSW's as SQLAlchemy and the store use."""

    isolation_level = None

    def __init__(self, connection: apsw.Connection, synchronous: int) -> None:
        self._connection = connection
        self._said = {
            "PRAGMA synchronous = 2": f"PRAGMA synchronous = {synchronous}",
            "PRAGMA synchronous": "SELECT 2",
        }

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def cursor(self) -> Cursor:
        return Cursor(self._connection, self._said)

    def execute(self, statement: str, values: Any = ()) -> Cursor:
        return self.cursor().execute(statement, values)

    def commit(self) -> None:
        if self.in_transaction:
            self._connection.execute("COMMIT")

    def rollback(self) -> None:
        if self.in_transaction:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        self._connection.close()

    def create_function(self, name: str, narg: int, func: Any, deterministic: bool = False) -> None:
        self._connection.create_scalar_function(name, func, narg, deterministic=deterministic)


class Cursor:
    """As much of `sqlite3.Cursor`."""

    def __init__(self, connection: apsw.Connection, said: dict[str, str]) -> None:
        self._connection = connection
        self._said = said
        self._cursor = connection.cursor()
        self._cursor.exec_trace = self._traced
        self._rows: Iterator[Any] = iter(())
        self.description: Any = None
        self.rowcount = -1
        self.arraysize = 1

    @property
    def lastrowid(self) -> int:
        return self._connection.last_insert_rowid()

    def execute(self, statement: str, values: Any = ()) -> Cursor:
        return self._run(self._cursor.execute, self._said.get(statement, statement), values)

    def executemany(self, statement: str, values: Sequence[Any]) -> Cursor:
        return self._run(self._cursor.executemany, statement, values)

    def _run(self, how: Callable[..., Any], statement: str, values: Any) -> Cursor:
        self.description = None
        before = self._connection.total_changes()
        try:
            # At once, so that no statement is left open.
            self._rows = iter(list(how(statement, values)))
        except apsw.ConstraintError as error:
            raise sqlite3.IntegrityError(str(error)) from error
        except apsw.Error as error:
            raise sqlite3.OperationalError(str(error)) from error
        self.rowcount = -1 if self.description else self._connection.total_changes() - before
        return self

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        return list(islice(self._rows, size or self.arraysize))

    def fetchall(self) -> list[Any]:
        return list(self._rows)

    def __iter__(self) -> Iterator[Any]:
        return self._rows

    def close(self) -> None:
        self._cursor.close()

    def _traced(self, cursor: apsw.Cursor, statement: str, bindings: Any) -> bool:
        described = cursor.get_description()
        self.description = tuple((*column, None, None, None, None, None) for column in described) or None
        return True


# --- what a power loss leaves


@dataclass(slots=True)
class _File:
    #: What is surely there; None where the file itself may not be.
    durable: bytes | None
    #: What was done to it since.
    pending: list[Write | Truncate | Delete] = field(default_factory=list)


#: What of the pending steps with a file is there after all: given the steps, the file's bytes.
Left = Callable[[bytes | None, Sequence[Write | Truncate | Delete]], bytes | None]


class Replay:
    """The disk at a moment of the tape."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = {name: _File(content) for name, content in files.items()}
        self.acked: dict[int, str] = {}

    def take(self, step: Step) -> None:
        """Go on by one step."""
        if isinstance(step, Acked):
            self.acked.update(step.facts)
            return
        file = self._files.setdefault(step.file, _File(None))
        if isinstance(step, Sync):
            file.durable, file.pending = all_of(file.durable, file.pending), []
        elif isinstance(step, Delete) and step.durable:
            del self._files[step.file]
        else:
            file.pending.append(step)

    def image(self, left: Left) -> dict[str, bytes]:
        """The files as they would be found if the power went now."""
        found = {name: left(file.durable, file.pending) for name, file in self._files.items()}
        return {name: content for name, content in found.items() if content is not None}


def none_of(durable: bytes | None, pending: Sequence[Write | Truncate | Delete]) -> bytes | None:
    """Everything that was not synced is lost."""
    return durable


def all_of(durable: bytes | None, pending: Sequence[Write | Truncate | Delete]) -> bytes | None:
    """Everything got there in time: what a killed process leaves."""
    if not pending:
        return durable
    content: bytearray | None = None if durable is None else bytearray(durable)
    for step in pending:
        if isinstance(step, Delete):
            content = None
            continue
        content = bytearray() if content is None else content
        if isinstance(step, Truncate):
            _sized(content, step.size)
        else:
            _put(content, step.offset, step.data)
    return None if content is None else bytes(content)


def some_of(chance: np.random.Generator) -> Left:
    """Any of the sectors that were not synced got there, and any did not."""

    def left(durable: bytes | None, pending: Sequence[Write | Truncate | Delete]) -> bytes | None:
        kept: list[Write | Truncate | Delete] = []
        share = chance.choice([0.1, 0.5, 0.9])
        for step in pending:
            if not isinstance(step, Write):
                kept.extend([step] if chance.random() < share else [])
                continue
            kept.extend(piece for piece in _sectors(step) if chance.random() < share)
        return all_of(durable, kept)

    return left


def _sectors(step: Write) -> Iterator[Write]:
    start = 0
    while start < len(step.data):
        end = start + SECTOR - (step.offset + start) % SECTOR
        yield Write(step.file, step.offset + start, step.data[start:end])
        start = end


def _put(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        _sized(content, offset)
    content[offset : offset + len(data)] = data


def _sized(content: bytearray, size: int) -> None:
    del content[size:]
    content.extend(bytes(size - len(content)))
