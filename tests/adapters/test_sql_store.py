"""What a store on SQLite promises beyond the contract: it survives, and its history cannot be changed."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.stores import answer, arrive, chance, fresh_sqlite, ids, know, release, settle, used_by_threads

from flyball.adapters.sql import open_store, sqlite
from flyball.adapters.sql.database import Database
from flyball.core.chain import verify
from flyball.errors import Unreachable
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


# --- it survives


def test_everything_is_there_after_the_store_is_opened_again(path: Path) -> None:
    store = fresh_sqlite(path)
    arrive(store, "a", "b", "c")
    release(store, "b-1", "b")
    settle(store, "b", "fraud", "b-1")
    know(store, {"a": "fine"})
    store.log.append(said("b", "e-1"), 50.0)
    (held,) = store.jobs.claim("merge", 50.0, 1, 60.0)
    head = store.log.head()
    before = (list(store.log.read()), store.items.find(ids("a", "b", "c")))
    store.close()

    with closing(open_store(path, salt=chance(1))) as again:
        assert again.log.head() == head
        assert (list(again.log.read()), again.items.find(ids("a", "b", "c"))) == before
        assert again.log.note("last") == "b"
        assert again.jobs.recover(51.0, everyone=True) == 1
        (job,) = again.jobs.claim("merge", 51.0, 1, 60.0)
        assert (job.job, job.attempt, job.cause) == (held.job, 2, held.cause)
        (receipt,) = again.log.append(said("b", "e-1"), 60.0)
        assert (receipt.seq, receipt.new) == (5, False)
        (receipt,) = again.log.append(said("c", "e-2"), 20.0)
        assert (receipt.seq, receipt.at) == (6, 50.0)
        assert verify(again.evidence.links()) == ()


def test_threads_may_write_and_read_at_once(store: Store) -> None:
    used_by_threads(store, steps=20)


def test_a_full_disk_is_said_and_writing_goes_on_when_there_is_room(path: Path, store: Store) -> None:
    store.log.append(said("a"), 10.0)
    writing = store.log._database._writing  # type: ignore[attr-defined]
    with writing.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
    with pytest.raises(Unreachable, match="is full"):
        for number in range(200):
            store.log.append(said(f"b-{number}"), 11.0)
    kept = store.log.head().seq
    assert len(list(store.log.read())) == kept
    with writing.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert store.log.append(said("c"), 12.0)[0].seq == kept + 1


DISK_FAILS = """
import resource, signal, sys
from flyball.adapters.sql import open_store, sqlite
from flyball.adapters.sql.database import Database
from flyball.core.facts import AlertCleared
from flyball.errors import Unreachable
from flyball.ports import Commit, Draft
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = open_store(sys.argv[1], salt=bytes)
def write():
    return store.log.append(Commit([Draft(AlertCleared("x" * 1000))]), 1.0)[0].seq
acked = write()
size = 1 << 16
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
try:
    while True:
        acked = write()
except Unreachable as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
try:
    write()
except Unreachable as error:
    print(error)
print(acked)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are a matter of Unix")
@pytest.mark.slow
def test_after_its_disk_failed_a_store_is_not_written_until_it_is_opened_again(path: Path) -> None:
    fresh_sqlite(path).close()
    ran = subprocess.run(
        [sys.executable, "-c", DISK_FAILS, str(path)], capture_output=True, text=True, check=True
    )
    failed, refused, acked = ran.stdout.splitlines()
    assert "disk I/O error" in failed
    assert "not written any more since its disk failed" in refused
    with closing(open_store(path, salt=chance())) as store:
        assert store.log.head().seq == int(acked)
        assert verify(store.evidence.links()) == ()
        store.log.append(said("a"), 10.0)


KILLED = """
import os, sys
from flyball.adapters.sql import open_store, sqlite
from flyball.adapters.sql.database import Database
from flyball.core.facts import AnswerGiven
from flyball.ports import Commit, Draft, NewJob
path, run, when = sys.argv[1:]
store = open_store(path, salt=os.urandom)
seq = store.log.head().seq
for number in range(10**9):
    names = [f"{run}-{number}-{part}" for part in range(3)]
    drafts = [Draft(AnswerGiven(name, "ann", "x"), "desk", name) for name in names]
    jobs = [NewJob("merge", name, of) for of, name in enumerate(names)]
    if when == "before":
        os.write(1, f"{seq + 3 * number + 3}.\\n".encode())
    receipts = store.log.append(Commit(drafts, jobs), 1.0)
    if when == "after":
        os.write(1, f"{receipts[-1].seq}.\\n".encode())
"""


