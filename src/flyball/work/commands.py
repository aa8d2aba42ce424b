"""What a person may ask of a loop that changes it; the same through the socket and without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from flyball.core.control import Target
from flyball.core.ids import Digest, Instant, ModelVersion
from flyball.errors import BadUsage
from flyball.work import canary, govern, promote, transition, turn
from flyball.work.rulebook import Rulebook
from flyball.work.steer import Steering


def obey(steering: Steering, request: Mapping[str, Any], now: Instant) -> dict[str, Any]:
    """Carry a command out and say what came of it. Raises BadUsage for one that is not known."""
    tools, rulebook = steering.tools, steering.rulebook
    with tools.lock:
        steering.settled(now)
    match request:
        case {"command": "rollback", "because": str(because), "by": str(by), **options}:
            version = options.get("version")
            fact = promote.rollback(
                tools, None if version is None else ModelVersion(int(version)), by, because, now
            )
            return {"champion": fact.model, "before": fact.before, "because": because, "by": by}
        case {"command": "canary-begin", "content": str(content), "by": str(by), **asked}:
            with tools.lock:
                rules = rulebook.read(content.encode(), tools.settings.loop.rules)
                began = canary.begin(tools, rules, asked, by, now)
            return {name: value for name, value in asdict(began).items() if name != "text"}
        case {"command": "canary-stop", "by": str(by), "because": str(because)}:
            with tools.lock:
                return asdict(canary.stop(tools, by, because, now))
        case {"command": "architecture", "to": str(to), "cycles": int(cycles), "by": str(by), **given}:
            with tools.lock:
                under_way = transition.begin(tools, to, cycles, by, str(given["because"]), now)
            return {"to": to, "transition": None if under_way is None else asdict(under_way)}
        case {"command": "knob-set", **given}:
            with tools.lock:
                facts, told = turn.setting(tools.knobs, ids(rulebook), turn.Ask(**given), now)
                off = transition.called_off(tools, given["knob"], given["by"], given["because"])
                tools.tell(now, *off, *facts)
            return told
        case {"command": "knob-clear", "knob": str(knob), "by": str(by), "because": str(because), **options}:
            target = Target(knob, options.get("about"))
            with tools.lock:
                facts, told = turn.clearing(tools.knobs, ids(rulebook), target, by, because, now)
                tools.tell(now, *transition.called_off(tools, knob, by, because), *facts)
            return told
        case {
            "command": "rules-put",
            "content": str(content),
            "by": str(by),
            "because": str(because),
            **options,
        }:
            of = options.get("of")
            new = govern.Put(content.encode(), by, because, None if of is None else Digest(of))
            told = govern.put(rulebook, new, now)
            tools.clear(now, canary.ALERT)
            return told
        case _:
            raise BadUsage(f"unknown command {request.get('command')!r}")


def ids(rulebook: Rulebook) -> list[str]:
    """The rules in force by their names."""
    return [str(rule.id) for rule in rulebook.evaluator.rules.rules]
