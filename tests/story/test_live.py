"""The loop live, through Prefect: lanes overlap, nothing is left behind, and Prefect is not needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest
from tests.furniture import furnished
from tests.loops import SETTINGS

from flyball.adapters.prefect.environment import database_of
from flyball.adapters.prefect.runs import LaneRun, lane_intervals
from flyball.bootstrap import reading
from flyball.core.facts import BatchReleased, LabelSettled

pytestmark = pytest.mark.slow

CHANGES = {
    "transactions = 3000": "transactions = 1500",
    "days = 6": "days = 3",
    '"6d"': '"3d"',
    "labelled = 400": "labelled = 300",
    '"batch.size" = 40': '"batch.size" = 20',
    'every_labels" = 80': 'every_labels" = 40',
    'kind = "virtual"': 'kind = "sped"\nspeed = 100000',
    'ingest = "1h"': 'ingest = "6h"',
    'steer = "0s"': 'steer = "12h"',
    "share = 0.1": "share = 0.5",
    "seconds_per_item = 300": "seconds_per_item = 900",
    'rules = "rules.yaml"': 'rules = "rules/demo.yaml"',
}
LIVE = SETTINGS
for before, after in CHANGES.items():
    assert before in LIVE, before
    LIVE = LIVE.replace(before, after)


def made(directory: Path, settings: str = LIVE) -> Path:
    """A loop's directory as `flyball init` makes it, with a little stream."""
    flyball("init", str(directory), "--project", "demo")
    (directory / "loop.toml").write_text(settings)
    return directory


def flyball(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command as an operator does."""
    command = [sys.executable, "-m", "flyball", *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=240, check=False, env={**os.environ}
    )


def overlapping(runs: Sequence[LaneRun], lane: str) -> float:
    """The share of a lane's time during which another lane was at work."""
    mine = [(run.start, run.end) for run in runs if run.lane == lane and run.end]
    others = sorted((run.start, run.end) for run in runs if run.lane != lane and run.end)
    shared = 0.0
    for begin, end in mine:
        covered = begin
        for start, stop in others:
            if stop > covered and start < end:
                shared += min(stop, end) - max(start, covered)
                covered = min(stop, end)
    return shared / sum(end - begin for begin, end in mine)


def test_lanes_overlap_in_prefects_own_record_and_no_server_is_left_behind(tmp_path: Path) -> None:
    loop = made(tmp_path / "loop")
    done = flyball("run", "--loop", str(loop), "--no-report", "--json")
    assert done.returncode == 0, done.stderr
    ended = json.loads(done.stdout)
    runs = lane_intervals(database_of(loop))
    assert {run.lane for run in runs} == {"ingest", "score", "annotate", "integrate", "train", "steer"}
    assert {run.state for run in runs} == {"COMPLETED"}
    assert Counter(run.lane for run in runs)["train"] == ended["models"] >= 3
    assert overlapping(runs, "train") >= 0.5
    left = [p.pid for p in psutil.process_iter(["cmdline"]) if str(loop) in " ".join(p.info["cmdline"] or [])]
    assert left == []


def test_without_prefect_the_same_lanes_run_and_every_item_has_one_label(tmp_path: Path) -> None:
    loop = furnished(made(tmp_path / "loop"))
    done = flyball("run", "--loop", str(loop), "--no-report", "--no-prefect", "--json")
    assert done.returncode == 0, done.stderr
    with reading(loop) as read:
        facts = [recorded.fact for recorded in read.log.read()]
        out = {item for batch in read.state.open.values() for item in batch.unsettled}
    asked = Counter(item for fact in facts if isinstance(fact, BatchReleased) for item in fact.items)
    labels = Counter(fact.item for fact in facts if isinstance(fact, LabelSettled))
    assert asked
    assert set(asked.values()) == set(labels.values()) == {1}
    assert set(asked) == set(labels) | out
