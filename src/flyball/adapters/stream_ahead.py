"""Frames read ahead in a thread: whoever asks for the next one does not wait for a network."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pandas as pd

from flyball.core.ids import Seconds
from flyball.errors import BadStream, FlyballError, Unreachable

#: So many frames are read ahead at the most.
AHEAD = 8
#: How long the next frame is waited for while the source tells what came before now, and how long it
#: rests after it could not be reached.
PATIENCE, REST = 5.0, 15.0
_STEP = 0.05


class Ahead:
    """The frames of a source that may grow, as they come in.

    Of the source, an empty frame means that it has nothing more for now; it is asked again after `every`.
    `next` gives its frames, empty ones too, and None where none is there yet. The source goes on after
    it raised Unreachable where it was; any other error ends it.
    """

    def __init__(self, source: Iterator[pd.DataFrame], every: Seconds) -> None:
        self._line = _Line()
        self._caught_up = self._ended = False
        weakref.finalize(self, self._line.stopped.set)
        threading.Thread(target=_read, args=(source, self._line, every), daemon=True).start()

    @property
    def trouble(self) -> FlyballError | None:
        """Why nothing comes at this moment, if something is wrong."""
        return self._line.trouble

    def __iter__(self) -> Iterator[pd.DataFrame | None]:
        return self

    def __next__(self) -> pd.DataFrame | None:
        """The next frame. Raises StopIteration at the source's end."""
        if self._ended:
            raise StopIteration
        try:
            frame = self._next(0 if self._caught_up else round(PATIENCE / _STEP))
        except queue.Empty:
            return None
        if frame is None:
            self._ended = True
            raise StopIteration
        self._caught_up = self._caught_up or not len(frame)
        return frame

    def _next(self, steps: int) -> pd.DataFrame | None:
        for _ in range(steps):
            with suppress(queue.Empty):
                return self._line.frames.get(timeout=_STEP)
            if self._line.trouble is not None:
                break
        return self._line.frames.get_nowait()


@dataclass(slots=True)
class _Line:
    frames: queue.Queue[pd.DataFrame | None] = field(default_factory=lambda: queue.Queue(AHEAD))
    stopped: threading.Event = field(default_factory=threading.Event)
    trouble: FlyballError | None = None

    def put(self, frame: pd.DataFrame | None) -> None:
        while not self.stopped.is_set():
            with suppress(queue.Full):
                self.frames.put(frame, timeout=0.2)
                return


def _read(source: Iterator[pd.DataFrame], line: _Line, every: Seconds) -> None:
    while not line.stopped.is_set():
        try:
            frame = next(source, None)
        except Unreachable as error:
            line.trouble = error
            line.stopped.wait(min(every, REST))
            continue
        except FlyballError as error:
            line.trouble = error
            return
        except Exception as error:
            line.trouble = BadStream(f"it raised {type(error).__name__}: {error}")
            return
        line.trouble = None
        line.put(frame)
        if frame is None:
            return
        if not len(frame):
            line.stopped.wait(every)
