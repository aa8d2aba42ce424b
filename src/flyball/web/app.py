"""The app that serves one loop over HTTP: its routes, its guard, and how errors are told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from flyball.core.strict_json import Flaw
from flyball.web import events, health, webhooks
from flyball.web.api import Api, Refused, answered, capture
from flyball.web.guard import SECURE, Guard

__all__ = ["Api", "Refused", "answered", "capture", "make_app"]

_CODES = {404: "no_such_path", 405: "wrong_method"}


def make_app(api: Api) -> Starlette:
    """The app of one loop."""
    post = events.poster(api)
    app = Starlette(
        routes=[Route(events.PATH, post, methods=["POST"]), *health.routes(api), *webhooks.routes(api)],
        middleware=[Middleware(Guard, api=api), Middleware(_Short, post=post)],
        exception_handlers={Refused: _refused, HTTPException: _http, Exception: _bug},
    )
    app.state.api = api
    app.router.redirect_slashes = False
    return app


class _Short:
    """The way of events: to find it among all routes would take as long as to serve it."""

    def __init__(self, app: ASGIApp, post: Callable[[Request], Awaitable[Response]]) -> None:
        self._app, self._post = app, post

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != events.PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await self._post(request)
        except Refused as refused:
            response = await _refused(request, refused)
        await response(scope, receive, send)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    for flaw in error.flaws:
        request.app.state.api.metrics.refuse(flaw.code)
    return answered(error.status, error.told(), error.headers)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "refused")
    message = {
        404: "nothing is served under this path; see docs/how-to/send-answers.md",
        405: f"this path does not take {request.method if request.method.isalpha() else 'this method'}",
    }.get(error.status_code, "the request is refused")
    refused = Refused(error.status_code, Flaw(code, message), error.headers)
    return await _refused(request, refused)


async def _bug(request: Request, error: Exception) -> Response:
    request.app.state.api.metrics.refuse("bug")
    flaw = Flaw("bug", "this is a bug in Flyball; the log of the process that serves tells where")
    # What answers here stands outside of the guard.
    return answered(500, Refused(500, flaw).told(), SECURE)
