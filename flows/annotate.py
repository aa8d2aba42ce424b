"""The annotate lane as a flow."""

from typing import Any

from prefect import flow

from flyball import bootstrap


@flow(name="annotate", log_prints=False)
async def annotate(loop: str = ".") -> dict[str, Any]:
    """Choose the next batch and put it before the annotators."""
    return await bootstrap.run_lane("annotate", loop)
