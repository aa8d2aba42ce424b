"""A disk that is full, or fails: a clean refusal, what was acknowledged stays, and it goes on if it can."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.stores import answer, chance, fresh_sqlite

from flyball.adapters.sql import open_store
from flyball.core.chain import verify
from flyball.errors import Unreachable
from flyball.ports import Commit, Draft, NewJob, Store


def said(number: int) -> Commit:
    drafts = [Draft(answer(f"item-{number}-{part}"), "desk", f"{number}-{part}") for part in range(20)]
    return Commit(drafts, [NewJob("merge", f"item-{number}-{part}", part) for part in range(20)])


def filled(store: Store) -> tuple[int, str]:
    """Write until there is no room: how many commits were acknowledged, and how the next was refused."""
    for number in range(500):
        try:
            store.log.append(said(number), 10.0)
        except Unreachable as error:
            return number, str(error)
    raise AssertionError("it was never full")


def limit(store: Store, pages: int | None) -> None:
    """Let the file grow to so many pages more than it has, or as far as it likes."""
    database: Any = store.log._database  # type: ignore[attr-defined]
    with database.write() as connection:
        has = connection.exec_driver_sql("PRAGMA page_count").scalar()
        most = 2**30 if pages is None else has + pages
        connection.exec_driver_sql(f"PRAGMA max_page_count = {most}")


def test_a_full_file_refuses_is_read_and_takes_again_once_there_is_room(tmp_path: Path) -> None:
    with closing(fresh_sqlite(tmp_path / "loop.db")) as store:
        limit(store, 60)
        taken, refused = filled(store)
        assert taken > 0
        assert "is not written; nothing of this was taken: database or disk is full" in refused
        links = list(store.evidence.links())
        assert len(links) == 20 * taken
        assert verify(links) == ()
        assert store.jobs.waiting("merge").ready == 20 * taken
        limit(store, None)
        receipts = store.log.append(said(taken), 11.0)
        assert [receipt.seq for receipt in receipts] == list(range(20 * taken + 1, 20 * taken + 21))


#: Writes where its disk ends: told what was acknowledged, how it was refused, and whether it goes on.
ON_A_DISK = """
import json, os, sys
from pathlib import Path
from tests.crash.test_disk import filled, said
from flyball.adapters.sql import open_store
from flyball.errors import Unreachable
path, how = Path(sys.argv[1]), sys.argv[2]
ballast = path.with_name("ballast")
if how == "full":
    ballast.write_bytes(bytes(600_000))
store = open_store(path, salt=os.urandom)
if how == "fails":
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (800_000, resource.RLIM_INFINITY))
taken, refused = filled(store)
if how == "full":
    ballast.unlink()
else:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
read = store.log.head().seq
try:
    again = store.log.append(said(taken), 11.0)[-1].seq
except Unreachable as error:
    again = str(error)
print(json.dumps([taken, refused, read, again]))
store.close()
if how == "full":
    again = open_store(path, salt=os.urandom)
    print(json.dumps(again.log.head().seq))
"""


def ran(command: list[str]) -> list[Any]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_a_file_system_without_room_is_the_same(tmp_path: Path) -> None:
    """A real one of two megabytes, in a name space of its own."""
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("this machine lets nobody mount a file system of their own")
    script = (
        f'mount -t tmpfs -o size=2m none {tmp_path} && exec {sys.executable} -c "$0" {tmp_path}/loop.db full'
    )
    (taken, refused, read, again), reopened = ran(["unshare", "-rm", "sh", "-c", script, ON_A_DISK])
    assert taken > 0
    assert "nothing of this was taken: database or disk is full" in refused
    assert read == 20 * taken
    assert again == reopened == 20 * taken + 20


@pytest.mark.slow
def test_a_disk_that_fails_ends_all_writing_until_the_store_is_opened_anew(tmp_path: Path) -> None:
    """What it refused once it may report as written the next time: nothing is tried again on it."""
    path = tmp_path / "loop.db"
    ((taken, refused, read, again),) = ran([sys.executable, "-c", ON_A_DISK, str(path), "fails"])
    assert taken > 0
    assert "disk I/O error" in refused
    assert read == 20 * taken, "what was acknowledged can be read"
    assert "is not written any more since its disk failed" in again
    with closing(open_store(path, salt=chance())) as store:
        assert verify(store.evidence.links()) == ()
        assert store.log.head().seq == 20 * taken
        assert store.log.append(said(taken), 11.0)[-1].seq == 20 * taken + 20


def test_who_takes_the_refusal_for_a_receipt_is_seen_to_lose(tmp_path: Path) -> None:
    """The control: the same counting, by somebody who does not listen."""
    with closing(fresh_sqlite(tmp_path / "loop.db")) as store:
        limit(store, 60)
        taken, _ = filled(store)
        believed = taken + 1
        assert len(list(store.evidence.links())) < 20 * believed
