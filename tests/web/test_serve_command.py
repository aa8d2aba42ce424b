"""`flyball serve` as an operator uses it: answers become labels, and it begins and ends in order."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from tests.loops import write_loop
from tests.stores import fresh_sqlite
from tests.web.served import REAL, body, environment

from flyball.adapters.sql import open_store
from flyball.core.facts import AlertCleared, AlertRaised

pytestmark = pytest.mark.slow
TOKEN = "canary-5b1e77c0aa42d9"


def flyball(*words: str, **more: str) -> subprocess.Popen[str]:
    """A command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "flyball", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**more),
    )


def until(so: Callable[[], bool]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + 20
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _alerted(loop: Path) -> bool:
    """Whether the contract's alert stands."""
    with closing(open_store(loop / "flyball.db", salt=lambda count: bytes(count), read_only=True)) as store:
        facts = [each.fact for each in store.log.read(kinds=["alert-raised", "alert-cleared"])]
    told = [each for each in facts if isinstance(each, AlertRaised | AlertCleared) and each.key == "contract"]
    return bool(told) and isinstance(told[-1], AlertRaised)


def test_answers_become_facts_and_the_end_is_in_order(tmp_path: Path) -> None:
    loop = write_loop(tmp_path / "loop", settings=REAL)
    fresh_sqlite(loop / "flyball.db").close()
    serving = flyball("serve", "--loop", str(loop), "--port", "0", "--json", FLYBALL_TOKEN=TOKEN)
    assert serving.stdout is not None
    told = ""
    while not told.rstrip().endswith("}"):
        told += (line := serving.stdout.readline())
        assert line, serving.communicate()
    headers = {"authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=json.loads(told)["address"], headers=headers) as client:
        kind = {"content-type": "application/json"}
        assert client.post("/v1/events", content=body(), headers=kind).status_code == 202
        # A second writer of the same file is refused, and is told what to do instead.
        second = flyball("serve", "--loop", str(loop), "--port", "0")
        out, err = second.communicate(timeout=60)
        assert second.returncode == 3 and "writes this loop" in err and "run = true" in err
        # Nobody offered this item: the integrate lane looks at it, and parks it where people see it.
        until(lambda: "flyball_backlog 0" in client.get("/metrics").text)
        assert client.post("/v1/events", content=body(id="e-2"), headers=kind).status_code == 202
        until(lambda: "flyball_parked_answers 2" in client.get("/metrics").text)
        seen = client.get("/metrics").text
        # While nothing comes in, the contract's file is looked at all the same.
        contract = loop / "contract.yaml"
        contract.write_text("labels: [")
        until(lambda: _alerted(loop))
        contract.unlink()
        until(lambda: not _alerted(loop))
        beside = flyball("status", "--loop", str(loop)).communicate(timeout=60)[0]
        assert f"served by process {serving.pid} since" in beside and "2 answers are parked" in beside
    serving.send_signal(signal.SIGTERM)
    rest, noise = serving.communicate(timeout=60)
    assert serving.returncode == 0, noise
    assert TOKEN not in told + rest + noise + out + err + seen
    store = open_store(loop / "flyball.db", salt=lambda count: bytes(count), read_only=True)
    kinds = [link.kind for link in store.evidence.links(bodies=False)]
    assert kinds.count("answer-given") == 2 and "answer-parked" in kinds
    store.close()


def test_a_port_that_is_taken_ends_with_a_sentence(tmp_path: Path) -> None:
    loop = write_loop(tmp_path / "loop", settings=REAL)
    fresh_sqlite(loop / "flyball.db").close()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        busy = flyball("serve", "--loop", str(loop), "--port", port)
        _, err = busy.communicate(timeout=60)
    assert busy.returncode == 3 and f"port {port} cannot be listened on" in err and "Traceback" not in err
