"""What PostgreSQL with several processes can do to a log; each test with a control that must see the harm."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from tests.postgres import by_hand, fresh_postgres, needed
from tests.stores import answer, chance

from flyball.core.chain import verify
from flyball.core.ids import START, Position
from flyball.ports import Commit, Draft, NewJob, Store

pytestmark = pytest.mark.slow

HEAD = """
import os, sys, psycopg
from flyball.adapters.sql import open_store
from flyball.core.facts import AnswerGiven
from flyball.ports import Commit, Draft, NewJob
url, loop, run, how = sys.argv[1:]
def commit(names, notes={}):
    drafts = [Draft(AnswerGiven(name, "ann", "x"), "desk", name) for name in names]
    return Commit(drafts, [NewJob("merge", name, of) for of, name in enumerate(names)], notes=notes)
"""

#: `how` "before": to acknowledge before the commit is the control.
KILLED = (
    HEAD
    + """
store = open_store(url, salt=os.urandom, loop=loop)
seq = store.log.head().seq
for number in range(10**9):
    if how == "before":
        os.write(1, f"{seq + 3 * number + 3}.\\n".encode())
    receipts = store.log.append(commit([f"{run}-{number}-{part}" for part in range(3)]), 1.0)
    if how == "after":
        os.write(1, f"{receipts[-1].seq}.\\n".encode())
"""
)

#: `how` "bare": numbers from a sequence and no turns is the control. One commit in five is slow. Two
#: write in each process, over connections of their own.
WRITER = (
    HEAD
    + """
import threading
def bare():
    with psycopg.connect(url) as connection:
        connection.execute(f'SET search_path = "{loop}"')
        connection.commit()
        for number in range(20):
            connection.execute("INSERT INTO bare DEFAULT VALUES")
            connection.execute("SELECT pg_sleep(%s)", (0.02 if number % 5 == 0 else 0,))
            connection.commit()
def turns(writer):
    store = open_store(url, salt=os.urandom, loop=loop)
    for number in range(20):
        name = f"{run}-{writer}-{number}"
        store.log.append(commit([name], {"slow" if number % 5 == 0 else "quick": name}), 1.0)
    store.close()
writers = [threading.Thread(target=bare) if how == "bare" else threading.Thread(target=turns, args=(writer,))
           for writer in range(2)]
for writer in writers:
    writer.start()
for writer in writers:
    writer.join()
"""
)

#: Adds one to a counter for each job of its lock: whoever works beside another loses one.
MERGER = (
    HEAD
    + """
store = open_store(url, salt=os.urandom, loop=loop)
while store.jobs.waiting("merge").ready:
    for job in store.jobs.claim("merge", 2.0, 4, 1e9):
        count = int(store.log.note(job.lock) or 0)
        store.log.append(Commit(done=[job], notes={job.lock: str(count + 1)}), 2.0)