def killed(path: Path, run: int, when: str) -> set[int]:
    """What a process acknowledged before it was killed in the middle of its writing."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path), str(run), when], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(20 + 7 * run)]
        process.kill()
        lines += process.stdout.readlines()
    return {int(line.removesuffix(".\n")) for line in lines if line.endswith(".\n")}


@pytest.mark.slow
@pytest.mark.parametrize("when", ["after", "before"])
def test_what_was_acknowledged_is_there_after_any_kill(path: Path, when: str) -> None:
    """To acknowledge before the commit is the control: this test must be able to see a loss."""
    lost = 0
    for run in range(5):
        acknowledged = killed(path, run, when)
        with closing(open_store(path, salt=os.urandom)) as store:
            links = list(store.evidence.links())
            assert verify(links) == ()
            assert len(links) % 3 == 0, "a commit is whole, or is not"
            assert store.jobs.waiting("merge").ready == len(links)
        lost += len(acknowledged - {link.seq for link in links})
    assert lost == 0 if when == "after" else lost > 0


# --- its history cannot be changed


CHANGES = {
    "an update": "UPDATE event SET kind = 'x' WHERE seq = 1",
    "a deletion": "DELETE FROM event WHERE seq = 2",
    "a replacement": "INSERT OR REPLACE INTO event SELECT * FROM event WHERE seq = 1",
    "a replacement through a key": (
        "INSERT OR REPLACE INTO event SELECT 3, source, event_id, idem_key, kind, item_id, schema_hash,"
        " received_at, commitment, hash FROM event WHERE seq = 1"
    ),
    "a gap": (
        "INSERT INTO event SELECT 9, source, event_id, zeroblob(32), kind, item_id, schema_hash,"
        " received_at, commitment, hash FROM event WHERE seq = 1"
    ),
    "another body": "UPDATE event_body SET body = x'7b7d' WHERE seq = 1",
    "no body": "DELETE FROM event_body WHERE seq = 1",
}


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES.keys())
def test_a_fact_can_be_neither_changed_nor_taken_away(path: Path, store: Store, statement: str) -> None:
    for name in ("e-1", "e-2"):
        store.log.append(said("a", name), 10.0)
    writing = store.log._database._writing  # type: ignore[attr-defined]
    with pytest.raises(sa.exc.IntegrityError, match=r"append-only|erased"), writing.begin() as connection:
        connection.exec_driver_sql(statement)
    assert len(list(store.log.read())) == 2
    assert verify(store.evidence.links()) == ()


def test_bytes_may_be_erased_and_the_chain_still_holds(path: Path, store: Store) -> None:
    store.log.append(said("a", "e-1"), 10.0)
    store.log.append(said("b", "e-2"), 10.0)
    with by_hand(path) as connection:
        connection.execute("UPDATE event_body SET salt = NULL, body = NULL, raw = NULL WHERE seq = 1")
    assert verify(store.evidence.links()) == ()
    (again,) = store.log.append(said("a", "e-1"), 11.0)
    assert (again.seq, again.new) == (1, False)


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("UPDATE event SET item_id = 'z' WHERE seq = 2", {2}),
        ("UPDATE event SET source = 'z' WHERE seq = 2", {2}),
        ("UPDATE event_body SET body = CAST(replace(body, 'fraud', 'fine') AS BLOB) WHERE seq = 2", {2}),
        ("DELETE FROM event WHERE seq = 2", {3}),
    ],
    ids=["an item", "a source", "an answer", "a fact"],
)
def test_who_goes_around_the_triggers_is_found_by_the_chain(
    path: Path, statement: str, where: set[int]
) -> None:
    store = fresh_sqlite(path)
    for number in range(3):
        store.log.append(said("a", f"e-{number}"), 10.0)
    store.close()
    with by_hand(path) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
    with closing(open_store(path, salt=chance(), read_only=True)) as tampered:
        assert {found.seq for found in verify(tampered.evidence.links())} == where


# --- many readers at once


def test_who_waits_for_a_connection_gets_the_next_one_that_is_free(path: Path) -> None:
    fresh_sqlite(path).close()
    database = sqlite.opened(path, read_only=True)
    with closing(database), ExitStack() as held:
        for _ in range(15):  # as many as the pool gives out
            held.enter_context(database.read())
        waiter = threading.Thread(target=reads, args=(database,))
        waiter.start()
        until = time.monotonic() + 10
        while not waits(waiter) and time.monotonic() < until:
            time.sleep(0.01)
        held.pop_all().close()
        waiter.join(10)  # the pool itself would let it wait for thirty seconds
        assert not waiter.is_alive()


def reads(database: Database) -> None:
    with database.read() as connection:
        connection.exec_driver_sql("SELECT 1")


def waits(thread: threading.Thread) -> bool:
    frame = sys._current_frames().get(thread.ident or 0)
    return frame is not None and frame.f_code.co_filename == threading.__file__
