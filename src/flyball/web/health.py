"""Whether the process lives, whether it takes anything, and its numbers: /healthz, /readyz, /metrics."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from flyball.core.gauges_labels import Integration
from flyball.core.ids import Position
from flyball.errors import FlyballError
from flyball.web.api import Api, answered, told
from flyball.web.metrics import gauge
from flyball.work import deadletters

#: The facts that one look at the log takes in at the most; of more, the newest.
MOST = 20_000


def routes(api: Api) -> Sequence[BaseRoute]:
    """The routes."""
    integrated = _Integrated(api)

    async def healthz(request: Request) -> Response:
        return answered(200, {"status": "alive"})

    async def readyz(request: Request) -> Response:
        flaw = api.unready()
        if flaw is None:
            return answered(200, {"status": "ready"})
        return answered(503, told([flaw]), {"retry-after": "5"})

    async def metrics(request: Request) -> Response:
        text = "\n".join(await asyncio.to_thread(lambda: list(_lines(api, integrated)))) + "\n"
        return Response(text, media_type="text/plain; version=0.0.4")

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]


class _Integrated:
    """How long answers take into labels, as far as this process saw them."""

    def __init__(self, api: Api) -> None:
        self._tools = api.tools
        self._integration = Integration()
        self._seen: Position | None = None
        self._lock = threading.Lock()

    def p95(self) -> float | None:
        """The signal `integrate.latency_p95`, of the facts since it was first asked. Raises Unreachable."""
        with self._lock:
            log = self._tools.store.log
            head = log.head().seq
            if self._seen is None or head - self._seen > MOST:
                self._integration, self._seen = Integration(), Position(max(0, head - MOST))
            for recorded in log.read(self._seen):
                self._integration.observe(recorded)
                self._seen = recorded.seq
            return self._integration.read(self._tools.clock.now())["integrate.latency_p95"]


def _lines(api: Api, integrated: _Integrated) -> Iterator[str]:
    yield from gauge("flyball_ready", float(api.unready() is None), "1 where events are taken.")
    yield from gauge("flyball_capture_queue", api.writer.waiting, "Events that wait to be written.")
    yield from api.metrics.lines()
    try:
        store = api.tools.store
        merges, p95 = store.jobs.waiting("merge"), integrated.p95()
        letters, parked = deadletters.count(store), store.items.count_standing("parked")
    except FlyballError:  # the rest is known all the same
        return
    yield from gauge("flyball_backlog", merges.ready + merges.running, "Answers that wait to be merged.")
    yield from gauge("flyball_dead_letters", letters, "Answers that lie apart, as `flyball dlq ls` has them.")
    yield from gauge("flyball_parked_answers", parked, "Those of them that were parked, and not given up.")
    if merges.oldest is not None:
        age = max(0.0, api.tools.clock.now() - merges.oldest)
        yield from gauge("flyball_backlog_age_seconds", age, "Since when the oldest of them is due.")
    yield from gauge("flyball_integrate_p95_seconds", p95, "From captured to settled, of the last hour's.")
