"""An expression's text cut into tokens that know where they stood."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

Tell = Callable[[str, str, int, int], None]
"""Says that something is wrong: code, message, and from where to where in the text."""

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>(?:[0-9][0-9_]*(?:\.[0-9][0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?)(?P<unit>%|[^\W\d_]+)?
    | (?P<name>[^\W\d]\w*(?:\.\w+)*)
    | (?P<string>"[^"]*"|'[^']*')
    | (?P<sign>&&|\|\||<=|>=|==|!=|<>|[-+*/<>=!(),])
    | (?P<other>\S)
    )""",
    re.VERBOSE,
)

#: What is written otherwise elsewhere, and how it is written here.
_FOREIGN = {"&&": "and", "||": "or", "!": "not", "=": "==", "<>": "!=", "≤": "<=", "≥": ">=", "≠": "!="}
_KEYWORDS = ("and", "or", "not")


class Token(NamedTuple):
    """A word, number, quoted text or sign; "end" stands after the last one.

    `unit` is what is written right behind a number: `%`, `m`.
    """

    kind: Literal["number", "name", "string", "sign", "end"]
    text: str
    start: int
    end: int
    unit: str = ""


def tokens(text: str, tell: Tell) -> list[Token]:
    """All tokens of an expression and the end. What cannot be one is told and left out.

    >>> [token.text for token in tokens("queue.depth > 1_000", print)]
    ['queue.depth', '>', '1_000', '']
    """
    return [*_found(text, tell), Token("end", "", len(text.rstrip()), len(text.rstrip()) + 1)]


def _found(text: str, tell: Tell) -> Iterator[Token]:
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        start, end = match.start("number" if kind == "unit" else kind or 0), match.end()
        written = text[start:end]
        if kind in ("number", "unit"):
            yield Token("number", match["number"], start, end, match["unit"] or "")
        elif kind == "name":
            known = written.lower() if written.lower() in _KEYWORDS else written
            if known != written:
                tell("R302", f"write `{known}`, not `{written}`", start, end)
            yield Token("name", known, start, end)
        elif kind == "string":
            yield Token("string", written[1:-1], start, end)
        elif written in _FOREIGN:
            meant = _FOREIGN[written]
            tell("R302", f"write `{meant}`, not `{written}`", start, end)
            yield Token("name" if meant.isalpha() else "sign", meant, start, end)
        elif kind == "sign":
            yield Token("sign", written, start, end)
        else:
            tell("R301", f"`{written}` means nothing here", start, end)
