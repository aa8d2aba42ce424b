"""Who sent this: the signatures that labelling tools put on their calls, checked over the bytes as received.

Nothing here parses the body. A scheme is never chosen by what a call looks like, because bytes that are
rightly signed under one scheme can pass for a signed body of another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from flyball.core.ids import Instant, Seconds

Scheme = Literal["standard", "timestamped", "hmac", "hub", "secret"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
#: The header in which a scheme puts its signature, where the settings name no other.
HEADERS: Mapping[Scheme, str] = {
    "standard": "webhook-signature",
    "timestamped": "webhook-signature",
    "hmac": "x-signature",
    "hub": "x-hub-signature-256",
    "secret": "authorization",
}
#: So many signatures of one call are looked at.
MOST = 16
#: A shorter secret can be guessed.
SHORTEST = 16
_PREFIX = "whsec_"
_SECONDS = re.compile(r"[0-9]{1,11}", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}", re.ASCII)
_ID = re.compile(r"[\x21-\x7e]{1,256}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a call is from whom it says: `reason` is "" or a word for what is wrong.

    `delivery`: the sender's own id of the call, where it is one that was signed.
    """

    reason: str = ""
    delivery: str | None = None

    @property
    def ok(self) -> bool:
        """It is."""
        return not self.reason


def verify(
    scheme: Scheme,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    secrets: Sequence[str],
    now: Instant,
    tolerance: Seconds,
    header: str = "",
) -> Verdict:
    """Check a call against every secret that is in use; one that fits is enough.

    `standard`: Standard Webhooks, base64 HMAC-SHA256 of `id.timestamp.body`, several signatures with `v1,`
    in front. `timestamped`: `t=SECONDS,v1=HEX` of `timestamp.body`, as Stripe has it. `hmac`: HEX of the
    body, with or without `sha256=` in front. `hub`: the same with `sha256=`, or `sha1=` in X-Hub-Signature,
    as Labelbox has it; where both are sent, both must fit. `secret`: nothing is signed, the header holds the
    secret itself, with or without `Bearer` or `Token` in front (Label Studio, Dataloop). A time that was
    signed may differ from `now` by `tolerance` seconds either way. Header names are without regard to case.
    """
    if not secrets:
        return Verdict("no-secret")
    call = _Call({}, body, secrets, now, tolerance, (header or HEADERS[scheme]).lower())
    for name, value in headers:
        call.headers.setdefault(name.lower(), []).append(value)
    return _CHECKS[scheme](call)


def key_of(secret: str) -> bytes:
    """The key that a secret stands for: what follows `whsec_` is base64, anything else is taken as text.

    Raises ValueError where it is too short or is not the base64 that it says it is.
    """
    if not secret.startswith(_PREFIX):
        key = secret.encode()
        if len(key) < SHORTEST:
            raise ValueError(f"a secret needs at least {SHORTEST} characters")
        return key
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("what follows whsec_ in a secret is base64, and this is not") from None
    if len(key) < SHORTEST:
        raise ValueError(f"a secret needs at least {SHORTEST} bytes behind whsec_")
    return key


@dataclass(frozen=True, slots=True)
class _Call:
    headers: dict[str, list[str]]
    body: bytes
    secrets: Sequence[str]
    now: Instant
    tolerance: Seconds
    header: str

    def one(self, name: str) -> str | None:
        """The header's one value; a header that was sent twice is none, as nobody knows which one counts."""
        values = self.headers.get(name, [])
        return values[0].strip(" \t") if len(values) == 1 else None

    def signed(
        self, signatures: Sequence[str], said: bytes, written: Callable[[bytes], str], how: str
    ) -> bool:
        """Whether one of the secrets gives one of these signatures. The bytes are read once a secret.

        Texts are compared, not what they stand for.
        """
        if not signatures:
            return False
        right = [written(hmac.digest(key_of(secret), said, how)).encode() for secret in self.secrets]
        given = [signature.encode("utf-8", "replace") for signature in signatures]
        fits = [hmac.compare_digest(one, other) for one in right for other in given]
        return any(fits)

    def untimely(self, timestamp: str) -> str:
        """What is wrong with the time at which a call was signed, if anything."""
        if not _SECONDS.fullmatch(timestamp):
            return "bad-timestamp"
        if int(timestamp) < self.now - self.tolerance:
            return "too-old"
        return "from-the-future" if int(timestamp) > self.now + self.tolerance else ""


def _standard(call: _Call) -> Verdict:
    name = call.header.removesuffix("-signature")
    identity, timestamp = call.one(f"{name}-id"), call.one(f"{name}-timestamp")
    signatures = call.one(call.header)
    if not identity or not timestamp or not signatures:
        return Verdict("unsigned")
    if not _ID.fullmatch(identity) or "." in identity:
        return Verdict("bad-id")
    said = f"{identity}.{timestamp}.".encode("utf-8", "replace") + call.body
    given = [each.removeprefix("v1,") for each in signatures.split(" ")[:MOST] if each.startswith("v1,")]
    if not call.signed([each for each in given if _BASE64.fullmatch(each)], said, _base64, "sha256"):
        return Verdict("wrong-signature")
    late = call.untimely(timestamp)
    return Verdict(late) if late else Verdict(delivery=identity)


def _timestamped(call: _Call) -> Verdict:
    parts = [part.partition("=") for part in (call.one(call.header) or "").split(",")[: MOST + 1]]
    times = [value for name, _, value in parts if name.strip() == "t"]
    given = [value for name, _, value in parts if name.strip() == "v1"]
    if not given or len(times) != 1:
        return Verdict("unsigned")
    said = times[0].encode("utf-8", "replace") + b"." + call.body
    if not call.signed([each.lower() for each in given], said, bytes.hex, "sha256"):
        return Verdict("wrong-signature")
    return Verdict(call.untimely(times[0]))


def _hmac(call: _Call) -> Verdict:
    given = call.one(call.header)
    if not given:
        return Verdict("unsigned")
    fits = call.signed([given.removeprefix("sha256=").lower()], call.body, bytes.hex, "sha256")
    return Verdict("" if fits else "wrong-signature")


def _hub(call: _Call) -> Verdict:
    fits = []
    for name, how in (("x-hub-signature-256", "sha256"), ("x-hub-signature", "sha1")):
        if name in call.headers:
            given = call.one(name) or ""
            mac = given.removeprefix(f"{how}=").lower()
            fits.append(given.startswith(f"{how}=") and call.signed([mac], call.body, bytes.hex, how))
    if not fits:
        return Verdict("unsigned")
    return Verdict("" if all(fits) else "wrong-signature")


def _secret(call: _Call) -> Verdict:
    given = call.one(call.header)
    if not given:
        return Verdict("unsigned")
    fits = [
        hmac.compare_digest(_blind(secret), _blind(shown))
        for secret in call.secrets
        for shown in _shown(given)
    ]
    return Verdict("" if any(fits) else "wrong-signature")


def _shown(given: str) -> Iterator[str]:
    yield given
    word, _, rest = given.partition(" ")
    if word.lower() in ("bearer", "token") and rest:
        yield rest.strip(" ")


def _blind(text: str) -> bytes:
    """A text in a form of one length, so that not even its length can be told from the time it takes."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _base64(mac: bytes) -> str:
    return base64.b64encode(mac).decode()


_CHECKS: Mapping[Scheme, Callable[[_Call], Verdict]] = {
    "standard": _standard,
    "timestamped": _timestamped,
    "hmac": _hmac,
    "hub": _hub,
    "secret": _secret,
}
