"""Calls that are signed wrongly in over two hundred ways, and the right ones that they were made of."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, replace

from flyball.core.signatures import Scheme

SECRET, OTHER, OLD = "correct-horse-battery", "another-secret-of-ours", "the-secret-of-last-year"
STANDARD = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
STANDARD_OLD = "whsec_" + base64.b64encode(b"old-secret-old-secret-old").decode()
NOW = 1_790_000_000
BODY = b'{"id":"e-1","item":"a","annotator":"ann-1","label":"fraud"}'
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Call:
    """A call to a source: how it is signed, with what secrets, and when it comes in."""

    name: str
    scheme: Scheme
    headers: Headers
    body: bytes = BODY
    secrets: tuple[str, ...] = (SECRET,)
    now: float = NOW
    tolerance: float = 300.0

    def but(self, name: str, **changed: object) -> Call:
        """The same call, changed."""
        return replace(self, name=f"{self.scheme}: {name}", **changed)  # type: ignore[arg-type]

    def headed(self, name: str, **changed: str | None) -> Call:
        """The same call with headers set anew, or taken away."""
        given = {header.replace("_", "-"): value for header, value in changed.items()}
        kept = [(header, value) for header, value in self.headers if header not in given]
        return self.but(name, headers=(*kept, *((h, v) for h, v in given.items() if v is not None)))


def standard(
    secret: str = STANDARD, identity: str = "msg_1", timestamp: str = str(NOW), body: bytes = BODY
) -> Headers:
    """The headers of Standard Webhooks."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.digest(key, f"{identity}.{timestamp}.".encode() + body, "sha256")
    return (
        ("webhook-id", identity),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", "v1," + base64.b64encode(mac).decode()),
    )


def timestamped(secret: str = SECRET, timestamp: str = str(NOW), body: bytes = BODY) -> Headers:
    """The header with a time and a signature in it."""
    mac = hmac.new(secret.encode(), timestamp.encode() + b"." + body, "sha256").hexdigest()
    return (("webhook-signature", f"t={timestamp},v1={mac}"),)


def plain(secret: str = SECRET, body: bytes = BODY, how: str = "sha256") -> str:
    """The signature of a body alone."""
    return hmac.new(secret.encode(), body, how).hexdigest()


def right() -> Iterator[Call]:
    """Calls that are rightly signed: the controls."""
    one = Call("standard", "standard", standard(), secrets=(STANDARD,))
    yield one
    yield one.but(
        "with the older of two secrets", secrets=(STANDARD, STANDARD_OLD), headers=standard(STANDARD_OLD)
    )
    several = f"v1,{'A' * 43}= v1a,zzzz {dict(one.headers)['webhook-signature']}"
    yield one.headed("as one of several signatures", webhook_signature=several)
    yield one.but("late by what is tolerated", now=NOW + 300)
    yield one.but("early by what is tolerated", now=NOW - 300)
    text = base64.b64decode(STANDARD.removeprefix("whsec_")).decode()
    yield one.but("with a secret as text", secrets=(text,))
    yield one.but("with an empty body", headers=standard(body=b""), body=b"")
    yield one.but(
        "with headers in capitals", headers=tuple((name.title(), value) for name, value in one.headers)
    )
    two = Call("timestamped", "timestamped", timestamped())
    yield two
    yield two.but("with the older of two secrets", secrets=(SECRET, OLD), headers=timestamped(OLD))
    yield two.headed("twice, one of them old", webhook_signature=two.headers[0][1] + ",v1=" + "0" * 64)
    three = Call("hmac", "hmac", (("x-signature", plain()),))
    yield three
    yield three.headed("with its algorithm in front", x_signature="sha256=" + plain())
    yield three.headed("in capitals", x_signature=plain().upper())
    four = Call("hub", "hub", (("x-hub-signature-256", "sha256=" + plain()),))
    yield four
    yield four.but("as Labelbox signs", headers=(("x-hub-signature", "sha1=" + plain(how="sha1")),))
    yield four.headed("both", x_hub_signature="sha1=" + plain(how="sha1"))
    five = Call("secret", "secret", (("authorization", f"Bearer {SECRET}"),))
    yield five
    yield five.headed("as a token", authorization=f"Token {SECRET}")
    yield five.headed("alone", authorization=SECRET)
    yield five.but("the older of two", secrets=(OTHER, SECRET))


