"""Serve a loop over HTTP beside whatever else the process does, and end in order."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from flyball.core.ids import Instant, Seconds
from flyball.errors import BadUsage, FlyballError, Unreachable
from flyball.settings.outside import ApiSettings
from flyball.web.api import LOOK, Api
from flyball.web.app import make_app
from flyball.web.guard import is_loopback
from flyball.work.tools import Tools

#: Connections at once; seconds that one may be silent, before and between requests; that the last
#: requests have to end; and the largest head of a request.
CONNECTIONS, SILENT, ENDING, HEAD = 2_000, 15.0, 10, 32_768
_OWN = "$FLYBALL_TOKEN"
#: Alerts: nobody listens any more; what came in could not be told.
_ALERT, _LOOKING = "api", "api-look"


@contextmanager
def serving(
    tools: Tools,
    settings: ApiSettings,
    environment: Mapping[str, str] | None = None,
    made: Callable[[Tools, ApiSettings, str], Api] = Api,
    silent: Seconds = SILENT,
    wall: Callable[[], Instant] | None = None,
) -> Iterator[tuple[Api, str]]:
    """Serve while the body runs; gives the API and its address.

    `environment`: where a token and secrets are that the settings only name. `wall`: what the clock on the
    wall says, for what others have signed with their time; where it is not given, the loop's clock.
    `silent`: how long a connection may be that asks for nothing. At the end no connection is taken any
    more, and what was accepted is answered first. Raises BadUsage for an address that others reach
    without a token, Unreachable where the port is taken.
    """
    environment = environment or {}
    token = token_of(settings, environment)
    with closing(_bound(settings.host, settings.port)) as listening:
        api = made(tools, settings, token)
        api.environment, api.wall = environment, wall
        try:
            server = _Server(api, listening, silent)
            try:
                server.start()
                yield api, _address(listening)
            finally:
                server.stop()
        finally:
            api.close()


def token_of(settings: ApiSettings, environment: Mapping[str, str]) -> str:
    """What callers must show. Raises BadUsage where there must be one and is not, or cannot be sent."""
    token, named = settings.token, settings.token.startswith("$")
    if named:
        token = environment.get(settings.token[1:], "")
        if not token and settings.token != _OWN:
            raise BadUsage(
                f"api.token is read from {settings.token}, and that is not set: export {settings.token[1:]}"
                " before, or write another name"
            )
    if not token and not is_loopback(settings.host):
        raise BadUsage(
            f"{settings.host} can be reached by others, and there is no token: set FLYBALL_TOKEN, or"
            " api.token in loop.toml, to a long random text that callers show; or listen on 127.0.0.1"
        )
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise BadUsage("the token for the API has characters that cannot be sent: use ASCII without spaces")
    if token and len(token) < 16 and not is_loopback(settings.host):
        raise BadUsage("the token for the API is shorter than 16 characters; others could guess it")
    return token


class _Server:
    """uvicorn in a thread of its own, and one that tells the loop what happened."""

    def __init__(self, api: Api, listening: socket.socket, silent: Seconds) -> None:
        self._api, self._listening = api, listening
        self._server = uvicorn.Server(
            uvicorn.Config(
                make_app(api),
                http=type("Patient", (_Patient,), {"silent": silent}),
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                limit_concurrency=CONNECTIONS,
                timeout_keep_alive=max(1, int(silent)),
                timeout_graceful_shutdown=ENDING,
                h11_max_incomplete_event_size=HEAD,
            )
        )
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._serve, name="api", daemon=True),
            threading.Thread(target=self._look, name="api-look", daemon=True),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        while not self._server.started:
            if not self._threads[0].is_alive():
                raise Unreachable(f"the API cannot be served: {self._failure}")
            self._threads[0].join(0.01)
        self._api.tools.over(self._api.tools.clock.now(), _ALERT)

    def stop(self) -> None:
        self._ended.set()
        self._server.should_exit = True
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        try:
            self._server.run([self._listening])
        except BaseException as error:
            self._failure = error

    def _look(self) -> None:
        while not self._ended.wait(LOOK):
            try:
                if not self._threads[0].is_alive() and self._api.over is None:
                    self._over()
                self._api.look()
                self._api.tools.over(self._api.tools.clock.now(), _LOOKING)
            except FlyballError as error:  # it is told in the next one
                self._api.fail(error)
            except Exception as error:  # a bug; what comes in is taken all the same
                said = f"what came in over HTTP is not told to the loop: {type(error).__name__}: {error}"
                with suppress(FlyballError):
                    self._api.tools.warn(self._api.tools.clock.now(), _LOOKING, said)

    def _over(self) -> None:
        """Nobody listens any more, and nobody asked for that."""
        self._api.over = Unreachable(f"the API is not served any more: {self._failure or 'its thread ended'}")
        self._api.tools.warn(self._api.tools.clock.now(), _ALERT, str(self._api.over))


class _Patient(AutoHTTPProtocol):  # type: ignore[misc,valid-type]
    """A connection that ends where its client is silent for long, or sends the head of a request for ever."""

    silent = SILENT
    _before: Any = None
    _silent: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._silent = self.loop.call_later(self.silent, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._silent is not None:
            self._silent.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        cycle = self.cycle
        asked = cycle is not None and not cycle.response_complete
        if not asked and cycle is self._before:
            self.transport.close()
            return
        self._before = object() if asked else cycle
        self._silent = self.loop.call_later(self.silent, self._look)


def _bound(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(address)
            listening.listen(1024)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        why = error.strerror or str(error)
        raise Unreachable(
            f"{host} port {port} cannot be listened on: {why}. Another process may have it; choose one with"
            " --port or api.port in loop.toml, 0 for any that is free."
        ) from error
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
