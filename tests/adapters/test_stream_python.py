"""Streams from a function of one's own: rows, frames or tables; read as they are needed."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flyball.adapters.stream import OpenedStream, open_stream
from flyball.core.ids import ItemId
from flyball.errors import BadFile, BadStream
from flyball.settings import read

MODULE = """
given = []

def rows(seed, count=10, start=0.0):
    for number in range(count):
        given.append(number)
        yield {"t": start + number, "x": number * seed, "y": number % 2}

def endless():
    number = 0
    while True:
        yield {"t": float(number), "x": number, "y": number % 3}
        number += 1

def table():
    import pandas
    return pandas.DataFrame({"t": [1, 2], "x": [1.0, 2.0], "y": [0, 1]})

def shuffled():
    for number in range(3000):
        yield {"t": -2.0 * (number == 2500) + number, "x": number, "y": 0}

def changing():
    for number in range(3000):
        yield {"t": number, "x": "word" if number == 2600 else number, "y": 0}

def failing():
    for number in range(3000):
        if number == 2600:
            raise OSError("the disk is full")
        yield {"t": number, "x": number, "y": 0}

times = []

def failing_once():
    times.append(1)
    for number in range(3000):
        if number == 2600 and len(times) == 2:
            raise OSError("try again")
        yield {"t": number, "x": number, "y": number % 2}

def late_gap():
    for number in range(4000):
        yield {"t": number, "x": number} | ({} if number > 2000 else {"y": number % 2})

def numbers():
    yield from range(3)

def nothing():
    return iter(())

def seventeen():
    return 17

def broken():
    raise RuntimeError("no connection")
