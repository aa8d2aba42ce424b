"""A stream that is opened when somebody asks it something, so that taking answers in needs only the store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from flyball.adapters.stream import OpenedStream, open_stream
from flyball.core.ids import Instant, ItemId
from flyball.core.table import Column, Feature, Table
from flyball.errors import BadStream, Unreachable
from flyball.ports import Stream
from flyball.settings import Settings


def open_later(settings: Settings) -> OpenedStream:
    """The stream of a loop on a real clock, for those who may do without it.

    One that is elsewhere is opened by the first question, and each question raises what opening it raises.
    Only where nothing but its rows says which labels there are, it is opened at once; and where it then
    cannot be read, `lacking` says so. Raises BadFile for a file or a function of one's own.
    """
    if settings.clock.kind != "real":
        return open_stream(settings)
    named = settings.stream.classes or settings.stream.label is None
    if settings.stream.kind != "here" and named:
        return _later(settings, "")
    try:
        return open_stream(settings)
    except (Unreachable, BadStream) as error:
        return _later(settings, "" if named else str(error))


def _later(settings: Settings, trouble: str) -> OpenedStream:
    stream = LaterStream(lambda: open_stream(settings))
    truth = None if settings.stream.label is None else LaterTruth(stream)
    return OpenedStream(
        stream, truth, settings.stream.classes, float("-inf"), None, (), _lacking(trouble) if trouble else ""
    )


def _lacking(trouble: str) -> str:
    return (
        f"which labels there are is not known, because the stream cannot be read: {trouble.rstrip('.')}."
        " Answers are taken in, and nobody is asked. They are merged once a contract lists the labels;"
        " or set `stream.classes` in loop.toml, or wait for the stream, and start this again."
    )


class LaterStream:
    """The `Stream` port over one that is opened by the first question that goes well."""

    def __init__(self, make: Callable[[], OpenedStream]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._opened: OpenedStream | None = None

    def opened(self) -> OpenedStream:
        """The stream itself. Raises BadFile, BadStream, Unreachable."""
        with self._lock:
            if self._opened is None:
                self._opened = self._make()
            return self._opened

    @property
    def _stream(self) -> Stream:
        return self.opened().stream

    @property
    def features(self) -> tuple[Feature, ...]:
        """See `ports.Stream`."""
        return self._stream.features

    def arrivals(self, cursor: int, until: Instant, limit: int) -> tuple[Table, int]:
        """See `ports.Stream`."""
        return self._stream.arrivals(cursor, until, limit)

    def labels(self, cursor: int, until: Instant, limit: int) -> tuple[Table, int]:
        """See `ports.Stream`."""
        return self._stream.labels(cursor, until, limit)

    def next_at(self, cursor: int, labels_cursor: int) -> Instant | None:
        """See `ports.Stream`."""
        return self._stream.next_at(cursor, labels_cursor)


class LaterTruth:
    """The true labels of a stream that is opened by the first question."""

    def __init__(self, stream: LaterStream) -> None:
        self._stream = stream

    def of(self, items: Sequence[ItemId]) -> Column:
        """See `ports.Truth`. Raises BadFile, BadStream, Unreachable."""
        truth = self._stream.opened().truth
        assert truth is not None, "a stream with `stream.label` knows the truth"
        return truth.of(items)
