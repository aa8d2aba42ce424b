"""Where in a file each setting stands, so that a mistake can be pointed at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from flyball.errors import Problem

_PASSWORD = re.compile(r"(?<=://)([^/:@\s\"']*):[^\s\"'/]*(?=@)")


def without_password(text: str) -> str:
    """A URL, or a line with URLs in it, as it may be shown.

    >>> without_password("postgresql://me:secret@host/shop")
    'postgresql://me:***@host/shop'
    """
    return _PASSWORD.sub(r"\1:***", text)


@dataclass(frozen=True, slots=True)
class Places:
    """The places of keys by their dotted names: line and column from 1, and the key's width."""

    file: str = ""
    lines: tuple[str, ...] = ()
    of: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)

    def problem(self, code: str, key: str, message: str) -> Problem:
        """A mistake at a key, or at the nearest section around it that the file has."""
        name = key
        while name and name not in self.of:
            name = name.rpartition(".")[0]
        line, column, width = self.of.get(name, (0, 0, 1))
        source = without_password(self.lines[line - 1]) if 0 < line <= len(self.lines) else ""
        return Problem(code, message, self.file, line, column, width, source)

    def without(self, keys: Mapping[str, object]) -> Places:
        """The same, where some keys come from elsewhere and have no place in the file."""
        return Places(self.file, self.lines, {name: at for name, at in self.of.items() if name not in keys})