def forged() -> Iterator[Call]:
    """Calls that nobody who knows a secret has signed so, or not now."""
    for call in list(right()):
        yield from _bodies(call)
        yield from _headers(call)
        yield call.but(f"{call.name}: no secret", secrets=())
        yield call.but(f"{call.name}: a secret of somebody else", secrets=(OTHER + "!",))
    first = {call.scheme: call for call in reversed(list(right()))}
    yield from _standard(first["standard"])
    yield from _timestamped(first["timestamped"])
    yield from _plain(first["hmac"], "x-signature", "")
    yield from _plain(first["hub"], "x-hub-signature-256", "sha256=")
    yield from _hub(first["hub"])
    yield from _secret(first["secret"])
    yield from _across(first)


def _bodies(call: Call) -> Iterator[Call]:
    if call.scheme == "secret" or not call.body:
        return  # nothing is signed, or there is nothing to change
    changes = {
        "a byte more": call.body + b" ",
        "a byte less": call.body[:-1],
        "another label": call.body.replace(b"fraud", b"legit"),
        "written anew": call.body.replace(b":", b": "),
        "empty": b"",
        "one bit": bytes([call.body[0] ^ 1]) + call.body[1:],
    }
    for name, body in changes.items():
        yield call.but(f"{call.name}: body {name}", body=body)


def _headers(call: Call) -> Iterator[Call]:
    for header, value in call.headers:
        kept = tuple(each for each in call.headers if each[0] != header)
        if not (call.scheme == "hub" and len(call.headers) > 1):
            yield call.but(f"{call.name}: without {header}", headers=kept)
        yield call.but(f"{call.name}: {header} twice", headers=(*call.headers, (header, value)))
        yield call.but(f"{call.name}: {header} empty", headers=(*kept, (header, "")))


