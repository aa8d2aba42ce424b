"""Throw bodies that chance made at the API: no 5xx, no exception, a known code for each refusal.

Run as `python -m tests.fuzz_bodies --count 1000000` for as long as it takes; exit code 1 where something was
wrong. What was taken must stand in the log with the very bytes that were sent.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tests.bad_bodies import BATCH_BYTES, BODY_BYTES, GOOD, JSON, LINES, bad_bodies
from tests.web.process import tools_on

from flyball.adapters.sql import open_store
from flyball.cli.show import print_line
from flyball.core.chance import rng
from flyball.core.strict_json import BadJson, Reader
from flyball.settings.outside import ApiSettings
from flyball.web.app import Api, make_app

#: Every code with which a body may be refused; docs/how-to/send-answers.md says what each means.
CODES = frozenset(
    (
        *("bad_digest", "bad_gzip", "bad_number", "bad_part", "bad_time", "bad_type", "byte_order_mark"),
        *("control_character", "cut_short", "duplicate_key", "empty", "empty_text", "idempotency_conflict"),
        *("lone_surrogate", "missing", "not_an_object", "not_json", "not_utf8", "nul", "out_of_range"),
        *("slow_body", "too_deep", "too_large", "too_long", "too_many", "trailing_bytes"),
        *("unknown_charset", "unknown_encoding", "unknown_key", "unknown_type"),
    )
)
STATUSES = {200, 202, 207, 400, 409, 413, 415}
PIECES = (
    *(
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\\",
        b"\\u",
        b"\\ud800",
        b"\\u0000",
        b"\n",
        b"\x00",
        b"\xff",
    ),
    *(b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"9007199254740993", b"-0", b"1E+2", b"\xef\xbb\xbf"),
    *(
        b'"id":',
        b'"part":{"envelope":"e","number":1,"of":2}',
        b'"said_at":"2026-11-20T08:30:00Z"',
        b"\xc3\xa9",
    ),
    *(b'"fields":{"a":[1,{"b":null}]}', b'"draft":true', b'"x-a":1', b"\xed\xa0\x80", b"\xf0\x9f\x99\x82"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 2**53, -(2**53), 1e308, "", "a", "é" * 5, "\u202e", "x" * 600, [], {}),
    *([1, [2]], {"a": {"b": []}}, "2026-11-20T08:30:00Z", "0001-01-01T00:00:00+14:00", "1e3", " ", "\x7f"),
    *({"envelope": "e", "number": 1, "of": 1}, {"envelope": "e", "number": 2}, "ab" * 32, float("1e-320")),
)
KEYS = (*GOOD, "said_at", "batch", "seconds", "draft", "fields", "definitions", "part", "withdrawn")


@dataclass(slots=True)
class Found:
    """What came of it: how often each status and code, and what was wrong."""

    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Fuzz:
    """Makes bodies, each from the seed and its number alone."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._bases = [json.dumps(GOOD).encode(), json.dumps([GOOD, GOOD]).encode()]
        self._bases += [each.body for each in bad_bodies() if len(each.body) < 2_000]

    def body(self, number: int) -> tuple[bytes, dict[str, str]]:
        """A body and its headers."""
        chance = rng(self._seed, "fuzz", number)
        raw = self._event(chance, number) if chance.random() < 0.4 else self._mutated(chance, number)
        headers = {"content-type": LINES if chance.random() < 0.2 else JSON}
        if chance.random() < 0.05:
            raw = gzip.compress(raw, 1)
            raw = _changed(raw, chance) if chance.random() < 0.5 else raw
            headers["content-encoding"] = "gzip"
        return raw, headers

    def _event(self, chance: np.random.Generator, number: int) -> bytes:
        said: dict[str, Any] = {**GOOD, "id": f"f-{number % 500}"}
        for _ in range(int(chance.integers(0, 4))):
            said[KEYS[int(chance.integers(len(KEYS)))]] = VALUES[int(chance.integers(len(VALUES)))]
        text = json.dumps(said, ensure_ascii=bool(chance.random() < 0.5))
        if chance.random() < 0.2:
            text = f"[{text},{json.dumps(GOOD)}]"
        return text.encode()

    def _mutated(self, chance: np.random.Generator, number: int) -> bytes:
        raw = self._bases[int(chance.integers(len(self._bases)))]
        for _ in range(int(chance.integers(1, 5))):
            raw = _changed(raw, chance)
        return raw


