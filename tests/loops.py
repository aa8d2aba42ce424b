"""Little loops in memory on a virtual clock: a few days of card payments, played in a second or two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flyball.adapters.stream import open_stream
from flyball.adapters.toml_file import load
from flyball.bootstrap import App, driver, simulate
from flyball.core.facts import Recorded
from flyball.twin.driver import Pass

DAY = 86400.0

SETTINGS = """
version = 1
id = "little"
[stream]
source = "flyball.streams.card_fraud"
item = "id"
time = "time"
label = "fraud"
label_time = "known_at"
natural_label = "reported"
[stream.options]
transactions = 3000
days = 6
fraud = 0.05
[start]
labelled = 400
[loop]
architecture = "parallel"
rules = "rules.yaml"
[knobs]
"batch.size" = 40
"train.every_labels" = 80
[budget]
share = 0.1
[team]
source = "simulated"
size = 2
seconds_per_item = 300
[clock]
kind = "virtual"
until = "6d"
takes = { ingest = "1h", train = "2h", score = "20m", integrate = "10m", steer = "0s" }
"""

RULES = """
version: 1
every: 1h
rules:
  - id: stale
    because: "{answers.since_train} answers since the last training"
    when: answers.since_train > 30
    then: [{do: retrain}]
    cooldown: 6h
  - id: busy
    because: "{queue.depth} items wait"
    when: queue.depth > 20
    until: queue.depth < 5
    hold: {sampler.reserve: 0.5}
    priority: 10
"""


def write_loop(directory: Path, rules: str = RULES, settings: str = SETTINGS) -> Path:
    """Write a little loop into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "loop.toml").write_text(settings)
    (directory / "rules.yaml").write_text(rules)
    return directory


def little(directory: Path, rules: str = RULES, **overrides: Any) -> App:
    """A loop in memory. Overrides are keys of loop.toml with `__` for dots: `loop__architecture`."""
    write_loop(directory, rules)
    named = {name.replace("__", "."): value for name, value in overrides.items()}
    settings = load(directory, named)
    return simulate(settings, open_stream(settings))


def play(app: App, until: float | None = None) -> list[Pass]:
    """Play a loop to its end, or for so many seconds of its time."""
    end = app.until if until is None else app.clock.now() + until
    return list(driver(app).play(end))


def facts(app: App, *kinds: str) -> list[Recorded]:
    """The facts of these kinds in order."""
    return list(app.tools.store.log.read(kinds=kinds or None))
