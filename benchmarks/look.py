"""What one look costs: 30 rules over 40 signals, a few of them firing, windows included.

    history   the past of signals moves on by one reading
    readings  both sides of every comparison
    engine    durable-rules matches: assert, collect, retract
    look      what is made of it: waits, bounds, priorities, decisions with their reasons

Also how long it takes to check a file of 1,000 rules, and how the process grows over many looks.

    python benchmarks/look.py --looks 20000 --out look.json
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import psutil
from benchmarks.machine import machine

from flyball.adapters.durable_rules import DurableEngine
from flyball.adapters.rule_file import read
from flyball.cli.rules import CATALOGUE
from flyball.core.control import KnobState
from flyball.core.facts import KnobTurned
from flyball.core.rules.conditions import Moment, Side, Sides, read_by
from flyball.core.rules.history import History
from flyball.core.rules.look import look
from flyball.core.rules.memory import Memory
from flyball.core.rules.model import Rule, Ruleset
from flyball.core.rules.reason import render_because
from flyball.core.signals import SIGNALS, Snapshot

PARTS = ("history", "readings", "engine", "look", "whole")
RULE = """  - id: rule-{n}
    because: "{{queue.depth}} items wait; confidence stands still (slope {{slope(model.confidence, 5)}})"
    when: abs(slope(model.confidence, 5)) < 0.002 and answers.total < 10_{n:03d} and not overloaded
    until: queue.depth < {n}
    for: 5m
    then: [{{scale: batch.size, by: 1.5}}, {{do: alert, severity: warn}}]
    cooldown: 3 cycles
    priority: {n}
"""
HEAD = (
    "version: 1\nevery: 30s\nconditions:\n  overloaded: queue.depth > 200 or annotators.load > 100%\nrules:\n"
)


def main() -> None:
    """Measure, print a table, write it down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--looks", type=int, default=20_000)
    parser.add_argument("--rules", type=Path, default=Path(__file__).parents[1] / "rules" / "adaptive.yaml")
    parser.add_argument("--out", type=Path, default=None, help="JSON with the figures and the machine")
    chosen = parser.parse_args()
    found = measure(thirty(chosen.rules.read_text()), chosen.looks)
    found |= {"machine": machine()}
    for name, value in found.items():
        print(f"{name:28} {value}")
    if chosen.out:
        chosen.out.write_text(json.dumps(found, indent=2) + "\n")


def thirty(text: str) -> str:
    """A rule file filled up to thirty rules."""
    present = text.count("- id: ")
    return text + "\n" + "".join(RULE.format(n=n) for n in range(1, 31 - present))


def measure(text: str, looks: int) -> dict[str, Any]:
    """Microseconds for each part of a look, the growth of the process, and the check of a large file."""
    rules, _ = read(text.encode(), "benchmark", CATALOGUE)
    process = psutil.Process()
    # Made whole at once, so that what grows is not what measures.
    times = {part: array("d", bytes(8 * looks)) for part in PARTS}
    sizes: list[int] = []
    fired = 0
    loop = Loop(rules)
    for number, snapshot in enumerate(wandering(looks)):
        spent, facts = loop.step(snapshot)
        fired += facts
        for part, seconds in zip(PARTS, (*spent, sum(spent)), strict=True):
            times[part][number] = seconds
        if number in (looks // 10, looks - 1):
            gc.collect()
            sizes.append(process.memory_info().rss)
    loop.engine.close()
    return {
        "rules": len(rules.rules),
        "signals": len(SIGNALS),
        "looks": looks,
        "facts a look": round(fired / looks, 2),
        **{f"{part}, median µs": round(statistics.median(values) * 1e6) for part, values in times.items()},
        "whole, 99th percentile µs": round(sorted(times["whole"])[int(looks * 0.99)] * 1e6),
        "growth from 10% on, MB": round((sizes[-1] - sizes[0]) / 1e6, 2),
        "check of 1,000 rules, ms": round(large_check() * 1e3),
    }


class Loop:
    """Everything that steering keeps from look to look."""

    def __init__(self, rules: Ruleset) -> None:
        self.rules = rules
        self.engine, self.sides, self.history = DurableEngine(), Sides.of(rules), History(rules)
        self.memory, self.knobs = Memory(), KnobState.start({})

    def step(self, snapshot: Snapshot) -> tuple[list[float], int]:
        """One look: the seconds of each part, and how many facts came out."""
        rules, history, now = self.rules, self.history, snapshot.at
        began = time.perf_counter()
        history.add(snapshot)
        added = time.perf_counter()
        values = self.knobs.values(now)
        readings = self.sides.readings(snapshot, history, values)
        measured = time.perf_counter()
        truths = self.engine.truths(rules, readings)
        matched = time.perf_counter()

        def because(rule: Rule, about: str | None) -> str:
            return render_because(rule, Moment(snapshot, history, values, about).value, about)

        def seen(rule: Rule, about: str | None) -> dict[str, Side]:
            return {key: readings.get(key) for key in read_by(rule, rules, about)}

        self.memory, facts = look(
            self.memory, truths, snapshot, now, rules, self.knobs, because=because, seen=seen, live=True
        )
        ended = time.perf_counter()
        for fact in facts:
            if isinstance(fact, KnobTurned):
                self.knobs = self.knobs.evolve(fact)
        return [added - began, measured - added, matched - measured, ended - matched], len(facts)


def wandering(looks: int) -> Iterator[Snapshot]:
    """Signals that move by a little each look; one in fifty readings is missing."""
    random = Random(1)
    shared = {name: random.random() for name, signal in SIGNALS.items() if signal.per is None}
    own = {name: random.random() for name, signal in SIGNALS.items() if signal.per}
    for number in range(looks):
        for values in (shared, own):
            for name in values:
                values[name] = min(1.0, max(0.0, values[name] + random.gauss(0.0, 0.02)))
        yield Snapshot(
            30.0 * number,
            number // 20,
            {name: _reading(name, value, random) for name, value in shared.items()},
            {"ana": dict(own), "bo": dict(own)},
        )


def _reading(name: str, level: float, random: Random) -> float | None:
    if random.random() < 0.02:
        return None
    signal = SIGNALS[name]
    if signal.unit == "flag":
        return float(level > 0.9)
    return level if signal.high is not None else level * 250


def large_check() -> float:
    """The fastest of five checks of a file of 1,000 rules."""
    content = (HEAD + "".join(RULE.format(n=n % 1000) for n in range(1000)).replace("rule-", "r")).encode()
    spent = []
    for _ in range(5):
        began = time.perf_counter()
        read(content, "large", CATALOGUE)
        spent.append(time.perf_counter() - began)
    return min(spent)


if __name__ == "__main__":
    main()
