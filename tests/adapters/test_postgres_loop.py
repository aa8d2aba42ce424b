"""A whole loop on PostgreSQL: the same facts as in memory, by one process that leads and others that help."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.loops import SETTINGS, little, play, write_loop
from tests.postgres import a_loop, by_hand, fresh_postgres, needed
from tests.stores import chance

from flyball.adapters.clock import VirtualClock
from flyball.adapters.segments import MemorySegments
from flyball.adapters.shelf_memory import MemoryShelf
from flyball.adapters.sql import is_written, postgres, servers
from flyball.adapters.sql.database import TRIES
from flyball.adapters.stream import open_stream
from flyball.adapters.toml_file import load
from flyball.bootstrap import App, open_loop, reading
from flyball.bootstrap.opening import assemble
from flyball.core.due import Go
from flyball.ports import Segments, Shelf, Store
from flyball.work.served import served

pytestmark = pytest.mark.slow


@pytest.fixture
def loop() -> Iterator[str]:
    with a_loop() as name:
        yield name


def app_on(store: Store, directory: Path, segments: Segments, shelf: Shelf) -> App:
    settings = load(write_loop(directory) / "loop.toml", {"clock.until": "1d"})
    opened = open_stream(settings)
    return assemble(settings, opened, store, segments, shelf, VirtualClock(opened.start))


def test_a_loop_writes_the_same_facts_on_postgresql_as_in_memory(loop: str, tmp_path: Path) -> None:
    there = little(tmp_path, clock__until="1d")
    play(there)
    with closing(fresh_postgres(chance(), loop)) as store:
        here = app_on(store, tmp_path, MemorySegments(), MemoryShelf())
        play(here)
        assert list(store.log.read()) == list(there.tools.store.log.read())
        assert here.tools.state.labels_at > 0


def test_one_process_leads_until_it_ends(loop: str) -> None:
    first, second = fresh_postgres(chance(), loop), fresh_postgres(chance(), loop)
    with closing(second):
        assert (first.leads(), second.leads(), first.leads()) == (True, False, True)
        first.close()
        assert second.leads()


def test_who_loses_the_connection_leads_again_only_where_nobody_else_does(loop: str) -> None:
    with closing(fresh_postgres(chance(), loop)) as first, closing(fresh_postgres(chance(), loop)) as second:
        assert first.leads()
        cut(loop)
        assert (second.leads(), first.leads()) == (True, False)
        cut(loop)
        assert (first.leads(), second.leads()) == (True, False)


def test_connections_that_were_cut_while_nobody_used_them_trouble_nobody(loop: str) -> None:
    database = postgres.opened(sa.make_url(needed()), loop, read_only=False)
    with closing(database):
        with ExitStack() as at_once:
            for _ in range(TRIES + 2):
                at_once.enter_context(database.read())
        cut(loop)
        for transaction in (database.read, database.write):
            with transaction() as connection:
                assert connection.scalar(sa.text("SELECT 1")) == 1


def cut(loop: str) -> None:
    with by_hand(needed()) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = %s",
            (f"flyball {loop}",),
        )


def test_a_second_process_only_integrates_and_takes_over_when_the_first_ends(
    loop: str, tmp_path: Path
) -> None:
    segments, shelf = MemorySegments(), MemoryShelf()
    first = app_on(fresh_postgres(chance(), loop), tmp_path, segments, shelf)
    with closing(fresh_postgres(chance(1), loop)) as store:
        second = app_on(store, tmp_path, segments, shelf)
        now = first.clock.now()
        assert isinstance(first.lanes["ingest"].due(now), Go)
        for name in ("ingest", "train", "score", "steer", "annotate"):
            assert second.lanes[name].due(now).why == "another process of this loop does this"
        play(first, until=21_600)
        now = first.clock.now()
        second.lanes["integrate"].due(now)
        assert second.tools.state.seq == first.tools.state.seq
        first.tools.store.close()
        assert second.lanes["steer"].due(now).why != "another process of this loop does this"


SERVES = """
import os, sys, time
from flyball.adapters.sql import open_store
from tests.web.process import tools_on
from flyball.work import served
store = open_store(sys.argv[1], salt=os.urandom, loop=sys.argv[2])
served.begun(tools_on(store), os.getpid(), time.time())
print("serves", flush=True)
time.sleep(60)
"""


def test_a_loop_whose_server_was_killed_is_not_called_served_though_others_have_it_open(loop: str) -> None:
    command = [sys.executable, "-c", SERVES, needed(), loop]
    with closing(fresh_postgres(chance(), loop)) as other:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "serves\n"
            by = served(other.log, servers(needed(), loop))
            assert by is not None and by["pid"] == server.pid
        finally:
            server.kill()
            server.communicate()
        until(lambda: not servers(needed(), loop))  # the database hears of it when the connection ends
        assert is_written(needed(), loop)
        assert served(other.log, servers(needed(), loop)) is None


def test_who_serves_on_after_its_connections_were_cut_shows_it_again(loop: str) -> None:
    with closing(fresh_postgres(chance(), loop)) as store:
        assert store.serving()
        assert servers(needed(), loop) == {os.getpid()}
        cut(loop)
        assert not servers(needed(), loop)
        assert store.serving()
        assert servers(needed(), loop) == {os.getpid()}
    assert not servers(needed(), loop)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_loop_directory_may_name_a_database_and_its_commands_read_it(loop: str, tmp_path: Path) -> None:
    settings = SETTINGS.replace('id = "little"', f'id = "{loop}"')
    write_loop(tmp_path, settings=settings + f'[stores]\ndatabase = "{needed()}"\nmlflow = "mlflow"\n')
    app = open_loop(tmp_path)
    try:
        go = app.lanes["ingest"].due(app.clock.now())
        assert isinstance(go, Go)
        with reading(tmp_path) as read:
            assert read.alive
    finally:
        app.tools.store.close()
    assert not is_written(needed(), loop)
    with reading(tmp_path) as read:
        assert not read.alive
