"""A real Label Studio for the tests, in an environment of its own, and what may happen on the way to it.

The environment is that of `FLYBALL_LABEL_STUDIO`, or one that `make label-studio` has put into the user's
cache. The server is shared by all test runs that are under way; whoever leaves last stops it. Nothing it
does leaves this machine.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tests.shared_server import home_of, shared

from flyball.adapters.label_studio_http import Away, LabelStudioHttp

#: What `make label-studio` installs.
VERSION = "1.23.2"
NAME, PASSWORD, TOKEN = "tests@example.org", "only-for-tests", "0123456789abcdef0123456789abcdef01234567"
#: The first start makes the database; later ones take seconds.
FIRST_START, START = 300.0, 120.0
#: Servers that this process has started; a process that nobody holds on to is warned about.
_started_here: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is, and the token of its one user."""

    url: str
    token: str = TOKEN


class Annotators:
    """What people do on the pages of Label Studio, done over its API as its one user, in anybody's name."""

    def __init__(self, server: Server) -> None:
        self._url = server.url
        self._http = LabelStudioHttp(server.url, server.token)

    def say(self, task: int, label: str | None, by: int) -> int:
        """Answer a task, or skip it where there is no label; gives the annotation's id."""
        said = {"result": choice(label), "was_cancelled": label is None, "lead_time": 4.5, "completed_by": by}
        return int(self._http.ask("POST", f"/api/tasks/{task}/annotations/", json=said)["id"])

    def leave_empty(self, task: int) -> None:
        """Save an answer in which nothing was chosen."""
        self._http.ask("POST", f"/api/tasks/{task}/annotations/", json={"result": []})

    def draft(self, task: int, label: str | None) -> int:
        """Begin an answer and do not submit it; gives the draft's id."""
        return int(self._http.ask("POST", f"/api/tasks/{task}/drafts", json={"result": choice(label)})["id"])

    def redraft(self, draft: int, label: str) -> None:
        """Write on it."""
        self._http.ask("PATCH", f"/api/drafts/{draft}/", json={"result": choice(label)})

    def submit(self, task: int, draft: int, label: str) -> int:
        """Submit what was a draft, after which there is no draft; gives the annotation's id."""
        said = {"result": choice(label), "draft_id": draft, "lead_time": 4.5}
        return int(self._http.ask("POST", f"/api/tasks/{task}/annotations/", json=said)["id"])

    def change(self, annotation: int, label: str | None) -> None:
        """Answer otherwise, or skip after all."""
        said = {"result": choice(label), "was_cancelled": label is None}
        self._http.ask("PATCH", f"/api/annotations/{annotation}/", json=said)

    def another(self) -> int:
        """A second annotator, the same each time; gives the user's id."""
        for each in self._http.ask("GET", "/api/users/"):
            if each["email"] == "second@example.org":
                return int(each["id"])
        user = {"email": "second@example.org", "username": "second", "password": "only-for-tests-2"}
        return int(self._http.ask("POST", "/api/users/", json=user)["id"])

    def draft_by_another(self, task: int, label: str) -> int:
        """Somebody who signed up by himself begins an answer, on the pages; gives the user's id.

        Drafts are those of who is logged in.
        """
        told = {"email": "third@example.org", "password": "only-for-tests-3"}
        known = {each["email"] for each in self._http.ask("GET", "/api/users/")}
        way = "/user/login/" if told["email"] in known else self._http.ask("GET", "/api/invite")["invite_url"]
        with httpx.Client(base_url=self._url, headers={"Referer": self._url}) as pages:
            pages.get(way)
            pages.post(way, data={**told, "csrfmiddlewaretoken": pages.cookies["csrftoken"]})
            crossed = {"X-CSRFToken": pages.cookies["csrftoken"]}
            said = {"result": choice(label)}
            pages.post(f"/api/tasks/{task}/drafts", json=said, headers=crossed).raise_for_status()
            return int(pages.get("/api/current-user/whoami").json()["id"])

    def personal_token(self) -> str | None:
        """A new personal token; None where there is one already, which is shown once only."""
        try:
            return str(self._http.ask("POST", "/api/token/")["token"])
        except Away:
            return None

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()


def choice(label: str | None) -> list[dict[str, Any]]:
    """What an annotation in a project of ours says; nothing without a label."""
    chosen = {"from_name": "label", "to_name": "features", "type": "choices"}
    return [] if label is None else [{**chosen, "value": {"choices": [label]}}]


