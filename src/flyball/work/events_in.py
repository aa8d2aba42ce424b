"""A native event as it comes in: an answer, or everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flyball.core.ids import AnnotatorId, BatchId, Digest, Instant, ItemId, Seconds
from flyball.core.strict_json import Flaw, Read, pointer
from flyball.ports import Answer
from flyball.settings.values import near

#: The keys of an event; those that begin with "x-" are the sender's own and are kept as they came.
KEYS = (
    *("id", "item", "annotator", "label", "said_at", "batch", "seconds", "draft", "fields", "definitions"),
    *("part", "withdrawn", "revision"),
)
PART_KEYS = ("envelope", "number", "of")
_KEYS, _PART_KEYS = frozenset(KEYS), frozenset(PART_KEYS)
#: The longest name of anything, and the most parts of one answer.
LONGEST, MOST_PARTS = 512, 10_000
#: A sender's clock that is this far from ours, either way, is told back to it.
GRACE: Seconds = 120.0
#: The ends of the years 1 and 9999.
_EARLIEST, _LATEST = -62_135_596_800.0, 253_402_300_800.0
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_HEX = "[0-9a-fA-F]"
_UUID = re.compile(
    rf"\{{?(?:urn:uuid:)?({_HEX}{{8}})-?({_HEX}{{4}})-?({_HEX}{{4}})-?({_HEX}{{4}})-?({_HEX}{{12}})\}}?"
)
_DIGEST = re.compile(rf"{_HEX}{{64}}")
_LEAP = re.compile(r":60(?=[.,Z+-]|$)")


def answer_of(read: Read) -> Answer | tuple[Flaw, ...]:
    """The answer that an event is, with its bytes; or every flaw of it."""
    if read.flaws:
        return read.flaws
    if not isinstance(read.value, dict):
        return (Flaw("not_an_object", f"an event is a JSON object, not {_called(read.value)}"),)
    event = _Event(read.value)
    event.refuse_unknown(_KEYS)
    event_id, item, annotator = (event.name(key, required=True) for key in ("id", "item", "annotator"))
    withdrawn, draft = event.flag("withdrawn"), event.flag("draft")
    part = event.part()
    # A part may say the rest of an answer, a draft is not at its end, and what is taken back says nothing.
    silent = withdrawn or draft or part is not None
    label = event.name("label", required=not silent, empty=silent)
    answer = Answer(
        event_id=canonical_id(event_id),
        item=ItemId(item),
        annotator=AnnotatorId(annotator),
        label=label,
        batch=BatchId(batch) if (batch := event.name("batch")) else None,
        said_at=event.moment("said_at"),
        seconds=event.number("seconds", 0.0, 1e9),
        draft=draft,
        fields=event.fields(),
        definitions=event.digest("definitions"),
        part=part,
        withdrawn=withdrawn,
        revision=event.number("revision", -1e300, 1e300),
        raw=read.raw,
    )
    return tuple(event.flaws) or answer


def canonical_id(text: str) -> str:
    """An id as it is compared: a UUID in whatever form is one and the same.

    >>> canonical_id("{6BA7B810-9DAD-11D1-80B4-00C04FD430C8}"), canonical_id("6BA7")
    ('6ba7b810-9dad-11d1-80b4-00c04fd430c8', '6BA7')
    """
    found = _UUID.fullmatch(text) if len(text) >= 32 else None
    return "-".join(found.groups()).lower() if found else text


def skew_of(said_at: Instant | None, received_at: Instant) -> Seconds | None:
    """How far the sender's clock is from ours, where that is beyond the grace; it orders nothing."""
    if said_at is None or abs(said_at - received_at) <= GRACE:
        return None
    return round(said_at - received_at, 3)


