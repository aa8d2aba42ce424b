"""Who may open a store on SQLite, what is opened, and how it is set up."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from tests.stores import answer, arrive, chance, fresh_sqlite

from flyball.adapters.sql import open_store, sqlite
from flyball.adapters.sql.migrations import REVISIONS
from flyball.adapters.sql.tables import metadata
from flyball.core.chain import verify
from flyball.core.facts import AlertCleared
from flyball.errors import BadUsage, NewerStore, NotFound, StoreLocked, Unreachable
from flyball.ports import Commit, Draft, NewJob, Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "loop.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with closing(fresh_sqlite(path)) as one:
        yield one


def said(item: str, name: str | None = None) -> Commit:
    return Commit([Draft(answer(item), "desk", name)], [NewJob("merge", item, 0)], notes={"last": item})


def by_hand(path: Path) -> closing[sqlite3.Connection]:
    """The file as somebody with the sqlite3 command sees it: none of our settings."""
    return closing(sqlite3.connect(path, isolation_level=None))


# --- who may open it


def test_a_second_writer_is_told_who_the_first_is(path: Path, store: Store) -> None:
    with pytest.raises(StoreLocked, match=rf"process {os.getpid()} writes this loop .*loop\.db\.lock"):
        open_store(path, salt=chance())


def test_a_closed_store_is_neither_read_nor_written(path: Path, store: Store) -> None:
    store.close()
    with closing(open_store(path, salt=chance())):
        for use in (store.log.head, lambda: store.log.append(said("a"), 10.0)):
            with pytest.raises(Unreachable, match="is closed"):
                use()


def test_the_lock_goes_with_its_store(path: Path) -> None:
    for _ in range(2):
        open_store(path, salt=chance()).close()


@pytest.mark.slow
def test_the_lock_goes_with_its_process_however_that_ends(path: Path) -> None:
    code = f"import os\nfrom flyball.adapters.sql import open_store\nopen_store({str(path)!r}, salt=bytes)\n"
    waits = code + "print('open', flush=True)\ninput()"
    process = subprocess.Popen(
        [sys.executable, "-c", waits], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(StoreLocked, match=f"process {process.pid} writes"):
            open_store(path, salt=chance())
        process.kill()
        process.wait()
        open_store(path, salt=chance()).close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.slow
def test_a_forked_child_does_not_hold_on_to_the_lock(path: Path) -> None:
    forks = (
        "import os, sys\nfrom flyball.adapters.sql import open_store\n"
        f"store = open_store({str(path)!r}, salt=bytes)\n"
        "child = os.fork()\n"
        "if not child:\n    os.write(1, b'forked\\n')\n    sys.stdin.read()\n    os._exit(0)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", forks], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "forked\n"
        process.wait()
        open_store(path, salt=chance()).close()


def test_it_can_be_read_beside_the_process_that_writes(path: Path, store: Store) -> None:
    arrive(store, "a")
    with closing(open_store(path, salt=chance(), read_only=True)) as beside:
        assert beside.log.head() == store.log.head()
        store.log.append(said("a"), 11.0)
        assert beside.log.head().seq == 2
        assert len(beside.items.pool(5)) == 1
        for write in (
            lambda: beside.log.append(said("b"), 12.0),
            lambda: beside.jobs.claim("merge", 12.0, 1, 60.0),
            lambda: beside.jobs.recover(12.0),
        ):
            with pytest.raises(StoreLocked, match="opened to be read"):
                write()
    assert store.log.head().seq == 2


def test_reading_connections_cannot_write(path: Path) -> None:
    fresh_sqlite(path).close()
    reading = sqlite.reading(path)
    with pytest.raises(sa.exc.OperationalError, match="readonly"), reading.begin() as connection:
        connection.exec_driver_sql("DELETE FROM note")
    reading.dispose()


# --- what it opens


def test_a_store_that_is_only_to_be_read_must_be_there(path: Path) -> None:
    with pytest.raises(NotFound, match=r"no store at .*loop\.db"):
        open_store(path, salt=chance(), read_only=True)
    assert not path.exists()


def test_directories_are_made_and_urls_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "a b" / "100%" / "loop.db"
    open_store(path, salt=chance()).close()
    with closing(open_store(f"sqlite:///{path}", salt=chance(), read_only=True)) as store:
        assert store.log.head().seq == 0
    assert quote(str(path)) != str(path)


@pytest.mark.parametrize("url", ["mysql://me:secret@host/db", "sqlite://"])
def test_a_url_that_cannot_hold_a_store_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(BadUsage, match="cannot hold a store") as refused:
        open_store(url, salt=chance())
    assert "secret" not in str(refused.value)


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.write_text("my notes, and they are long enough to be something")
    for read_only in (False, True):
        with pytest.raises(BadUsage, match="not a store"):
            open_store(path, salt=chance(), read_only=read_only)
    assert path.read_text().startswith("my notes")


def test_a_database_of_something_else_is_left_alone(path: Path) -> None:
    with by_hand(path) as connection:
        connection.execute("CREATE TABLE customers (id INTEGER)")
    with pytest.raises(BadUsage, match="not a store of Flyball"):
        open_store(path, salt=chance())
    with by_hand(path) as connection:
        assert [row[0] for row in connection.execute("SELECT name FROM sqlite_master")] == ["customers"]


def test_a_store_of_a_newer_version_is_refused_by_name(path: Path) -> None:
    fresh_sqlite(path).close()
    with by_hand(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0099'")
    for read_only in (False, True):
        with pytest.raises(NewerStore, match=f"at 0099, this version knows {REVISIONS[-1]}"):
            open_store(path, salt=chance(), read_only=read_only)


def test_a_fact_of_a_newer_version_is_refused_by_name(store: Store, path: Path) -> None:
    store.log.append(said("a"), 10.0)
    with by_hand(path) as connection:
        connection.execute("DROP TRIGGER event_never_changes")
        connection.execute("UPDATE event SET kind = 'moon-landed'")
    with pytest.raises(NewerStore, match="`moon-landed`"):
        list(store.log.read())


def test_a_damaged_store_says_so(path: Path) -> None:
    store = fresh_sqlite(path)
    store.log.append(Commit([Draft(AlertCleared("x" * 200_000))]), 10.0)
    store.close()
    content = bytearray(path.read_bytes())
    content[-60_000:] = os.urandom(60_000)
    path.write_bytes(bytes(content))
    with closing(open_store(path, salt=chance(), read_only=True)) as damaged:
        try:
            broken = verify(damaged.evidence.links())
        except Unreachable as error:
            assert "cannot be read" in str(error)
        else:
            assert broken


# --- how it is set up


def test_connections_are_as_safe_as_sqlite_can_make_them(store: Store) -> None:
    expected = {
        "journal_mode": "wal",
        "synchronous": 2,
        "busy_timeout": 5000,
        "recursive_triggers": 1,
        "trusted_schema": 0,
        "foreign_keys": 1,
        "mmap_size": 0,
    }
    with store.log._database.write() as connection:  # type: ignore[attr-defined]
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in expected}
    assert found == expected


def test_a_place_that_cannot_keep_the_settings_is_refused(path: Path) -> None:
    impossible = sqlite._opener(path, "rwc", (("foreign_keys", 7),))
    with pytest.raises(Unreachable, match="foreign_keys is 1 where 7 is needed"):
        impossible()


def test_every_table_is_strict(path: Path, store: Store) -> None:
    with by_hand(path) as connection:
        tables = connection.execute(
            "SELECT name, strict FROM pragma_table_list WHERE schema = 'main'"
        ).fetchall()
    ours = {name: strict for name, strict in tables if name in metadata().tables}
    assert ours == dict.fromkeys(metadata().tables, 1)


def test_a_store_that_is_up_to_date_opens_without_alembic(path: Path) -> None:
    fresh_sqlite(path).close()
    code = (
        "import sys\nfrom flyball.adapters.sql import open_store\n"
        f"open_store({str(path)!r}, salt=bytes).close()\n"
        "heavy = ('alembic', 'psycopg', 'prefect', 'mlflow', 'pandas')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_making_a_store_says_nothing(path: Path) -> None:
    code = (
        "import logging\nlogging.basicConfig(level=logging.INFO)\n"
        f"from flyball.adapters.sql import open_store\nopen_store({str(path)!r}, salt=bytes).close()"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("", "")


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("SELECT seq FROM event WHERE seq > 5 AND kind = 'x' ORDER BY seq LIMIT 10", "event_of_kind"),
        ("SELECT seq FROM event WHERE item_id = 'a' AND kind = 'x' ORDER BY seq", "event_of_item"),
        (
            "SELECT item_id FROM item WHERE item.state = 'pool' ORDER BY time DESC, item_id DESC LIMIT 9",
            "COVERING INDEX item_pool",
        ),
        ("SELECT job_id FROM job WHERE job.state = 'ready' AND kind = 'x' ORDER BY job_id", "job_ready"),
    ],
    ids=["a kind of facts", "an item's answers", "the pool", "due jobs"],
)
def test_frequent_questions_are_answered_by_an_index(
    path: Path, store: Store, query: str, index: str
) -> None:
    with by_hand(path) as connection:
        steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert any(index in step for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps
