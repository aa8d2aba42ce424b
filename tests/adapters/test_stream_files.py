"""Streams from files: what real files look like, and a sentence for everything that is wrong with one."""

from __future__ import annotations

import gzip
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flyball.adapters.stream import OpenedStream, open_stream
from flyball.adapters.toml_file import load
from flyball.core.table import Table
from flyball.errors import BadFile
from flyball.settings import read

STREAMS = Path(__file__).resolve().parents[3] / "shared" / "streams"
CSV = "id,t,amount,country,y\n007,0,1.5,de,1\n008,60,,fr,0\n9,60,2,,1\n"


def opened(directory: Path, name: str = "x.csv", start: int = 0, **stream: Any) -> OpenedStream:
    described = {"source": name, "time": "t", **stream}
    return open_stream(read({"id": "a", "stream": described, "start": {"labelled": start}}, directory))


def items(stream: OpenedStream) -> Table:
    return stream.stream.arrivals(0, math.inf, 10**9)[0]


def labels(stream: OpenedStream) -> list[tuple[str, str, float]]:
    found, _ = stream.stream.labels(0, math.inf, 10**9)
    return list(zip(found["item"], found["label"], found["known_at"], strict=True))


def complaints(directory: Path, name: str = "x.csv", start: int = 0, **stream: Any) -> list[str]:
    with pytest.raises(BadFile) as refused:
        opened(directory, name, start, **stream)
    return [f"{problem.code} {problem.message}" for problem in refused.value.problems]


def written(directory: Path, columns: Mapping[str, Any], name: str = "x.parquet") -> Path:
    pd.DataFrame(columns).to_parquet(directory / name)
    return directory


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "tsv"])
def test_a_csv_file_is_read_whatever_separates_its_fields(tmp_path: Path, ending: str) -> None:
    text = CSV.replace(",", "\t") if ending == "tsv" else CSV.replace(",", ";")
    content = text.encode()
    (tmp_path / f"x.{ending}").write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
    stream = opened(tmp_path, f"x.{ending}", item="id", label="y")
    assert list(items(stream)["item"]) == ["007", "008", "9"]
    assert list(items(stream)["country"]) == ["de", "fr", None]
    assert stream.classes == ("0", "1")
    assert stream.end == 60.0


def test_without_an_item_column_items_are_named_by_their_row(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(CSV)
    assert list(items(opened(tmp_path, label="y"))["item"]) == ["0", "1", "2"]


def test_every_kind_of_column_becomes_a_number_or_a_category(tmp_path: Path) -> None:
    written(
        tmp_path,
        {
            "t": [1, 2, 3],
            "int": pd.array([1, None, 3], dtype="Int64"),
            "small": np.array([1, 2, 3], dtype="int8"),
            "flag": [True, False, True],
            "maybe": pd.array([True, None, False], dtype="boolean"),
            "text": ["a", None, "b"],
            "kind": pd.Categorical(["x", "y", None]),
            "code": np.array([5, -1, 7], dtype="int16"),
            "float_code": [1.0, np.nan, 2.5],
            "huge": [1.0, np.inf, -np.inf],
            "day": pd.to_datetime(["2024-01-01"] * 3),
        },
    )
    stream = opened(tmp_path, "x.parquet", categories=["*code"], missing=[-1])
    table = items(stream)
    kinds = {feature.name: feature.kind for feature in stream.stream.features}
    assert [name for name, kind in kinds.items() if kind == "number"] == [
        "int",
        "small",
        "flag",
        "maybe",
        "huge",
    ]
    assert table["int"].tolist() == pytest.approx([1.0, math.nan, 3.0], nan_ok=True)
    assert table["maybe"].tolist() == pytest.approx([1.0, math.nan, 0.0], nan_ok=True)
    assert table["huge"].tolist() == pytest.approx([1.0, math.nan, math.nan], nan_ok=True)
    assert list(table["text"]) == ["a", None, "b"]
    assert list(table["kind"]) == ["x", "y", None]
    assert list(table["code"]) == ["5", None, "7"]
    assert list(table["float_code"]) == ["1", None, "2.5"]
    assert any("column day is left out" in note for note in stream.notes)


@pytest.mark.parametrize(
    ("unit", "times", "first"),
    [
        ("seconds", [86400, 86460.5], 86400.0),
        ("milliseconds", [86400000, 86460500], 86400.0),
        ("iso", ["1970-01-02T00:00:00Z", "1970-01-02T00:01:00.5+00:00"], 86400.0),
        ("iso", ["1970-01-02", "1970-01-03"], 86400.0),
        ("iso", pd.to_datetime(["1970-01-02", "1970-01-03"]), 86400.0),
        (
            "iso",
            pd.to_datetime(["1970-01-02 01:00", "1970-01-03 01:00"]).tz_localize("Europe/Berlin"),
            86400.0,
        ),
    ],
    ids=["seconds", "milliseconds", "ISO times", "ISO dates", "dates of pandas", "dates with a zone"],
)
def test_times_are_read_in_their_unit(tmp_path: Path, unit: str, times: Any, first: float) -> None:
    written(tmp_path, {"t": times, "x": [1.0, 2.0]})
    table = items(opened(tmp_path, "x.parquet", unit=unit))
    assert table["time"][0] == first
    assert table["time"].dtype == np.float64


def test_rows_can_follow_each_other_at_equal_distances(tmp_path: Path) -> None:
    written(tmp_path, {"year": [2015, 2015, 2016], "x": [1.0, 2.0, 3.0]})
    stream = opened(tmp_path, "x.parquet", time="year", unit="rows", row_lasts="30m", begins="1970-01-02")
    assert items(stream)["time"].tolist() == [86400.0, 88200.0, 90000.0]
    assert [feature.name for feature in stream.stream.features] == ["x"]


def test_labels_become_known_at_their_time_the_free_ones_at_once_and_missing_ones_never(
    tmp_path: Path,
) -> None:
    written(
        tmp_path,
        {
            "t": [10, 20, 30, 40, 50],
            "x": [0.0] * 5,
            "y": ["a", "b", "a", None, "b"],
            "seen": ["a", "b", "b", "a", None],
            "when": [90.0, 25.0, 35.0, 45.0, 55.0],
        },
    )
    stream = opened(tmp_path, "x.parquet", start=1, label="y", label_time="when", natural_label="seen")
    assert labels(stream) == [("0", "a", 10.0), ("1", "b", 25.0), ("2", "b", 35.0), ("3", "a", 45.0)]
    assert stream.truth is not None
    assert list(stream.truth.of(list(items(stream)["item"]))) == ["a", "b", "a", None, "b"]


def test_an_item_that_comes_twice_is_said_and_has_one_label(tmp_path: Path) -> None:
    written(tmp_path, {"id": ["a", "b", "a"], "t": [1, 2, 3], "x": [1.0, 2.0, 3.0], "y": [0, 1, 1]})
    stream = opened(tmp_path, "x.parquet", item="id", label="y", label_time="t")
    assert list(items(stream)["item"]) == ["a", "b", "a"]
    assert labels(stream) == [("a", "0", 1.0), ("b", "1", 2.0)]
    assert any("1 rows have an item id that came before" in note for note in stream.notes)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"y": [1, 1, 1]}, "every label is 1"),
        ({"y": [None, None, None]}, "no label in any row"),
        ({"x": [np.nan, np.nan, np.nan], "z": [1.0, 2.0, np.nan]}, "feature x is empty in every row"),
        ({"x": [np.nan, 1.0, np.nan], "z": [1.0, 2.0, np.nan]}, "1 rows have no value in any feature"),
        ({"known": [1.6e9, 1.6e9, 1.8e9]}, "2 labels are known before their item comes"),
        ({"t": [0, 1, 2]}, 'write unit = "rows"'),
    ],
    ids=["one class", "no labels", "an empty feature", "an empty row", "known too soon", "no real times"],
)
def test_what_can_be_worked_with_is_said(tmp_path: Path, columns: Mapping[str, Any], says: str) -> None:
    usual = {"t": [1.7e9, 1.7e9, 1.7e9 + 1], "x": [1.0, 2.0, 3.0], "y": [0, 1, 0], "known": [1.8e9] * 3}
    written(tmp_path, {**usual, **columns})
    notes = opened(tmp_path, "x.parquet", label="y", label_time="known").notes
    assert any(says in note for note in notes)


def test_an_ordinary_file_needs_no_remark(tmp_path: Path) -> None:
    written(tmp_path, {"t": [1.7e9, 1.7e9], "x": [1.0, 2.0], "y": [0, 1]})
    assert opened(tmp_path, "x.parquet", label="y").notes == ()


def test_every_column_that_is_missing_is_named_at_once_with_the_likely_one(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(CSV)
    found = complaints(
        tmp_path, time="tt", item="idd", label="why", features=["amont", "y", "x_*"], categories=["cat_*"]
    )
    assert [message.split()[0] for message in found] == ["L202", "L202", "L202", "L203", "L203", "L203"]
    said = "\n".join(found)
    for hint in ("`tt`; did you mean `t`?", "`idd`; did you mean `id`?", "did you mean `amount`?", "`cat_*`"):
        assert hint in said


@pytest.mark.parametrize(
    ("columns", "stream", "says"),
    [
        ({}, {"time": "t", "features": ["t", "x"]}, "`t` is the `time` and cannot be a feature"),
        ({"time": [1, 2]}, {}, "a feature cannot be called `time`"),
        ({"d": pd.to_datetime(["2024-01-01"] * 2)}, {"features": ["d"]}, "neither numbers nor text"),
        ({"t": ["2024-01-01", "2024-01-02"]}, {}, 'write unit = "iso"'),
        ({"t": ["2024-01-01", "soon"]}, {"unit": "iso"}, "is not a date in row 2: 'soon'"),
        ({"t": [1.7e12, 1.7e12]}, {}, 'write unit = "milliseconds"'),
        ({"t": [1.0, None]}, {}, "1 rows have no time, the first of them row 2"),
        ({"id": ["a", None]}, {"item": "id"}, "1 rows have no item id, the first of them row 2"),
        ({"t": [5, 4]}, {}, "row 2 (1970-01-01T00:00:04Z) is earlier than row 1"),
        ({}, {"label": "y", "classes": ["yes", "no"]}, "holds 0, 1, which `classes` does not list"),
        ({}, {"label": "y", "start": 3}, "`start.labelled` is 3, but x.parquet has 2 rows"),
        ({}, {"features": ["nothing*"]}, "no column is called `nothing*`"),
    ],
    ids=[
        "the time as a feature",
        "a name of our own",
        "dates as a feature",
        "dates as seconds",
        "a date that is none",
        "milliseconds as seconds",
        "no time",
        "no id",
        "out of order",
        "a label that is not listed",
        "more free labels than rows",
        "a pattern for nothing",
    ],
)
def test_what_cannot_be_worked_with_is_refused(
    tmp_path: Path, columns: Mapping[str, Any], stream: dict[str, Any], says: str
) -> None:
    written(tmp_path, {"t": [1, 2], "x": [1.0, 2.0], "y": [0, 1], **columns})
    assert any(says in message for message in complaints(tmp_path, "x.parquet", **stream))


def test_an_amount_is_not_taken_for_a_label(tmp_path: Path) -> None:
    written(tmp_path, {"t": range(300), "x": [0.0] * 300, "y": np.arange(300) / 7})
    (message,) = complaints(tmp_path, "x.parquet", label="y")
    assert "holds 300 different values; a label is one of a few classes" in message


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.csv", b"", "has no rows"),
        ("x.csv", b"t,x\n", "has no rows"),
        ("x.csv", b"t,x\n1,2\n3,4,5\n", "this line has 3 fields, those before it have 2"),
        ("x.csv", b"t,x\n1,\xff\xfe\n", "is not UTF-8 text"),
        ("x.parquet", b"t,x\n1,2\n", "cannot be read"),
        ("x.parquet", b"", "cannot be read"),
        ("x.csv.gz", b"t,x\n1,2\n", "cannot be read"),
    ],
    ids=[
        "empty",
        "a header only",
        "a field too many",
        "not UTF-8",
        "CSV by another name",
        "nothing",
        "not gzip",
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_told_so(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert any(says in message for message in complaints(tmp_path, name))


def test_a_file_that_is_not_there_is_told_with_the_one_that_is(tmp_path: Path) -> None:
    (tmp_path / "payments.csv").write_text(CSV)
    (message,) = complaints(tmp_path, "payment.csv")
    assert message == "L201 there is no file payment.csv; did you mean `payments.csv`?"
    assert "no directory" in complaints(tmp_path, "data/payments.csv")[0]


def test_a_mistake_points_into_loop_toml(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(CSV)
    (tmp_path / "loop.toml").write_text('id = "a"\n[stream]\nsource = "x.csv"\ntime = "tt"\nlabel = "yy"\n')
    with pytest.raises(BadFile) as refused:
        open_stream(load(tmp_path))
    assert [(problem.line, problem.column) for problem in refused.value.problems] == [(4, 1), (5, 1)]


def test_only_so_many_rows_are_read_as_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(CSV)
    written(tmp_path, {"t": range(10), "x": range(10)})
    assert len(items(opened(tmp_path, limit=2))) == 2
    assert len(items(opened(tmp_path, "x.parquet", limit=2))) == 2


def test_the_hotel_bookings_can_be_streamed_with_their_own_label_times() -> None:
    if not (STREAMS / "hotel_booking.parquet").exists():
        pytest.skip("the shared streams are not on this machine")
    stream = opened(
        STREAMS,
        "hotel_booking.parquet",
        start=2000,
        label="y",
        label_time="t_label",
        features=["x_*"],
        categories=["x_cat_*"],
        missing=[-1],
    )
    assert (len(items(stream)), len(labels(stream)), len(stream.stream.features)) == (101_297, 101_297, 20)
    assert stream.notes == ()
    now = stream.start
    assert len(stream.stream.labels(0, now, 10**6)[0]) == 2000


def test_elec2_can_be_streamed_by_row_order() -> None:
    if not (STREAMS / "elec2.parquet").exists():
        pytest.skip("the shared streams are not on this machine")
    stream = opened(
        STREAMS, "elec2.parquet", start=200, label="y", features=["x_*"], unit="rows", row_lasts="30m"
    )
    assert len(items(stream)) == 45_312
    assert stream.stream.next_at(200, 200) == stream.start + 1800.0
