"""The integrate lane as a flow."""

from typing import Any

from prefect import flow

from flyball import bootstrap


@flow(name="integrate", log_prints=False)
async def integrate(loop: str = ".") -> dict[str, Any]:
    """Settle answers into labels."""
    return await bootstrap.run_lane("integrate", loop)
