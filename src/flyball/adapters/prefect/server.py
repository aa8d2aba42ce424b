"""A Prefect server for one loop: started with the loop, gone with it, shared while it is there."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from flyball.adapters.prefect import environment
from flyball.adapters.prefect.server_main import EXIT_BUSY, EXIT_TAKEN, card_of, locked
from flyball.core.ids import Seconds
from flyball.errors import Unreachable

_LOOK_EVERY: Seconds = 0.1


class LocalServer:
    """The Prefect server of the loop in `directory`, on SQLite.

    It lives no longer than the process that started it, however that ends. A server that another
    process started for the same loop is used as it is, and left alone by `stop`. `port` None takes
    any free port; `patience` bounds the wait for the first answer.
    """

    def __init__(self, directory: Path, port: int | None = None, patience: Seconds = 90.0) -> None:
        self._directory = directory.resolve()
        self._port = port
        self._patience = patience
        self._child: subprocess.Popen[bytes] | None = None
        self._url: str | None = None

    @property
    def url(self) -> str:
        """The address of the API. Raises Unreachable before `start`."""
        if self._url is None:
            raise Unreachable("Prefect's server was not started")
        return self._url

    @property
    def log(self) -> Path:
        """Where the server writes what it has to say."""
        return environment.home_of(self._directory) / "server.log"

    @property
    def process(self) -> int | None:
        """The process that serves, when it is ours; None for one that was found."""
        return None if self._child is None else self._child.pid

    def start(self) -> str:
        """Start the server, or find the one that is there; give the API's address. Raises Unreachable.

        Again after it went away starts another one.
        """
        environment.home_of(self._directory).mkdir(parents=True, exist_ok=True)
        if self._child is not None and self._child.poll() is not None:
            self._let_go()
        until = time.monotonic() + self._patience
        while time.monotonic() < until:
            if (url := self._standing()) is not None:
                self._url = url
                return url
            self._see_to_it()
            threading.Event().wait(_LOOK_EVERY)
        self.stop()
        raise Unreachable(
            f"Prefect's server did not answer within {self._patience:.0f} s; its log is {self.log}"
        )

    def stop(self) -> None:
        """End the server if it is ours; otherwise only forget it."""
        self._url = None
        self._let_go()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _standing(self) -> str | None:
        """The address of this loop's server, when it answers."""
        try:
            card = json.loads(card_of(self._directory).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        url = str(card["url"])
        # A directory that was copied brings the other one's card along.
        if card["database"] != str(environment.database_of(self._directory)) or not answers(url):
            return None
        if self._child is not None and self._child.pid != card["pid"]:
            self._let_go()
        if self._port is not None and f":{self._port}/" not in url:
            raise Unreachable(
                f"this loop's Prefect server is at {url} already (process {card['pid']}); "
                f"leave out the port {self._port}, or stop that server first"
            )
        return url

    def _see_to_it(self) -> None:
        """See that a server is on its way, ours or another's. Raises Unreachable for one that failed."""
        if self._child is None:
            if (lock := locked(self._directory)) is not None:
                lock.close()
                self._child = self._spawned()
            return
        code = self._child.poll()
        if code is None:
            return
        self._let_go()
        if code == EXIT_BUSY:
            raise Unreachable(
                f"port {self._port} is in use by another program; name another port, "
                "or none to take any that is free"
            )
        if code != EXIT_TAKEN:
            raise Unreachable(f"Prefect's server ended while it started (code {code}); its log is {self.log}")

    def _let_go(self) -> None:
        """End our child, in order if it can, and forget it."""
        child, self._child = self._child, None
        if child is None:
            return
        if child.stdin is not None:
            child.stdin.close()
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def _spawned(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "flyball.adapters.prefect.server_main"]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*command, str(self._directory), str(self._port or 0)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(os.environ),
                # Ctrl-C is for the loop, which ends its runs before it ends the server.
                start_new_session=True,
            )


def answers(url: str, patience: Seconds = 2.0) -> bool:
    """Whether a Prefect API at this address is well."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=patience) as reply:
            return bool(reply.status == 200)
    except (OSError, ValueError, http.client.HTTPException):
        return False
