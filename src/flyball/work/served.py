"""Who has a loop open besides `flyball run`: `flyball serve` leaves a note of itself, and readers find it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from flyball.core.facts import LoopStarted
from flyball.core.ids import Instant
from flyball.ports import Commit, Log
from flyball.work.tools import Tools

#: The note's name. It is no fact: who serves changes nothing about what happened.
NOTE = "served-by"
WITHOUT = "capture and integration; no looks at rules"


def begun(tools: Tools, pid: int, now: Instant) -> None:
    """Note that this process serves the loop from now on."""
    tools.store.serving()
    with tools.lock:
        said = {"pid": pid, "since": now, "after": tools.store.log.head().seq}
        tools.store.log.append(Commit(notes={NOTE: json.dumps(said)}), now)


def ended(tools: Tools, pid: int, now: Instant) -> None:
    """Take the note back, if it is still this process's."""
    with tools.lock:
        if _note(tools.store.log).get("pid") == pid:
            tools.store.log.append(Commit(notes={NOTE: ""}), now)


def served(log: Log, servers: Collection[int]) -> dict[str, Any] | None:
    """Which process serves the loop and since when; None where none does.

    `servers`: the processes that are there and may be the one. A note that was left behind by a process
    that was killed counts for nothing.
    """
    note = _note(log)
    if not note or note["pid"] not in servers:
        return None
    if any(True for _ in log.read(note["after"], kinds=[LoopStarted.kind], limit=1)):
        return None
    return {"pid": note["pid"], "since": note["since"]}


def _note(log: Log) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(log.note(NOTE) or "{}")
    return found
