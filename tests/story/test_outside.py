"""What is outside a loop goes away, answers nonsense or is full: it is said, and nothing is lost."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from tests.furniture import furnished, mlflow_database
from tests.loops import DAY
from tests.promises import account_in, account_of, broken, unfinished
from tests.shops import BUDGET, alerts, kept, opened, write_shop

from flyball.adapters.shelf_mlflow import MlflowShelf
from flyball.bootstrap import driver
from flyball.core.facts import BatchSettled, ModelTrained

pytestmark = pytest.mark.slow
HOUR = 3600.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def mlflow_server(directory: Path, port: int) -> Iterator[None]:
    """A tracking server with its store in a directory; all of it is gone afterwards."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    places = ["--backend-store-uri", f"sqlite:///{directory}/server.db"]
    places += ["--artifacts-destination", str(directory / "artifacts"), "--workers", "1"]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (directory / "server.log").open("ab") as log:
        server = subprocess.Popen(
            [*command, *places], stdout=log, stderr=log, env=os.environ | quiet, start_new_session=True
        )
    try:
        for _ in range(600):
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                break
            assert server.poll() is None, (directory / "server.log").read_text()
            time.sleep(0.1)
        yield
    finally:
        family = [*psutil.Process(server.pid).children(recursive=True), psutil.Process(server.pid)]
        for each in family:
            each.kill()
        psutil.wait_procs(family, timeout=20)
        server.wait()


@pytest.mark.timeout(600)
def test_while_mlflow_is_away_people_go_on_and_when_it_is_back_models_are_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    port = free_port()
    app = opened(write_shop(tmp_path))
    app.tools.shelf = MlflowShelf("shop", f"http://127.0.0.1:{port}", str)
    played = driver(app)

    def play(seconds: float) -> None:
        list(played.play(app.clock.now() + seconds))

    play(5 * HOUR)
    at_first = kept(app)
    assert f"Unreachable: MLflow at http://127.0.0.1:{port} cannot be used" in alerts(app)["lane-train"]
    assert at_first["model-trained"] == 0
    assert at_first["batch-settled"] > 0
    assert at_first["label-settled"] > 20

    mlflow_database(tmp_path / "server.db")
    with mlflow_server(tmp_path, port):
        play(5 * HOUR)
    back = kept(app)
    assert alerts(app) == {}
    assert back["model-trained"] > 0
    assert app.tools.state.champion is not None

    play(5 * HOUR)
    away = kept(app)
    assert "MLflow" in alerts(app)["lane-train"]
    assert away["model-trained"] <= back["model-trained"] + 1  # one was on the shelf when it went away
    assert away["pool-scored"] > back["pool-scored"]
    assert away["label-settled"] > back["label-settled"]

    with mlflow_server(tmp_path, port):
        play(10 * DAY)
        shelved = app.tools.shelf.versions()
    end = account_of(app.tools.store)
    assert alerts(app) == {}
    assert kept(app)["model-trained"] > away["model-trained"]
    assert [model.pins for model in shelved] == [model.pins for model in end.of(ModelTrained)]
    assert [left for left in unfinished(end) if "failed: Unreachable" not in left] == []


class _Page(BaseHTTPRequestHandler):
    """What a proxy gives: a page, whatever was asked."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Sign in</html>")

    do_POST = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def a_page() -> Iterator[int]:
    """A port at which something else answers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@contextmanager
def silence() -> Iterator[int]:
    """A port at which nobody ever answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@contextmanager
def nobody() -> Iterator[int]:
    yield free_port()


def flyball(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command as an operator does."""
    command = [sys.executable, "-m", "flyball", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


@pytest.mark.parametrize(
    "there",
    [
        pytest.param(nobody, id="nobody"),
        pytest.param(silence, id="silence"),
        pytest.param(a_page, id="a page"),
    ],
)
def test_a_loop_runs_without_prefect_whatever_answers_in_its_place(
    there: Callable[[], AbstractContextManager[int]], tmp_path: Path
) -> None:
    with there() as port:
        prefect = f"http://127.0.0.1:{port}/api"
        loop = furnished(write_shop(tmp_path, clock="sped", prefect=prefect, until="8h"))
        done = flyball("run", "--loop", loop, "--no-report")
        told = flyball("status", "--loop", loop)
    assert done.returncode == 0, done.stderr
    assert f"Prefect at http://127.0.0.1:{port}/api" in told.stdout
    assert f"Prefect at http://127.0.0.1:{port}/api" in done.stdout
    assert "the loop goes on without Prefect" in done.stdout
    assert "Traceback" not in done.stderr
    end = account_in(loop)
    assert broken(end, BUDGET) == []
    assert len(end.of(ModelTrained)) > 1


@pytest.mark.parametrize("there", [nobody, a_page], ids=["nobody", "a page"])
def test_a_loop_runs_without_mlflow_and_says_so(
    there: Callable[[], AbstractContextManager[int]], tmp_path: Path
) -> None:
    with there() as port:
        loop = write_shop(tmp_path, clock="sped", mlflow=f"http://127.0.0.1:{port}", until="9h")
        done = flyball("run", "--loop", loop, "--no-report", "--no-prefect")
        told = flyball("status", "--loop", loop)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert f"MLflow at http://127.0.0.1:{port} cannot be used" in told.stdout
    end = account_in(loop)
    assert broken(end, BUDGET) == []
    assert len(end.of(BatchSettled)) > 1


def test_a_full_disk_ends_the_run_in_a_sentence_and_the_next_one_goes_on(tmp_path: Path) -> None:
    loop = write_shop(tmp_path, clock="sped")
    words = f"ulimit -f 700; exec {sys.executable} -m flyball run --loop {loop} --no-report --no-prefect"
    full = subprocess.run(["bash", "-c", words], capture_output=True, text=True, timeout=200, check=False)
    assert full.returncode == 3, full.stderr
    assert "Traceback" not in full.stderr
    assert "flyball.db is not written" in full.stderr
    before = account_in(loop)
    assert broken(before, BUDGET) == []
    done = flyball("run", "--loop", loop, "--no-report", "--no-prefect")
    assert done.returncode == 0, done.stderr
    end = account_in(loop)
    assert broken(end, BUDGET, before) == []
    assert [left for left in unfinished(end) if "failed: Unreachable" not in left] == []
