"""What Prefect knows of the lanes' runs: when each ran, and those that nobody will ever end."""

from __future__ import annotations

import json
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flyball.core.ids import Instant, Seconds
from flyball.errors import Unreachable

_PATIENCE: Seconds = 15.0
#: The most that Prefect gives at once.
_PAGE = 200
_UNDER_WAY = ("PENDING", "RUNNING", "CANCELLING")
_SELECT = """
SELECT flow.name, flow_run.start_time, flow_run.end_time, flow_run.state_type
FROM flow_run JOIN flow ON flow.id = flow_run.flow_id
WHERE flow_run.start_time IS NOT NULL ORDER BY flow_run.start_time
"""


@dataclass(frozen=True, slots=True)
class LaneRun:
    """One flow run of a lane, in real time. `end` None: it is under way, or was left so."""

    lane: str
    start: Instant
    end: Instant | None
    state: str


def lane_intervals(source: str | Path) -> list[LaneRun]:
    """All runs that started, in order of their start: from a server's API (a URL), or its SQLite file.

    The file can be read while no server runs. Raises Unreachable.
    """
    if isinstance(source, str) and source.startswith(("http://", "https://")):
        return _from_api(source)
    return _from_file(Path(source))


def close_orphans(api_url: str, tag: str | None = None) -> int:
    """Mark as crashed what a process left under way when it was killed; say how many.

    To be called by the process that holds the loop's lock, before it starts a run. Only runs with this
    tag, on a server that several loops share; without one, all runs on the loop's own server. Raises
    Unreachable.
    """
    which: dict[str, Any] = {"state": {"type": {"any_": _UNDER_WAY}}}
    if tag is not None:
        which["tags"] = {"all_": [tag]}
    runs = list(_found(api_url, "/flow_runs/filter", {"flow_runs": which}))
    message = "The process that ran this ended without a word."
    state = {"type": "CRASHED", "name": "Crashed", "message": message}
    for run in runs:
        _asked(api_url, f"/flow_runs/{run['id']}/set_state", {"state": state, "force": True})
    return len(runs)


def _from_api(api_url: str) -> list[LaneRun]:
    lanes = {flow["id"]: str(flow["name"]) for flow in _found(api_url, "/flows/filter", {})}
    runs = _found(api_url, "/flow_runs/filter", {"sort": "START_TIME_ASC"})
    return [
        LaneRun(lanes[run["flow_id"]], _instant(run["start_time"]), _end(run["end_time"]), run["state_type"])
        for run in runs
        if run["start_time"] is not None
    ]


def _from_file(database: Path) -> list[LaneRun]:
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as link:
            rows = link.execute(_SELECT).fetchall()
    except sqlite3.Error as problem:
        raise Unreachable(f"Prefect's database {database} cannot be read: {problem}") from problem
    return [LaneRun(lane, _instant(start), _end(end), state) for lane, start, end, state in rows]


def _found(api_url: str, path: str, query: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What a filter finds, page after page. To change what is found, read to the end first."""
    offset = 0
    while page := _asked(api_url, path, {**query, "limit": _PAGE, "offset": offset}):
        yield from page
        offset += len(page)


def _asked(api_url: str, path: str, body: Mapping[str, Any]) -> Any:
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{api_url}{path}", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as problem:
        raise Unreachable(f"Prefect at {api_url} refused `{path}`: {problem}") from problem
    except ValueError as problem:
        raise Unreachable(
            f"Prefect at {api_url} does not answer; something else does: {problem}"
        ) from problem
    except OSError as problem:
        raise Unreachable(f"Prefect at {api_url} does not answer: {problem}") from problem


def _instant(text: str) -> Instant:
    """A moment as Prefect writes it: UTC, with or without saying so."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _end(text: str | None) -> Instant | None:
    return None if text is None else _instant(text)