def needed() -> Server:
    """The server; skips the test where none can be had."""
    if environment() is None:
        pytest.skip("no Label Studio: `make label-studio` installs one, FLYBALL_LABEL_STUDIO names another")
    return _shared()


def environment() -> Path | None:
    """The environment with Label Studio in it; None where there is none."""
    named = os.environ.get("FLYBALL_LABEL_STUDIO")
    if named is not None:
        return Path(named) if _program(Path(named)).exists() else None
    return cached() if (cached() / "ready").exists() else None


def cached() -> Path:
    """Where `make label-studio` puts it."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "flyball" / "label-studio"


def install(where: Path) -> None:
    """Make the environment, and a database with its tables, so that every later start is quick."""
    shutil.rmtree(where, ignore_errors=True)
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    subprocess.run([uv, "venv", "--quiet", "--python", "3.11", str(where)], check=True)
    installing = [uv, "pip", "install", "--quiet", "--compile-bytecode", f"label-studio=={VERSION}"]
    subprocess.run([*installing, "--python", str(where / "bin" / "python")], check=True)
    with tempfile.TemporaryDirectory() as directory:
        process, _ = _started(where, Path(directory), FIRST_START)
        _stop(process.pid)
        shutil.copytree(Path(directory) / "data", where / "template")
    (where / "ready").write_text(VERSION)


@cache
def _shared() -> Server:
    home = home_of("label-studio")
    card = home / "server.json"

    def start() -> dict[str, str | int]:
        known: dict[str, str | int] = json.loads(card.read_text()) if card.exists() else {}
        if not known or not _answers(str(known["url"])):
            known = _fresh(home)
            card.write_text(json.dumps(known))
        return known

    def stop(known: dict[str, str | int]) -> None:
        card.unlink(missing_ok=True)
        _stop(int(known["pid"]))

    return Server(str(shared(home, start, stop)["url"]))


def _fresh(home: Path) -> dict[str, str | int]:
    where = environment()
    assert where is not None
    directory = home / "server"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    if (where / "template").exists():
        shutil.copytree(where / "template", directory / "data")
    process, url = _started(where, directory, START if (where / "template").exists() else FIRST_START)
    return {"url": url, "pid": process.pid}


def _started(where: Path, directory: Path, patience: float) -> tuple[subprocess.Popen[bytes], str]:
    data = directory / "data"
    data.mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = ["--username", NAME, "--password", PASSWORD, "--user-token", TOKEN, "--enable-legacy-api-token"]
    listens = ["--no-browser", "--internal-host", "127.0.0.1", "--port", str(port), "--data-dir", str(data)]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(_program(where)), "start", "--init", "tests", *listens, *told],
            env=_environment(directory, data),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _started_here.append(process)
    url = f"http://127.0.0.1:{port}"
    until = time.monotonic() + patience
    while not _answers(url):
        if process.poll() is not None or time.monotonic() > until:
            _stop(process.pid)
            raise RuntimeError(f"Label Studio does not start: {(directory / 'log').read_text()[-2000:]}")
        time.sleep(0.1)
    return process, url


def _environment(directory: Path, data: Path) -> dict[str, str]:
    """Nothing of ours but the path. Telemetry, error reports and the look for newer versions are off."""
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(directory),
        "DJANGO_DB": "sqlite",
        "LABEL_STUDIO_BASE_DATA_DIR": str(data),
        "SSRF_PROTECTION_ENABLED": "false",  # it calls this machine
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=5.0).status_code == 200
    except httpx.HTTPError:
        return False


def _stop(pid: int) -> None:
    """End a server of ours and what it started."""
    try:
        process = psutil.Process(pid)
        if not any("label-studio" in part for part in process.cmdline()):
            return  # the number is somebody else's by now
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for each in family:
        try:
            each.send_signal(signal.SIGTERM)
        except psutil.NoSuchProcess:
            continue
    for each in psutil.wait_procs(family, timeout=10)[1]:
        each.kill()


def _program(where: Path) -> Path:
    return where / "bin" / "label-studio"


if __name__ == "__main__":
    install(Path(sys.argv[1]) if len(sys.argv) > 1 else cached())
    sys.stdout.write(f"Label Studio {VERSION} is in {environment() or sys.argv[1]}\n")
