"""People change the rules of a loop that runs and is killed: all they did counts, and counts once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from tests.faults import write_loop
from tests.furniture import furnished
from tests.loops import RULES
from tests.promises import Account, account_in

from flyball.cli.write import sent
from flyball.core.facts import DecisionMade, KnobTurned, Looked, RulesLoaded

T = TypeVar("T")
PATIENCE = 120.0
EAGER = RULES.replace("answers.since_train > 30", "answers.since_train > 20")
BUSIER = EAGER.replace("queue.depth > 20", "queue.depth > 10")


def start(directory: Path) -> subprocess.Popen[bytes]:
    """The loop in a process of its own, without Prefect."""
    words = ["run", "--loop", str(directory), "--no-prefect", "--no-report"]
    code = "from flyball.cli.main import main; main()"
    with (directory / "out.txt").open("ab") as out:
        return subprocess.Popen([sys.executable, "-c", code, *words], stdout=out, stderr=out)


def until(process: subprocess.Popen[bytes], directory: Path, seen: Callable[[Account], T | None]) -> T:
    """What is looked for, once it is written down."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := seen(account_in(directory)):
            return found
        assert process.poll() is None, (directory / "out.txt").read_text()
        time.sleep(0.1)
    raise AssertionError((directory / "out.txt").read_text())


def looks(count: int) -> Callable[[Account], bool]:
    return lambda account: len(account.of(Looked)) >= count


@pytest.mark.slow
def test_killed_and_started_again_between_changes_of_its_rules(tmp_path: Path) -> None:
    directory = furnished(write_loop(tmp_path / "loop", transactions=3000, days=12.0, speed=4000.0))
    process = start(directory)
    try:
        until(process, directory, looks(3))
        ana = {"by": "ana", "because": "more often"}
        found = sent(directory, {"command": "rules-put", "content": EAGER, **ana})
        assert found["changed"]
        turned = {"knob": "sampler.reserve", "value": "0.3", "about": None, "lasts": None}
        sent(directory, {"command": "knob-set", **turned, **ana})
        until(process, directory, looks(6))
        process.send_signal(signal.SIGKILL)
        process.wait()

        (directory / "rules.yaml").write_text(BUSIER)
        before = len(account_in(directory).of(Looked))
        process = start(directory)
        until(process, directory, looks(before + 3))
        process.send_signal(signal.SIGKILL)
        process.wait()
        sent(directory, {"command": "knob-clear", "knob": "sampler.reserve", **ana})
    finally:
        process.kill()
        process.wait()

    account = account_in(directory)
    assert [(each.text, each.by, each.because) for each in account.of(RulesLoaded)] == [
        (RULES, "", ""),
        (EAGER, "ana", "more often"),
        (BUSIER, "", ""),
    ]
    people = [each.to for each in account.of(KnobTurned) if each.layer == "person:ana"]
    assert people == [0.3, None]
    dues = [each.due for each in account.of(Looked)]
    assert dues == sorted(set(dues))
    made = Counter((each.rule, each.about, each.verdict, each.due) for each in account.of(DecisionMade))
    assert set(made.values()) <= {1}
    at_work = [each.rules for each in account.of(Looked)]
    loaded = [each.digest for each in account.of(RulesLoaded)]
    assert list(dict.fromkeys(at_work)) == loaded