"""


@pytest.fixture(autouse=True)
def directory(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "my_stream.py").write_text(MODULE)
    yield tmp_path
    sys.modules.pop("my_stream", None)
    sys.path.remove(str(tmp_path.resolve())) if str(tmp_path.resolve()) in sys.path else None


def opened(directory: Path, function: str, start: int = 0, **stream: Any) -> OpenedStream:
    described = {"source": f"my_stream:{function}", "time": "t", "label": "y", **stream}
    return open_stream(read({"id": "a", "stream": described, "start": {"labelled": start}}, directory))


def test_a_function_in_the_loops_own_directory_is_found_and_given_options_and_the_seed(
    directory: Path,
) -> None:
    stream = opened(directory, "rows", options={"count": 4, "start": 100})
    items, cursor = stream.stream.arrivals(0, math.inf, 100)
    assert items["time"].tolist() == [100.0, 101.0, 102.0, 103.0]
    assert items["x"].tolist() == [0.0, 7.0, 14.0, 21.0]
    assert (cursor, stream.end, stream.start) == (4, None, 100.0)


def test_a_whole_frame_is_taken_as_a_file_is(directory: Path) -> None:
    assert opened(directory, "table").end == 2.0


def test_an_endless_stream_is_read_only_as_far_as_it_is_needed(directory: Path) -> None:
    stream = opened(directory, "endless", start=5, label_time="t")
    assert stream.classes == ("0", "1", "2")
    items, cursor = stream.stream.arrivals(0, 9.0, 1000)
    labels, known = stream.stream.labels(0, 9.0, 1000)
    assert (len(items), cursor, len(labels), known) == (10, 10, 10, 10)
    assert stream.stream.next_at(cursor, known) == 10.0
    far, at = stream.stream.arrivals(cursor, math.inf, 5000)
    assert (len(far), at) == (5000, 5010)
    assert len(stream.stream.labels(known, math.inf, 10**7)[0]) < 100_000


def test_rows_that_were_taken_are_not_kept_but_read_again_where_they_are_asked_for(directory: Path) -> None:
    stream = opened(directory, "rows", options={"count": 5000})
    _, cursor = stream.stream.arrivals(0, 4500.0, 10**4)
    stream.stream.arrivals(cursor, math.inf, 10)
    before = len(sys.modules["my_stream"].given)
    again, _ = stream.stream.arrivals(3, math.inf, 2)
    assert again["x"].tolist() == [21.0, 28.0]
    assert len(sys.modules["my_stream"].given) > before


def test_the_limit_holds_for_an_endless_stream_too(directory: Path) -> None:
    stream = opened(directory, "endless", limit=2500)
    assert len(stream.stream.arrivals(0, math.inf, 10**6)[0]) == 2500


def test_labels_may_stop_coming(directory: Path) -> None:
    stream = opened(directory, "late_gap", label_time="t")
    assert stream.truth is not None
    assert list(stream.truth.of([ItemId("2000"), ItemId("3000")])) == ["0", None]
    stream.stream.arrivals(0, math.inf, 10**6)
    assert len(stream.stream.labels(0, math.inf, 10**6)[0]) == 2001


@pytest.mark.parametrize(
    ("function", "says"),
    [
        ("shuffled", r"row 2501 \(1970-01-01T00:41:38Z\) is earlier than the one before it"),
        ("changing", "feature `x` holds no number"),
        ("failing", "raised OSError: the disk is full"),
    ],
)
def test_what_goes_wrong_on_the_way_is_told_when_it_is_reached(
    directory: Path, function: str, says: str
) -> None:
    stream = opened(directory, function)
    assert len(stream.stream.arrivals(0, 1500.0, 10**6)[0]) == 1501
    for _ in range(2):
        with pytest.raises(BadStream, match=says):
            stream.stream.arrivals(1501, math.inf, 10**6)


def test_a_source_that_fails_for_a_while_is_taken_up_again_where_it_was(directory: Path) -> None:
    stream = opened(directory, "failing_once", label_time="t")
    _, cursor = stream.stream.arrivals(0, 1500.0, 10**6)
    with pytest.raises(BadStream, match="try again"):
        stream.stream.arrivals(cursor, math.inf, 10**6)
    items, cursor = stream.stream.arrivals(cursor, math.inf, 10**6)
    assert (items["x"][0], cursor) == (1501.0, 3000)
    assert len(stream.stream.labels(0, math.inf, 10**6)[0]) == 3000
    assert stream.truth is not None
    assert list(stream.truth.of([ItemId("2999")])) == ["1"]


def test_a_function_that_gives_fewer_rows_than_before_is_told_so(directory: Path) -> None:
    stream = opened(directory, "rows")
    with pytest.raises(BadStream, match="50 rows were taken before, but my_stream:rows gives only 10 now"):
        stream.stream.arrivals(50, math.inf, 5)


@pytest.mark.parametrize(
    ("source", "options", "says"),
    [
        ("my_stream:row", {}, "my_stream has no function `row`; did you mean `rows`?"),
        ("my_stream", {}, "my_stream has no function `stream`"),
        ("my_steam:rows", {}, "there is no module my_steam"),
        ("no_such.package:rows", {}, "there is no module no_such"),
        ("my_stream:rows", {"counts": 3}, "unexpected keyword argument 'counts'; did you mean `count`?"),
        ("my_stream:seventeen", {}, "gives int; it must give a table, or rows one after the other"),
        ("my_stream:broken", {}, "raised RuntimeError: no connection"),
        ("my_stream:nothing", {}, "has no rows"),
        ("data.xlsx", {}, "a source is a .parquet or .csv file, or package.module:function"),
    ],
    ids=[
        "another name",
        "no name",
        "another module",
        "another package",
        "another option",
        "not rows",
        "an error",
        "nothing",
        "another kind of file",
    ],
)
def test_a_source_that_cannot_be_used_is_told_why(
    directory: Path, source: str, options: dict[str, Any], says: str
) -> None:
    described = {"source": source, "time": "t", "options": options}
    with pytest.raises(BadFile) as refused:
        open_stream(read({"id": "a", "stream": described}, directory))
    assert says in str(refused.value)


def test_a_row_that_is_no_row_is_refused(directory: Path) -> None:
    with pytest.raises(BadStream, match="gives int where a row, a frame or a table was expected"):
        opened(directory, "numbers")


def test_a_module_that_cannot_be_imported_is_told_with_its_error(directory: Path) -> None:
    (directory / "my_broken.py").write_text("import a_module_that_is_not_there\n")
    described = {"source": "my_broken:rows", "time": "t"}
    with pytest.raises(BadFile, match="my_broken needs the module a_module_that_is_not_there"):
        open_stream(read({"id": "a", "stream": described}, directory))
    (directory / "my_broken.py").write_text("1 / 0\n")
    with pytest.raises(BadFile, match="my_broken cannot be imported: ZeroDivisionError"):
        open_stream(read({"id": "a", "stream": described}, directory))


def test_frames_of_any_size_come_out_as_the_same_rows() -> None:
    from flyball.adapters.stream_python import frames

    whole = pd.DataFrame({"t": range(2500), "x": range(2500)})
    settings = read({"id": "a", "stream": {"source": "any:thing", "time": "t", "limit": 2400}})
    parts = list(
        frames(iter([whole.iloc[:1], *whole.iloc[1:7].to_dict("records"), whole.iloc[7:]]), settings)
    )
    assert pd.concat(parts)["x"].tolist() == list(range(2400))