def _changed(raw: bytes, chance: np.random.Generator) -> bytes:
    start, end = sorted(int(chance.integers(len(raw) + 1)) for _ in range(2))
    piece = PIECES[int(chance.integers(len(PIECES)))]
    match int(chance.integers(7)):
        case 0:
            return raw[:start] + bytes([int(chance.integers(256))]) + raw[start + 1 :]
        case 1:
            return raw[:start] + raw[end:]
        case 2:
            return raw[:end] + raw[start:]
        case 3:
            return raw[:start] + piece + raw[start:]
        case 4:
            return raw[:start] + piece + raw[end:]
        case 5:
            return raw[:start]
        case _:
            return raw[:start] + piece * int(chance.integers(1, 80)) + raw[start:]


async def asked(app: Any, raw: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    """The app's answer, without a client library, which would take most of the time."""
    given = [(name.encode(), value.encode()) for name, value in {"host": "localhost", **headers}.items()]
    scope = {"type": "http", "method": "POST", "path": "/v1/events", "headers": given, "query_string": b""}
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


def judged(status: int, answer: bytes, found: Found) -> str:
    """What is wrong with an answer, if anything; it is counted in any case."""
    found.statuses[status] += 1
    if status not in STATUSES:
        return f"status {status}: {answer[:200]!r}"
    try:
        told = Reader().one(answer)
    except BadJson as error:
        return f"the answer is no JSON: {error}"
    if told.flaws:
        return f"the answer is no strict JSON: {told.flaws}"
    for each in told.value if isinstance(told.value, list) else [told.value]:
        if "code" not in each:
            continue
        for mistake in each.get("mistakes", [each]):
            found.codes[mistake["code"]] += 1
            if mistake["code"] not in CODES or not mistake["message"]:
                return f"an unknown code or no sentence: {mistake}"
    return ""


def fuzz(directory: Path, count: int, seed: int, say: bool = False) -> Found:
    """Throw so many, then hold the log against what was taken."""
    store = open_store(directory / "flyball.db", salt=os.urandom)
    api = Api(tools_on(store), ApiSettings(body_bytes=BODY_BYTES, batch_bytes=BATCH_BYTES))
    app, made, found = make_app(api), Fuzz(seed), Found()
    taken: dict[int, bytes] = {}

    async def one(number: int) -> None:
        raw, headers = made.body(number)
        try:
            status, answer = await asked(app, raw, headers)
        except Exception as error:  # which is what this is to find
            found.wrong.append(f"body {number} {raw[:200]!r}: {type(error).__name__}: {error}")
            return
        if wrong := judged(status, answer, found):
            found.wrong.append(f"body {number} {raw[:200]!r}: {wrong}")
        elif status == 202 and not isinstance(told := json.loads(answer), list):
            taken[told["seq"]] = gzip.decompress(raw) if "content-encoding" in headers else raw

    async def all_of_them() -> None:
        began, step = time.monotonic(), 64
        for start in range(0, count, step):
            await asyncio.gather(*(one(number) for number in range(start, min(start + step, count))))
            if say and start % 65_536 == 0:
                print_line(f"{start:,} of {count:,} in {time.monotonic() - began:.0f} s", sys.stderr)

    asyncio.run(all_of_them())
    api.close()
    for link in store.evidence.links():
        if (raw := taken.pop(link.seq, None)) is not None and raw.strip(b" \t\r\n") != link.raw:
            found.wrong.append(f"fact {link.seq} holds {link.raw!r} where {raw!r} was sent")
    found.wrong += [f"fact {seq} was acknowledged and is not there" for seq in taken]
    if api.held.bytes:
        found.wrong.append(f"{api.held.bytes} bytes are held for good")
    store.close()
    return found


def main() -> None:
    """Fuzz, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flyball-fuzz-") as directory:
        found = fuzz(Path(directory), chosen.count, chosen.seed, say=True)
    print_line(f"{chosen.count:,} bodies; by status {dict(sorted(found.statuses.items()))}")
    print_line(f"by code {dict(found.codes.most_common())}")
    for wrong in found.wrong[:20]:
        print_line(wrong)
    print_line(f"{len(found.wrong)} wrong")
    sys.exit(1 if found.wrong else 0)


if __name__ == "__main__":
    main()
