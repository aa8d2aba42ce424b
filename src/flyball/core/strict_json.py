"""JSON as it comes from outside: read strictly, with the exact bytes of each value, or refused with a code.

What readers take in different ways is refused: names that stand twice, numbers that are not finite or not
exact, text that is not Unicode. The flaws of a value are all told, each at its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flyball.errors import FlyballError

#: How deep arrays and objects may stand in each other.
DEEPEST = 64
#: Whole numbers beyond this are not the same in every reader.
LARGEST = 2**53
_SPACE = re.compile(r"[ \t\n\r]*")
_LINE = re.compile(rb"[^\n]+")
_BOM = b"\xef\xbb\xbf"
#: Where `_broken` tells the first line of what it was given.
_FIRST_LINE = re.compile("^(the body is no JSON at )line 1, column")
_SURROGATE = re.compile("[\ud800-\udfff]")
#: What is not told back as it came.
_UNTOLD = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong: a word for its kind, a sentence, and where, as a JSON pointer."""

    code: str
    message: str
    where: str = ""

    def at(self, prefix: str) -> Flaw:
        """The same, where the value stands in a larger one."""
        return Flaw(self.code, self.message, prefix + self.where)


class BadJson(FlyballError):
    """The text cannot be read at all as JSON."""

    exit_code = 2

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.message)
        self.flaw = flaw


@dataclass(frozen=True, slots=True)
class Read:
    """A value, the exact bytes in which it came, and what is wrong in it; without flaws `value` counts."""

    value: Any
    raw: bytes
    flaws: tuple[Flaw, ...] = ()


def text_of(body: bytes) -> str:
    """Bytes as text. Raises BadJson for what is empty, has a byte order mark, or is not UTF-8."""
    if not body.strip(b" \t\n\r"):
        raise BadJson(Flaw("empty", "the body is empty; send a JSON object, an array of them, or one a line"))
    if body.startswith(_BOM):
        raise BadJson(Flaw("byte_order_mark", "the body begins with a byte order mark; send plain UTF-8"))
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        message = f"the bytes from {error.start} on are not UTF-8 ({error.reason})"
        raise BadJson(Flaw("not_utf8", message)) from None


class Reader:
    """Reads values one after the other. Each thread needs one of its own."""

    def __init__(self) -> None:
        self._marked = False
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_int=self._whole,
            parse_float=self._number,
            parse_constant=self._constant,
        )

    def one(self, body: bytes) -> Read:
        """The one value that the body is. Raises BadJson."""
        text = text_of(body)
        read, end = self._next(text, _after_space(text, 0))
        end = _after_space(text, end)
        if end < len(text):
            raise BadJson(_broken(text, end, "something follows the value", "trailing_bytes"))
        return read

    def elements(self, body: bytes) -> Iterator[Read]:
        """The elements of the one array that the body is, in order.

        Raises BadJson where the text is broken, after what stands in front of it was given: whoever
        must have all or nothing reads to the end first.
        """
        text = text_of(body)
        place = _after_space(text, 0)
        if text[place] != "[":
            raise BadJson(_broken(text, place, "here an array is expected", "not_an_array"))
        place = _after_space(text, place + 1)
        if text[place : place + 1] != "]":
            while True:
                read, place = self._next(text, place)
                yield read
                place = _after_space(text, place)
                if text[place : place + 1] == "]":
                    break
                if text[place : place + 1] != ",":
                    raise BadJson(_broken(text, place, "a comma or the end of the array is expected"))
                place = _after_space(text, place + 1)
        place = _after_space(text, place + 1)
        if place < len(text):
            raise BadJson(_broken(text, place, "something follows the array", "trailing_bytes"))

    def line(self, line: bytes, number: int | None = None) -> Read:
        """The one value of a line, as `one` reads it; what cannot be read at all is a flaw of it too.

        `number`: of the line in the body, which the flaw then tells; without, it tells the column alone.
        """
        try:
            return self.one(line.rstrip(b" \t\r\n"))
        except BadJson as error:
            flaw, place = error.flaw, "" if number is None else f"line {number}, "
            flaw = Flaw(flaw.code, _FIRST_LINE.sub(rf"\g<1>{place}column", flaw.message), flaw.where)
            return Read(None, line.strip(b" \t\n\r"), (flaw,))

    def _next(self, text: str, start: int) -> tuple[Read, int]:
        self._marked = False
        try:
            value, end = self._decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            cut = error.msg.startswith("Unterminated") or error.pos >= len(text.rstrip(" \t\r\n"))
            what = "it is cut off" if cut else _lowered(error.msg)
            raise BadJson(_broken(text, error.pos, what)) from None
        except RecursionError:
            raise BadJson(_too_deep("")) from None
        piece = text[start:end]
        flaws: tuple[Flaw, ...] = ()
        if self._marked or "\\u" in piece or piece.count("[") + piece.count("{") > DEEPEST:
            flaws = tuple(_flaws(value))
        return Read(value, piece.encode(), flaws), end

    # --- what the decoder calls; a mark is put where something is wrong, and found again afterwards

    def _object(self, pairs: list[tuple[str, Any]]) -> Any:
        made = dict(pairs)
        if len(made) == len(pairs):
            return made
        self._marked = True
        return _Doubled(pairs)

    def _whole(self, text: str) -> Any:
        if len(text) <= 17 and -LARGEST <= (value := int(text)) <= LARGEST:
            return value
        self._marked = True
        return _Number(f"{_short(text)} is beyond 2^53 and not exact in every reader; send it as text")

    def _number(self, text: str) -> Any:
        value = float(text)
        if value - value == 0.0:
            return value
        self._marked = True
        return _Number(f"{_short(text)} is larger than any number that is kept")

    def _constant(self, text: str) -> Any:
        self._marked = True
        return _Number(f"{text} is not a number; leave the key away where nothing is known")


