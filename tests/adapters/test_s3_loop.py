"""A whole loop on S3: its stream and its segments are there, and the server goes away in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.buckets import Proxy, client, fresh_bucket
from tests.promises import account_of, broken
from tests.shops import BUDGET, alerts, shop, write_shop
from tests.stores import chance

from flyball.adapters.clock import VirtualClock
from flyball.adapters.segments_s3 import open_segments
from flyball.adapters.shelf_memory import MemoryShelf
from flyball.adapters.sql import open_store
from flyball.adapters.stream import open_stream
from flyball.adapters.toml_file import load
from flyball.bootstrap import App, driver
from flyball.bootstrap.opening import assemble
from flyball.core.facts import ItemsArrived, LabelSettled, ModelTrained
from flyball.core.ids import Digest
from flyball.ports import Shelf

pytestmark = pytest.mark.slow
HOUR = 3600.0


@pytest.fixture
def bucket(proxy: Proxy) -> str:
    name, items = fresh_bucket(), shop(300)
    for part in range(3):
        content = items.iloc[part * 100 : part * 100 + 100].to_csv(index=False).encode()
        client().put_object(Bucket=name, Key=f"in/{part}.csv", Body=content)
    return name


@contextmanager
def opened(directory: Path, bucket: str, shelf: Shelf) -> Iterator[App]:
    """The shop's loop, on a clock that can be turned."""
    write_shop(directory, source=f"s3://{bucket}/in", until="30h")
    settings = load(directory / "loop.toml", {"stores.segments": f"s3://{bucket}/segments"})
    stream = open_stream(settings)
    with closing(open_store(directory / "loop.db", salt=chance())) as store:
        clock = VirtualClock(max(stream.start, store.log.head().at))
        yield assemble(settings, stream, store, open_segments(settings), shelf, clock)


def play(app: App, seconds: float) -> None:
    list(driver(app).play(app.clock.now() + seconds))


def test_a_loop_whose_stream_and_segments_are_on_s3_keeps_every_promise_through_an_outage_and_a_restart(
    tmp_path: Path, bucket: str, proxy: Proxy
) -> None:
    shelf = MemoryShelf()
    with opened(tmp_path, bucket, shelf) as app:
        play(app, 3 * HOUR)
        assert 100 < app.tools.state.arrived < 200
        proxy.away = True
        for copy in (tmp_path / "cache").iterdir():
            copy.unlink()
        play(app, 900.0)
        assert "Unreachable: s3://" in alerts(app)["lane-ingest"]

    proxy.away = False
    with opened(tmp_path, bucket, shelf) as app:
        play(app, 7 * HOUR)
        account = account_of(app.tools.store)
        assert broken(account, BUDGET) == []
        assert sum(fact.count for fact in account.of(ItemsArrived)) == 300
        assert len(account.of(LabelSettled)) > 30
        assert alerts(app) == {}
        for trained in account.of(ModelTrained):
            digest = Digest(trained.snapshot)
            key = f"segments/{digest[:2]}/{digest}.parquet"
            assert client().head_object(Bucket=bucket, Key=key)["ContentLength"] > 0
    assert not (tmp_path / "segments").exists()
