"""A loop whose stream is away takes answers in and merges them; only taking items in needs the stream."""

from __future__ import annotations

import json
import signal
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from tests.commands import run
from tests.loops import write_loop
from tests.stores import arrivals, fresh_sqlite
from tests.web.test_serve_command import flyball
from tests.work.test_integrate_command import CONTRACT

from flyball.api import capture_to
from flyball.bootstrap import open_loop
from flyball.core.due import Go, Wait
from flyball.errors import Unreachable

#: Nobody listens at that port.
AWAY = """
version = 1
id = "away"
[stream]
source = "postgresql://me:secret@127.0.0.1:1/shop"
query = "SELECT * FROM items"
item = "id"
time = "time"
label = "label"
CLASSES
[team]
source = "none"
[loop]
rules = "rules.yaml"
[clock]
kind = "real"
"""
LISTED = 'classes = ["0", "1"]'


def a_loop(directory: Path, classes: str) -> Path:
    """A loop on its own store, with two items that came before the stream went away."""
    write_loop(directory, settings=AWAY.replace("CLASSES", classes))
    with closing(fresh_sqlite(directory / "flyball.db")) as store:
        store.log.append(arrivals(["i-0", "i-1"]), 1.0)
    return directory


def say(directory: Path, name: str, item: str, label: str) -> None:
    with capture_to(directory) as capture:
        capture({"id": name, "item": item, "annotator": "ann-1", "label": label})


def test_answers_are_captured_merged_and_parked_while_the_stream_is_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = a_loop(tmp_path, LISTED)
    say(loop, "e-1", "i-0", "1")
    say(loop, "e-2", "i-1", "fruad")
    code, out = run(capsys, "integrate", "--loop", str(loop))
    assert (code, "1 labels from 2 answers, 1 parked" in out) == (0, True), out
    code, out = run(capsys, "dlq", "ls", "--loop", str(loop), "--json")
    assert (code, json.loads(out)[0]["count"]) == (0, 1), out
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1") as told:
        open_loop(loop, whole=True)
    assert "secret" not in str(told.value)


def test_a_question_to_a_stream_that_is_away_says_so_and_opens_it_when_it_is_back(tmp_path: Path) -> None:
    with closing(open_loop(a_loop(tmp_path, LISTED))) as app:
        with pytest.raises(Unreachable):
            app.stream.next_at(0, 0)
        assert isinstance(app.lanes["train"].due(app.clock.now()), Wait)


def test_where_nobody_knows_the_labels_answers_wait_and_an_alert_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = a_loop(tmp_path, "")
    say(loop, "e-1", "i-0", "1")
    with closing(open_loop(loop)) as app:
        due = app.lanes["integrate"].due(app.clock.now())
        assert isinstance(due, Wait) and "which labels there are is not known" in due.why
        assert getattr(app.tools.state.alerts["classes"].fact, "message", "") == due.why
        assert "secret" not in due.why
        (tmp_path / "contract.yaml").write_text(CONTRACT.replace("POLICY", "majority"))
        assert isinstance(app.lanes["integrate"].due(app.clock.now()), Go)
    code, out = run(capsys, "integrate", "--loop", str(loop))
    assert (code, "1 labels from 1 answers" in out) == (0, True), out
    with closing(open_loop(loop)) as app:
        assert "classes" not in app.tools.state.alerts


@pytest.mark.slow
def test_a_loop_whose_stream_is_away_is_served(tmp_path: Path) -> None:
    loop = a_loop(tmp_path, LISTED)
    serving = flyball("serve", "--loop", str(loop), "--port", "0", "--json")
    assert serving.stdout is not None
    told = ""
    while not told.rstrip().endswith("}"):
        told += (line := serving.stdout.readline())
        assert line, serving.communicate()
    said = {"id": "e-1", "item": "i-0", "annotator": "ann-1", "label": "1"}
    address = json.loads(told)["address"]
    assert httpx.post(f"{address}/v1/events", json=said).status_code == 202
    deadline = time.monotonic() + 20
    while "flyball_backlog 0" not in httpx.get(f"{address}/metrics").text and time.monotonic() < deadline:
        time.sleep(0.05)
    serving.send_signal(signal.SIGTERM)
    _, noise = serving.communicate(timeout=60)
    assert serving.returncode == 0, noise
    with closing(open_loop(loop)) as app:
        assert len(list(app.tools.store.log.read(kinds=["label-settled"]))) == 1
