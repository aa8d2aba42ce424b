"""The sources of a loop as people ask for them: what came of each, what could not be read, what is wrong.

It comes from notes and from rare kinds of facts; of the log itself, from what is newer than the last count.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flyball.core.facts import AlertCleared, AlertRaised, DeliveryUnread
from flyball.core.ids import Position
from flyball.ports import Evidence, Log
from flyball.settings import Settings, SourceSettings
from flyball.work.came import Brought, Came
from flyball.work.deliveries import source_of
from flyball.work.source_settings import calls, remarks
from flyball.work.sources import note_of


def listed(settings: Settings, log: Log, evidence: Evidence) -> list[dict[str, Any]]:
    """Each source of the settings with what came of it, in their order. Nothing is written."""
    came = Came()
    came.count(log, evidence)
    raised = _alerts(log) if settings.sources else {}
    return [
        _told(name, source, settings, log, came.of(source_of(name)), raised)
        for name, source in settings.sources.items()
    ]


def _told(
    name: str,
    source: SourceSettings,
    settings: Settings,
    log: Log,
    brought: Brought,
    raised: Mapping[str, str],
) -> dict[str, Any]:
    return {
        "name": name,
        "kind": source.kind,
        "from": source.place or source.url or f"/v1/sources/{name}",
        "last": _last(log.note(note_of(name)), brought if calls(source) else Brought()),
        "unread": sum(often for often, _ in brought.unread.values()),
        "problems": _problems(log, brought),
        "alerts": [raised[key] for key in (f"source-{name}", f"source-{name}-silent") if key in raised],
        "remarks": remarks(name, source, settings.team.source),
    }


def _last(noted: str | None, brought: Brought) -> dict[str, Any] | None:
    """What came last: of one that is asked as its passes noted it, of one that calls us as the log has it."""
    if noted is None and brought.at is None:
        return None
    called = {} if brought.at is None else {"new": brought.answers, "at": brought.at}
    return {"bad": [], "waiting": [], **json.loads(noted or "{}"), **called}


def _problems(log: Log, brought: Brought) -> Sequence[dict[str, Any]]:
    """What could not be read, by its reason, the most frequent first, with the newest of each to see."""
    newest: dict[Position, DeliveryUnread] = {
        recorded.seq: recorded.fact
        for recorded in log.at(seq for _, seq in brought.unread.values())
        if isinstance(recorded.fact, DeliveryUnread)
    }
    return [
        {"code": code, "count": often, "where": newest[seq].where, "what": newest[seq].problems[0]}
        for code, (often, seq) in sorted(brought.unread.items(), key=lambda each: -each[1][0])
        if seq in newest
    ]


def _alerts(log: Log) -> Mapping[str, str]:
    """The alerts that stand, in their words."""
    found: dict[str, str] = {}
    for recorded in log.read(kinds=[AlertRaised.kind, AlertCleared.kind]):
        if isinstance(fact := recorded.fact, AlertRaised):
            found[fact.key] = fact.message
        elif isinstance(fact, AlertCleared):
            found.pop(fact.key, None)
    return found
