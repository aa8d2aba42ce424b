"""POST /v1/sources/NAME: what labelling tools call us with; believed only where it is rightly signed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from flyball.core.strict_json import Flaw
from flyball.errors import FlyballError
from flyball.web.api import Api, Refused, answered, capture
from flyball.web.bodies import Body, body_of
from flyball.web.callers import Callers
from flyball.web.events import overall, receipt_of
from flyball.work.deliveries import Delivery, Origin, keep, of_bytes, source_of
from flyball.work.intake import CALLED

#: What is told to a caller that is not believed: nothing that helps to guess.
_FORGED = Flaw("bad_signature", "the signature of this call is missing, wrong or too old")
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
        async with _body_of(api, request, known) as body:
            if caller is None:
                raise Refused(401, _FORGED, _CLOSE)
            if len(body.raw) > LARGE:
                verdict = await asyncio.to_thread(caller.verdict, headers, body.raw, wall())
            else:
                verdict = caller.verdict(headers, body.raw, wall())
            if not verdict.ok:
                api.metrics.refuse(f"signature_{verdict.reason.replace('-', '_')}")
                raise Refused(401, _FORGED, _CLOSE)
            origin = Origin(source_of(caller.name), CALLED, verdict.delivery)
            if len(body.raw) > LARGE:
                delivery = await asyncio.to_thread(of_bytes, body.raw, caller.by, origin)
            else:
                delivery = of_bytes(body.raw, caller.by, origin)
            return await _taken(api, delivery, origin.source)

    return [Route("/v1/sources/{name}", post, methods=["POST"])]


@asynccontextmanager
async def _body_of(api: Api, request: Request, known: bool) -> AsyncIterator[Body]:
    """The body of a call. Who is not known yet hears of no other mistake than that, and that there is no
    room: all else would tell which sources there are. For the same reason, whoever is not known is read
    alike, and takes room alike, though no body could make some of these calls right."""
    async with AsyncExitStack() as stack:
        held = api.held if known else api.strange
        try:
            body = await stack.enter_async_context(body_of(api, request, anything=True, held=held))
        except Refused as refused:
            if known or refused.status == 503:
                raise
            for flaw in refused.flaws:
                api.metrics.refuse(flaw.code)
            raise Refused(401, _FORGED, _CLOSE) from None
        yield body


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
