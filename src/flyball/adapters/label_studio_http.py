"""Asking Label Studio over HTTP: tokens of both kinds, and every failure as a sentence."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from flyball.core.ids import Seconds
from flyball.errors import BadUsage, Unreachable

#: Within this time an answer is there, or there is none.
PATIENCE = 20.0
#: A personal access token is a JSON Web Token; a legacy one is hexadecimal.
_PERSONAL = "eyJ"


class Away(Unreachable):
    """Label Studio does not answer as it should.

    `after`: how long it asks to be left alone. `paused`: asking again changes nothing until a person acts.
    `status`: what it answered with, where it answered.
    """

    def __init__(
        self, message: str, after: Seconds | None = None, paused: bool = False, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.after = after
        self.paused = paused
        self.status = status


class LabelStudioHttp:
    """One Label Studio server, as one user of it, by a personal access token or by a legacy one."""

    def __init__(self, url: str, token: str, patience: Seconds = PATIENCE) -> None:
        """Raises BadUsage for an address or a token that cannot be one; asks nothing yet."""
        self.url = url.rstrip("/")
        if not self.url.startswith(("http://", "https://")):
            raise BadUsage(f"{url!r} is no address of Label Studio; it is like https://labels.example.org")
        if not token or not token.isascii() or not token.isprintable():
            raise BadUsage("Label Studio needs a token: copy one from your account's page there")
        self._token = token
        self._personal = token.startswith(_PERSONAL)
        self._access = ""
        self._http = httpx.Client(base_url=self.url, timeout=patience, follow_redirects=False)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """One request and the JSON it is answered with. An access token that has run out is renewed once."""
        answer = self._send(method, path, {"Authorization": self._authorization()}, more)
        if answer.status_code == 401 and self._personal:
            self._access = ""
            answer = self._send(method, path, {"Authorization": self._authorization()}, more)
        return self._read(answer, f"{method} {path}")

    def _authorization(self) -> str:
        if not self._personal:
            return f"Token {self._token}"
        with self._lock:
            if not self._access:
                renewed = self._send("POST", "/api/token/refresh/", {}, {"json": {"refresh": self._token}})
                access = self._read(renewed, "renewing the access token").get("access")
                if not isinstance(access, str) or not access:
                    raise Away(f"Label Studio at {self.url} gave no access token for the personal one.")
                self._access = access
        return f"Bearer {self._access}"

    def _send(
        self, method: str, path: str, headers: dict[str, str], more: Mapping[str, Any]
    ) -> httpx.Response:
        try:
            return self._http.request(method, path, headers=headers, **more)
        except httpx.TimeoutException as error:
            raise Away(f"Label Studio at {self.url} does not answer in time ({method} {path}).") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Away(f"Label Studio at {self.url} cannot be reached: {_why(error)}.") from error

    def _read(self, answer: httpx.Response, asked: str) -> Any:
        self._refuse(answer, asked)
        if answer.status_code == 204 or not answer.content:
            return {}
        try:
            return answer.json()
        except ValueError as error:
            kind = answer.headers.get("content-type", "no content type").split(";")[0]
            raise Away(
                f"{self.url} answers with {kind} where Label Studio answers with JSON ({asked});"
                " is it another program, or a proxy's page?"
            ) from error

    def _refuse(self, answer: httpx.Response, asked: str) -> None:
        status, where = answer.status_code, f"Label Studio at {self.url}"
        if status < 300:
            return
        if status in (401, 403):
            raise Away(
                f"{where} refuses our token ({status}, {asked}). Nothing is lost; nothing comes in until you"
                " make a new token on your account's page there, put it where the source's `token` points,"
                " and start the loop again.",
                paused=True,
                status=status,
            )
        if status == 404:
            raise Away(
                f"{where} does not know {asked.split(' ', 1)[-1]}: look at the source's `project`.",
                paused=True,
                status=status,
            )
        if status in (429, 503):
            raise Away(
                f"{where} asks to be left alone for a while ({status}).", _after(answer), status=status
            )
        if status < 400:
            raise Away(
                f"{where} sends us elsewhere ({status}); is that its address? A login page is not its API."
            )
        told = f": {_detail(answer)}" if _detail(answer) else ""
        raise Away(f"{where} answered {asked} with {status}{told}.", paused=status < 500, status=status)


def _after(answer: httpx.Response) -> Seconds | None:
    """How long to wait, from `Retry-After`: seconds, or a date by the server's own clock."""
    said = answer.headers.get("retry-after", "")
    if said.isascii() and said.isdigit():
        return float(said)
    try:
        until, now = (parsedate_to_datetime(each) for each in (said, answer.headers.get("date", "")))
        return max(0.0, (until - now).total_seconds())
    except (TypeError, ValueError):
        return None


def _detail(answer: httpx.Response) -> str:
    """What the server says of a mistake, as far as a person reads."""
    try:
        told = answer.json()
    except ValueError:
        return ""
    if not isinstance(told, Mapping):
        return ""
    wrong = told.get("validation_errors") or told.get("detail") or ""
    return (wrong if isinstance(wrong, str) else json.dumps(wrong, ensure_ascii=False))[:300].rstrip(".")


def _why(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__
