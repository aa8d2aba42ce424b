"""Streams from Parquet and CSV files on S3: one file, or all of a prefix, those that come later too.

A file is fetched whole, once, into the directory of copies, under a name that its ETag is part of, and read
from there some rows at a time: a restart and the truth of a simulated team read the same rows again.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet as pq

from flyball.adapters.s3_files import Object, open_bucket
from flyball.adapters.s3_ledger import Ledger, Taken
from flyball.adapters.segments_s3 import cache_of
from flyball.adapters.stream_columns import Floats, Layout, first_earlier, moment, rows_of
from flyball.adapters.stream_files import ENDINGS, csv_form, is_file
from flyball.core.ids import digest_of
from flyball.errors import BadFile, BadStream, NotFound, Problem
from flyball.settings import Settings
from flyball.settings.values import near

#: How many rows are read at a time.
ROWS = 10_000


class S3Files:
    """The rows of the files, as frames, in the order in which the files were found: first by their names.

    A file under a prefix that comes later counts as come then: its rows that are earlier than the last one
    before them get that one's time. `wanted` are columns that every file must have. Where the source `grows`,
    an empty frame says that there is nothing more for now. Raises Unreachable and goes on after it;
    BadStream for what is wrong with a file, which ends it.
    """

    def __init__(self, settings: Settings, wanted: Sequence[str], grows: bool) -> None:
        self._settings = settings
        self._wanted = wanted
        self._bucket, self._key = open_bucket(settings.stream.source)
        self._grows = grows
        self._cache = cache_of(settings)
        self._ledger = Ledger(settings.path("stream-files.jsonl"), settings.stream.source)
        self._files: deque[Taken] = deque()
        self._queued = 0
        self._reading: Iterator[pd.DataFrame] | None = None
        self._begins: tuple[int, float] = (-1, -np.inf)
        self._newest: tuple[float, Any] = (-np.inf, None)
        self._left = settings.stream.limit

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return self

    def __next__(self) -> pd.DataFrame:
        """The next rows."""
        while self._left is None or self._left > 0:
            if self._reading is None and not self._opened():
                if self._grows:
                    return pd.DataFrame()
                break
            assert self._reading is not None
            frame = next(self._reading, None)
            if frame is None:
                self._reading = None
            elif len(frame):
                frame = frame.iloc[: self._left]
                self._left = None if self._left is None else self._left - len(frame)
                return frame
        raise StopIteration

    def _opened(self) -> bool:
        """Begin to read the next file. False where there is none."""
        if not self._files and not self._found():
            return False
        taken = self._files[0]
        path = self._copied(taken)
        self._reading = self._frames(path, taken)
        self._files.popleft()
        return True

    def _found(self) -> bool:
        """Look which files there are. Those that were found before come first, in the order of then."""
        if is_file(self._key):
            if not self._queued:
                self._files.append(self._single())
                self._queued = 1
            return bool(self._files)
        prefix = f"{self._key.strip('/')}/" if self._key.strip("/") else ""
        listed = [each for each in self._bucket.listed(prefix) if _is_data(each, prefix)]
        known = self._ledger.read()
        now = {each.key: each for each in listed}
        for taken in known:
            if taken.key in now and now[taken.key].etag != taken.etag:
                raise BadStream(
                    f"{self._bucket.url(taken.key)} was changed since it was taken in: put it back as it was,"
                    " and new rows in a new file"
                )
        fresh = [each for each in listed if each.key not in {taken.key for taken in known}]
        if fresh:
            known = [*known, *self._ledger.add(fresh, 1 + max((each.found for each in known), default=-1))]
        self._files.extend(known[self._queued :])
        self._queued = len(known)
        return bool(self._files)

    def _single(self) -> Taken:
        folder = self._key.rpartition("/")[0]
        near_by = list(self._bucket.listed(f"{folder}/" if folder else ""))
        for each in near_by:
            if each.key == self._key:
                return Taken(each.key, each.etag, each.size, 0)
        others = [each.key for each in near_by if is_file(each.key)]
        message = f"there is no file {self._bucket.url(self._key)}; {near(self._key, others)}"
        raise BadFile([self._settings.places.problem("L201", "stream.source", message)])

    def _copied(self, taken: Taken) -> Path:
        ending = next(each for each in (".csv.gz", *ENDINGS) if taken.key.lower().endswith(each))
        name = digest_of(f"{self._bucket.url(taken.key)}\0{taken.etag}".encode()) + ending
        path = self._cache.find(name)
        if path is not None and path.stat().st_size == taken.size:
            return path
        listed = Object(taken.key, taken.etag, taken.size)
        try:
            return self._cache.keep(name, lambda file: self._bucket.fetch(listed, file))
        except NotFound as error:
            raise BadStream(
                f"{self._bucket.url(taken.key)} is gone, and its rows belong to this stream: put it back"
            ) from error

    def _frames(self, path: Path, taken: Taken) -> Iterator[pd.DataFrame]:
        """The frames of one file, with the times that it may have where it was found."""
        url = self._bucket.url(taken.key)
        before, last, row = self._newest, -np.inf, 0
        for frame in _read(path, url, self._settings):
            if lacking := [name for name in self._wanted if name not in frame.columns]:
                hint = near(lacking[0], [str(name) for name in frame.columns])
                raise BadStream(f"{url} has no column `{'`, `'.join(lacking)}`; {hint}")
            times = _times(frame, self._settings)
            if times is None:  # told by whoever reads the columns
                yield frame
                continue
            if row == 0:
                self._begin(taken, float(times[0]))
            if (wrong := first_earlier(times, last)) is not None:
                raise BadStream(
                    f"{url} is not in order of `{self._settings.stream.time}`: row {row + wrong + 1}"
                    f" ({moment(times[wrong])}) is earlier than the one before it"
                )
            last, row = float(times[-1]), row + len(times)
            yield self._lifted(frame, times, before)

    def _begin(self, taken: Taken, time: float) -> None:
        batch, began = self._begins
        if taken.found == batch and time < began:
            raise BadStream(
                f"{self._bucket.url(taken.key)} begins at {moment(time)}, and the file before it by name at"
                f" {moment(began)}. Files are read in order of their names: let it be the order of time"
            )
        self._begins = taken.found, time

    def _lifted(self, frame: pd.DataFrame, times: Floats, before: tuple[float, Any]) -> pd.DataFrame:
        """Rows that are earlier than those of the files before come with the last one of them."""
        name = self._settings.stream.time
        assert name is not None
        if times[-1] >= self._newest[0]:
            self._newest = float(times[-1]), frame[name].iloc[-1]
        early = times < before[0]
        if not early.any():
            return frame
        lifted = frame[name].astype(object)
        lifted[early] = before[1]
        return frame.assign(**{name: lifted})


def _read(path: Path, url: str, settings: Settings) -> Iterator[pd.DataFrame]:
    try:
        if path.name.endswith((".parquet", ".pq")):
            with pq.ParquetFile(path, pre_buffer=False) as file:
                for batch in file.iter_batches(ROWS):
                    yield batch.to_pandas()
        else:
            with pd.read_csv(path, chunksize=ROWS, **csv_form(path, settings)) as chunks:
                yield from chunks
    except pd.errors.EmptyDataError:
        return
    except UnicodeDecodeError as error:
        raise BadStream(f"{url} is not UTF-8 text; save it as UTF-8") from error
    except (OSError, EOFError, ValueError, zlib.error, pyarrow.ArrowException) as error:
        raise BadStream(f"{url} cannot be read: {str(error).strip().splitlines()[0]}") from error


def _times(frame: pd.DataFrame, settings: Settings) -> Floats | None:
    """When each row comes; None where the file does not say, or not in a way that can be read."""
    stream = settings.stream
    if stream.unit == "rows" or stream.time not in frame.columns:
        return None
    problems: list[Problem] = []
    layout = Layout(settings, ())
    times: Floats = rows_of(frame.reindex(columns=layout.columns), layout, 0, problems).items["time"]
    return None if problems else times


def _is_data(found: Object, prefix: str) -> bool:
    """Whether an object is a file with rows: no marker of a folder, nothing that is hidden or under way."""
    parts = found.key.removeprefix(prefix).split("/")
    return is_file(found.key) and not any(part.startswith((".", "_")) for part in parts)
