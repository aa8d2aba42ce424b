"""An operator's directory, deployed as `prefect.yaml` says, on a real server with a real worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from tests.furniture import furnished

from flyball.adapters.prefect import environment
from flyball.adapters.prefect.server import LocalServer
from flyball.adapters.project_files import project_files

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LANES = ("ingest", "score", "annotate", "integrate", "train", "steer")
OVER = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `flyball init` writes, with the databases of MLflow and Prefect."""
    directory = tmp_path_factory.mktemp("operator") / "loop"
    for name, content in project_files("simple").items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return furnished(directory, prefect=True)


@pytest.fixture(scope="module")
def server(directory: Path) -> Iterator[LocalServer]:
    with LocalServer(directory) as server:
        yield server


def prefect(
    directory: Path, server: LocalServer, *words: str, stdout: int | IO[str] = subprocess.PIPE
) -> subprocess.Popen[str]:
    """Prefect's own command, as an operator types it in the loop's directory."""
    return subprocess.Popen(
        [sys.executable, "-m", "prefect", "--no-prompt", *words],
        cwd=directory,
        env={**os.environ, **environment.settings_for(directory, server.url)},
        stdout=stdout,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=_heeding,
    )


def _heeding() -> None:
    """Have it heed SIGINT, by which Prefect's worker ends itself; in a shell's background nobody does."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def done(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return said


def asked(server: LocalServer, path: str, body: dict[str, Any], patience: float = 1.0) -> Any:
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{server.url}{path}", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        # Its database is busy: Prefect's own clients ask again, too.
        if error.code != 503 or patience > 8:
            raise
        time.sleep(patience)
        return asked(server, path, body, 2 * patience)


def state_at_the_end(server: LocalServer, run: str) -> str:
    """What became of a flow run, or how far it came in two minutes."""
    state = "SCHEDULED"
    until = time.monotonic() + 120
    while state not in OVER and time.monotonic() < until:
        (found,) = asked(server, "/flow_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
        state = str(found["state_type"])
        time.sleep(0.2)
    return state


@pytest.fixture(scope="module")
def deployments(directory: Path, server: LocalServer) -> dict[str, str]:
    """Every deployment's id by its name."""
    done(prefect(directory, server, "work-pool", "create", "flyball", "--type", "process"))
    done(prefect(directory, server, "deploy", "--all"))
    return {str(each["name"]): str(each["id"]) for each in asked(server, "/deployments/filter", {})}


@pytest.fixture(scope="module")
def worker(directory: Path, server: LocalServer, deployments: dict[str, str]) -> Iterator[Path]:
    """A worker of the pool; what it says is in this file."""
    log = directory / "worker.log"
    with log.open("w") as file:
        process = prefect(directory, server, "worker", "start", "--pool", "flyball", stdout=file)
    yield log
    process.terminate()
    process.wait(timeout=60)


def test_every_lane_is_deployed_from_the_operators_own_directory(
    deployments: dict[str, str], server: LocalServer, directory: Path
) -> None:
    found = asked(server, "/deployments/filter", {})
    assert sorted(deployments) == sorted(LANES)
    for each in found:
        (pull,) = each["pull_steps"]
        assert list(pull.values()) == [{"directory": str(directory)}]
        assert each["entrypoint"] == f"flows/{each['name']}.py:{each['name']}"


@pytest.mark.parametrize("lane", LANES)
def test_a_worker_runs_the_lane_to_its_end(
    lane: str, deployments: dict[str, str], worker: Path, server: LocalServer
) -> None:
    run = asked(server, f"/deployments/{deployments[lane]}/create_flow_run", {})
    assert state_at_the_end(server, run["id"]) == "COMPLETED", worker.read_text()
