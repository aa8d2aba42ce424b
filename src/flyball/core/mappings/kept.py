"""What of a payload is kept as evidence: its bytes as they came, without the secrets that a tool tells."""

from __future__ import annotations

import re

from flyball.core.ids import digest_of
from flyball.core.mappings.paths import Map

#: By shape, the secrets that a tool tells without need: of Label Studio its project's token, 40 letters and
#: digits. It is found in the bytes, so that it is not kept of what is no JSON either.
_SECRETS = {"label_studio": re.compile(rb'("token"\s*:\s*")[0-9A-Za-z]{40}(?=")')}


def kept(raw: bytes, by: Map) -> bytes:
    r"""The bytes of a payload as they are kept: as they came, or with words in the place of each secret.

    The words say what the SHA-256 of all that came was, so that who has the payload can show that it was
    this one; 40 characters of chance are not found by trying. What was kept once is kept as it is.

    >>> kept(b'{"project": {"token": "' + b"x" * 40 + b'"}}', Map("label_studio"))[:50]
    b'{"project": {"token": "not kept; with it, the SHA-'
    """
    secret = _SECRETS.get(by.shape)
    if secret is None or not secret.search(raw):
        return raw
    words = f"not kept; with it, the SHA-256 is {digest_of(raw)}".encode()
    return secret.sub(lambda found: found[1] + words, raw)
