"""The score lane as a flow."""

from typing import Any

from prefect import flow

from flyball import bootstrap


@flow(name="score", log_prints=False)
async def score(loop: str = ".") -> dict[str, Any]:
    """Let the champion score what came, and the pool that the next batch is chosen from."""
    return await bootstrap.run_lane("score", loop)
