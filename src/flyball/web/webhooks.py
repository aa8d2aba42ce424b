"""POST /v1/sources/NAME: what labelling tools call us with; believed only where it is rightly signed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from flyball.core.mappings import Map
from flyball.core.signatures import Scheme, Verdict, verify
from flyball.core.strict_json import Flaw
from flyball.errors import FlyballError
from flyball.settings import SourceSettings
from flyball.web.api import Api, Refused, answered, capture
from flyball.web.bodies import body_of, throw_away
from flyball.web.events import overall, receipt_of
from flyball.work.deliveries import Delivery, Origin, keep, of_bytes, source_of
from flyball.work.intake import CALLED
from flyball.work.source_settings import map_of, scheme_of, secrets_of

#: What is told to a caller that is not believed: nothing that helps to guess.
_FORGED = Flaw("bad_signature", "the signature of this call is missing, wrong or too old")
#: More bytes than this are read in a thread.
LARGE = 32_768


@dataclass(frozen=True, slots=True)
class Caller:
    """A source that calls us, with its secrets as they are, not as they are written."""

    name: str
    settings: SourceSettings
    scheme: Scheme
    secrets: tuple[str, ...]
    by: Map

    @property
    def signs(self) -> bool:
        """Whether a call shows only with its body from whom it is."""
        return self.scheme != "secret"

    def verdict(self, headers: Sequence[tuple[str, str]], body: bytes, now: float) -> Verdict:
        """Whether a call is from this source."""
        tolerance, header = self.settings.tolerance, self.settings.header
        return verify(self.scheme, headers, body, self.secrets, now, tolerance, header)


def callers_of(sources: Mapping[str, SourceSettings], environment: Mapping[str, str]) -> Mapping[str, Caller]:
    """The sources that may call: those with secrets. Raises BadUsage where one cannot be used as written."""
    found = {}
    for name, source in sources.items():
        if source.secrets:
            secrets = secrets_of(name, source, environment)
            found[name] = Caller(name, source, scheme_of(name, source), secrets, map_of(name, source))
    return found


def routes(api: Api) -> Sequence[BaseRoute]:
    """The route. Raises BadUsage for sources whose settings cannot be used."""
    callers = callers_of(api.tools.settings.sources, api.environment)
    # Signatures are of real time, also where the loop's world is a faster one.
    wall = api.wall or api.tools.clock.now

    async def post(request: Request) -> Response:
        caller = callers.get(request.path_params["name"])
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
        if caller is None:  # as a forged call
            await _refuse_unread(api, request)
        verdict = caller.verdict(headers, b"", wall())
        if not (verdict.ok or (caller.signs and verdict.reason == "wrong-signature")):
            await _refuse_unread(api, request, verdict)
        held = api.strange if caller.signs else api.held
        async with body_of(api, request, anything=True, held=held) as body:
            if len(body.raw) > LARGE:
                verdict = await asyncio.to_thread(caller.verdict, headers, body.raw, wall())
            else:
                verdict = caller.verdict(headers, body.raw, wall())
            if not verdict.ok:
                _count(api, verdict)
                raise Refused(401, _FORGED)
            origin = Origin(source_of(caller.name), CALLED, verdict.delivery)
            if len(body.raw) > LARGE:
                delivery = await asyncio.to_thread(of_bytes, body.raw, caller.by, origin)
            else:
                delivery = of_bytes(body.raw, caller.by, origin)
            return await _taken(api, delivery, origin.source)

    return [Route("/v1/sources/{name}", post, methods=["POST"])]


def _count(api: Api, verdict: Verdict) -> None:
    api.metrics.refuse(f"signature_{verdict.reason.replace('-', '_')}")


async def _refuse_unread(api: Api, request: Request, verdict: Verdict | None = None) -> NoReturn:
    """Refuse a call that no body could make right, and hold nothing of it."""
    if verdict is not None:
        _count(api, verdict)
    await throw_away(request)
    raise Refused(401, _FORGED, {"connection": "close"})


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
