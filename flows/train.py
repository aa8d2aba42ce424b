"""The train lane as a flow."""

from typing import Any

from prefect import flow

from flyball import bootstrap


@flow(name="train", log_prints=False)
async def train(loop: str = ".") -> dict[str, Any]:
    """Learn from the settled labels, when there is reason to."""
    return await bootstrap.run_lane("train", loop)
