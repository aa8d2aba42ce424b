"""What a person may ask of a loop that changes it; the same through the socket and without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flyball.core.ids import Instant, ModelVersion
from flyball.errors import BadUsage
from flyball.work import promote
from flyball.work.tools import Tools


def obey(tools: Tools, request: Mapping[str, Any], now: Instant) -> dict[str, Any]:
    """Carry a command out and say what came of it. Raises BadUsage for one that is not known."""
    match request:
        case {"command": "rollback", "because": str(because), "by": str(by), **options}:
            version = options.get("version")
            fact = promote.rollback(
                tools, None if version is None else ModelVersion(int(version)), by, because, now
            )
            return {"champion": fact.model, "before": fact.before, "because": because, "by": by}
        case _:
            raise BadUsage(f"unknown command {request.get('command')!r}")
