"""How a command reaches the process that runs a loop: one line of JSON each way over a local socket."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from flyball.core.ids import digest_of
from flyball.errors import FlyballError, Unreachable

#: Longer paths do not fit into a socket's address.
LONGEST_PATH = 100
#: A rule file of the largest size, with every letter of it escaped.
LONGEST_LINE = 1 << 23

Handle = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class NobodyListens(Unreachable):
    """No process that runs this loop listens; the command was not taken."""


def socket_of(directory: Path) -> Path:
    """Where the process that runs this loop listens; only its own user may connect."""
    path = directory.resolve() / "flyball.sock"
    if len(str(path)) <= LONGEST_PATH:
        return path
    name = digest_of(str(directory.resolve()).encode())[:16]
    return Path(tempfile.gettempdir()) / f"flyball-{os.getuid()}-{name}.sock"


@asynccontextmanager
async def listening(directory: Path, handle: Handle) -> AsyncIterator[None]:
    """Answer commands while the body runs. `handle` is called in a thread, one command at a time."""
    path = socket_of(directory)
    path.unlink(missing_ok=True)
    turn = asyncio.Lock()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):  # who asked may be gone; what was asked is done
            try:
                line = await reader.readline()
            except ValueError:
                line = b"too long"
            async with turn:
                reply = await asyncio.to_thread(_answered, handle, line)
            writer.write(json.dumps(reply, default=str).encode() + b"\n")
            await writer.drain()
        writer.close()

    before = os.umask(0o077)
    try:
        server = await asyncio.start_unix_server(serve, path, limit=LONGEST_LINE)
    finally:
        os.umask(before)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


def ask(directory: Path, request: Mapping[str, Any], patience: float = 30.0) -> Mapping[str, Any]:
    """Send a command to the process that runs this loop. Raises NobodyListens, Unreachable where
    it is not known what became of it, and FlyballError with the words and the exit code it ended with there.
    """
    path = socket_of(directory)
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(patience)
            line.connect(str(path))
            line.sendall(json.dumps(request).encode() + b"\n")
            reply: dict[str, Any] = json.loads(line.makefile().readline() or "{}")
    except (ConnectionRefusedError, FileNotFoundError) as error:
        raise NobodyListens(f"no process that runs this loop listens on {path}") from error
    except (OSError, ValueError) as error:
        raise Unreachable(
            f"the process that runs this loop took the command and did not answer ({error});"
            " look with `flyball decisions` whether it was carried out before you send it again"
        ) from error
    if "error" in reply:
        failure = FlyballError(str(reply["error"]))
        failure.exit_code = int(reply["exit_code"])
        raise failure
    return reply


def _answered(handle: Handle, line: bytes) -> Mapping[str, Any]:
    try:
        return handle(json.loads(line))
    except FlyballError as error:
        return {"error": str(error), "exit_code": error.exit_code}
    except Exception as error:  # the other side must be told, whatever it was
        return {"error": f"{type(error).__name__}: {error}", "exit_code": 4}