store.close()
"""
)


def running(code: str, loop: str, runs: int, how: str = "") -> list[subprocess.Popen[str]]:
    return [
        subprocess.Popen(
            [sys.executable, "-c", code, needed(), loop, str(run), how], stdout=subprocess.PIPE, text=True
        )
        for run in range(runs)
    ]


def ended(processes: Sequence[subprocess.Popen[str]]) -> None:
    for process in processes:
        process.communicate(timeout=120)
        assert process.returncode == 0


def killed(loop: str, run: int, how: str) -> set[int]:
    """What a process acknowledged before it was killed in the middle of its writing."""
    command = [sys.executable, "-c", KILLED, needed(), loop, str(run), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(20 + 7 * run)]
        process.kill()
        lines += process.stdout.readlines()
    return {int(line.removesuffix(".\n")) for line in lines if line.endswith(".\n")}


@pytest.mark.parametrize("how", ["after", "before"])
def test_what_was_acknowledged_is_there_after_any_kill(loop: str, how: str) -> None:
    """To acknowledge before the commit is the control: this test must be able to see a loss."""
    lost = 0
    for run in range(5):
        acknowledged = killed(loop, run, how)
        with closing(fresh_postgres(os.urandom, loop)) as store:
            # The server may still be busy with what it was told last; this waits for its turn behind it.
            store.log.append(Commit(notes={"run": str(run)}), 1.0)
            links = list(store.evidence.links())
            assert verify(links) == ()
            assert len(links) % 3 == 0, "a commit is whole, or is not"
            assert store.jobs.waiting("merge").ready == len(links)
        lost += len(acknowledged - {link.seq for link in links})
    assert lost == 0 if how == "after" else lost > 0


def polled(processes: Sequence[subprocess.Popen[str]], newer: Callable[[int], Sequence[int]]) -> Counter[int]:
    """What a reader sees that asks again and again for what came after the last that it saw."""
    seen: Counter[int] = Counter()
    last = 0
    while True:
        over = all(process.poll() is not None for process in processes)
        found = newer(last)
        seen.update(found)
        last = max(found, default=last)
        if over:
            ended(processes)
            return seen


def test_a_reader_that_polls_misses_nothing_however_many_write(loop: str, store: Store) -> None:
    with by_hand(needed(), loop) as connection:
        connection.execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF NEW.name = 'slow' THEN PERFORM pg_sleep(0.02); END IF; RETURN NULL; END $$"
        )
        connection.execute(
            "CREATE CONSTRAINT TRIGGER slow AFTER INSERT OR UPDATE ON note DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION slow()"
        )
    writers = running(WRITER, loop, 4, "turns")
    seen = polled(writers, lambda last: [each.seq for each in store.log.read(Position(last))])
    assert seen == Counter(range(1, 8 * 20 + 1))
    assert verify(store.evidence.links()) == ()


def test_without_turns_the_same_reader_misses_some(loop: str) -> None:
    """The control of the test before."""
    with by_hand(needed()) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(loop)))
    with by_hand(needed(), loop) as connection:
        connection.execute("CREATE TABLE bare (seq bigserial PRIMARY KEY)")

        def newer(last: int) -> list[int]:
            query = "SELECT seq FROM bare WHERE seq > %s ORDER BY seq"
            return [seq for (seq,) in connection.execute(query, (last,))]

        seen = polled(running(WRITER, loop, 4, "bare"), newer)
        assert len(newer(START)) == 8 * 20
    assert len(seen) < 8 * 20


def asked(store: Store, *locks: str) -> None:
    jobs = [NewJob("merge", lock, of) for of, lock in enumerate(locks)]
    store.log.append(Commit([Draft(answer(lock)) for lock in locks], jobs), 1.0)


def test_several_mergers_lose_no_update_of_an_item(loop: str, store: Store) -> None:
    locks = [f"i-{number % 6}" for number in range(120)]
    asked(store, *locks)
    ended(running(MERGER, loop, 3))
    assert {lock: store.log.note(lock) for lock in set(locks)} == dict.fromkeys(set(locks), "20")


def test_the_mergers_without_their_jobs_lose_updates(loop: str, store: Store) -> None:
    """The control of the test before: the same counting by two that do not ask whose turn it is."""
    store.log.append(Commit(notes={"i": "0"}), 1.0)
    with closing(fresh_postgres(chance(), loop)) as other:
        counts = [int(each.log.note("i") or 0) for each in (store, other)]
        for each, count in zip((store, other), counts, strict=True):
            each.log.append(Commit(notes={"i": str(count + 1)}), 1.0)
    assert store.log.note("i") == "1"


NAIVE = """
UPDATE job SET state = 'running' WHERE job_id = (
  SELECT job_id FROM job WHERE state = 'ready' AND NOT EXISTS (
    SELECT 1 FROM job other WHERE other.lock_key = job.lock_key AND other.state = 'running')
  ORDER BY job_id LIMIT 1 FOR UPDATE SKIP LOCKED)
"""


@pytest.mark.parametrize("guarded", [True, False], ids=["with the index", "without it"])
def test_the_index_keeps_two_from_one_item_whoever_claims_however(
    loop: str, store: Store, guarded: bool
) -> None:
    """Two workers that claim without a turn; without the index, both have the item: that is the control."""
    asked(store, "a", "a")
    refused: list[psycopg.Error] = []
    with by_hand(needed(), loop) as first, by_hand(needed(), loop) as second:
        if not guarded:
            first.execute("DROP INDEX job_running")

        def claim() -> None:
            try:
                second.execute(NAIVE)
            except psycopg.errors.UniqueViolation as error:
                refused.append(error)

        with first.transaction():
            first.execute(NAIVE)
            waiting = threading.Thread(target=claim)
            waiting.start()
            waits_or_ends(waiting, second.info.backend_pid)
        waiting.join(30)
    assert store.jobs.waiting("merge").running == (1 if guarded else 2)
    assert len(refused) == guarded


def waits_or_ends(thread: threading.Thread, pid: int) -> None:
    """Until a statement waits for another transaction, or is over."""
    with by_hand(needed()) as watching:
        query = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
        while thread.is_alive() and watching.execute(query, (pid,)).fetchone() is None:
            thread.join(0.01)


# --- the server of the tests themselves

LEFT = """
import os, signal
from tests.postgres import needed, server
print(server(), flush=True)
if os.environ.get("DIE"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_server_that_a_killed_run_left_is_taken_over_and_stopped() -> None:
    if os.environ.get("FLYBALL_TEST_PG"):
        pytest.skip("the server is not ours to stop")
    needed()
    # Not pytest's directory: the path to a socket must be short.
    with tempfile.TemporaryDirectory(prefix="fly-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        alive = Path(directory) / f"flyball-postgres-{os.getuid()}" / "data" / "postmaster.pid"
        environment = {**os.environ, "TMPDIR": directory}

        def run(**more: str) -> str:
            command = [sys.executable, "-c", LEFT]
            root = Path(__file__).parents[2]
            ran = subprocess.run(command, env=environment | more, cwd=root, capture_output=True, text=True)
            return ran.stdout

        try:
            left = run(DIE="1")
            number = alive.read_text().split()[0]
        finally:
            taken = run()
        assert left == taken != ""
        assert not alive.exists(), f"server {number} is still there"
