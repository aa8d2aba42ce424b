"""A file's text as a tree whose every part knows its place, and the mistakes that are found in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from flyball.errors import Problem

#: More mistakes than this are counted, not shown.
MOST_PROBLEMS = 100
#: Longer messages than this repeat what somebody wrote that is no word.
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value as text, never typed. Lines and columns count from 0; the end is exclusive."""

    text: str
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Pairs:
    """A mapping in the file's order, duplicates included."""

    entries: tuple[tuple[Scalar, Marked], ...]
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    of: tuple[Marked, ...]
    line: int
    column: int


Marked = Scalar | Pairs | Items


@dataclass(frozen=True, slots=True)
class Source:
    """The lines of a file, and its name as it is shown."""

    name: str
    lines: tuple[str, ...]

    def line(self, number: int) -> str:
        """A line by its number from 0; empty beyond the end."""
        return self.lines[number] if 0 <= number < len(self.lines) else ""

    def place(self, scalar: Scalar, offset: int) -> tuple[int, int]:
        """Where a character of a scalar's text stands in the file: line and column from 0.

        Quotes, escapes and folded lines lie between; white space is not followed, so that the
        place of a blank is that of what comes before it.
        """
        line, column = scalar.line, scalar.column
        found = (line, column)
        for wanted in scalar.text[: offset + 1]:
            if wanted.isspace():
                continue
            while line <= scalar.end_line:
                at = self.line(line).find(wanted, column)
                if at >= 0:
                    found = (line, at)
                    column = at + 1
                    break
                line, column = line + 1, 0
        return found


@dataclass(frozen=True, slots=True)
class Complaints:
    """Everything that is wrong with one file, gathered while it is read.

    `about` stands before each message: the rule that it concerns.
    """

    source: Source
    about: str = ""
    problems: list[Problem] = field(default_factory=list)

    def of(self, rule: str) -> Complaints:
        """The same list, where what is added concerns a rule."""
        return Complaints(self.source, f"[{rule}] ", self.problems)

    def tell(self, where: Marked, code: str, message: str) -> None:
        """Something is wrong with a part of the file."""
        width = len(where.text) if isinstance(where, Scalar) and where.line == where.end_line else 1
        self._add(code, message, where.line, where.column, width)

    def tell_within(self, where: Scalar, code: str, message: str, start: int, end: int) -> None:
        """Something is wrong with the characters from `start` to `end` of a scalar's text."""
        line, column = self.source.place(where, start)
        if start >= len(where.text.rstrip()) and where.text:
            column += 1
        self._add(code, message, line, column, max(1, end - start))

    def _add(self, code: str, message: str, line: int, column: int, width: int) -> None:
        source = self.source.line(line)
        self.problems.append(
            Problem(
                code=code,
                message=_plain(f"{self.about}{message}"),
                file=self.source.name,
                line=line + 1,
                column=column + 1,
                width=max(1, min(width, len(source) - column)),
                source=source,
                severity="warning" if code.startswith("W") else "error",
            )
        )

    @property
    def full(self) -> bool:
        """Enough was found: whoever looks for more may stop."""
        return len(self.problems) >= MOST_PROBLEMS

    def errors(self) -> tuple[Problem, ...]:
        """The mistakes in the order of the file, with a word on those that are not shown."""
        found = sorted(self._of("error"), key=_place)
        if len(found) > MOST_PROBLEMS:
            more = Problem(
                "R009", f"{len(found) - MOST_PROBLEMS} or more others are not shown", self.source.name
            )
            return (*found[:MOST_PROBLEMS], more)
        return tuple(found)

    def warnings(self) -> tuple[Problem, ...]:
        """What is legal but unwise, in the order of the file."""
        return tuple(sorted(self._of("warning"), key=_place))

    def _of(self, severity: str) -> Iterator[Problem]:
        return (problem for problem in self.problems if problem.severity == severity)


def _plain(message: str) -> str:
    """A message without what a terminal would obey, and no longer than a person reads."""
    short = (
        message if len(message) <= _LONGEST else f"{message[: _LONGEST // 2]} … {message[-_LONGEST // 4 :]}"
    )
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in short)


def _place(problem: Problem) -> tuple[int, int]:
    return (problem.line, problem.column)
