"""What it costs to put a recording through an edited rule file: 90 days of one-minute looks, 30 rules.

    write     the recording, into a loop's database (not part of a replay)
    reading   the log alone: every look with its decisions, from the database
    replay    the edited file, beside the recorded one played again, with what was recorded and the reading

The recording is made by the same evaluator over wandering signals, so that its decisions are those of the
rules it holds.

    python -m benchmarks.replay --days 90 --out replay.json
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.machine import machine

from flyball.adapters.rule_file import read
from flyball.adapters.sql import open_store
from flyball.cli.rules import CATALOGUE
from flyball.core.control import KnobState
from flyball.core.facts import Fact, KnobTurned, Looked, RulesLoaded
from flyball.core.ids import START
from flyball.core.rules.compiled import CompiledEngine
from flyball.core.rules.evaluator import Evaluator
from flyball.core.rules.model import Ruleset
from flyball.core.rules.replay_playback import KINDS
from flyball.core.rules.sweep import read_sweep
from flyball.core.rules.why import Catalogues
from flyball.core.signals import SIGNALS, Snapshot
from flyball.ports import Commit, Draft, Log
from flyball.work.recording import Recording
from flyball.work.replay import Past

MINUTE = 60.0
#: Signals that every look reads; the catalogue has more than these, most of them in no rule.
READ = 40
SETTINGS = KnobState.start({"loop.architecture": "adaptive"})
RULE = """  - id: rule-{n}
    because: "{{queue.depth}} items wait; confidence stands still (slope {{slope(model.confidence, 5)}})"
    when: (queue.depth > {high} or rise(queue.depth, 30m) > 80%) and answers.total < 10_000 and not overloaded
    until: queue.depth < {low}
    for: 5m
    then: [{{do: alert, severity: warn}}]
    cooldown: 2h
    priority: {n}
"""


def main() -> None:
    """Measure, print a table, write it down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--days", type=float, default=90.0)
    parser.add_argument("--rules", type=Path, default=Path(__file__).parents[1] / "rules" / "adaptive.yaml")
    parser.add_argument("--out", type=Path, default=None, help="JSON with the figures and the machine")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        found = measure(chosen.rules.read_text(), chosen.days, Path(directory))
    found |= {"machine": machine()}
    for name, value in found.items():
        print(f"{name:28} {value}")
    if chosen.out:
        chosen.out.write_text(json.dumps(found, indent=2) + "\n")


def measure(text: str, days: float, directory: Path) -> dict[str, Any]:
    """Seconds for each part, and microseconds a look, on the wall and of the processor."""
    rules = ruleset(thirty(text))
    one = ruleset(thirty(text).replace("annotators.idle > 20%", "annotators.idle > 25%"))
    many = ruleset(thirty(text).replace("queue.depth > 200 or", "queue.depth > 190 or"))
    looks = int(days * 1440)
    store = open_store(str(directory / "flyball.db"), salt=os.urandom)
    try:
        began = time.perf_counter()
        facts = write(store.log, rules, looks)
        wrote = time.perf_counter() - began
        began = time.perf_counter()
        count = sum(1 for _ in store.log.read(START, kinds=KINDS))
        reading = time.perf_counter() - began
        figures = {"one rule": replay(store.log, one), "a condition of many": replay(store.log, many)}
        sweep = swept(store.log, rules)
    finally:
        store.close()
    return {
        "rules": len(rules.rules),
        "signals": READ,
        "looks": looks,
        "facts": facts,
        "facts read": count,
        "write, s": round(wrote, 1),
        "reading, s": round(reading, 1),
        **{f"{edit} edited: {name}": value for edit, each in figures.items() for name, value in each.items()},
        "sweep of 10 values, s": sweep,
    }


def replay(log: Log, edited: Ruleset) -> dict[str, Any]:
    """An edited file over the whole recording, from the database."""
    past = asked(log)
    first, last = past.recording.ends()
    began, spent = time.perf_counter(), time.process_time()
    found = past.replay(edited, first.due, last.due)
    took, burnt = time.perf_counter() - began, time.process_time() - spent
    return {
        "decisions that differ": len(found.differences),
        "looks not played alike": found.unlike,
        "wall s": round(took, 1),
        "processor s": round(burnt, 1),
        "µs a look": round(took / found.looks * 1e6),
    }


def swept(log: Log, rules: Ruleset) -> float:
    """A sweep over the whole recording, in seconds."""
    past = asked(log)
    first, last = past.recording.ends()
    began = time.perf_counter()
    past.sweep(read_sweep("rule-1.for=1m..30m", rules, past.catalogues), rules, first.due, last.due)
    return round(time.perf_counter() - began, 1)


def asked(log: Log) -> Past:
    """The recording, to be asked."""
    recording = Recording(log, SETTINGS, lambda content, name: read(content, name, CATALOGUE)[0])
    return Past(recording, Catalogues(CATALOGUE.signals, CATALOGUE.knobs))


def thirty(text: str) -> str:
    """A rule file filled up to thirty rules."""
    present = text.count("- id: ")
    rules = (RULE.format(n=n, high=150 + 10 * n, low=50 + n) for n in range(1, 31 - present))
    return text + "\n" + "".join(rules)


def ruleset(text: str) -> Ruleset:
    """The rules of a text."""
    return read(text.encode(), "benchmark", CATALOGUE)[0]


def write(log: Log, rules: Ruleset, looks: int) -> int:
    """Write a recording down, a thousand looks a commit. Gives the number of facts."""
    evaluator, knobs = Evaluator(rules, CompiledEngine().truths), SETTINGS
    facts: list[Fact] = [RulesLoaded(rules.digest, rules.name, rules.text)]
    count = 0
    for number, snapshot in enumerate(wandering(looks), start=1):
        taken = evaluator.look(snapshot, knobs, live=True)
        evaluator.keep(taken)
        facts.append(Looked(snapshot.at, snapshot.cycle, rules.digest, snapshot.values, snapshot.each))
        for fact in taken.facts:
            facts.append(fact)
            if isinstance(fact, KnobTurned):
                knobs = knobs.evolve(fact)
        if number % 1000 == 0 or number == looks:
            log.append(Commit(facts=[Draft(fact) for fact in facts]), snapshot.at)
            count += len(facts)
            facts = []
    return count


def wandering(looks: int) -> Iterator[Snapshot]:
    """Forty signals that move by a little each minute; one in fifty readings is missing."""
    random = Random(1)
    own = [name for name, signal in SIGNALS.items() if signal.per]
    shared = [name for name, signal in SIGNALS.items() if signal.per is None][: READ - len(own)]
    level = {name: random.random() for name in (*shared, *own)}
    for number in range(looks):
        for name in level:
            level[name] = min(1.0, max(0.0, level[name] + random.gauss(0.0, 0.01)))
        yield Snapshot(
            MINUTE * number,
            number // 120,
            {name: _reading(name, level[name], random) for name in shared},
            {who: {name: _reading(name, level[name], random) for name in own} for who in ("ana", "bo")},
        )


def _reading(name: str, level: float, random: Random) -> float | None:
    if random.random() < 0.02:
        return None
    signal = SIGNALS[name]
    if signal.unit == "flag":
        return float(level > 0.95)
    return level if signal.high is not None else level * 250


if __name__ == "__main__":
    main()
