"""`loop.toml` from disk, with the place of every key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flyball.errors import BadFile, BadUsage, Problem
from flyball.settings import Places, Settings, read, with_overrides

FILE = "loop.toml"

_AT = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)")
_PART = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*')"""
_NAME = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*\[\s*({_NAME})\s*\]")
_KEY = re.compile(rf"\s*({_NAME})\s*=")
#: What opens, closes or hides other signs within a value.
_SIGN = re.compile(r'"""|\'\'\'|"(?:\\.|[^"\\])*"|\'[^\']*\'|#.*|[\[\]{}]')


def load(where: Path, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of the loop in a directory (or of that file), some keys set anew.

    Raises BadUsage where there is no file, BadFile with every mistake in it.
    """
    path = where / FILE if where.is_dir() else where
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise BadUsage(
            f"there is no {FILE} in {path.parent.resolve()}; `flyball init DIR` makes one"
        ) from None
    except OSError as error:
        raise BadUsage(f"{path} cannot be read: {error.strerror}") from error
    written, places = parse(content, str(path))
    return with_overrides(read(written, path.parent, places), overrides or {})


def parse(content: bytes, file: str = FILE) -> tuple[Mapping[str, Any], Places]:
    """What a TOML file says, and where each key stands. Raises BadFile where it is no TOML."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadFile([Problem("L101", "this line is not UTF-8 text", file, line, 1)]) from error
    lines = tuple(text.splitlines())
    try:
        return tomllib.loads(text), Places(file, lines, dict(_places(lines)))
    except tomllib.TOMLDecodeError as error:
        raise BadFile([_not_toml(str(error), file, lines)]) from error


def override(text: str) -> tuple[str, Any]:
    """One `name=value` of a command line. What is no TOML value is taken as text.

    >>> override("clock.speed=500"), override("loop.architecture=parallel")
    (('clock.speed', 500), ('loop.architecture', 'parallel'))
    """
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise BadUsage(f"`{text}` is not of the form name=value, such as clock.speed=500")
    try:
        return name.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name.strip(), value.strip()


def _not_toml(message: str, file: str, lines: tuple[str, ...]) -> Problem:
    found = _AT.match(message)
    what = found[1] if found else message
    line, column = (int(found[2]), int(found[3])) if found and found[2] else (len(lines), 1)
    hint = "; text stands in quotes" if what == "Invalid value" else ""
    source = lines[line - 1] if 0 < line <= len(lines) else ""
    said = f"this is not TOML: {what[0].lower()}{what[1:]}{hint}"
    return Problem("L101", said, file, line, column, 1, source)


def _places(lines: tuple[str, ...]) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """Line, column and width of each key and section header; keys within inline tables have none."""
    section = ""
    inside = ""
    for number, line in enumerate(lines, 1):
        if not inside and (header := _HEADER.match(line)):
            section = _dotted(header[1]) + "."
            yield section[:-1], (number, header.start(1) + 1, len(header[1]))
            continue
        if not inside and (key := _KEY.match(line)):
            yield section + _dotted(key[1]), (number, key.start(1) + 1, len(key[1]))
            inside = _still_open("", line[key.end() :])
        else:
            inside = _still_open(inside, line)


def _still_open(inside: str, line: str) -> str:
    """What a value that goes on after this line is inside of: brackets, or a text of three quotes."""
    at = 0
    if inside[-3:] in ('"""', "'''"):
        end = line.find(inside[-3:])
        if end < 0:
            return inside
        at, inside = end + 3, inside[:-3]
    while found := _SIGN.search(line, at):
        sign, at = found[0], found.end()
        if sign in ('"""', "'''"):
            return _still_open(inside + sign, line[at:])
        if sign in "[{":
            inside += sign
        elif sign in "]}":
            inside = inside[:-1]
    return inside


def _dotted(name: str) -> str:
    parts = re.findall(_PART, name)
    return ".".join(part[1:-1] if part[0] in "\"'" else part for part in parts)
