"""What operators ask of a running loop's evidence; whatever else is asked goes to the other commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flyball.core.ids import Instant
from flyball.work import contract_approval, deadletters, erase, handed, integrate_blocks
from flyball.work.commands import obey
from flyball.work.steer import Steering


def carry_out(steering: Steering, request: Mapping[str, Any], now: Instant) -> dict[str, Any]:
    """Carry a command out and say what came of it. Raises BadUsage for one that is not known."""
    match request:
        case {
            "command": "dlq",
            "what": "requeue" | "drop" as what,
            "facts": list(facts),
            "by": str(by),
            "because": str(because),
        }:
            return deadletters.resolve(steering.tools, what, [int(fact) for fact in facts], by, because, now)
        case {
            "command": "erase",
            "subject": str(subject),
            "about": "annotator" | "item" as about,
            "by": str(by),
            "because": str(because),
        }:
            return erase.erase(steering.tools, subject, about, by, because, now)
        case {
            "command": "contract-approve",
            "definitions": str(definitions),
            "labels": dict(labels),
            "by": str(by),
            "because": str(because),
        }:
            return contract_approval.approve(steering.tools, definitions, labels, by, because, now)
        case {"command": "source-pull", "name": str(name), "again": bool(again)}:
            return handed.pulled(steering.tools, name, again)
        case {"command": "capture", "events": list(events)}:
            return handed.captured(steering.tools, events, now)
        case {"command": "integrate-allow", "label": str(label), "by": str(by), "because": str(because)}:
            return integrate_blocks.allow(steering.tools, label, by, because, now)
        case _:
            return obey(steering, request, now)
