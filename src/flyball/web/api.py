"""What the pages and the ways in over HTTP share: the tools, the one writer, and how a refusal is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from flyball.adapters.group_commit import Closed, Full, GroupCommit
from flyball.core.facts import CaptureMeasured
from flyball.core.gauges_windows import quantile_of
from flyball.core.ids import Instant, Seconds
from flyball.core.strict_json import Flaw
from flyball.errors import FlyballError, StoreStopped
from flyball.ports import Answer, Commit, Receipt
from flyball.settings.outside import STRANGERS, ApiSettings
from flyball.web.metrics import Metrics
from flyball.work.accept import Given, accept
from flyball.work.capture import contest
from flyball.work.tools import Tools

#: What the note is called that is written to see whether the store takes anything again.
PROBE = "api.probe"
#: How often what happened is told to the loop, in seconds.
LOOK = 0.5
#: How often the time that callers wait is written down, in seconds.
MEASURED_EVERY: Seconds = 60.0

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Refused(Exception):
    """A request that is not served: status, a word for the reason, a sentence, and where in the body."""

    def __init__(
        self,
        status: int,
        flaws: Flaw | Sequence[Flaw],
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        self.status = status
        self.flaws = (flaws,) if isinstance(flaws, Flaw) else tuple(flaws)
        self.headers = dict(headers or {})
        self.more = more
        super().__init__(self.flaws[0].message)

    def told(self) -> dict[str, Any]:
        """The body of the answer; with all mistakes where there are several."""
        return {**told(self.flaws), **self.more}


def told(flaws: Sequence[Flaw]) -> dict[str, Any]:
    """Flaws as JSON: the first, and all of them where there are several."""
    each = [{"code": flaw.code, "message": flaw.message, "where": flaw.where} for flaw in flaws]
    return {**each[0], **({"mistakes": each} if len(each) > 1 else {})}


def answered(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Response:
    """A value as JSON."""
    body = _JSON.encode(value).encode(errors="replace")
    return Response(body, status, headers, media_type="application/json")


@dataclass(slots=True)
class Held:
    """How many bytes of bodies are being read or worked on, and how many may be."""

    most: int
    bytes: int = 0


@dataclass(slots=True)
class Api:
    """One loop as it is served. `token`: what callers must show; empty where only this machine calls."""

    tools: Tools
    settings: ApiSettings
    token: str = field(default="", repr=False)
    #: Where secrets are read from that the settings only name.
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: What the clock on the wall says; where nobody says so, what the loop's own does.
    wall: Callable[[], Instant] | None = None
    metrics: Metrics = field(default_factory=Metrics)
    #: How long a body may take to come, in seconds.
    patience: Seconds = 30.0
    #: Why the store took nothing the last time; empty when it did.
    fault: str = ""
    writer: GroupCommit[Given, Receipt] = field(init=False)
    #: Why it can never take anything again, if so: whoever serves ends.
    over: FlyballError | None = None
    #: Bodies of callers that are known, and of those who show only with the body who they are, if at all.
    held: Held = field(default_factory=lambda: Held(64 << 20))
    strange: Held = field(default_factory=lambda: Held(STRANGERS))
    _contested: dict[str, list[str]] = field(default_factory=dict)
    _measured_at: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.writer = GroupCommit(self._write)

    def _write(self, given: Sequence[Given]) -> Sequence[Receipt]:
        """In the writer's thread."""
        try:
            receipts = accept(self.tools, given, self.tools.clock.now())
        except FlyballError as error:
            self.fail(error)
            raise
        self.fault = ""
        for each, receipt in zip(given, receipts, strict=True):
            if receipt.conflict:
                with self._lock:
                    self._contested.setdefault(each.source, []).append(each.answer.event_id)
        return receipts

    def fail(self, error: FlyballError) -> None:
        """The store took nothing."""
        self.fault = str(error)
        if isinstance(error, StoreStopped):
            self.over = error

    def unready(self) -> Flaw | None:
        """Why this process should be sent nothing at the moment, if so."""
        if not self.writer.alive:
            return Flaw("ending", "this process is ending")
        if self.fault:
            return Flaw("store_unavailable", "the store takes nothing at the moment; nothing is accepted")
        if self.writer.waiting > self.writer.depth * 0.9:
            return Flaw("busy", f"{self.writer.waiting} events wait to be written")
        return None

    def look(self) -> None:
        """Tell the loop what happened, and try whether a store that took nothing takes something again."""
        tools = self.tools
        if self.fault:
            try:
                tools.store.log.append(Commit(notes={PROBE: str(tools.clock.now())}), tools.clock.now())
            except FlyballError as error:
                self.fail(error)
                return
            self.fault = ""
        for source in tuple(self._contested):
            with self._lock:
                names = self._contested.pop(source)
            try:
                contest(tools, source, names, tools.clock.now())
            except FlyballError:
                with self._lock:
                    self._contested[source] = names + self._contested.get(source, [])
                raise
        if time.monotonic() - self._measured_at >= MEASURED_EVERY and (took := self.metrics.taken()):
            self._measured_at = time.monotonic()
            p50, p99 = (quantile_of(took, share) or 0.0 for share in (0.5, 0.99))
            tools.tell(tools.clock.now(), CaptureMeasured(len(took), p50, p99, took[-1]))

    def close(self) -> None:
        """Write what was accepted and tell what is left; nothing is taken afterwards."""
        self.writer.close()
        try:
            self.look()
        except FlyballError as error:  # the store went away: what it took, it holds
            self.fault = str(error)


async def capture(api: Api, answers: Sequence[Answer], source: str) -> Sequence[Receipt]:
    """Have answers written, and come back once they are safe.

    Each stands for itself: a receipt may say that it stood there already (`new` False), or that something
    else stands under its id (`conflict`). Raises Refused (503) where nothing of it was taken.
    """
    began = time.perf_counter()
    try:
        receipts = await api.writer.write([Given(answer, source) for answer in answers])
    except Full as error:
        raise Refused(503, Flaw("busy", str(error)), {"retry-after": "1"}) from error
    except Closed as error:
        raise Refused(503, Flaw("ending", str(error)), {"retry-after": "5"}) from error
    except FlyballError as error:
        # The store's own sentence may name places on this machine: it is told in the loop's alerts.
        message = "the store takes nothing at the moment; nothing of this was accepted. Send it again later."
        raise Refused(503, Flaw("store_unavailable", message), {"retry-after": "5"}) from error
    api.metrics.captured(receipts, time.perf_counter() - began)
    return receipts
