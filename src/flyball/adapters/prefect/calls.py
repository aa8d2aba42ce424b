"""Calling a lane's flow so that Prefect's trouble is never the lane's: bounded, and said in a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from copy import copy
from typing import TYPE_CHECKING, Any

from flyball.adapters.prefect.gate import Gate, Passage
from flyball.adapters.prefect.server import answers
from flyball.core.ids import Seconds
from flyball.errors import Unreachable

if TYPE_CHECKING:
    from prefect import Flow

#: How long a flow run may take to start, and to end once its body is over. The body takes what it takes.
PATIENCE: Seconds = 15.0
_LOOK_EVERY: Seconds = 1.0


class Unanswered(Unreachable):
    """Prefect does not answer.

    `ran`: whether the flow's body came to its end all the same; then `result` is what it gave.
    """

    def __init__(self, message: str, ran: bool = False, result: Any = None) -> None:
        super().__init__(message)
        self.ran = ran
        self.result = result


async def call_flow(
    flow: Flow[..., Any],
    gate: Gate,
    tags: Iterable[str] = (),
    patience: Seconds = PATIENCE,
    **parameters: Any,
) -> Any:
    """Run an async flow that has no retries in this process, and give what its body gave.

    What the body raises comes out as it is, whether or not Prefect hears of it. Where Prefect does not
    answer before the body begins or after it is over, this raises Unanswered within seconds. Called
    inside of `environment.applied`, which says where Prefect is.
    """
    from prefect.settings import PREFECT_API_URL

    api_url = str(PREFECT_API_URL.value())
    async with gate.passage() as passage:
        # Asked here, those who waited behind a run that got no answer need not find out for themselves.
        if not await asyncio.to_thread(answers, api_url):
            raise Unanswered(f"Prefect at {api_url} does not answer")
        run = asyncio.create_task(_run(flow, passage, tags, parameters))
        try:
            await _within(patience, run, passage.inside, api_url)
            if passage.inside.is_set():
                await _first(run, passage.over)
                await _within(patience, run, asyncio.Event(), api_url)
        finally:
            await _ended(run)
    return _outcome(run, passage, api_url)


async def _run(
    flow: Flow[..., Any], passage: Passage, tags: Iterable[str], parameters: dict[str, Any]
) -> Any:
    from prefect import tags as tagged
    from prefect.settings import get_current_settings

    gated = copy(flow)
    gated.fn = passage.around(flow.fn)
    # What these leave open Prefect asks the server, with a call that blocks the event loop among others.
    gated.result_storage = get_current_settings().results.local_storage_path
    gated.persist_result = bool(flow.persist_result)
    with tagged(*tags):
        return await gated(**parameters)


async def _within(patience: Seconds, run: asyncio.Task[Any], event: asyncio.Event, api_url: str) -> None:
    """Wait for the event or the run's end, as long as Prefect is well and patience lasts."""
    silent = 0
    for _ in range(round(patience / _LOOK_EVERY)):
        if await _first(run, event, _LOOK_EVERY):
            return
        silent = 0 if await asyncio.to_thread(answers, api_url) else silent + 1
        if silent == 2:
            return


async def _first(run: asyncio.Task[Any], event: asyncio.Event, patience: Seconds | None = None) -> bool:
    """Whether the event or the run's end came before the end of patience."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({run, waiting}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    return run.done() or event.is_set()


async def _ended(run: asyncio.Task[Any]) -> None:
    """See that the run is over: give it time to tell Prefect of its end, then insist."""
    run.add_done_callback(lambda over: over.cancelled() or over.exception())
    for pause in (2.0, 0.2, 0.2, 0.2):
        if run.done():
            return
        run.cancel()
        await asyncio.wait({run}, timeout=pause)


def _outcome(run: asyncio.Task[Any], passage: Passage, api_url: str) -> Any:
    if passage.error is not None:
        raise passage.error
    over = run.done() and not run.cancelled()
    trouble = run.exception() if over else None
    if over and trouble is None:
        return run.result()
    ran = passage.over.is_set()
    if trouble is not None and not ran and _of_the_call(trouble):
        raise trouble
    when = "when the run was over" if ran else "when the run should begin"
    why = "did not answer" if trouble is None else f"failed ({type(trouble).__name__}: {trouble})"
    raise Unanswered(f"Prefect at {api_url} {why} {when}", ran, passage.result) from trouble


def _of_the_call(trouble: BaseException) -> bool:
    """Whether this is about how the flow was called, and not about Prefect."""
    from prefect.exceptions import ParameterTypeError

    return isinstance(trouble, TypeError | ParameterTypeError)
