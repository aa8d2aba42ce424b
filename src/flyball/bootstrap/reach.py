"""Reach a loop: through the process that runs it, or by opening it where none does."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from flyball.adapters.local_socket import NobodyListens, ask, socket_of
from flyball.bootstrap.app import App
from flyball.bootstrap.opening import open_loop
from flyball.core.ids import Seconds
from flyball.errors import StoreLocked


def reach(directory: Path, request: Mapping[str, Any], patience: Seconds = 30.0) -> Mapping[str, Any] | App:
    """What the process that runs a loop says to a request, or, where none does, the loop, opened to carry
    the request out here; the caller closes it.

    `patience`: how long that process is waited for. Raises what `ask` and `open_loop` raise.
    """
    if socket_of(directory).exists():
        with suppress(NobodyListens):  # the socket may be left behind by a process that was killed
            return ask(directory, request, patience)
    try:
        return open_loop(directory)
    except StoreLocked:  # it began to run in the meantime
        return ask(directory, request, patience)
