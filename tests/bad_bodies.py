"""More than 250 bodies that must be refused, each with the code and the status that its sender gets."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

JSON, LINES = "application/json", "application/x-ndjson"
GOOD: dict[str, Any] = {"id": "bad-1", "item": "tx-1", "annotator": "ann-1", "label": "fraud"}
#: The largest bodies while these are sent; so that a large one need not be large.
BODY_BYTES, BATCH_BYTES = 50_000, 400_000


@dataclass(frozen=True, slots=True)
class Bad:
    """A body that must be refused. `where`: the pointer, where the place matters."""

    name: str
    body: bytes
    code: str
    status: int = 400
    kind: str | None = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    where: str | None = None


def _with(**said: Any) -> bytes:
    return json.dumps(GOOD | said).encode()


def _without(*keys: str) -> bytes:
    return json.dumps({key: value for key, value in GOOD.items() if key not in keys}).encode()


def _in(place: str, text: str) -> bytes:
    """A good event with raw JSON text at a place: a key, or key.inner."""
    key, _, inner = place.partition(".")
    value = f'{{"{inner}":{text}}}' if inner else text
    if key == "part" and inner:
        others = {"envelope": '"e"', "number": "1", "of": "2"} | {inner: text}
        value = "{" + ",".join(f'"{name}":{given}' for name, given in others.items()) + "}"
    rest = ",".join(f'"{name}":"{given}"' for name, given in GOOD.items() if name != key)
    return f'{{{rest},"{key}":{value}}}'.encode()


def _syntax() -> Iterator[Bad]:
    good = json.dumps(GOOD)
    for name, text in {
        "an open object": good[:-1],
        "half a key": good[:5],
        "half a text": good[:12],
        "an open brace": "{",
        "an open array": "[",
        "an array that is cut after an event": f"[{good}",
        "an array that is cut after a comma": f"[{good},",
        "a comma at the end of an array": f"[{good},]",
        "a comma at the beginning of an array": f"[,{good}]",
        "two commas": f"[{good},,{good}]",
        "no comma between events": f"[{good} {good}]",
        "a semicolon between events": f"[{good};{good}]",
        "a comma at the end of an object": good[:-1] + ",}",
        "a comment": good[:-1] + " // new\n}",
        "a block comment": "/* new */" + good,
        "single quotes": good.replace('"', "'"),
        "no quotes around keys": '{id:"a",item:"b"}',
        "no colon": '{"id" "a"}',
        "two colons": '{"id"::"a"}',
        "a key without a value": '{"id":}',
        "a value without a key": '{:"a"}',
        "a number as a key": '{1:"a"}',
        "a line break in a text": '{"id":"a\nb"}',
        "a tab in a text": '{"id":"a\tb"}',
        "an unknown escape": r'{"id":"\x41"}',
        "half an escape": r'{"id":"\u00"}',
        "an escape that is no number": r'{"id":"\uZZZZ"}',
        "Python's True": '{"draft":True}',
        "Python's None": '{"label":None}',
        "undefined": '{"label":undefined}',
        "a leading zero": '{"seconds":012}',
        "a number with a plus": '{"seconds":+1}',
        "a number that begins with a point": '{"seconds":.5}',
        "a number that ends with a point": '{"seconds":5.}',
        "a hexadecimal number": '{"seconds":0x10}',
        "an exponent without digits": '{"seconds":1e}',
        "a lone minus": '{"seconds":-}',
        "a form": "id=a&item=b&annotator=c&label=d",
        "HTML of a proxy": "<html><body>502 Bad Gateway</body></html>",
        "XML": "<event><id>a</id></event>",
        "YAML": "id: a\nitem: b\n",
        "CSV": "id,item\na,b\n",
        "a pickle": "\x04\x08K\x01.",
        "a JSONP call": f"callback({good})",
        "a guard against hijacking": ")]}',\n" + good,
    }.items():
        yield Bad(name, text.encode(), "not_json")
    for name, text in {
        "two events without an array": good + good,
        "a brace too much": good + "}",
        "a word behind the event": good + " end",
        "an array and something": f"[{good}] x",
        "two arrays": f"[{good}][{good}]",
        "a comma behind the event": good + ",",
    }.items():
        yield Bad(name, text.encode(), "trailing_bytes")
    for name, raw in {"nothing": b"", "white space": b" \n\t ", "line breaks": b"\r\n\r\n"}.items():
        yield Bad(name, raw, "empty")
        yield Bad(f"{name} as lines", raw, "empty", kind=LINES)
    yield Bad("an empty array", b"[]", "empty")
    yield Bad("an empty array with white space", b" [ ] ", "empty")


def _shapes() -> Iterator[Bad]:
    for name, text in {"null": "null", "true": "true", "a number": "7", "a text": '"id"'}.items():
        yield Bad(f"{name} instead of an object", text.encode(), "not_an_object")
        yield Bad(f"{name} in an array", f"[{text}]".encode(), "not_an_object", where="/0")
        yield Bad(f"{name} on a line", text.encode(), "not_an_object", kind=LINES, where="/0")
    yield Bad("an array in an array", b"[[{}]]", "not_an_object", where="/0")
    yield Bad("an empty object", b"{}", "missing", where="/id")


def _numbers() -> Iterator[Bad]:
    places = ("seconds", "revision", "said_at", "fields.box", "part.number")
    wrong = {
        "NaN": "NaN",
        "Infinity": "Infinity",
        "minus Infinity": "-Infinity",
        "1e400": "1e400",
        "minus 1e400": "-1e400",
        "2^53 + 1": "9007199254740993",
        "2^64": "18446744073709551616",
        "minus 2^64": "-18446744073709551616",
        "a number of 5,000 digits": "9" * 5000,
    }
    for place in places:
        for name, text in wrong.items():
            where = "/" + place.replace(".", "/")
            yield Bad(f"{name} in {place}", _in(place, text), "bad_number", where=where)
    yield Bad("NaN deep in fields", _in("fields.a", '[1,{"b":NaN}]'), "bad_number", where="/fields/a/1/b")
    yield Bad("NaN alone", b"NaN", "bad_number")
    yield Bad("NaN in the second event", b"[" + _with() + b"," + _in("seconds", "NaN") + b"]", "", 207)


def _twice() -> Iterator[Bad]:
    keys = ("id", "item", "annotator", "label", "said_at", "batch", "seconds", "draft", "fields")
    for key in (*keys, "definitions", "part", "withdrawn", "revision", "x-own"):
        text = json.dumps({key: None} | GOOD)[:-1] + f',"{key}":null}}'
        yield Bad(f"{key} twice", text.encode(), "duplicate_key", where=f"/{key}")
    yield Bad("a key twice in fields", _in("fields", '{"a":1,"a":2}'), "duplicate_key", where="/fields/a")
    yield Bad("the same key twice, once escaped", _in("fields", r'{"a":1,"\u0061":2}'), "duplicate_key")
    yield Bad("a key twice in part", _in("part", '{"of":1,"of":2}'), "duplicate_key", where="/part/of")
    yield Bad("a key three times", b'{"id":1,"id":2,"id":3}', "duplicate_key", where="/id")


def _unicode() -> Iterator[Bad]:
    for name, raw in {
        "a lone continuation": b"\x80",
        "a cut sequence": b"\xe2\x82",
        "an overlong slash": b"\xc0\xaf",
        "an overlong NUL": b"\xc0\x80",
        "a surrogate in UTF-8": b"\xed\xa0\x80",
        "beyond the last character": b"\xf4\x90\x80\x80",
        "a byte that is never used": b"\xff",
        "Latin-1": "é".encode("latin-1"),
        "Windows-1252 quotes": b"\x93x\x94",
        "Shift JIS": "日本".encode("shift_jis"),
    }.items():
        yield Bad(f"{name} in a text", b'{"id":"' + raw + b'"}', "not_utf8")
    yield Bad("bytes that are no text on a line", b'{"id":"\xff"}', "not_utf8", kind=LINES, where="/0")
    text = json.dumps(GOOD)
    yield Bad("a byte order mark", text.encode("utf-8-sig"), "byte_order_mark")
    yield Bad("UTF-16", text.encode("utf-16"), "not_utf8")
    yield Bad("UTF-16 without a mark", text.encode("utf-16-le"), "not_json")
    yield Bad("UTF-32", text.encode("utf-32"), "not_utf8")
    for place in ("id", "item", "annotator", "label", "batch", "fields.a", "x-own", "part.envelope"):
        where = "/" + place.replace(".", "/")
        yield Bad(f"a lone surrogate in {place}", _in(place, r'"a\ud800b"'), "lone_surrogate", where=where)
        yield Bad(f"NUL in {place}", _in(place, r'"a\u0000b"'), "nul", where=where)
    yield Bad("a low surrogate first", _in("label", r'"\udc00\ud800"'), "lone_surrogate")
    yield Bad("a lone surrogate in a key", _in("fields", r'{"\udfff":1}'), "lone_surrogate")
    yield Bad("NUL in a key", _in("fields", r'{"\u0000":1}'), "nul")
    yield Bad("NUL as it is", b'{"id":"a\x00b"}', "not_json")


def _deep() -> Iterator[Bad]:
    for depth in (65, 500, 20_000):
        yield Bad(f"arrays {depth} deep in fields", _in("fields.a", "[" * depth + "]" * depth), "too_deep")
        opened = '{"a":' * depth + "1" + "}" * depth
        status, code = (413, "too_large") if len(opened) > BODY_BYTES else (400, "too_deep")
        yield Bad(f"objects {depth} deep in fields", _in("fields", opened), code, status)
    yield Bad("arrays 100,000 deep", b"[" * 100_000, "too_deep")
    yield Bad("arrays 40,000 deep on a line", b"[" * 40_000, "too_deep", kind=LINES, where="/0")
    yield Bad("one level too deep", _in("fields.a", "[" * 63 + "]" * 63), "too_deep")


def _types() -> Iterator[Bad]:
    wrong = {"null": "null", "a number": "5", "true": "true", "an array": "[]", "an object": "{}"}
    for key in ("id", "item", "annotator", "label"):
        yield Bad(f"no {key}", _without(key), "missing", where=f"/{key}")
        for name, text in wrong.items():
            code = "missing" if text == "null" else "bad_type"
            yield Bad(f"{name} as {key}", _in(key, text), code, where=f"/{key}")
    for key in ("batch", "definitions"):
        for name, text in wrong.items():
            if text != "null":
                yield Bad(f"{name} as {key}", _in(key, text), "bad_type", where=f"/{key}")
    for key in ("seconds", "revision"):
        for text in ('"5"', "true", "[]", "{}"):
            yield Bad(f"{text} as {key}", _in(key, text), "bad_type", where=f"/{key}")
    for text in ("true", "[]", "{}"):
        yield Bad(f"{text} as said_at", _in("said_at", text), "bad_type", where="/said_at")
    for key in ("draft", "withdrawn"):
        for text in ("1", "0", '"true"', "[]"):
            yield Bad(f"{text} as {key}", _in(key, text), "bad_type", where=f"/{key}")
    for key in ("fields", "part"):
        for text in ("1", "true", '"{}"', "[]"):
            yield Bad(f"{text} as {key}", _in(key, text), "bad_type", where=f"/{key}")


def _values() -> Iterator[Bad]:
    for key in ("id", "item", "annotator", "label", "batch", "definitions"):
        yield Bad(f"an empty {key}", _with(**{key: ""}), "empty_text", where=f"/{key}")
        yield Bad(f"a {key} of 513 characters", _with(**{key: "x" * 513}), "too_long", where=f"/{key}")
    for key in ("id", "item", "annotator", "label", "batch"):
        yield Bad(f"a line break in {key}", _with(**{key: "a\nb"}), "control_character", where=f"/{key}")
    yield Bad("a colour code in a label", _with(label="\x1b[31mred"), "control_character", where="/label")
    yield Bad("a C1 control in a label", _with(label="a\x85b"), "control_character", where="/label")
    for name, text in {
        "without a zone": "2026-11-20T08:30:00",
        "a date alone": "2026-11-20",
        "a word": "yesterday",
        "empty": "",
        "month 13": "2026-13-01T00:00:00Z",
        "February 30": "2026-02-30T00:00:00Z",
        "hour 25": "2026-11-20T25:00:00Z",
        "year 0": "0000-01-01T00:00:00Z",
        "five digits of a year": "12026-11-20T08:30:00Z",
        "in American order": "11/20/2026 08:30",
        "of a mail": "Fri, 20 Nov 2026 08:30:00 GMT",
        "a zone by its name": "2026-11-20T08:30:00 Europe/Berlin",
        "seconds as text": "1795163400",
    }.items():
        yield Bad(f"a time {name}", _with(said_at=text), "bad_time", where="/said_at")
    yield Bad("a time in milliseconds", _with(said_at=1795163400000), "bad_time", where="/said_at")
    yield Bad("a time before the year 1", _with(said_at=-1e12), "bad_time", where="/said_at")
    yield Bad("negative seconds", _with(seconds=-1), "out_of_range", where="/seconds")
    yield Bad("seconds of a century", _with(seconds=4e9), "out_of_range", where="/seconds")
    for name, text in {"short": "ab", "not hexadecimal": "g" * 64, "prefixed": "sha256:" + "0" * 64}.items():
        yield Bad(f"a digest that is {name}", _with(definitions=text), "bad_digest", where="/definitions")
    for number, of in ((0, 2), (3, 2), (-1, 2), (1, 0), (1, 10_001)):
        part = {"envelope": "e", "number": number, "of": of}
        yield Bad(f"part {number} of {of}", _with(part=part), "bad_part", where="/part")
    yield Bad("a part without its envelope", _with(part={"number": 1, "of": 2}), "missing")
    yield Bad("a part without its number", _with(part={"envelope": "e", "of": 2}), "missing")
    yield Bad("half a part", _with(part={"envelope": "e", "number": 1.5, "of": 2}), "bad_type")
    yield Bad(
        "an unknown key in a part",
        _with(part={"envelope": "e", "number": 1, "of": 2, "to": 3}),
        "unknown_key",
    )
    yield Bad("an empty key in fields", _with(fields={"": 1}), "too_long")
    yield Bad("a key of 600 characters in fields", _with(fields={"k" * 600: 1}), "too_long")
    for key in ("anotator", "Label", "task_id", "timestamp", "__proto__", "constructor", "X-own", "", " id"):
        yield Bad(f"the unknown key {key!r}", _with(**{key: "x"}), "unknown_key")


def _packing() -> Iterator[Bad]:
    good, packed = _with(), gzip.compress(_with())
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        yield Bad(f"JSON as {kind}", good, "unknown_type", 415, kind)
    for kind in (
        "application/xml",
        "text/json",
        "application/json5",
        "application/cloudevents+json",
        "*/*",
        "",
    ):
        yield Bad(f"JSON as {kind!r}", good, "unknown_type", 415, kind)
    yield Bad("no content type", good, "unknown_type", 415, None)
    yield Bad("JSON in Latin-1", good, "unknown_charset", 415, JSON + "; charset=iso-8859-1")
    yield Bad("JSON in UTF-16", good, "unknown_charset", 415, JSON + ";charset=UTF-16")
    for encoding in ("br", "deflate", "zstd", "gzip, gzip", "compress", "gzip;q=1"):
        headers = {"content-encoding": encoding}
        yield Bad(f"packed as {encoding}", good, "unknown_encoding", 415, JSON, headers)
    zipped = {"content-encoding": "gzip"}
    for name, raw in {
        "no gzip": good,
        "half a gzip": packed[: len(packed) // 2],
        "a gzip without its end": packed[:-4],
        "a gzip with a wrong sum": packed[:-8] + b"\0\0\0\0" + packed[-4:],
        "nothing": b"",
        "a gzip and something": packed + b"x",
        "two gzips": packed + packed,
    }.items():
        yield Bad(f"{name} as gzip", raw, "bad_gzip", 400, JSON, zipped)
    yield Bad("a gzip in a gzip", gzip.compress(packed), "not_utf8", 400, JSON, zipped)
    bomb = gzip.compress(b"[" + b" " * 50_000_000)
    yield Bad("a gzip bomb", bomb, "too_large", 413, JSON, zipped)
    yield Bad(
        "a gzip bomb of one object", gzip.compress(b"{" + b" " * 5_000_000), "too_large", 413, JSON, zipped
    )


def _large() -> Iterator[Bad]:
    large = "x" * BODY_BYTES
    yield Bad("one event that is too large", _with(fields={"a": large}), "too_large", 413)
    yield Bad("white space in front of one", b" " * 100 + _with(fields={"a": large}), "too_large", 413)
    yield Bad(
        "a large event in an array", b"[" + _with(fields={"a": large}) + b"]", "too_large", 413, where="/0"
    )
    yield Bad("a large event on a line", _with(fields={"a": large}), "too_large", 413, LINES, where="/0")
    yield Bad("an array that is too large", b"[" + b" " * BATCH_BYTES + b"]", "too_large", 413)
    yield Bad("lines that are too many bytes", b"\n" * (BATCH_BYTES + 1), "too_large", 413, LINES)
    yield Bad("too many events", b"[" + b"{}," * 5_001 + b"{}]", "too_many", 413)
    yield Bad("too many lines", b"{}\n" * 5_001, "too_many", 413, LINES)


def _lines() -> Iterator[Bad]:
    yield Bad("a broken line", b'{"id":', "not_json", kind=LINES, where="/0")
    yield Bad("two events on a line", _with() + _with(), "trailing_bytes", kind=LINES, where="/0")
    yield Bad("an array on a line", b"[" + _with() + b"]", "not_an_object", kind=LINES, where="/0")
    yield Bad("an event over several lines", json.dumps(GOOD, indent=1).encode(), "", 400, LINES)
    yield Bad("a broken line behind a good one", _with(id="bad-2") + b"\n{", "", 207, LINES)


def bad_bodies() -> list[Bad]:
    """All of them. Where `code` is empty, the status alone is what matters: some of it may be good."""
    groups = (_syntax, _shapes, _numbers, _twice, _unicode, _deep, _types, _values, _packing, _large, _lines)
    return [bad for group in groups for bad in group()]
