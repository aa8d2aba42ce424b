"""The lanes of one loop as Prefect flow runs in this process."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyball.adapters.prefect import environment
from flyball.adapters.prefect.calls import call_flow
from flyball.adapters.prefect.gate import Gate
from flyball.adapters.prefect.runs import close_orphans
from flyball.adapters.prefect.server import LocalServer
from flyball.errors import BadUsage

if TYPE_CHECKING:
    from prefect import Flow

LANES = ("ingest", "score", "annotate", "integrate", "train", "steer")
#: How many flow runs may start or end at once on a server that is not our own SQLite one.
WIDTH = 6


@asynccontextmanager
async def through_prefect(
    loop: str, directory: Path, where: str
) -> AsyncIterator[Callable[[str], Awaitable[Mapping[str, Any]]]]:
    """Give a function that runs a lane of this loop as a flow run.

    `where` is "local", for a server of the loop's own that lives no longer than this process, or the URL
    of a server's API. Raises Unreachable when the server does not come up, BadUsage when a flow is missing.
    """
    server = LocalServer(directory) if where == "local" else None
    url = await asyncio.to_thread(server.start) if server else where
    try:
        async with AsyncExitStack() as stack:
            stack.enter_context(environment.applied(environment.settings_for(directory, url)))
            tag = f"loop:{loop}"
            # A server that others use too: only what this loop left behind is ours to close.
            await asyncio.to_thread(close_orphans, url, None if server else tag)
            flows = await asyncio.to_thread(flows_of, directory)
            await stack.enter_async_context(_one_client())
            gate = Gate(1 if server else WIDTH)

            async def call(lane: str) -> Mapping[str, Any]:
                given: Mapping[str, Any] = await call_flow(flows[lane], gate, tags=[tag], loop=str(directory))
                return given

            yield call
    finally:
        if server:
            await asyncio.to_thread(server.stop)


@asynccontextmanager
async def _one_client() -> AsyncIterator[None]:
    """Let all flow runs share a client: one of its own for each takes 50 ms to read certificates, twice."""
    from prefect.context import AsyncClientContext, SyncClientContext

    with SyncClientContext.get_or_create():
        async with AsyncClientContext.get_or_create():
            yield


def flows_of(directory: Path) -> dict[str, Flow[..., Any]]:
    """The flow of each lane, from the loop's own flows/."""
    found = {}
    for lane in LANES:
        path = directory / "flows" / f"{lane}.py"
        if not path.is_file():
            raise BadUsage(f"{path} is missing; `flyball init` writes one flow for each lane")
        spec = importlib.util.spec_from_file_location(f"flyball_flows_{lane}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        found[lane] = getattr(module, lane)
    return found
