"""Names of things, so that one kind of name is never taken for another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from json import encoder
from typing import Any, NewType

ItemId = NewType("ItemId", str)
AnnotatorId = NewType("AnnotatorId", str)
BatchId = NewType("BatchId", str)
RunId = NewType("RunId", str)
RuleId = NewType("RuleId", str)
ModelVersion = NewType("ModelVersion", int)
#: A place in the log. 0 is before the first fact.
Position = NewType("Position", int)
START = Position(0)
#: A SHA-256 as 64 hexadecimal digits.
Digest = NewType("Digest", str)
#: A moment: seconds since 1970-01-01 UTC.
Instant = float
#: A length of time in seconds.
Seconds = float


def digest_of(content: bytes) -> Digest:
    """The SHA-256 of some bytes.

    >>> digest_of(b"")[:8]
    'e3b0c442'
    """
    return Digest(hashlib.sha256(content).hexdigest())


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _written_by(made: Any) -> Callable[[Any, int], Iterable[str]]:
    if made is None:  # not on every Python
        return lambda value, level: _CANONICAL.iterencode(value)
    written: Callable[[Any, int], Iterable[str]] = made(
        None, _CANONICAL.default, encoder.encode_basestring, None, ":", ",", True, False, False
    )
    return written


# `JSONEncoder.encode` makes one for each value, which takes as long as to write the value.
_written = _written_by(getattr(encoder, "c_make_encoder", None))


def canonical(value: Any) -> bytes:
    """A value as JSON with sorted keys and no white space; NaN and infinity are refused (ValueError)."""
    return "".join(_written(value, 0)).encode()


@dataclass(frozen=True, slots=True)
class Pins:
    """Everything that a run reads, fixed before it starts: the same pins give the same result."""

    labels_up_to: Position
    config: Digest
    rules: Digest
    code: Digest
    seed: int
    #: Whatever else this kind of work depends on: the mode of training, a model, a pool.
    more: Mapping[str, Any]

    def digest(self) -> Digest:
        """One name for these pins."""
        return digest_of(canonical(asdict(self)))
