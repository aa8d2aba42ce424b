"""The Prefect server of one loop, as a process that ends when the process that started it ends.

Run as `python -m flyball.adapters.prefect.server_main DIRECTORY PORT` with a pipe as its input.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import socket
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING

from flyball.adapters.prefect import environment

if TYPE_CHECKING:
    import uvicorn

#: Another server of this loop is at work.
EXIT_TAKEN = 75
#: The port that was asked for is in use.
EXIT_BUSY = 76
_GRACE_SECONDS = 5


def main(directory: Path, port: int) -> int:
    """Serve until the input ends. Gives the exit code; `port` 0 takes any free one."""
    lock = locked(directory)
    if lock is None:
        return EXIT_TAKEN
    # The owner's end may come before anything else is ready, so the watch starts first.
    end = _End(card_of(directory))
    threading.Thread(target=end.watch, args=(os.getppid(),), daemon=True).start()
    door = _bound(port)
    if door is None:
        return EXIT_BUSY
    with lock, door:
        _serve(directory, door, end)
    return 0


def card_of(directory: Path) -> Path:
    """The file that says where the loop's server is, while there is one."""
    return environment.home_of(directory) / "server.json"


def locked(directory: Path) -> IO[bytes] | None:
    """The lock that a loop's server holds while it lives, or None when another one holds it."""
    held = (environment.home_of(directory) / "server.lock").open("ab")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        return None
    return held


def _bound(port: int) -> socket.socket | None:
    # asyncio turns off the delay of small packets only where the socket names its protocol; with the
    # delay each request takes 40 ms longer.
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind(("127.0.0.1", port))
    except OSError:
        door.close()
        return None
    return door


class _End:
    """Waits for the owner's end, and brings about the server's."""

    def __init__(self, card: Path) -> None:
        self._card = card
        self.server: uvicorn.Server | None = None

    def watch(self, owner: int) -> None:
        """Return never: when the pipe closes or the owner is gone, stop the server and the process."""
        while os.getppid() == owner:
            # The pipe alone is not enough: a child that the owner forked may still hold its other end.
            ready, _, _ = select.select([sys.stdin.fileno()], [], [], 1.0)
            if ready and not os.read(sys.stdin.fileno(), 1):
                break
        self._card.unlink(missing_ok=True)
        if self.server is not None:
            self.server.should_exit = True
            threading.Event().wait(_GRACE_SECONDS)
        os._exit(0)


def _serve(directory: Path, door: socket.socket, end: _End) -> None:
    port = door.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    os.environ.update(environment.server_settings_for(directory))
    # The pages ask the address that they are told here; Prefect is imported only when all is set.
    os.environ.update({"PREFECT_SERVER_API_PORT": str(port), "PREFECT_UI_API_URL": url})
    import uvicorn
    from prefect.server.api.server import create_app

    config = uvicorn.Config(create_app(final=True), log_level="warning", timeout_graceful_shutdown=2)
    end.server = uvicorn.Server(config)
    card = {"url": url, "pid": os.getpid(), "database": str(environment.database_of(directory))}
    fresh = card_of(directory).with_suffix(".new")
    fresh.write_text(json.dumps(card), encoding="utf-8")
    fresh.replace(card_of(directory))
    try:
        end.server.run(sockets=[door])
    finally:
        card_of(directory).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
