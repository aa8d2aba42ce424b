"""What every keeper of segments promises: the same table under the same name, exactly, for good."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from tests.buckets import fresh_bucket, known_here, server

from flyball.adapters.file_cache import FileCache
from flyball.adapters.s3_files import Bucket
from flyball.adapters.segments import FileSegments, MemorySegments, parquet, table_of
from flyball.adapters.segments_s3 import S3Segments
from flyball.core.ids import Digest
from flyball.core.table import Column, Table, texts
from flyball.errors import BadFile, NotFound, Unreachable
from flyball.ports import Segments

TABLE = Table(
    {
        "item": texts(["b", "a", "é", "", "a"]),
        "amount": np.array([1.5, np.nan, -0.0, np.inf, 5e-324]),
        "count": np.array([2**62, -1, 0, 1, 2], dtype=np.int64),
        "flag": np.array([True, False, True, True, False]),
        "country": texts(["de", None, None, "fr\x00", "de"]),
    }
)


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with pytest.MonkeyPatch.context() as patch:
        known_here(patch, server())
        yield Bucket(fresh_bucket())


@pytest.fixture(params=["memory", "files", "s3"])
def segments(request: pytest.FixtureRequest, tmp_path: Path) -> Segments:
    if request.param == "memory":
        return MemorySegments()
    if request.param == "files":
        return FileSegments(tmp_path / "segments")
    bucket: Bucket = request.getfixturevalue("bucket")
    return S3Segments(bucket, f"of/{tmp_path.name}", NoCopies(tmp_path / "cache", 0))


class NoCopies(FileCache):
    """A cache that finds nothing, so that what is read comes from the server."""

    def find(self, name: str) -> Path | None:
        return None


def same(one: Table, other: Table) -> bool:
    """Equal to the last bit, with NaN equal to itself."""
    return one.names == other.names and all(_same(one[name], other[name]) for name in one.names)


def _same(one: Column, other: Column) -> bool:
    if one.dtype != other.dtype or len(one) != len(other):
        return False
    return one.tolist() == other.tolist() if one.dtype == object else one.tobytes() == other.tobytes()


def test_a_table_comes_back_exactly_as_it_went_in(segments: Segments) -> None:
    assert same(segments.get(segments.put(TABLE)), TABLE)


def test_the_same_table_has_one_name_wherever_it_is_kept(tmp_path: Path) -> None:
    copied = Table({name: column.copy() for name, column in TABLE.columns.items()})
    assert MemorySegments().put(TABLE) == FileSegments(tmp_path).put(copied)


def test_to_put_a_table_twice_is_to_put_it_once(segments: Segments) -> None:
    assert segments.put(TABLE) == segments.put(TABLE)


@pytest.mark.parametrize(
    "changed",
    [
        lambda table: table.take(slice(None, None, -1)),
        lambda table: table.select(["amount", "item", "count", "flag", "country"]),
        lambda table: table.having(count=table["count"].astype(np.float64)),
        lambda table: table.having(country=texts(["de", "", None, "fr\x00", "de"])),
        lambda table: table.having(more=np.zeros(5)),
    ],
    ids=["other order", "other columns' order", "other type", "empty is not missing", "one more column"],
)
def test_another_table_has_another_name(segments: Segments, changed: Callable[[Table], Table]) -> None:
    assert segments.put(changed(TABLE)) != segments.put(TABLE)


@pytest.mark.parametrize(
    "table",
    [
        Table({}),
        TABLE.take(slice(0, 0)),
        TABLE.take(slice(0, None, 2)),
        Table({"none": texts([None, None])}),
        Table({"a.b c": np.array([1.0])}),
    ],
    ids=["no columns", "no rows", "every second row", "nothing but missing", "an odd name"],
)
def test_odd_tables_come_back_too(segments: Segments, table: Table) -> None:
    assert same(segments.get(segments.put(table)), table)


@pytest.mark.parametrize(
    "column",
    [np.array([1, 2], dtype=np.int32), np.array(["a", "b"]), texts(["a", "b"]).copy()],
    ids=["int32", "fixed-width text", "numbers among text"],
)
def test_a_column_that_a_table_may_not_hold_is_refused_by_name(segments: Segments, column: Column) -> None:
    if column.dtype == object:
        column[1] = 7.0
    with pytest.raises(ValueError, match="`odd`"):
        segments.put(Table({"odd": column}))


@pytest.mark.parametrize("name", ["0" * 64, "../../etc/passwd", "", "A" * 64])
def test_an_unknown_name_is_not_found(segments: Segments, name: str) -> None:
    with pytest.raises(NotFound, match="no segment"):
        segments.get(Digest(name))


COLUMNS = st.one_of(
    nps.arrays(np.float64, 3),
    nps.arrays(np.int64, 3),
    nps.arrays(np.bool_, 3),
    st.lists(st.none() | st.text(st.characters(codec="utf-8"), max_size=5), min_size=3, max_size=3).map(
        texts
    ),
)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), COLUMNS, max_size=4))
def test_any_table_comes_back_with_the_same_bytes(columns: dict[str, Column]) -> None:
    table = Table(columns)
    again = table_of(parquet(table))
    assert again.names == table.names
    for name in table.names:
        nan = table[name].dtype == np.float64
        equal = (
            np.array_equal(again[name], table[name], equal_nan=True)
            if nan
            else _same(again[name], table[name])
        )
        assert equal
    assert parquet(again) == parquet(table)


# --- files


def test_a_file_is_named_by_its_content_and_cannot_be_written_to(tmp_path: Path) -> None:
    segments = FileSegments(tmp_path)
    digest = segments.put(TABLE)
    path = tmp_path / digest[:2] / f"{digest}.parquet"
    assert segments.path(digest) == path
    assert path.stat().st_mode & 0o777 == 0o444
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_damage_is_found_when_a_segment_is_read(tmp_path: Path) -> None:
    segments = FileSegments(tmp_path)
    path = segments.path(segments.put(TABLE))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(content))
    with pytest.raises(BadFile, match="not what its name says"):
        segments.get(Digest(path.stem))


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unreachable, match="cannot be written"):
        FileSegments(tmp_path / "file").put(TABLE)


def test_what_a_killed_writer_left_behind_disturbs_nobody(tmp_path: Path) -> None:
    segments = FileSegments(tmp_path)
    digest = MemorySegments().put(TABLE)
    segments.path(digest).parent.mkdir(parents=True)
    (segments.path(digest).parent / ".new-half").write_bytes(os.urandom(100))
    with pytest.raises(NotFound):
        segments.get(digest)
    assert same(segments.get(segments.put(TABLE)), TABLE)