@dataclass(slots=True)
class _Event:
    """Reads an object key by key; what is wrong is noted, and something of the right type is given."""

    said: Mapping[str, Any]
    flaws: list[Flaw] = field(default_factory=list)
    prefix: str = ""

    def refuse_unknown(self, known: Set[str]) -> None:
        if self.said.keys() <= known:
            return
        for key in self.said:
            if key not in known and not key.startswith("x-"):
                hint = near(key, sorted(known))
                hint += ' A key of your own begins with "x-".' if not self.prefix else ""
                self._flaw("unknown_key", f"there is no such key; {hint}", key)

    def name(self, key: str, required: bool = False, empty: bool = False) -> str:
        value = self.said.get(key)
        if value is None:
            if required:
                self._flaw("missing", f"`{key}` is missing", key)
        elif not isinstance(value, str):
            hint = "; write it in quotes" if isinstance(value, int | float) else ""
            self._flaw("bad_type", f"`{key}` needs a text, not {_called(value)}{hint}", key)
        elif not value and not empty:
            self._flaw("empty_text", f"`{key}` is an empty text", key)
        elif len(value) > LONGEST:
            self._flaw("too_long", f"`{key}` has {len(value)} characters, {LONGEST} at the most", key)
        elif not value.isprintable() and _CONTROL.search(value):
            self._flaw("control_character", f"`{key}` holds a control character, such as a line break", key)
        else:
            return value
        return ""

    def flag(self, key: str) -> bool:
        value = self.said.get(key)
        if value is not None and not isinstance(value, bool):
            self._flaw("bad_type", f"`{key}` needs true or false, not {_called(value)}", key)
        return value is True

    def number(self, key: str, low: float, high: float) -> float | None:
        value = self.said.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._flaw("bad_type", f"`{key}` needs a number, not {_called(value)}", key)
        elif not low <= value <= high:
            self._flaw("out_of_range", f"`{key}` needs a number from {low:g} to {high:g}", key)
        else:
            return float(value)
        return None

    def moment(self, key: str) -> Instant | None:
        value = self.said.get(key)
        if value is None:
            return None
        if isinstance(value, str):
            try:
                return _instant(value)
            except (ValueError, OverflowError):
                form = "needs a time with its zone, as 2026-11-20T08:30:00Z, or seconds since 1970"
                self._flaw("bad_time", f"`{key}` {form}", key)
                return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._flaw("bad_type", f"`{key}` needs a time, not {_called(value)}", key)
        elif not _EARLIEST <= value < _LATEST:
            self._flaw("bad_time", f"`{key}` is in seconds since 1970, not in milliseconds", key)
        else:
            return float(value)
        return None

    def digest(self, key: str) -> Digest | None:
        text = self.name(key)
        if text and not _DIGEST.fullmatch(text):
            self._flaw("bad_digest", f"`{key}` needs a SHA-256 as 64 hexadecimal digits", key)
        return Digest(text.lower()) if text else None

    def fields(self) -> Mapping[str, Any]:
        value = self._object("fields")
        if value is None:
            return {}
        for key in value:
            if not key or len(key) > LONGEST:
                message = f"a key of `fields` has {len(key)} characters, 1 to {LONGEST} are kept"
                self.flaws.append(Flaw("too_long", message, pointer("fields", key)))
        return value

    def part(self) -> tuple[str, int, int] | None:
        value = self._object("part")
        if value is None:
            return None
        inner = _Event(value, self.flaws, "/part")
        inner.refuse_unknown(_PART_KEYS)
        before = len(self.flaws)
        envelope = inner.name("envelope", required=True)
        number, of = inner.count("number"), inner.count("of")
        if len(self.flaws) == before and not 1 <= number <= of <= MOST_PARTS:
            message = f"part {number} of {of}: they count from 1, and there are {MOST_PARTS} at the most"
            self._flaw("bad_part", message, "part")
        return envelope, number, of

    def count(self, key: str) -> int:
        value = self.said.get(key)
        if value is None:
            self._flaw("missing", f"`{key}` is missing", key)
        elif isinstance(value, bool) or not isinstance(value, int):
            self._flaw("bad_type", f"`{key}` needs a whole number, not {_called(value)}", key)
        else:
            return value
        return 0

    def _object(self, key: str) -> Mapping[str, Any] | None:
        value = self.said.get(key)
        if value is None or isinstance(value, dict):
            return value
        self._flaw("bad_type", f"`{key}` needs an object, not {_called(value)}", key)
        return None

    def _flaw(self, code: str, message: str, key: str) -> None:
        self.flaws.append(Flaw(code, message, self.prefix + pointer(key)))


def _instant(text: str) -> Instant:
    # A leap second has no place in a count of seconds since 1970: it is the one that follows.
    plain = _LEAP.sub(":59", text)
    moment = datetime.fromisoformat(plain)
    if moment.tzinfo is None:
        raise ValueError
    return moment.timestamp() + (plain != text)


def _called(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return "a text"
        case list():
            return "an array"
        case dict():
            return "an object"
        case _:
            return "a number"
