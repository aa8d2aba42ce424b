"""Open the stream that `loop.toml` describes, and say everything that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from flyball.adapters import stream_files, stream_python
from flyball.adapters.clock import RealClock
from flyball.adapters.stream_ahead import Ahead
from flyball.adapters.stream_columns import Layout, Rows, lay_out, rows_of
from flyball.adapters.stream_lazy import LazyStream, LazyTruth
from flyball.adapters.stream_table import TableStream, TableTruth, mistakes, remarks
from flyball.core.ids import Instant
from flyball.errors import BadFile, BadStream
from flyball.ports import Stream, Truth
from flyball.settings import Settings
from flyball.settings.places import without_password

#: How many rows of an iterator are looked at before it is used.
LOOKED_AT = 2000


@dataclass(frozen=True, slots=True)
class OpenedStream:
    """A stream that can be used.

    `truth` None where no column holds true labels. `classes`: the labels there are (of an iterator,
    those in its first rows), as `stream.classes` lists them or sorted. `start`: when a sped or virtual
    world begins: the free labels are there, all else is to come. `end`: when the last item or label comes,
    None for an iterator. `notes`: what a person should know though it can be worked with. `lacking`: why
    the labels there are could not be found out, in a sentence.
    """

    stream: Stream
    truth: Truth | None
    classes: tuple[str, ...]
    start: Instant
    end: Instant | None
    notes: tuple[str, ...]
    lacking: str = ""


def open_stream(settings: Settings, now: Callable[[], Instant] | None = None) -> OpenedStream:
    """Read the stream's file, call its function, or look at what is on S3 or in a database.

    With a real clock (`now`), a prefix on S3 and a query may grow, and never end. Raises BadFile with every
    mistake at its place, BadStream, and Unreachable for a source elsewhere.
    """
    if settings.stream.kind != "here":
        return _elsewhere(settings, now or RealClock().now)
    if stream_files.is_file(settings.stream.source):
        return _whole(stream_files.read_frame(settings), settings)
    source = stream_python.source_of(settings)
    given = stream_python.call(source, settings)
    if isinstance(given, pd.DataFrame):
        return _whole(given, settings)
    return _lazy(source, given, settings)


def _whole(frame: pd.DataFrame, settings: Settings) -> OpenedStream:
    layout, rows, notes = _read(frame, settings)
    stream = TableStream(rows, layout.features, settings.start.labelled)
    truth = None if rows.truth is None else TableTruth(rows.items["item"], rows.truth)
    return OpenedStream(stream, truth, _classes(rows, settings), _start(rows, settings), stream.end, notes)


def _elsewhere(settings: Settings, now: Callable[[], Instant]) -> OpenedStream:
    one_file = settings.stream.kind == "s3" and stream_files.is_file(settings.stream.source)
    grows = settings.clock.kind == "real" and not one_file
    # From here on the source is what messages name.
    shown = replace(
        settings, stream=replace(settings.stream, source=without_password(settings.stream.source))
    )

    def frames(wanted: Sequence[str] = ()) -> Iterator[pd.DataFrame]:
        if settings.stream.kind == "sql":
            from flyball.adapters.stream_sql import QueryRows

            return QueryRows(settings, now if grows else None)
        from flyball.adapters.stream_s3 import S3Files

        return S3Files(settings, wanted, grows)

    layout, rows, notes = _read(_first_of(frames(), settings), shown)
    wanted = layout.columns

    def make() -> Iterator[pd.DataFrame] | Ahead:
        return Ahead(frames(wanted), settings.stream.every) if grows else frames(wanted)

    stream = LazyStream(make, layout, settings.start.labelled, now)
    truth = None if rows.truth is None else LazyTruth(lambda: frames(wanted), layout)
    return OpenedStream(stream, truth, _classes(rows, settings), _start(rows, settings), None, notes)


def _lazy(source: stream_python.Source, given: Iterator[Any], settings: Settings) -> OpenedStream:
    layout, rows, notes = _read(_first_of(stream_python.frames(given, settings), settings), settings)

    def make() -> Iterator[pd.DataFrame]:
        again = stream_python.call(source, settings)
        if isinstance(again, pd.DataFrame):
            raise BadStream(f"{settings.stream.source} gave rows at first and a whole table now")
        return stream_python.frames(again, settings)

    stream = LazyStream(make, layout, settings.start.labelled)
    truth = None if rows.truth is None else LazyTruth(make, layout)
    return OpenedStream(stream, truth, _classes(rows, settings), _start(rows, settings), None, notes)


def _first_of(frames: Iterator[pd.DataFrame], settings: Settings) -> pd.DataFrame:
    """The rows that are looked at before a stream is used."""
    looked_at: list[pd.DataFrame] = []
    for frame in frames:
        if not len(frame):  # nothing more for now
            break
        looked_at.append(frame)
        if sum(map(len, looked_at)) >= max(LOOKED_AT, settings.start.labelled):
            break
    return pd.concat(looked_at, ignore_index=True) if looked_at else pd.DataFrame()


def _read(frame: pd.DataFrame, settings: Settings) -> tuple[Layout, Rows, tuple[str, ...]]:
    if not len(frame):
        message = f"{settings.stream.source} has no rows"
        raise BadFile([settings.places.problem("L205", "stream.source", message)])
    layout, problems, notes = lay_out(frame, settings)
    if problems:
        raise BadFile(problems)
    rows = rows_of(frame, layout, 0, problems)
    problems.extend(mistakes(rows, layout))
    if problems:
        raise BadFile(problems)
    return layout, rows, (*notes, *remarks(rows, layout))


def _classes(rows: Rows, settings: Settings) -> tuple[str, ...]:
    seen = () if rows.truth is None else (label for label in rows.truth if label is not None)
    return settings.stream.classes or tuple(sorted(set(seen)))


def _start(rows: Rows, settings: Settings) -> Instant:
    return float(rows.items["time"][max(0, settings.start.labelled - 1)])
