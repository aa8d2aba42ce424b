"""Kill a loop's process at moments that a seed draws, start it again, and see whether it kept its promises.

Run as `python -m tests.faults --kills 30` for as long as it takes; exit code 1 where a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import psutil
from tests.loops import RULES
from tests.promises import Account, account_in, broken, rows, unfinished

from flyball.adapters.prefect.environment import database_of
from flyball.adapters.prefect.runs import LaneRun, lane_intervals
from flyball.adapters.prefect.server_main import card_of
from flyball.adapters.project_files import project_files
from flyball.cli.show import print_line
from flyball.core.chance import rng
from flyball.core.ids import Seconds
from flyball.core.sampling.budget import Budget
from flyball.errors import Unreachable

BUDGET = Budget(share=0.15)
SETTINGS = """
version = 1
id = "killed"
[stream]
source = "flyball.streams.card_fraud"
item = "id"
time = "time"
label = "fraud"
features = ["amount*", "hour*", "count_*", "merchant_*", "distance", "category", "channel"]
[stream.options]
transactions = {transactions}
days = {days}
fraud = 0.05
[start]
labelled = 300
[loop]
architecture = "adaptive"
rules = "rules.yaml"
patience = "9d"
[knobs]
"batch.size" = 25
"train.every_labels" = 25
[budget]
share = 0.15
[team]
source = "simulated"
size = 2
seconds_per_item = 300
[clock]
kind = "sped"
speed = {speed}
takes = {{ ingest = "1h", train = "2h", score = "20m", integrate = "10m", steer = "30m" }}
"""
#: What is watched for, to kill a moment later: a kind of fact, or a row that MLflow writes in a training.
FACTS = (
    *("items-arrived", "batch-released", "answer-given", "label-settled", "batch-settled", "looked"),
    *("run-began", "run-began", "model-trained", "model-promoted", "pool-scored"),
)
SHELF = {
    "MLflow table": "SELECT count(*) FROM sqlite_master",
    "MLflow run": "SELECT count(*) FROM runs",
    "MLflow model": "SELECT count(*) FROM logged_models",
    "MLflow version": "SELECT count(*) FROM model_versions",
}
NEWEST = "SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 100"
UNDER_WAY = ("PENDING", "RUNNING", "CANCELLING")
#: How long what is watched for may take to come; and a process to be gone with all its children.
PATIENCE: Seconds = 40.0
GONE: Seconds = 20.0
LOOK: Seconds = 0.005


@dataclass(frozen=True, slots=True)
class Moment:
    """When to kill: so long after something new was written, or (None) after the process was started."""

    after: str | None
    seconds: Seconds

    def __str__(self) -> str:
        return f"{self.seconds:.3f} s after {self.after or 'its start'}"


def moment(chance: np.random.Generator) -> Moment:
    """A moment of any kind; half of those after something come at once."""
    kind = chance.choice(["start", "time", "fact", "fact", "fact", "shelf", "shelf"])
    soon = 0.0 if chance.random() < 0.5 else float(chance.uniform(0.0, 0.5))
    match kind:
        case "start":
            return Moment(None, float(chance.uniform(0.2, 8.0)))
        case "time":
            return Moment("loop-started", float(chance.uniform(0.0, 5.0)))
        case "fact":
            return Moment(str(chance.choice(FACTS)), soon)
        case _:
            return Moment(str(chance.choice(list(SHELF))), soon)


def write_loop(directory: Path, transactions: int = 1500, days: float = 3.0, speed: float = 20000.0) -> Path:
    """A small loop with its flows in a directory."""
    for name, content in project_files("simple").items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    written = SETTINGS.format(transactions=transactions, days=days, speed=speed)
    (directory / "loop.toml").write_text(written)
    (directory / "rules.yaml").write_text(RULES)
    return directory


@dataclass(slots=True)
class Hunt:
    """Lives of one loop, one after the other, each killed at a moment of its own.

    `broken`: every promise that was found broken, with the kill after which it was.
    """

    directory: Path
    prefect: bool = False
    said: Callable[[str], None] = lambda line: None
    broken: list[str] = field(default_factory=list)
    kills: int = 0
    _before: Account = field(default_factory=Account)
    _left: list[psutil.Process] = field(default_factory=list)
    _process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def kill(self, when: Moment) -> bool:
        """Start a process and kill it, and nothing else, at that moment; False where it ended before."""
        process = self._started()
        if not _reached(process, when, self.directory):
            self._judge(f"the end (exit code {process.returncode})", process.returncode)
            return False
        children = psutil.Process(process.pid).children(recursive=True)
        seen = rows(self.directory / "flyball.db", NEWEST) or []
        served = self._served_since()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        self.kills += 1
        what = f"kill {self.kills}, {when}"
        self._judge(what)
        self._find(what, [f"fact {seq} was read and is lost" for seq in self._lost(seen)])
        self._find(what, self._runs_left_open(served))
        self._find(what, _still_there(self._left))
        self._left = children
        return True

    def end(self) -> None:
        """Start a process once more, let it come to its end, and see that nothing is left undone."""
        process = self._started()
        began = psutil.Process(process.pid).create_time()
        code = process.wait()
        self._judge(f"the end (exit code {code})", code)
        if "Traceback" in (said := (self.directory / "said.log").read_text()):
            self._find("the end", [f"a traceback was shown, and {said.splitlines()[-1]}"])
        self._find("the end", _still_there(self._left))
        self._find("the end", [f"process {each} is left behind" for each in _with(self.directory)])
        if self.prefect and {run.state for run in self._runs()} > {"COMPLETED", "CRASHED"}:
            self._find("the end", [f"Prefect has runs {Counter(run.state for run in self._runs())}"])
        if self.prefect and not any(run.start > began for run in self._runs()):
            self._find("the end", ["Prefect has had no run in the last life"])

    def _started(self) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "flyball", "run", "--loop", str(self.directory), "--no-report"]
        with (self.directory / "said.log").open("ab") as said:
            self._process = subprocess.Popen(
                [*words, *([] if self.prefect else ["--no-prefect"])],
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self._process

    def _judge(self, what: str, code: int | None = None) -> None:
        now = account_in(self.directory)
        found = broken(now, BUDGET, self._before)
        if code is not None:
            found += unfinished(now) if code == 0 else [f"the exit code is {code}"]
        self._find(what, found)
        models = "?" if now.versions is None else len(now.versions)
        kinds = [sum(r.fact.kind == kind for r in now.facts) for kind in ("answer-given", "model-trained")]
        told = "{} answers, {} models".format(*kinds)
        self.said(f"{what}: {len(now.facts)} facts, {told}, {models} on the shelf")
        self._before = now

    def _lost(self, seen: list[tuple[int, bytes]]) -> list[int]:
        """Of the facts that could be read before the kill, those that are not there after it."""
        links = self._before.links
        return [seq for seq, hashed in seen if seq > len(links) or links[seq - 1].hash != hashed]

    def _served_since(self) -> float | None:
        """When Prefect's server of this life began; one of a life before is gone when it does."""
        if not self.prefect or not card_of(self.directory).exists():
            return None
        return psutil.Process(json.loads(card_of(self.directory).read_text())["pid"]).create_time()

    def _runs_left_open(self, served: float | None) -> list[str]:
        """Prefect's runs from before this life that still seem under way though this life has had runs."""
        runs = self._runs()
        if served is None or not any(run.start > served for run in runs):
            return []
        open_ = [run for run in runs if run.start < served and run.state in UNDER_WAY]
        return [f"the {run.lane} run of {run.start} is left {run.state}" for run in open_]

    def _runs(self) -> list[LaneRun]:
        try:
            return lane_intervals(database_of(self.directory)) if self.prefect else []
        except Unreachable:  # it was killed before there was a database
            return []

    def _find(self, what: str, problems: list[str]) -> None:
        for problem in problems:
            self.broken.append(f"{what}: {problem}")
            self.said(f"BROKEN after {what}: {problem}")