@dataclass(frozen=True, slots=True)
class _Doubled:
    """An object in which a name stands twice."""

    pairs: list[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class _Number:
    """A number that cannot be kept, and why."""

    why: str


def lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines of a text that are not empty, with their numbers from 1 on."""
    number, end = 1, 0
    for found in _LINE.finditer(body):
        number += body.count(b"\n", end, found.start())
        end = found.start()
        if found.group().strip(b" \t\r"):
            yield number, found.group()


def pointer(*steps: str | int) -> str:
    """A JSON pointer.

    >>> pointer(3, "a/b")
    '/3/a~1b'
    """
    plain = (_UNTOLD.sub("\ufffd", str(step))[:100] for step in steps)
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in plain)


def _flaws(value: Any) -> Iterator[Flaw]:
    """What is wrong in a value, in order of the text, without a call inside a call."""
    stack: list[tuple[Any, str, int]] = [(value, "", 1)]
    while stack:
        value, where, depth = stack.pop()
        if isinstance(value, str):
            yield from _bad_text(value, where)
        elif isinstance(value, _Number):
            yield Flaw("bad_number", value.why, where)
        elif isinstance(value, list | dict | _Doubled):
            if depth > DEEPEST:
                yield _too_deep(where)
                continue
            named = enumerate(value) if isinstance(value, list) else _pairs(value)
            inner: list[tuple[Any, str, int]] = []
            seen: set[str] = set()
            for step, each in named:
                here = where + pointer(step)
                if isinstance(step, str):
                    yield from _bad_text(step, here)
                    if step in seen:
                        yield Flaw("duplicate_key", "this key stands twice in one object", here)
                    seen.add(step)
                inner.append((each, here, depth + 1))
            stack.extend(reversed(inner))


def _pairs(value: dict[str, Any] | _Doubled) -> Iterator[tuple[str, Any]]:
    return iter(value.pairs) if isinstance(value, _Doubled) else iter(value.items())


def _bad_text(text: str, where: str) -> Iterator[Flaw]:
    if "\0" in text:
        yield Flaw("nul", "a text holds the character NUL, which no database keeps alike", where)
    if _SURROGATE.search(text):
        yield Flaw("lone_surrogate", "a text holds one half of a surrogate pair; that is no character", where)


def _too_deep(where: str) -> Flaw:
    return Flaw("too_deep", f"arrays and objects stand in each other more than {DEEPEST} deep", where)


def _broken(text: str, place: int, what: str, code: str = "not_json") -> Flaw:
    line = text.count("\n", 0, place) + 1
    column = place - text.rfind("\n", 0, place)
    return Flaw(code, f"the body is no JSON at line {line}, column {column}: {what}")


def _after_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return place if found is None else found.end()


def _lowered(said: str) -> str:
    return said[:1].lower() + said[1:]


def _short(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:20]}… with {len(text)} characters"
