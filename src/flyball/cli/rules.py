"""Rule files on the command line: everything that is wrong with them, before they are live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from flyball.adapters import rule_file
from flyball.cli.show import as_json, print_line
from flyball.core.knobs import ACTIONS, KNOBS
from flyball.core.rules.codes import UNREADABLE
from flyball.core.rules.words import Catalogue
from flyball.core.signals import SIGNALS
from flyball.errors import BadFile, BadUsage, Problem

CATALOGUE = Catalogue(SIGNALS, KNOBS, ACTIONS)


def file_of(loop: Path) -> Path:
    """The rule file that a loop's settings name. Raises BadUsage where there is no loop."""
    from flyball.adapters.toml_file import load

    if not (loop / "loop.toml").is_file():
        raise BadUsage("name the rule files to check, or the loop whose rule file is meant with --loop")
    settings = load(loop)
    return settings.path(settings.loop.rules)


def check(
    files: Sequence[Path],
    *,
    format: Literal["full", "json", "github"] = "full",
    catalogue: Catalogue = CATALOGUE,
) -> int:
    """Print what is wrong with rule files, and what is legal but unwise in them.

    The exit code is 0 for files without mistakes, 1 for mistakes, 2 where a file cannot be read at all.
    """
    found = [problem for file in files for problem in _problems(file, catalogue)]
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
    codes = [problem.code for problem in found if problem.severity == "error"]
    return 2 if set(codes) & set(UNREADABLE) else 1 if codes else 0


def _problems(file: Path, catalogue: Catalogue) -> Sequence[Problem]:
    try:
        # A byte more than is allowed tells enough of a file that is too large.
        with file.open("rb") as opened:
            content = opened.read(rule_file.LARGEST + 1)
        return rule_file.read(content, str(file), catalogue)[1]
    except OSError as error:
        return [Problem("R000", f"cannot be read: {error.strerror or error}", str(file))]
    except BadFile as error:
        return error.problems


def _summary(files: Sequence[Path], found: Sequence[Problem]) -> str:
    errors = sum(problem.severity == "error" for problem in found)
    warnings = len(found) - errors
    parts = [_counted(errors, "mistake"), _counted(warnings, "warning")]
    return (
        f"{_counted(len(files), 'file')}: {', '.join(parts)}"
        if found
        else f"{_counted(len(files), 'file')}: fine"
    )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _annotation(problem: Problem) -> str:
    """A problem as a workflow command that a forge shows beside the line."""
    level = "error" if problem.severity == "error" else "warning"
    line, column = max(1, problem.line), max(1, problem.column)
    place = f"file={_escaped(problem.file, property=True)},line={line},col={column}"
    return f"::{level} {place},title={problem.code}::{_escaped(problem.message)}"


def _escaped(text: str, *, property: bool = False) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if property else text
