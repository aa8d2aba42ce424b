"""A process may be killed at twelve named points of an answer's way, and its loop keeps its promises."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.crash.life import POINTS
from tests.postgres import server


@pytest.mark.slow
def test_a_process_that_is_killed_at_twelve_points_loses_nothing_and_does_nothing_twice() -> None:
    """With its control: a process that answers before it has written, and is seen to lose."""
    stores = ["sqlite"] if server() is None else ["sqlite", "postgres"]
    # In a process of its own, which has no threads when it forks.
    command = [sys.executable, "-m", "tests.crash.points", "--kills", "1", "--stores", *stores]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr
    for point in POINTS:
        assert done.stdout.count(f"    1 kills {point}\n") == len(stores), "every point was reached"
    assert done.stdout.count("\n0 promises broken") == len(stores)
    assert "was acknowledged and is lost" in done.stdout
