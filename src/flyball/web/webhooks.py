"""POST /v1/sources/NAME: what labelling tools call us with; believed only where it is rightly signed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, NoReturn

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from flyball.core.signatures import Verdict
from flyball.core.strict_json import Flaw
from flyball.errors import FlyballError
from flyball.web.api import Api, Refused, answered, capture
from flyball.web.bodies import Body, body_of, throw_away
from flyball.web.callers import Caller, Callers
from flyball.web.events import overall, receipt_of
from flyball.work.deliveries import Delivery, Origin, keep, of_bytes, source_of
from flyball.work.intake import CALLED

#: What is told to a caller that is not believed: nothing that helps to guess.
_FORGED = Flaw("bad_signature", "the signature of this call is missing, wrong or too old")
_BUSY = Flaw("busy", "too many large bodies come at the same time; send this again in a moment")
_CLOSE = {"connection": "close"}
#: More bytes than this are read in a thread.
LARGE = 32_768


def routes(api: Api) -> Sequence[BaseRoute]:
    """The route. Raises BadUsage for sources whose settings cannot be used."""
    callers = Callers(api.tools, api.environment)
    # Signatures are of real time, also where the loop's world is a faster one.
    wall = api.wall or api.tools.clock.now

    async def post(request: Request) -> Response:
        if callers.changed:
            await asyncio.to_thread(callers.look)
        caller = callers.get(request.path_params["name"])
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
        verdict = None if caller is None else caller.verdict(headers, b"", wall())
        known = verdict is not None and verdict.ok
        if not known and api.strange.bytes >= api.strange.most:
            raise Refused(503, _BUSY, {"retry-after": "1", "connection": "close"})
        if caller is None or verdict is None or not (known or _may_sign(caller, verdict)):
            await _refuse_unread(api, request, verdict)
        async with _body_of(api, request, known) as body:
            if len(body.raw) > LARGE:
                verdict = await asyncio.to_thread(caller.verdict, headers, body.raw, wall())
            else:
                verdict = caller.verdict(headers, body.raw, wall())
            if not verdict.ok:
                _count(api, verdict)
                raise Refused(401, _FORGED, _CLOSE)
            origin = Origin(source_of(caller.name), CALLED, verdict.delivery)
            if len(body.raw) > LARGE:
                delivery = await asyncio.to_thread(of_bytes, body.raw, caller.by, origin)
            else:
                delivery = of_bytes(body.raw, caller.by, origin)
            return await _taken(api, delivery, origin.source)

    return [Route("/v1/sources/{name}", post, methods=["POST"])]


def _may_sign(caller: Caller, verdict: Verdict) -> bool:
    """Whether a call lacks nothing but a body that fits its signature."""
    return caller.signs and verdict.reason == "wrong-signature"


def _count(api: Api, verdict: Verdict) -> None:
    api.metrics.refuse(f"signature_{verdict.reason.replace('-', '_')}")


@asynccontextmanager
async def _body_of(api: Api, request: Request, known: bool) -> AsyncIterator[Body]:
    """The body of a call. Who is not known yet hears of no other mistake than that: it would tell which
    sources there are."""
    async with AsyncExitStack() as stack:
        held = api.held if known else api.strange
        try:
            body = await stack.enter_async_context(body_of(api, request, anything=True, held=held))
        except Refused as refused:
            if known:
                raise
            for flaw in refused.flaws:
                api.metrics.refuse(flaw.code)
            raise Refused(401, _FORGED, _CLOSE) from None
        yield body


async def _refuse_unread(api: Api, request: Request, verdict: Verdict | None = None) -> NoReturn:
    """Refuse a call that no body could make right: hear it out as if one could, and hold nothing of it."""
    if verdict is not None:
        _count(api, verdict)
    left = api.settings.batch_bytes
    with suppress(TimeoutError):
        async with asyncio.timeout(api.patience):
            while left >= 0:
                message = await request.receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body"):
                    raise Refused(401, _FORGED, _CLOSE)
            await throw_away(request)
    raise Refused(401, _FORGED, _CLOSE)


async def _taken(api: Api, delivery: Delivery, source: str) -> Response:
    """Safe first, then answered: answers as for /v1/events, the rest with what became of it."""
    if delivery.beside:
        try:
            await asyncio.to_thread(keep, api.tools, delivery.beside, api.tools.clock.now())
        except FlyballError as error:
            message = "the store takes nothing at the moment; nothing of this was accepted. Send it again."
            raise Refused(503, Flaw("store_unavailable", message), {"retry-after": "5"}) from error
    receipts = await capture(api, delivery.answers, source) if delivery.answers else ()
    results = [
        receipt_of(answer, receipt) for answer, receipt in zip(delivery.answers, receipts, strict=True)
    ]
    if len(results) == 1 and not delivery.beside:
        return answered(*results[0])
    told: dict[str, Any] = {"results": [{"status": status, **value} for status, value in results]}
    if delivery.about:
        told["about"] = delivery.about
    if delivery.gone:
        told["deleted"] = [each.word for each in delivery.gone]
    if delivery.flaws:
        told["unread"] = [{"code": f.code, "message": f.message, "where": f.where} for f in delivery.flaws]
        for flaw in delivery.flaws:
            api.metrics.refuse(flaw.code)
    return answered(overall([status for status, _ in results]) if results else 202, told)
