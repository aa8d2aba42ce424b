"""Tables named by their content: Parquet files written once, or kept in memory under the same names."""

from __future__ import annotations

import io
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flyball.core.ids import Digest, digest_of
from flyball.core.table import Column, Table
from flyball.errors import BadFile, NotFound, Problem, Unreachable

_NAME = re.compile(r"[0-9a-f]{64}")


class MemorySegments:
    """The `Segments` port in memory, with the names that files would have."""

    def __init__(self) -> None:
        self._tables: dict[Digest, Table] = {}

    def put(self, table: Table) -> Digest:
        """See `ports.Segments`."""
        digest = digest_of(parquet(table))
        self._tables.setdefault(digest, table)
        return digest

    def get(self, digest: Digest) -> Table:
        """See `ports.Segments`."""
        if digest not in self._tables:
            raise unknown(digest)
        return self._tables[digest]


class FileSegments:
    """The `Segments` port over files `ab/abcdef….parquet` in a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, table: Table) -> Digest:
        """See `ports.Segments`. It is on the disk when this returns; raises Unreachable where it cannot."""
        content = parquet(table)
        digest = digest_of(content)
        path = self.path(digest)
        try:
            if not path.exists():
                _write(path, content)
        except OSError as error:
            raise Unreachable(f"segment {path} cannot be written: {error.strerror or error}.") from error
        return digest

    def get(self, digest: Digest) -> Table:
        """See `ports.Segments`."""
        if not is_name(digest):
            raise unknown(digest)
        path = self.path(digest)
        try:
            content = path.read_bytes()
        except FileNotFoundError as error:
            raise unknown(digest) from error
        except OSError as error:
            raise Unreachable(f"segment {path} cannot be read: {error.strerror or error}.") from error
        if digest_of(content) != digest:
            message = "the content of this segment is not what its name says. Restore it from a backup."
            raise BadFile([Problem("segment-damaged", message, file=str(path))])
        return table_of(content)

    def path(self, digest: Digest) -> Path:
        """Where the table of that name is, or would be."""
        return self._directory / digest[:2] / f"{digest}.parquet"


def parquet(table: Table) -> bytes:
    """A table as the bytes of a Parquet file, the same for the same table within one version of pyarrow.

    Raises ValueError for a column that is not float64, int64, bool or text.
    """
    arrays = {name: _arrow(name, column) for name, column in table.columns.items()}
    written = pa.table(list(arrays.values()), names=list(arrays))
    texts_only = [name for name, array in arrays.items() if pa.types.is_string(array.type)]
    buffer = io.BytesIO()
    # Dictionaries and statistics of numbers cost time and give nothing back: segments are read whole.
    pq.write_table(written, buffer, compression="zstd", use_dictionary=texts_only, write_statistics=False)
    return buffer.getvalue()


def table_of(content: bytes) -> Table:
    """The table that `parquet` wrote."""
    read = pq.read_table(pa.BufferReader(content))
    return Table({name: _column(read.column(name)) for name in read.column_names})


def _arrow(name: str, column: Column) -> Any:
    if column.dtype in (np.float64, np.int64, np.bool_):
        return pa.array(column)
    if column.dtype != object:
        raise ValueError(f"column `{name}` is {column.dtype}; a table holds float64, int64, bool and text")
    try:
        return pa.array(column, type=pa.string(), from_pandas=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError) as error:
        raise ValueError(f"column `{name}` holds something that is not text: {error}") from error


def _column(read: Any) -> Column:
    column: Column = read.to_numpy()
    return column


def _write(path: Path, content: bytes) -> None:
    """Let a file appear whole or not at all, also when the power goes."""
    if not path.parent.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _sync(path.parent.parent)
    handle, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o444)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(directory: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):
        return  # this system has no directories to sync
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_name(digest: str) -> bool:
    """Whether a segment can have this name."""
    return _NAME.fullmatch(digest) is not None


def unknown(digest: str) -> NotFound:
    """What is said of a name that no segment has."""
    return NotFound(f"There is no segment {digest!r}.")
