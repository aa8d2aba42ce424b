"""Checkpoints on S3, over real HTTP: written once, found again; no log waits for a bucket that is away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.buckets import Proxy, client, emptied, fresh_bucket
from tests.loops import write_loop
from tests.stores import answer, chance
from tests.wall import Wall
from tests.web.served import REAL

from flyball.adapters.checkpoint_s3 import REST, CheckpointBucket, read
from flyball.adapters.memory_store import memory_store
from flyball.adapters.sql import open_store
from flyball.bootstrap import open_loop
from flyball.cli.main import main
from flyball.core.ids import Position
from flyball.errors import NotFound, Unreachable
from flyball.ports import Commit, Draft, Store
from flyball.work.evidence import Findings, Keeper, verified

pytestmark = pytest.mark.slow
ORIGIN = "flyball/cards"


@pytest.fixture
def place(proxy: Proxy) -> str:
    return f"s3://{fresh_bucket()}/vault/"


@pytest.fixture
def store() -> Iterator[Store]:
    with closing(memory_store(chance())) as one:
        yield one


def say(store: Store, count: int) -> None:
    store.log.append(Commit([Draft(answer(f"i-{number}")) for number in range(count)]), 10.0)


def keeper(store: Store, place: str, directory: Path, ticks: Wall, patience: float = 20.0) -> Keeper:
    notary = CheckpointBucket(place, directory / "key", ORIGIN, patience, ticks)
    return Keeper(store.log, store.evidence, notary, ticks)


def found(store: Store, place: str) -> Findings:
    kept = read(place, None)
    assert not kept.wrong
    *_, last = verified(store.evidence, store.log, kept.signed, ORIGIN)
    return last


def keys(place: str) -> list[str]:
    bucket = place.removeprefix("s3://").partition("/")[0]
    return [each["Key"] for each in client().list_objects_v2(Bucket=bucket)["Contents"]]


def test_each_process_goes_on_where_the_last_one_was_and_each_checkpoint_is_an_object_of_its_own(
    store: Store, place: str, tmp_path: Path
) -> None:
    ticks = Wall()
    for day in range(3):
        ticks.now += day * 86_400.0
        say(store, 7)
        assert keeper(store, place, tmp_path, ticks).sign(at_once=True)
        assert not keeper(store, place, tmp_path, ticks).sign(at_once=True)
    dated = [key for key in keys(place) if key.endswith(".checkpoints")]
    days = ["1970-01-01", "1970-01-02", "1970-01-04"]
    sizes = (7, 14, 21)
    assert dated == [f"vault/{day}/{size:015d}.checkpoints" for day, size in zip(days, sizes, strict=True)]
    whole = found(store, place)
    assert (whole.checkpoints, whole.count, whole.window) == (3, 0, 0)


def test_a_log_that_was_put_back_or_changed_is_not_signed_and_is_found(
    store: Store, place: str, tmp_path: Path
) -> None:
    say(store, 20)
    assert keeper(store, place, tmp_path, Wall()).sign(at_once=True)
    with closing(memory_store(chance(1))) as other:
        say(other, 10)
        back = keeper(other, place, tmp_path, Wall())
        assert "it is shorter" in back.fault and not back.sign(at_once=True)
        assert found(other, place).count == 1
        say(other, 15)
        another = keeper(other, place, tmp_path, Wall())
        assert "its fact 20 is another one" in another.fault
    bucket = place.removeprefix("s3://").partition("/")[0]
    (key,) = [key for key in keys(place) if key.endswith(".checkpoints")]
    content = client().get_object(Bucket=bucket, Key=key)["Body"].read()
    client().put_object(Bucket=bucket, Key=key, Body=content.replace(b"\nat 1", b"\nat 2"))
    assert ["no good signature" in each for each in read(place, None).wrong] == [True]


def test_a_write_whose_answer_was_lost_is_no_second_checkpoint_and_none_is_written_over(
    store: Store, proxy: Proxy, place: str, tmp_path: Path
) -> None:
    ticks = Wall()
    say(store, 7)
    keep = keeper(store, place, tmp_path, ticks)
    proxy.faults.extend(["", "lost"])  # the key first, then the checkpoint
    assert keep.sign(at_once=True)
    assert len(read(place, None).signed) == 1
    bucket = place.removeprefix("s3://").partition("/")[0]
    forged = f"vault/1970-01-01/{14:015d}.checkpoints"
    client().put_object(Bucket=bucket, Key=forged, Body=b"somebody was here")
    say(store, 7)
    with pytest.raises(Unreachable, match="it is none of this log's checkpoints"):
        keep.sign(at_once=True)
    assert client().get_object(Bucket=bucket, Key=forged)["Body"].read() == b"somebody was here"
    say(store, 7)
    ticks.now += REST
    assert keep.sign(at_once=True)
    assert len(read(place, None).wrong) == 1


def test_while_the_bucket_is_away_it_is_asked_once_a_minute_and_nothing_is_lost(
    store: Store, proxy: Proxy, place: str, tmp_path: Path
) -> None:
    ticks = Wall()
    say(store, 2_000)
    keep = keeper(store, place, tmp_path, ticks)
    proxy.away = True
    with pytest.raises(Unreachable, match="checkpoints cannot be kept at s3://"):
        keep.sign()
    asked = len(proxy.asked)
    for _ in range(50):  # half a minute of a busy loop
        ticks.now += 0.5
        say(store, 10)
        with pytest.raises(Unreachable):
            keep.sign(at_once=True)
    assert len(proxy.asked) == asked
    ticks.now += REST
    proxy.away = False
    assert keep.sign()
    assert (found(store, place).window, found(store, place).count) == (0, 0)


def test_a_bucket_that_does_not_answer_holds_the_loop_up_for_its_patience_and_once(
    store: Store, proxy: Proxy, place: str, tmp_path: Path
) -> None:
    ticks = Wall()
    say(store, 7)
    keep = keeper(store, place, tmp_path, ticks, patience=0.2)
    ticks.now += REST  # the first answer takes longer: what talks to S3 is loaded with it
    proxy.open.clear()
    try:
        with pytest.raises(Unreachable, match=r"does not answer"):
            keep.sign(at_once=True)
        with pytest.raises(Unreachable, match="does not answer"):
            keep.sign(at_once=True)
    finally:
        proxy.open.set()


def test_a_loop_opens_though_the_bucket_is_away_and_says_so(proxy: Proxy, place: str, tmp_path: Path) -> None:
    loop = write_loop(tmp_path / "loop", settings=REAL + f'[stores]\ncheckpoints = "{place}"\n')
    proxy.away = True
    app = open_loop(loop)
    try:
        app.capture(app.clock.now())
        told = str(app.tools.state.alerts["checkpoints"].fact)
        assert f"checkpoints cannot be kept at {place.rstrip('/')}" in told
        assert "tried again every minute" in told
    finally:
        app.close()
    proxy.away = False
    app = open_loop(loop)
    try:
        assert app.keeper is not None and app.keeper.sign(at_once=True)
        app.capture(app.clock.now())
        assert "checkpoints" not in app.tools.state.alerts
    finally:
        app.close()
    assert read(place, None).signed


def test_verify_reads_a_bucket_by_the_settings_by_a_flag_and_with_a_key_from_elsewhere(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = write_loop(tmp_path / "loop", settings=REAL + f'[stores]\ncheckpoints = "{place}"\n')
    with closing(open_store(loop / "flyball.db", salt=chance())) as store:
        say(store, 30)
        notary = CheckpointBucket(place, loop / "checkpoints.key", "flyball/little")
        assert Keeper(store.log, store.evidence, notary, Wall()).sign(at_once=True)
    public = read(place, None).signed[0].key
    other = write_loop(tmp_path / "other")
    (other / "flyball.db").write_bytes((loop / "flyball.db").read_bytes())
    for words in (
        ["--loop", str(loop)],
        ["--loop", str(other), "--from", place],
        ["--loop", str(other), "--from", place.rstrip("/"), "--key", public],
    ):
        with pytest.raises(SystemExit) as end:
            main(["verify", *words, "--json"])
        told = json.loads(capsys.readouterr().out)
        assert (end.value.code, told["holds"], told["checkpoints_held"]) == (0, True, 1)
    emptied(place.removeprefix("s3://").partition("/")[0])
    with pytest.raises(SystemExit) as end:
        main(["verify", "--loop", str(loop)])
    assert end.value.code == 2 and "there are no checkpoints at s3://" in capsys.readouterr().err


def test_a_place_that_holds_nothing_or_no_key_is_told(place: str, tmp_path: Path, store: Store) -> None:
    with pytest.raises(NotFound, match="there are no checkpoints at"):
        read(place, None)
    say(store, 3)
    assert keeper(store, place, tmp_path, Wall()).sign(at_once=True)
    bucket = place.removeprefix("s3://").partition("/")[0]
    for key in keys(place):
        if key.endswith(".pub"):
            client().delete_object(Bucket=bucket, Key=key)
    with pytest.raises(NotFound, match="there is no public key at"):
        read(place, None)
    assert store.log.head().seq == Position(3)
