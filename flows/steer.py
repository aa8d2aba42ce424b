"""The steer lane as a flow."""

from typing import Any

from prefect import flow

from flyball import bootstrap


@flow(name="steer", log_prints=False)
async def steer(loop: str = ".") -> dict[str, Any]:
    """Take every look that is due, and do what the rules ask for."""
    return await bootstrap.run_lane("steer", loop)
