"""Which files of a prefix were taken in, in which order: lines of JSON in the loop's directory."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from flyball.adapters.s3_files import Object
from flyball.errors import BadFile, Problem, Unreachable


@dataclass(frozen=True, slots=True)
class Taken:
    """One file as it was when it was found. `found`: the files that were found at once have one number."""

    key: str
    etag: str
    size: int
    found: int


class Ledger:
    """The files of one source in the order in which they were found, each once.

    Rows are counted, so a file that comes later may not move those before it: this order stays, whatever
    the names say. Without the ledger, a new one begins with the order of the names.
    """

    def __init__(self, path: Path, source: str) -> None:
        self.path = path
        self._source = source

    def read(self) -> list[Taken]:
        """What was found so far. Raises BadFile, Unreachable."""
        try:
            lines = self.path.read_text().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._told(error) from error
        found: dict[str, Taken] = {}
        for number, line in enumerate(lines, 1):
            try:
                told = json.loads(line)
                if told.pop("source") == self._source:
                    taken = Taken(**told)
                    found.setdefault(taken.key, taken)
            except (ValueError, TypeError, KeyError, AttributeError):
                if number == len(lines):
                    break  # torn when a process was killed; what it named was not taken in yet
                message = "this line names no file that was taken in; put the file back as it was"
                raise BadFile([Problem("L210", message, str(self.path), number, 1)]) from None
        return list(found.values())

    def add(self, files: Sequence[Object], found: int) -> list[Taken]:
        """Write down files that were found at once. Raises Unreachable."""
        taken = [Taken(each.key, each.etag, each.size, found) for each in files]
        lines = "".join(json.dumps({"source": self._source, **asdict(each)}) + "\n" for each in taken)
        try:
            with self.path.open("a+b") as file:
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)  # what a kill left of a line
                file.write(lines.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self._told(error) from error
        return taken

    def _told(self, error: OSError) -> Unreachable:
        return Unreachable(f"{self.path} cannot be used: {error.strerror or error}.")
