"""Who may ask at all: a bearer token, or without one only this machine; and headers on every answer."""

from __future__ import annotations

import hmac
import ipaddress
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flyball.core.strict_json import Flaw
from flyball.web.api import Api, Refused, answered

#: On every answer: it is kept by nobody, taken for nothing else, and shown in no frame.
SECURE = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}
_PAIRS = [(name.encode(), value.encode()) for name, value in SECURE.items()]
#: Paths without a token: those say nothing of the loop, and what comes from sources is signed.
OPEN, SIGNED = ("/healthz", "/readyz"), "/v1/sources/"


class Guard:
    """Stands in front of the app."""

    def __init__(self, app: ASGIApp, api: Api) -> None:
        self._app, self._api = app, api
        self._token = api.token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in _PAIRS if pair[0] not in there)]
            await send(message)

        refused = self._refusal(scope["path"], Headers(scope=scope))
        if refused is None:
            await self._app(scope, receive, secured)
            return
        self._api.metrics.refuse(refused.flaws[0].code)
        response = answered(refused.status, refused.told(), {**refused.headers, "connection": "close"})
        await response(scope, receive, secured)

    def _refusal(self, path: str, headers: Headers) -> Refused | None:
        if path in OPEN or path.startswith(SIGNED):
            return None
        if self._token:
            if _is(self._token, headers.get("authorization", "")):
                return None
            flaw = Flaw("unauthorized", "show the loop's token: Authorization: Bearer …")
            return Refused(401, flaw, {"www-authenticate": 'Bearer realm="flyball"'})
        if _is_here(headers.get("host", "")):
            return None
        # A page in a browser on this machine can have its name point here, and would be let in.
        flaw = Flaw("wrong_host", "without a token this is served to this machine only, by its own name")
        return Refused(403, flaw)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine and nobody else can reach it.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=64)
def _is_here(header: str) -> bool:
    return is_loopback(_host_of(header))


def _host_of(header: str) -> str:
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


def _is(token: bytes, header: str) -> bool:
    scheme, _, shown = header.partition(" ")
    # In constant time, and of a wrong scheme as much as of a wrong token.
    return hmac.compare_digest(shown.strip().encode(), token) and scheme.lower() == "bearer"
