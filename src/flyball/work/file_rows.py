"""Rows of a file that somebody exported: CSV, JSON or JSON lines, read in pieces, each with its place."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from flyball.core.strict_json import BadJson, Flaw, Reader
from flyball.errors import FlyballError

#: Names of files that are read; a line or row is at most so long, and a file of JSON so large.
TABLES, LINES, VALUES = (".csv", ".tsv"), (".jsonl", ".ndjson"), (".json",)
KINDS = (*TABLES, *LINES, *VALUES)
LONGEST, LARGEST = 1 << 20, 32 << 20
_BOM = b"\xef\xbb\xbf"


class BadRows(FlyballError):
    """The file as a whole cannot be read; it is tried again when it changes."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its value and bytes, or what is wrong with it; `line`: where it begins, from 1 on."""

    line: int
    raw: bytes
    value: Any = None
    flaws: tuple[Flaw, ...] = ()


@dataclass(slots=True)
class Rows:
    """The rows of a file. After the last, `unfinished` says that the file ends in the middle of one."""

    file: IO[bytes]
    name: str
    size: int
    unfinished: bool = False

    def __iter__(self) -> Iterator[Row]:
        """Raises BadRows where the file as a whole makes no sense; nothing of it was given then."""
        suffix = suffix_of(self.name)
        if suffix in TABLES:
            return self._table(suffix)
        return self._lines() if suffix in LINES else self._values()

    def _values(self) -> Iterator[Row]:
        if self.size > LARGEST:
            raise BadRows(
                f"{self.name} has {self.size} bytes; one file of JSON may have {LARGEST}."
                " Export it as JSON lines, which may be of any size"
            )
        body = self.file.read().removeprefix(_BOM)
        reader = Reader()
        try:
            if body.lstrip(b" \t\r\n")[:1] != b"[":
                read = reader.one(body)
                yield Row(1, read.raw, read.value, read.flaws)
                return
            # Read to its end before anything of it is taken: a file that breaks off gives nothing.
            for _ in reader.elements(body):
                pass
            for number, read in enumerate(reader.elements(body), 1):
                yield Row(number, read.raw, read.value, read.flaws)
        except BadJson as error:
            raise BadRows(f"{self.name}: {error}") from None

    def _lines(self) -> Iterator[Row]:
        reader = Reader()
        for number, line, whole in self._physical():
            if not line.strip():
                continue
            if len(line) > LONGEST:
                yield Row(number, line[:LONGEST], flaws=(_too_long(),))
                continue
            read = reader.line(line)
            if not whole and read.flaws:
                self.unfinished = True
                return
            yield Row(number, read.raw, read.value, read.flaws)

    def _table(self, suffix: str) -> Iterator[Row]:
        feed = _Feed(self)
        head = next(feed, "")
        if not head.strip():
            if self.unfinished or not self.size:
                return
            raise BadRows(f"{self.name} has no line with the names of its columns")
        delimiter = "\t" if suffix == ".tsv" or ("\t" in head and "," not in head) else ","
        if ";" in head and delimiter not in head:
            delimiter = ";"
        try:
            names = [name.strip() for name in next(csv.reader([head], delimiter=delimiter), [])]
        except csv.Error as error:
            raise BadRows(f"{self.name}: the line with its columns' names is no CSV: {error}") from error
        if len(set(names)) != len(names) or "" in names:
            raise BadRows(
                f"{self.name}: a column has no name, or two have the same: {', '.join(names)[:200]}"
            )
        header = feed.taken()
        reader = csv.reader(feed, delimiter=delimiter, strict=True)
        while True:
            line = feed.number + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(line, feed.taken(), flaws=(Flaw("bad_csv", f"the row is no CSV: {error}"),))
                continue
            raw = feed.taken()
            if not cells:
                continue
            if "\ufffd" in "".join(cells) and feed.damaged:
                yield Row(line, header + raw, flaws=(Flaw("not_utf8", "the row is not UTF-8"),))
            elif len(cells) != len(names):
                what = f"the row has {len(cells)} cells, and {len(names)} columns have names"
                yield Row(line, header + raw, flaws=(Flaw("wrong_width", what),))
            else:
                yield Row(line, header + raw, dict(zip(names, cells, strict=True)))

    def _physical(self) -> Iterator[tuple[int, bytes, bool]]:
        """Lines with their numbers, and whether each has its end; one that is too long comes cut."""
        number = 0
        while line := self.file.readline(LONGEST + 1):
            number += 1
            ended = line.endswith(b"\n")
            while len(line) > LONGEST and not ended:
                rest = self.file.readline(LONGEST + 1)
                if not rest:
                    break
                ended = rest.endswith(b"\n")
            yield number, line.removeprefix(_BOM) if number == 1 else line, ended


class _Feed:
    """Lines as text for the CSV reader, which tells which bytes a row was made of."""

    def __init__(self, rows: Rows) -> None:
        self._rows, self._lines = rows, rows._physical()
        self._bytes: list[bytes] = []
        self.number = 0
        self.damaged = False

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        self.number, line, whole = next(self._lines)
        if not whole:
            # Nobody can tell a cell that is cut from one that is short.
            self._rows.unfinished = True
            raise StopIteration
        self._bytes.append(line)
        text = line.decode(errors="replace")
        self.damaged = self.damaged or text.encode() != line
        return text

    def taken(self) -> bytes:
        taken, self._bytes = b"".join(self._bytes), []
        return taken


def suffix_of(name: str) -> str:
    """The end of a file's name that says what it is, in small letters."""
    _, dot, suffix = name.rpartition(".")
    return f".{suffix.lower()}" if dot else ""


def _too_long() -> Flaw:
    return Flaw("too_large", f"the line is longer than {LONGEST} bytes")