def hunt(
    directory: Path,
    seed: int,
    kills: int,
    prefect: bool,
    said: Callable[[str], None],
    transactions: int = 1500,
    days: float = 3.0,
) -> list[str]:
    """Kill so many times, in a loop that is made anew when it came to its end; give what was broken."""
    chance = rng(seed, "kills")
    found: list[str] = []
    for number in count():
        with Hunt(write_loop(directory / f"loop-{number}", transactions, days), prefect, said) as one:
            while kills and one.kill(moment(chance)):
                kills -= 1
            if not kills:
                one.end()
        found += one.broken
        if not kills or found:
            return found
    raise AssertionError


def _reached(process: subprocess.Popen[bytes], when: Moment, directory: Path) -> bool:
    """Wait for that moment; False where the process ended before."""
    if when.after is not None:
        before, give_up = _written(directory, when.after), time.monotonic() + PATIENCE
        while _written(directory, when.after) <= before and time.monotonic() < give_up:
            if not _lives(process, LOOK):
                return False
    return _lives(process, when.seconds)


def _lives(process: subprocess.Popen[bytes], seconds: Seconds) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def _written(directory: Path, what: str) -> int:
    """How much of something there is."""
    if what in SHELF:
        found = rows(directory / "mlflow" / "mlflow.db", SHELF[what])
    else:
        found = rows(directory / "flyball.db", f"SELECT count(*) FROM event WHERE kind = '{what}'")
    return found[0][0] if found else 0


def _still_there(processes: list[psutil.Process]) -> list[str]:
    """Those that outlived the process that started them by more than they need to end."""
    _, alive = psutil.wait_procs(processes, timeout=GONE)
    return [f"its child {each} lives on" for each in alive if each.status() != psutil.STATUS_ZOMBIE]


def _with(directory: Path) -> list[psutil.Process]:
    """Every process that names the directory on its command line."""
    found = psutil.process_iter(["cmdline"])
    return [each for each in found if any(str(directory) in word for word in each.info["cmdline"] or ())]


def main() -> int:
    """Hunt as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--prefect", action="store_true", help="with the loop's own Prefect server")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left running
    with tempfile.TemporaryDirectory(prefix="flyball-faults-") as directory:
        found = hunt(Path(directory), asked.seed, asked.kills, asked.prefect, print_line)
    print_line(f"{asked.kills} kills, {len(found)} promises broken")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
