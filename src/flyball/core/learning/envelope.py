"""A model as bytes: a line of JSON that says what it is, then its content, guarded by a digest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flyball.core.ids import canonical, digest_of
from flyball.errors import BadFile, Problem


def pack(kind: str, header: Mapping[str, Any], content: bytes) -> bytes:
    """Put a header before the content of a model of that kind."""
    return canonical({**header, "model": kind, "content": digest_of(content)}) + b"\n" + content


def unpack(kind: str, packed: bytes) -> tuple[Mapping[str, Any], bytes]:
    """The header and the content again. Raises BadFile for another kind of model, or one that is damaged.

    >>> unpack("toy", pack("toy", {"classes": ["a"]}, b"body"))[1]
    b'body'
    """
    line, _, content = packed.partition(b"\n")
    try:
        header = json.loads(line)
        found, digest = header["model"], header["content"]
    except (ValueError, KeyError, TypeError) as problem:
        raise damaged(kind, "it does not begin with a header") from problem
    if found != kind:
        raise BadFile([Problem("model-kind", f"this model is of kind `{found}`, and `{kind}` is configured")])
    if digest != digest_of(content):
        raise damaged(kind, "its content does not match its digest")
    return header, content


def damaged(kind: str, how: str) -> BadFile:
    """The complaint about a model that cannot be read."""
    return BadFile([Problem("model-damaged", f"this {kind} model cannot be read: {how}; train it again")])
