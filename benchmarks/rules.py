"""What rules cost as files grow: looks, checks, reloads, and the memory that reloads leave behind.

look     10 to 1,000 rules over 10 to 1,000 signals, sharded over as many rulesets as they need:
         once with nothing that holds, once with every condition true at once
check    from bytes to rules and warnings
reload   a changed file, from its bytes to its first look
memory   of the process over many reloads, and what one reload leaves

python -m benchmarks.rules --out rules.json
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from benchmarks.machine import machine

from flyball.adapters.durable_rules import DurableEngine
from flyball.adapters.rule_file import read
from flyball.cli.rules import CATALOGUE
from flyball.core.control import KnobState
from flyball.core.knobs import ACTIONS, KNOBS
from flyball.core.rules.evaluator import Evaluator
from flyball.core.rules.model import Ruleset
from flyball.core.rules.words import Catalogue
from flyball.core.signal import Signal, Snapshot

SIZES = (10, 100, 300, 1000)
RULE = """  - id: r{n}
    because: "{{{signal}}} is more than {n}"
    when: {signal} > {n} and ({other} > 5 or not {signal} > 2_000)
    until: {signal} < {n}
    for: 5m
    then: [{{do: alert, severity: warn}}]
    priority: {priority}
"""


def main() -> None:
    """Measure, print a table, write it down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--looks", type=int, default=100, help="looks for each size")
    parser.add_argument("--reloads", type=int, default=500)
    parser.add_argument("--out", type=Path, default=None, help="JSON with the figures and the machine")
    chosen = parser.parse_args()
    # First, while the process is small: what large files took is kept by the allocator.
    small = reloads(30, chosen.reloads)
    found: dict[str, Any] = {
        "machine": machine(),
        "looks": list(looks(chosen.looks)),
        "checks": list(checks()),
        "reloads": [small, reloads(1000, chosen.reloads // 10)],
    }
    for name in ("looks", "checks", "reloads"):
        print(f"\n{name}")
        print("  ".join(f"{key:>16}" for key in found[name][0]))
        for row in found[name]:
            print("  ".join(f"{value:>16}" for value in row.values()))
    if chosen.out:
        chosen.out.write_text(json.dumps(found, indent=2) + "\n")


def catalogue_of(signals: int) -> Catalogue:
    """A catalogue of so many signals without bounds."""
    named = (Signal(f"s.n{n}", "count", 0.0, None, "", "") for n in range(signals))
    return Catalogue({each.name: each for each in named}, KNOBS, ACTIONS)


def text_of(rules: int, signals: int, version: int = 0) -> bytes:
    """A rule file; each version is another file of the same size."""
    lines = (
        RULE.format(n=n + 1, priority=n, signal=f"s.n{n % signals}", other=f"s.n{(n + 1) % signals}")
        for n in range(rules)
    )
    return f"version: 1\nevery: 30s\n# {version}\nrules:\n{''.join(lines)}".encode()


def looks(count: int) -> Iterator[dict[str, Any]]:
    """The milliseconds of a look for every size, with the reference engine beside it."""
    for rules in SIZES:
        for signals in SIZES:
            ruleset, _ = read(text_of(rules, signals), "benchmark", catalogue_of(signals))
            engine = DurableEngine()
            began = time.perf_counter()
            engine.truths(ruleset, {})
            loaded = time.perf_counter() - began
            idle = took(ruleset, engine, count, signals, 0.0)
            holding = took(ruleset, engine, count, signals, 1e6)
            shards = len(engine._program(ruleset)._rulesets)
            engine.close()
            yield {
                "rules": rules,
                "signals": signals,
                "rulesets": shards,
                "load ms": round(loaded * 1e3, 1),
                "nothing holds ms": round(idle * 1e3, 2),
                "all hold ms": round(holding * 1e3, 2),
            }


def took(ruleset: Ruleset, engine: DurableEngine, count: int, signals: int, level: float) -> float:
    """The median seconds of a look at which every signal reads about the same."""
    evaluator, knobs, spent = Evaluator(ruleset, engine.truths), KnobState.start({}), list[float]()
    for number in range(count):
        values = (
            {f"s.n{n}": level + number % 7 for n in range(signals)}
            if level
            else {f"s.n{n}": 0.0 for n in range(signals)}
        )
        snapshot = Snapshot(30.0 * number, number // 20, values)
        began = time.perf_counter()
        evaluator.keep(evaluator.look(snapshot, knobs, live=True))
        spent.append(time.perf_counter() - began)
    return statistics.median(spent)


def checks() -> Iterator[dict[str, Any]]:
    """The milliseconds of a check, the fastest of three."""
    for rules in (30, 300, 1000):
        for kind, content, catalogue in (
            ("short", text_of(rules, 40), catalogue_of(40)),
            ("tugs", tugs(rules), CATALOGUE),
        ):
            spent = []
            for _ in range(3):
                began = time.perf_counter()
                _, warnings = read(content, "benchmark", catalogue)
                spent.append(time.perf_counter() - began)
            yield {
                "rules": rules,
                "kind": kind,
                "kB": round(len(content) / 1e3),
                "warnings": len(warnings),
                "check ms": round(min(spent) * 1e3),
            }


def tugs(rules: int) -> bytes:
    """Rules that all pull at one knob and hold another, on conditions of several ways: dear to compare."""
    lines = (
        f"  - {{id: r{n}, because: so, priority: {n},"
        f" when: (queue.depth > {n} or dlq.depth > {n}) and (drift.share > 10% or val.ap < 0.{n + 1}),"
        f" until: queue.depth < {n} and dlq.depth < {n},"
        f" then: {{scale: batch.size, by: {'1.5' if n % 2 else '0.7'}}}, hold: {{sampler.name: random}}}}\n"
        for n in range(rules)
    )
    return f"version: 1\nevery: 30s\nrules:\n{''.join(lines)}".encode()


def reloads(rules: int, count: int) -> dict[str, Any]:
    """One changed file after the other: the time to its first look, and what stays in memory."""
    catalogue, engine, process = catalogue_of(40), DurableEngine(), psutil.Process()
    spent, sizes = list[float](), list[float]()
    for version in range(count):
        content = text_of(rules, 40, version)
        began = time.perf_counter()
        ruleset, _ = read(content, "benchmark", catalogue)
        engine.truths(ruleset, {f"s.n{n}": 1e6 for n in range(40)})
        spent.append(time.perf_counter() - began)
        if version in (count // 10, count // 2, count - 1):
            gc.collect()
            sizes.append(process.memory_info().rss / 1e6)
    engine.close()
    early, middle, late = sizes
    return {
        "rules": rules,
        "reloads": count,
        "median ms": round(statistics.median(spent) * 1e3, 1),
        "at 10% MB": round(early, 1),
        "at 50% MB": round(middle, 1),
        "at 100% MB": round(late, 1),
        "kB a reload": round((late - middle) / (count - count // 2) * 1e3, 1),
    }


if __name__ == "__main__":
    main()
