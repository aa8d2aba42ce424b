"""What is wrong with files that people write, as a terminal, a program or a forge wants to have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from flyball.cli.show import as_json, print_line
from flyball.errors import Problem

Format = Literal["full", "json", "github"]


def show(files: Sequence[Path], found: Sequence[Problem], format: Format, unreadable: Sequence[str]) -> int:
    """Print mistakes and warnings.

    The exit code is 0 for files without mistakes, 1 for mistakes, 2 where one of the codes `unreadable` is
    among them.
    """
    match format:
        case "full":
            for problem in found:
                print_line(f"{problem}\n")
            print_line(_summary(files, found))
        case "json":
            as_json([asdict(problem) | {"source": problem.excerpt()[0]} for problem in found])
        case "github":
            for problem in found:
                print_line(_annotation(problem))
    codes = {problem.code for problem in found if problem.severity == "error"}
    return 2 if codes & set(unreadable) else 1 if codes else 0


def _summary(files: Sequence[Path], found: Sequence[Problem]) -> str:
    errors = sum(problem.severity == "error" for problem in found)
    parts = [counted(errors, "mistake"), counted(len(found) - errors, "warning")]
    return f"{counted(len(files), 'file')}: {', '.join(parts) if found else 'fine'}"


def counted(count: int, what: str) -> str:
    """So many of something.

    >>> counted(1, "file"), counted(1200, "answer")
    ('1 file', '1,200 answers')
    """
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"


def _annotation(problem: Problem) -> str:
    """A problem as a workflow command that a forge shows beside the line."""
    level = "error" if problem.severity == "error" else "warning"
    line, column = max(1, problem.line), max(1, problem.column)
    place = f"file={_escaped(problem.file, property=True)},line={line},col={column}"
    return f"::{level} {place},title={problem.code}::{_escaped(problem.message)}"


def _escaped(text: str, *, property: bool = False) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if property else text
