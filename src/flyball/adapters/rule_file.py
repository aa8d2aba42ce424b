"""Rule files: from bytes to rules, trusting neither the bytes nor YAML's own ideas of what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NoReturn

import yaml

from flyball.core.ids import digest_of
from flyball.core.rules.marked import Items, Marked, Pairs, Scalar, Source
from flyball.core.rules.model import Ruleset
from flyball.core.rules.ruleset import Document, read_ruleset
from flyball.core.rules.words import Catalogue
from flyball.errors import BadFile, Problem

LARGEST = 1_000_000
#: A thousand rules with everything that a rule may say have fewer parts than this.
MOST_PARTS = 60_000
DEEPEST = 20

#: The line breaks of YAML; a few that Python's splitlines knows are none.
BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


def read(content: bytes, name: str, catalogue: Catalogue) -> tuple[Ruleset, tuple[Problem, ...]]:
    """The rules that a file says, and what is legal but unwise in it.

    Raises BadFile with every mistake. No value is typed by YAML: `off`, `no` and `12:30` stay what
    was written, and no object is ever made from a tag.
    """
    text, source, root = parsed(content, name)
    return read_ruleset(Document(digest_of(content), name, text, root), source, catalogue)


def parsed(content: bytes, name: str) -> tuple[str, Source, Marked]:
    """A file's text, its lines, and the tree of its parts with their places. Raises BadFile."""
    if len(content) > LARGEST:
        raise BadFile([Problem("R001", f"larger than {LARGEST / 1e6:g} MB, and no rule file is", name)])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"not UTF-8: the byte {content[error.start]:#04x}"
        raise BadFile([Problem("R002", message, name, line)]) from error
    source = Source(name, tuple(BREAK.split(text)))
    return text, source, _Reader(source).tree(text)


class _Reader:
    """Builds the marked tree from YAML's events, so that nothing is expanded and nothing recurses."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._parts = 0

    def tree(self, text: str) -> Marked:
        """The one document of a text."""
        try:
            return self._document(yaml.parse(text, Loader=yaml.CLoader))
        except yaml.MarkedYAMLError as error:
            # Of what was begun and never ended, the beginning helps; the end is that of the file.
            begun = error.context_mark if "end of stream" in str(error.problem) else None
            mark = begun or error.problem_mark
            what = " ".join(part for part in (error.context, error.problem) if part)
            self._refuse("R003", f"not YAML: {what}", mark)
        except yaml.YAMLError as error:
            self._refuse("R003", f"not YAML: {' '.join(str(error).split())}", None)

    def _document(self, events: Iterator[Any]) -> Marked:
        root: Marked | None = None
        open_: list[tuple[Any, list[Marked]]] = []
        for event in events:
            match event:
                case yaml.DocumentStartEvent() if root is not None:
                    self._refuse("R004", "a second document begins here", event.start_mark)
                case yaml.AliasEvent():
                    self._refuse("R005", f"the alias `*{event.anchor}` is not read", event.start_mark)
                case yaml.ScalarEvent():
                    root = self._add(self._scalar(event), open_) or root
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._count(event)
                    if len(open_) >= DEEPEST:
                        self._refuse("R007", f"nested more than {DEEPEST} deep", event.start_mark)
                    open_.append((event, []))
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    root = self._add(self._closed(*open_.pop()), open_) or root
                case _:
                    pass
        if root is None:
            self._refuse("R003", "the file is empty", None)
        return root

    @staticmethod
    def _add(part: Marked, open_: list[tuple[Any, list[Marked]]]) -> Marked | None:
        """Put a part into what is open; with nothing open it is the root."""
        if not open_:
            return part
        open_[-1][1].append(part)
        return None

    def _scalar(self, event: Any) -> Scalar:
        self._count(event)
        start, end = event.start_mark, event.end_mark
        return Scalar(event.value, start.line, start.column, end.line, end.column)

    def _closed(self, start: Any, parts: list[Marked]) -> Marked:
        mark = start.start_mark
        if isinstance(start, yaml.SequenceStartEvent):
            return Items(tuple(parts), mark.line, mark.column)
        keys = parts[::2]
        for key in keys:
            if not isinstance(key, Scalar):
                self._refuse("R003", "not YAML: a key is a single word here", mark)
        entries = zip((key for key in keys if isinstance(key, Scalar)), parts[1::2], strict=True)
        return Pairs(tuple(entries), mark.line, mark.column)

    def _count(self, event: Any) -> None:
        """Refuse what makes objects, and files of more parts than any rules have."""
        self._parts += 1
        if event.tag is not None:
            self._refuse("R006", f"the tag `{event.tag}` is not read", event.start_mark)
        if self._parts > MOST_PARTS:
            self._refuse("R008", f"more than {MOST_PARTS:,} parts", event.start_mark)

    def _refuse(self, code: str, message: str, mark: Any) -> NoReturn:
        if mark is None:
            raise BadFile([Problem(code, message, self._source.name)])
        source = self._source.line(mark.line)
        place = (mark.line + 1, min(mark.column, len(source)) + 1)
        raise BadFile([Problem(code, message, self._source.name, *place, 1, source)])
