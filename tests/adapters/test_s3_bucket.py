"""A bucket over real HTTP: what may pass is tried again, the rest is a sentence without secrets."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.buckets import SECRET, Proxy, a_proxy, client, emptied, fresh_bucket, known_here, nobody

from flyball.adapters.file_cache import FileCache
from flyball.adapters.s3_files import TRIES, Bucket, Object
from flyball.adapters.segments_s3 import S3Segments
from flyball.core.table import Table
from flyball.errors import BadFile, NotFound, Unreachable

CONTENT = bytes(range(256)) * 16_000
TABLE = Table({"amount": np.arange(5000.0)})


@pytest.fixture(scope="module")
def started() -> Iterator[tuple[Proxy, Bucket]]:
    with pytest.MonkeyPatch.context() as patch, a_proxy() as before_it:
        known_here(patch, before_it.url)
        yield before_it, Bucket(fresh_bucket(), lambda attempt: None)


@pytest.fixture
def proxy(started: tuple[Proxy, Bucket]) -> Proxy:
    started[0].faults.clear()
    started[0].away = False
    return started[0]


@pytest.fixture
def bucket(started: tuple[Proxy, Bucket], proxy: Proxy) -> Bucket:
    emptied(started[1].name)
    return started[1]


def put(bucket: Bucket, key: str, content: bytes = CONTENT) -> Object:
    digest = hashlib.sha256(content).hexdigest()
    assert bucket.put(key, content, digest)
    return next(each for each in bucket.listed(key) if each.key == key)


def fetched(bucket: Bucket, found: Object) -> bytes:
    file = io.BytesIO()
    bucket.fetch(found, file)
    return file.getvalue()


def refusal(bucket: Bucket) -> str:
    with pytest.raises(Unreachable) as refused:
        bucket.read("a.csv")
    return str(refused.value)


@pytest.mark.parametrize("fault", ["500", "503", "drop", "cut"])
def test_what_may_pass_is_tried_again(bucket: Bucket, proxy: Proxy, fault: str) -> None:
    found = put(bucket, "a.csv")
    proxy.faults.extend([fault] * (TRIES - 1))
    assert bucket.read("a.csv") == CONTENT
    proxy.faults.extend([fault] * (TRIES - 1))
    assert fetched(bucket, found) == CONTENT
    proxy.faults.append("500" if fault == "cut" else fault)
    assert [each.key for each in bucket.listed("")] == ["a.csv"]


def test_a_body_that_ends_in_the_middle_goes_on_there_and_is_not_read_anew(
    bucket: Bucket, proxy: Proxy
) -> None:
    found = put(bucket, "a.csv")
    proxy.faults.extend(["cut"] * 3 * TRIES)  # each time half of what is left comes
    assert fetched(bucket, found) == CONTENT
    before = len(proxy.asked)
    proxy.faults.extend(["drop"] * TRIES)
    with pytest.raises(Unreachable, match="cannot be read"):
        fetched(bucket, found)
    assert len(proxy.asked) == before + TRIES


def test_a_file_that_changes_while_it_is_read_is_not_taken(bucket: Bucket) -> None:
    found = put(bucket, "a.csv")
    client().put_object(Bucket=bucket.name, Key="a.csv", Body=b"another")
    with pytest.raises(Unreachable, match="changed while it was read"):
        fetched(bucket, found)


def test_what_is_there_is_never_written_over(bucket: Bucket, proxy: Proxy) -> None:
    put(bucket, "a", b"first")
    assert not bucket.put("a", b"other", hashlib.sha256(b"other").hexdigest())
    assert bucket.read("a") == b"first"


def test_a_server_without_conditional_writes_is_asked_first(proxy: Proxy) -> None:
    bucket = Bucket(fresh_bucket())
    proxy.faults.append("501")
    put(bucket, "a", b"first")
    assert not bucket.put("a", b"other", hashlib.sha256(b"other").hexdigest())
    assert bucket.read("a") == b"first"


def test_a_write_whose_answer_was_lost_counts_as_written(bucket: Bucket, proxy: Proxy) -> None:
    proxy.faults.append("lost")
    bucket.put("a", b"first", hashlib.sha256(b"first").hexdigest())
    assert bucket.read("a") == b"first"


def test_every_object_of_a_long_list_is_found(bucket: Bucket) -> None:
    by_hand, names = client(), [f"many/{number:02d} ü+&.csv" for number in range(23)]
    for name in names:
        by_hand.put_object(Bucket=bucket.name, Key=name, Body=b"")
    assert [each.key for each in Bucket(bucket.name, page=10).listed("many/")] == names


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("403", "may not be read with these credentials (AccessDenied): they need s3:GetObject"),
        ("400", "does not know these credentials (InvalidAccessKeyId)"),
        ("500", "cannot be read: so it is (500 InternalError)"),
        ("drop", "cannot be read: Connection was closed"),
    ],
)
def test_each_trouble_has_a_sentence_without_secrets(
    bucket: Bucket, proxy: Proxy, fault: str, said: str
) -> None:
    put(bucket, "a.csv")
    proxy.faults.extend([fault] * TRIES)
    message = refusal(bucket)
    assert said in message
    assert f"s3://{bucket.name}" in message
    assert SECRET not in message
    assert "tester" not in message


def test_a_bucket_that_is_not_there_is_named(proxy: Proxy) -> None:
    assert refusal(Bucket("no-such-bucket")) == (
        "There is no bucket no-such-bucket: make it, or correct its name in loop.toml."
    )


def test_without_credentials_it_says_where_they_come_from(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE" in refusal(Bucket(bucket.name))
    monkeypatch.setenv("AWS_PROFILE", "nobody-here")
    assert "nobody-here" in refusal(Bucket(bucket.name))


def test_where_nobody_answers_it_names_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    known_here(monkeypatch, nobody())
    assert "Could not connect to the endpoint URL" in refusal(Bucket("a-bucket", lambda attempt: None))


# --- segments


def segments(bucket: Bucket, directory: Path, most: int = 1 << 20) -> S3Segments:
    return S3Segments(bucket, "loops/a", FileCache(directory, most))


def test_a_segment_is_read_from_its_copy_and_without_it_from_the_server(
    bucket: Bucket, proxy: Proxy, tmp_path: Path
) -> None:
    here = segments(bucket, tmp_path / "here")
    digest = here.put(TABLE)
    asked = len(proxy.asked)
    assert here.get(digest)["amount"].tolist() == TABLE["amount"].tolist()
    assert len(proxy.asked) == asked
    there = segments(bucket, tmp_path / "there")
    assert there.get(digest)["amount"].tolist() == TABLE["amount"].tolist()
    assert there.path(digest) == f"s3://{bucket.name}/loops/a/{digest[:2]}/{digest}.parquet"
    proxy.away = True
    assert len(there.get(digest)) == len(TABLE)
    with pytest.raises(Unreachable):
        there.put(Table({"amount": np.zeros(3)}))


def test_a_damaged_copy_is_fetched_again_and_a_damaged_object_is_refused(
    bucket: Bucket, tmp_path: Path
) -> None:
    kept = segments(bucket, tmp_path)
    digest = kept.put(TABLE)
    copy = tmp_path / f"{digest}.parquet"
    copy.write_bytes(copy.read_bytes()[:-9] + b"\0" * 9)
    assert len(kept.get(digest)) == len(TABLE)
    copy.unlink()
    client().put_object(Bucket=bucket.name, Key=f"loops/a/{digest[:2]}/{digest}.parquet", Body=b"other")
    with pytest.raises(BadFile, match="not what its name says"):
        kept.get(digest)


def test_copies_stay_within_their_bound_and_those_in_use_stay_longest(
    bucket: Bucket, proxy: Proxy, tmp_path: Path
) -> None:
    tables = [Table({"amount": np.random.default_rng(seed).normal(size=1000)}) for seed in range(8)]
    kept = segments(bucket, tmp_path, most=32_000)
    first, *_ = digests = [kept.put(table) for table in tables[:3]]
    proxy.asked.clear()
    for table in tables[3:]:
        assert len(kept.get(first)) == 1000
        digests.append(kept.put(table))
    assert not any(each.startswith("GET") for each in proxy.asked), "what is in use stays"
    names = {path.name for path in tmp_path.iterdir()}
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 32_000
    assert {f"{first}.parquet", f"{digests[-1]}.parquet"} <= names
    assert all(len(kept.get(digest)) == 1000 for digest in digests)


def test_a_full_disk_here_takes_nothing_from_what_is_there(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    kept = segments(bucket, tmp_path / "file" / "cache")
    digest = kept.put(TABLE)
    assert len(kept.get(digest)) == len(TABLE)


def test_an_object_that_was_removed_is_not_found(bucket: Bucket, tmp_path: Path) -> None:
    kept = segments(bucket, tmp_path / "here")
    digest = kept.put(TABLE)
    client().delete_object(Bucket=bucket.name, Key=f"loops/a/{digest[:2]}/{digest}.parquet")
    with pytest.raises(NotFound, match="no segment"):
        segments(bucket, tmp_path / "there").get(digest)
