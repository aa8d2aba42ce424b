"""The ingest lane as a flow."""

from typing import Any

from prefect import flow

from flyball import bootstrap


@flow(name="ingest", log_prints=False)
async def ingest(loop: str = ".") -> dict[str, Any]:
    """Take in the items that came."""
    return await bootstrap.run_lane("ingest", loop)
