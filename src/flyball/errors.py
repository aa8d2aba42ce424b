"""One family of errors: each is a sentence for the person who reads it, with an exit code."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

#: So much of a line is shown.
_LINE = 110


class FlyballError(Exception):
    """Something went wrong that Flyball understands. `exit_code` is what a command ends with."""

    exit_code = 4

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in something a person wrote: where it is, what is wrong, what was meant.

    `line` and `column` count from 1; 0 means that the place is the whole file.
    """

    code: str
    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    width: int = 1
    source: str = ""
    severity: str = "error"

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        head = f"{place}: {self.code} {self.message}" if place else f"{self.code} {self.message}"
        if not self.source.strip():
            return head
        line, before = self.excerpt()
        marked = line[before : before + max(1, self.width)] or " "
        return f"{head}\n    {line}\n    {' ' * _columns(line[:before])}{'^' * _columns(marked)}"

    def excerpt(self) -> tuple[str, int]:
        """The line, or as much of a long one as a terminal shows, and how much stands before the place.

        What would not be printed as itself stands as one replacement character.
        """
        before = max(0, self.column - 1)
        first = 0 if before + self.width <= _LINE else max(0, before - _LINE // 3)
        line = self.source.rstrip()[first : first + _LINE]
        shown = "".join(each if each.isprintable() else " " if each == "\t" else "\ufffd" for each in line)
        lead, rest = "… " if first else "", " …" if first + _LINE < len(self.source.rstrip()) else ""
        return f"{lead}{shown}{rest}", len(lead) + min(before - first, len(shown))


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )


class BadFile(FlyballError):
    """A file cannot be used as it stands; every mistake in it is listed."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class BadUsage(FlyballError):
    """The command was called in a way that cannot work; the message says how to call it."""

    exit_code = 2


class BadStream(FlyballError):
    """The stream cannot be read as `loop.toml` describes it."""

    exit_code = 2


class Unreachable(FlyballError):
    """Something outside Flyball does not answer: a database, MLflow, Prefect, a port."""

    exit_code = 3


class StoreStopped(Unreachable):
    """The disk under the store failed: nothing is written any more until it is opened again."""


class CutShort(FlyballError):
    """A process that did part of the work was ended from outside. Do it again."""

    exit_code = 3


class StoreLocked(FlyballError):
    """Another process writes this loop. Stop it, or send the command through it."""

    exit_code = 3


class NewerStore(FlyballError):
    """This store was written by a newer Flyball. Upgrade Flyball, or use the older store."""

    exit_code = 2


class Conflict(FlyballError):
    """The same event id arrived with other content. The first stands; both are kept."""

    exit_code = 1


class LeaseLost(FlyballError):
    """Another worker took this job over while we were at it. Our result is dropped, theirs counts."""

    exit_code = 4

    def __init__(self, message: str | None = None, jobs: frozenset[int] = frozenset()) -> None:
        super().__init__(message)
        #: The jobs that were lost, by their numbers.
        self.jobs = jobs


class StaleItems(FlyballError):
    """Some of these items left the pool since they were chosen. Choose again."""

    exit_code = 4


class DuplicateItems(FlyballError):
    """Some of these items arrived before. Leave them out, and record them as refused."""

    exit_code = 2


class LearnerFailed(FlyballError):
    """The learner raised an error while it was trained or asked to score."""

    exit_code = 1


class NotFound(FlyballError):
    """Nothing is known under that name."""

    exit_code = 2