def _standard(call: Call) -> Iterator[Call]:
    mac = dict(call.headers)["webhook-signature"].removeprefix("v1,")
    for name, value in {
        "no version": mac,
        "version 2": f"v2,{mac}",
        "asymmetric version": f"v1a,{mac}",
        "version in capitals": f"V1,{mac}",
        "cut": f"v1,{mac[:-4]}",
        "no padding": f"v1,{mac.rstrip('=')}",
        "more padding": f"v1,{mac}=",
        "another last character": f"v1,{mac[:-2]}{chr(ord(mac[-2]) + 1)}=",
        "url-safe": "v1," + mac.replace("+", "-").replace("/", "_") + "-",
        "hex": "v1," + base64.b64decode(mac).hex(),
        "zeros": "v1," + base64.b64encode(bytes(32)).decode(),
        "line feed inside": f"v1,{mac[:20]}\n{mac[20:]}",
        "letters of another script": "v1,\u0430\u0431\u0432",
        "commas": "v1," * 50,
        "not first sixteen": " ".join(["v1,AAAA"] * 16 + [f"v1,{mac}"]),
        "no spaces": f"v1,AAAAv1,{mac}",
        "tabs": f"v1,AAAA\tv1,{mac}",
        "none": "none",
    }.items():
        yield call.headed(f"signature {name}", webhook_signature=value)
    for name, identity in {
        "other": "msg_2",
        "with a dot": "msg_1.1",
        "spaces": "msg 1",
        "long": "m" * 300,
    }.items():
        yield call.headed(f"id {name}", webhook_id=identity)
    for name, identity in {
        "with a dot": "msg_1.1",
        "space": "msg 1",
        "long": "m" * 300,
        "accent": "é",
    }.items():
        yield call.but(f"signed id {name}", headers=standard(identity=identity))
    # What was signed as id and time can be cut in two at another place.
    yield call.but(
        "moved border", headers=(*standard()[2:], ("webhook-id", "msg"), ("webhook-timestamp", f"1.{NOW}"))
    )
    for name, timestamp in {
        "old": str(NOW - 301),
        "a day old": str(NOW - 86400),
        "ahead": str(NOW + 301),
        "1970": "0",
        "9999": "99999999999",
        "milliseconds": f"{NOW}000",
        "a float": f"{NOW}.0",
        "a sign": f"+{NOW}",
        "negative": f"-{NOW}",
        "hex": hex(NOW),
        "underscores": f"1_{NOW}",
        "other digits": "\u0661\u0667\u0669\u0660\u0660\u0660\u0660\u0660\u0660\u0660",
        "words": "now",
        "nan": "nan",
        "infinite": "inf",
        "exponent": "1e9",
        "ISO": "2026-11-21T09:00:00Z",
        "twenty digits": "1" * 20,
        "a space": f"{NOW} 0",
    }.items():
        yield call.headed(f"timestamp {name}, not signed", webhook_timestamp=timestamp)
        yield call.but(f"timestamp {name}, signed", headers=standard(timestamp=timestamp))
    yield call.but("the secret as text", headers=_with_key(STANDARD.encode()))
    yield call.but("the secret without its beginning as text", headers=_with_key(STANDARD[6:].encode()))
    yield call.but("an empty key", headers=_with_key(b""))
    yield call.but("an old secret", headers=standard(STANDARD_OLD))
    yield call.but("sha1", headers=_with_key(base64.b64decode(STANDARD[6:]), "sha1"))
    yield call.but("sha512", headers=_with_key(base64.b64decode(STANDARD[6:]), "sha512"))
    digest = hashlib.sha256(BODY).digest()
    yield call.headed("a hash without a key", webhook_signature="v1," + base64.b64encode(digest).decode())


def _with_key(key: bytes, how: str = "sha256") -> Headers:
    mac = hmac.digest(key, f"msg_1.{NOW}.".encode() + BODY, how)
    return (*standard()[:2], ("webhook-signature", "v1," + base64.b64encode(mac).decode()))


def _timestamped(call: Call) -> Iterator[Call]:
    mac = plain(body=f"{NOW}.".encode() + BODY)
    for name, value in {
        "no time": f"v1={mac}",
        "no signature": f"t={NOW}",
        "two times": f"t={NOW},t={NOW - 9999},v1={mac}",
        "version 0": f"t={NOW},v0={mac}",
        "another time": f"t={NOW - 1},v1={mac}",
        "a later time": f"t={NOW + 1},v1={mac}",
        "semicolons": f"t={NOW};v1={mac}",
        "cut": f"t={NOW},v1={mac[:-2]}",
        "longer": f"t={NOW},v1={mac}00",
        "base64": f"t={NOW},v1={base64.b64encode(bytes.fromhex(mac)).decode()}",
        "of the body alone": f"t={NOW},v1={plain()}",
        "empty": f"t={NOW},v1=",
        "zeros": f"t={NOW},v1={'0' * 64}",
        "quotes": f't={NOW},v1="{mac}"',
        "the time empty": f"t=,v1={mac}",
        "nothing but commas": ",,,,",
    }.items():
        yield call.headed(f"header {name}", webhook_signature=value)
    for name, timestamp in {
        "old": str(NOW - 301),
        "ahead": str(NOW + 301),
        "words": "now",
        "1970": "0",
    }.items():
        yield call.but(f"signed time {name}", headers=timestamped(timestamp=timestamp))
    yield call.but("an old secret", headers=timestamped(OLD))
    yield call.but("replayed after five minutes", now=NOW + 301)


def _plain(call: Call, header: str, front: str) -> Iterator[Call]:
    mac = plain()
    for name, value in {
        "cut": front + mac[:-1],
        "half": front + mac[:32],
        "longer": front + mac + "0",
        "one digit": front + ("0" if mac[0] != "0" else "1") + mac[1:],
        "last digit": front + mac[:-1] + ("0" if mac[-1] != "0" else "1"),
        "zeros": front + "0" * 64,
        "base64": front + base64.b64encode(bytes.fromhex(mac)).decode(),
        "sha1": front + plain(how="sha1"),
        "sha512": front + plain(how="sha512"),
        "md5": front + plain(how="md5"),
        "another algorithm in front": "sha512=" + mac,
        "no algorithm at all": "none=" + mac,
        "of an old secret": front + plain(OLD),
        "of the secret as body": front + plain(body=SECRET.encode()),
        "a hash without a key": front + hashlib.sha256(BODY).hexdigest(),
        "hash of secret and body": front + hashlib.sha256(SECRET.encode() + BODY).hexdigest(),
        "an empty key": front + plain(""),
        "0x": front + "0x" + mac,
        "spaces inside": front + " ".join(mac[i : i + 8] for i in range(0, 64, 8)),
        "twice": front + f"{mac},{mac}",
        "letters of another script": front + "\u0430" * 64,
        "the secret itself": front + SECRET,
    }.items():
        yield call.headed(f"{header} {name}", **{header.replace("-", "_"): value})


def _hub(call: Call) -> Iterator[Call]:
    yield call.headed("sha256 without its name", x_hub_signature_256=plain())
    yield call.headed("right sha256, wrong sha1", x_hub_signature="sha1=" + "0" * 40)
    wrong = (("x-hub-signature-256", "sha256=" + "0" * 64), ("x-hub-signature", "sha1=" + plain(how="sha1")))
    yield call.but("right sha1, wrong sha256", headers=wrong)
    yield call.but("sha256 where sha1 is", headers=(("x-hub-signature", "sha256=" + plain()),))
    yield call.but("md5", headers=(("x-hub-signature", "md5=" + plain(how="md5")),))
    yield call.but(
        "sha1 of another body", headers=(("x-hub-signature", "sha1=" + plain(body=b"", how="sha1")),)
    )


def _secret(call: Call) -> Iterator[Call]:
    for name, value in {
        "another": f"Bearer {OTHER}",
        "cut": f"Bearer {SECRET[:-1]}",
        "longer": f"Bearer {SECRET}x",
        "in capitals": f"Bearer {SECRET.upper()}",
        "another scheme": f"Basic {SECRET}",
        "base64": "Basic " + base64.b64encode(f"user:{SECRET}".encode()).decode(),
        "no space": f"Bearer{SECRET}",
        "twice": f"Bearer {SECRET} {SECRET}",
        "with a NUL": f"Bearer {SECRET}\0",
        "hashed": "Bearer " + hashlib.sha256(SECRET.encode()).hexdigest(),
        "the word only": "Bearer",
        "the word and a space": "Bearer ",
        "accents": "Bearer " + SECRET.replace("e", "é"),
        "two with a comma": f"Bearer {OTHER},{SECRET}",
        "a star": "Bearer *",
    }.items():
        yield call.headed(name, authorization=value)
    yield call.but("in another header", headers=(("x-authorization", f"Bearer {SECRET}"),))


def _across(first: dict[Scheme, Call]) -> Iterator[Call]:
    """What is rightly signed under one scheme, shown under each of the others."""
    for scheme in first:
        for other, call in first.items():
            if other != scheme:
                yield replace(call, name=f"{scheme}: signed as {other}", scheme=scheme)
    # The very bytes that Standard Webhooks signs are no body of ours, though the signature over them holds.
    said = f"msg_1.{NOW}.".encode() + BODY
    yield Call("standard: its signed bytes as a body", "standard", standard(), said, (STANDARD,))
