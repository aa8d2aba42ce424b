"""What a store on PostgreSQL promises beyond the contract: who may open it, how safe it is, what it says."""

from __future__ import annotations

import threading
from contextlib import closing

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects import postgresql
from tests.postgres import RUNS, a_loop, a_role, by_hand, fresh_postgres, needed
from tests.stores import answer, arrive, chance, ids, know, release, settle, used_by_threads

from flyball.adapters.sql import is_written, items, jobs, log, open_store, postgres
from flyball.adapters.sql.tables import job
from flyball.core.chain import verify
from flyball.core.facts import AlertCleared
from flyball.core.ids import START, Position
from flyball.errors import BadUsage, NewerStore, NotFound, StoreLocked, Unreachable
from flyball.ports import Commit, Draft, NewJob, Store

pytestmark = pytest.mark.slow


def said(item: str, name: str | None = None) -> Commit:
    return Commit([Draft(answer(item), "desk", name)], [NewJob("merge", item, 0)], notes={"last": item})


# --- who may open it


def test_everything_is_there_after_the_store_is_opened_again(loop: str) -> None:
    store = fresh_postgres(chance(), loop)
    arrive(store, "a", "b", "c")
    release(store, "b-1", "b")
    settle(store, "b", "fraud", "b-1")
    know(store, {"a": "fine"})
    store.log.append(said("b", "e-1"), 50.0)
    head, before = store.log.head(), (list(store.log.read()), store.items.find(ids("a", "b", "c")))
    store.close()
    with closing(fresh_postgres(chance(1), loop)) as again:
        assert again.log.head() == head
        assert (list(again.log.read()), again.items.find(ids("a", "b", "c"))) == before
        (receipt,) = again.log.append(said("b", "e-1"), 60.0)
        assert (receipt.seq, receipt.new) == (5, False)
        assert verify(again.evidence.links()) == ()


def test_as_many_as_want_to_may_write_and_each_sees_what_the_others_wrote(loop: str, store: Store) -> None:
    with closing(fresh_postgres(chance(2), loop)) as other:
        for number in range(3):
            assert store.log.append(said("a"), 10.0)[0].seq == 2 * number + 1
            assert other.log.append(said("b"), 10.0)[0].seq == 2 * number + 2
        assert [recorded.seq for recorded in store.log.read()] == [1, 2, 3, 4, 5, 6]
        assert verify(other.evidence.links()) == ()


def test_two_loops_in_one_database_know_nothing_of_each_other(store: Store) -> None:
    with a_loop() as neighbour, closing(fresh_postgres(chance(), neighbour)) as other:
        store.log.append(said("a", "e-1"), 10.0)
        assert other.log.head().seq == 0
        assert other.log.append(said("a", "e-1"), 10.0)[0].new
        assert store.jobs.waiting("merge").ready == other.jobs.waiting("merge").ready == 1


def test_a_loop_may_bear_any_name_that_loop_toml_allows() -> None:
    names = ["public-1", "0-select", "x" * 63]
    url = needed()
    for name in names:
        try:
            with closing(open_store(url, salt=chance(), loop=name)) as store:
                assert store.log.append(said("a"), 10.0)[0].seq == 1
        finally:
            with by_hand(url) as connection:
                connection.execute("SET client_min_messages = warning")
                connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name)))


def test_others_see_whether_a_loop_is_open_for_writing(loop: str) -> None:
    url = needed()
    assert not is_written(url, loop)
    store = fresh_postgres(chance(), loop)
    assert is_written(url, loop)
    store.close()
    with closing(open_store(url, salt=chance(), loop=loop, read_only=True)):
        assert not is_written(url, loop)


def test_a_process_frees_the_jobs_of_all_only_where_it_is_alone(loop: str, store: Store) -> None:
    store.log.append(said("a"), 10.0)
    store.jobs.claim("merge", 10.0, 1, lease=60.0)
    with closing(fresh_postgres(chance(), loop)) as other:
        assert other.jobs.recover(11.0, everyone=True) == 0
        assert other.jobs.recover(70.0, everyone=True) == 1
        other.jobs.claim("merge", 70.0, 1, lease=60.0)
    assert store.jobs.recover(71.0, everyone=True) == 1


def test_it_can_be_read_but_not_written_when_opened_to_be_read(loop: str, store: Store) -> None:
    arrive(store, "a")
    with closing(open_store(needed(), salt=chance(), loop=loop, read_only=True)) as beside:
        assert beside.log.head() == store.log.head()
        with pytest.raises(StoreLocked, match="opened to be read"):
            beside.log.append(said("b"), 12.0)
        reading = beside.log._database._reading  # type: ignore[attr-defined]
        with pytest.raises(sa.exc.InternalError, match="read-only"), reading.begin() as connection:
            connection.exec_driver_sql("DELETE FROM note")


def test_what_is_to_be_read_must_be_there_and_is_not_made(loop: str) -> None:
    with pytest.raises(NotFound, match=f"no loop {loop} in postgresql://"):
        open_store(needed(), salt=chance(), loop=loop, read_only=True)
    with by_hand(needed()) as connection:
        there = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (loop,)).fetchone()
    assert there is None


def test_a_schema_of_something_else_is_left_alone(loop: str) -> None:
    with by_hand(needed(), loop) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(loop)))
        connection.execute("CREATE TABLE customers (id integer)")
    for read_only in (False, True):
        with pytest.raises(BadUsage, match="not a store of Flyball"):
            open_store(needed(), salt=chance(), loop=loop, read_only=read_only)


def test_a_store_of_a_newer_version_is_refused_by_name(loop: str) -> None:
    fresh_postgres(chance(), loop).close()
    with by_hand(needed(), loop) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0099'")
    for read_only in (False, True):
        with pytest.raises(NewerStore, match="at 0099"):
            open_store(needed(), salt=chance(), loop=loop, read_only=read_only)


def test_many_that_make_the_same_loop_at_once_make_it_once(loop: str) -> None:
    opened: list[Store] = []
    threads = [
        threading.Thread(target=lambda: opened.append(fresh_postgres(chance(), loop))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seqs = sorted(store.log.append(said("a"), 10.0)[0].seq for store in opened)
    for store in opened:
        store.close()
    assert seqs == [1, 2, 3, 4]


# --- how safe it is


CHANGES = {
    "an update": "UPDATE event SET kind = 'x' WHERE seq = 1",
    "a deletion": "DELETE FROM event WHERE seq = 2",
    "all gone": "TRUNCATE event CASCADE",
    "all bodies gone": "TRUNCATE event_body",
    "a replacement": (
        "INSERT INTO event SELECT * FROM event WHERE seq = 1 ON CONFLICT (seq) DO UPDATE SET kind = 'x'"
    ),
    "a gap": (
        "INSERT INTO event SELECT 9, source, event_id, '\\x00', kind, item_id, schema_hash,"
        " received_at, commitment, hash FROM event WHERE seq = 1"
    ),
    "another body": "UPDATE event_body SET body = '\\x7b7d' WHERE seq = 1",
    "no body": "DELETE FROM event_body WHERE seq = 1",
}


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES.keys())
def test_a_fact_can_be_neither_changed_nor_taken_away_by_anyone(
    loop: str, store: Store, statement: str
) -> None:
    for name in ("e-1", "e-2"):
        store.log.append(said("a", name), 10.0)
    with (
        by_hand(needed(), loop) as connection,
        pytest.raises(psycopg.IntegrityError, match=r"append-only|erased"),
    ):
        connection.execute(statement)
    assert len(list(store.log.read())) == 2
    assert verify(store.evidence.links()) == ()


def test_not_even_the_owner_of_the_tables_may_delete(loop: str) -> None:
    """Unless it is a superuser: what that one does, the chain shows."""
    with a_role(loop, "CREATE SCHEMA {loop} AUTHORIZATION {role}") as url:
        with closing(open_store(url, salt=chance(), loop=loop)) as store:
            store.log.append(said("a"), 10.0)
        with by_hand(url, loop) as owner:
            for statement in ("DELETE FROM event", "TRUNCATE event_body"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    owner.execute(statement)


def test_a_role_that_owns_nothing_can_run_a_loop_and_change_no_table(loop: str) -> None:
    """With the rights that docs/how-to/postgresql.md gives it."""
    fresh_postgres(chance(), loop).close()
    with a_role(loop, RUNS) as url:
        with closing(open_store(url, salt=chance(), loop=loop)) as store:
            arrive(store, "a", "b")
            release(store, "b-1", "a")
            store.log.append(said("a", "e-1"), 30.0)
            store.log.append(Commit(done=store.jobs.claim("merge", 31.0, 1, 60.0)), 32.0)
            assert store.jobs.waiting("merge").ready == 0
            assert store.leads()
        with by_hand(url, loop) as runs:
            for statement in (
                "DELETE FROM event",
                "DROP TABLE job",
                "ALTER TABLE event DISABLE TRIGGER ALL",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    runs.execute(statement.encode())


def test_a_role_that_would_not_wait_for_the_disk_is_refused(loop: str) -> None:
    hasty = "ALTER ROLE {role} SUPERUSER; ALTER ROLE {role} SET synchronous_commit = off"
    with a_role(loop, hasty) as url, pytest.raises(Unreachable, match="synchronous_commit is off"):
        open_store(url, salt=chance(), loop=loop)


# --- what it says when something is wrong


def test_an_unreachable_server_is_told_in_one_line_without_the_password() -> None:
    with pytest.raises(Unreachable, match=r"^loop x in postgresql://me:\*\*\*@127.0.0.1:1/db ") as refused:
        open_store("postgresql://me:s3cret@127.0.0.1:1/db", salt=chance(), loop="x")
    assert "s3cret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_database_that_is_not_there_is_told_at_once() -> None:
    url = sa.make_url(needed()).set(database="no-such").render_as_string(False)
    with pytest.raises(Unreachable, match='"no-such" does not exist'):
        open_store(url, salt=chance(), loop="x")


@pytest.mark.parametrize(
    "url", ["postgresql://me:s3cret@host:port/db", "mysql://me:s3cret@h/db", "postgresql://h"]
)
def test_a_url_that_cannot_hold_a_store_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(BadUsage, match="postgresql") as refused:
        open_store(url, salt=chance())
    assert "s3cret" not in str(refused.value)


def test_text_that_postgresql_cannot_hold_is_refused_and_nothing_is_written(store: Store) -> None:
    with pytest.raises(ValueError, match="NUL"):
        store.log.append(said("a\x00b"), 10.0)
    with pytest.raises(ValueError, match="0x00"):
        store.log.append(Commit([Draft(answer(f"a\x00{n}"), "desk", f"e-{n}") for n in range(9)]), 10.0)
    assert store.log.append(said("a"), 10.0)[0].seq == 1


def test_connections_that_were_cut_are_made_anew_without_a_word(loop: str, store: Store) -> None:
    store.log.append(said("a"), 10.0)
    assert len(list(store.log.read())) == 1
    cut_all(loop)
    assert len(list(store.log.read())) == 1
    assert store.log.append(said("b"), 11.0)[0].seq == 2
    assert is_written(needed(), loop)


def test_a_connection_that_is_cut_in_the_middle_is_told_and_nothing_is_half_written(
    loop: str, store: Store
) -> None:
    store.log.append(said("a"), 10.0)
    database = store.log._database  # type: ignore[attr-defined]
    with pytest.raises(Unreachable, match="lost the connection"), database.write("log") as connection:
        connection.exec_driver_sql("UPDATE note SET value = 'half'")
        cut_all(loop)
        connection.exec_driver_sql("SELECT 1")
    assert store.log.note("last") == "a"


def cut_all(loop: str) -> None:
    with by_hand(needed()) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = %s",
            (f"flyball {loop}",),
        )


def test_who_waits_too_long_for_another_writer_is_told(loop: str, store: Store) -> None:
    database, number = store.log._database, postgres.number_of(loop)  # type: ignore[attr-defined]
    with database.write("log"):
        waiting = database.write()
        with pytest.raises(Unreachable, match="another writer kept it busy"), waiting as connection:
            connection.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({postgres.TURNS['log']}, {number})")


def test_a_deadlock_is_resolved_by_another_try_and_counts_no_attempt(loop: str, store: Store) -> None:
    for name in ("a", "b"):
        store.log.append(Commit([Draft(AlertCleared(name))], notes={name: "0"}), 10.0)
    database = store.log._database  # type: ignore[attr-defined]
    meet, tries = threading.Barrier(2), [0, 0]

    def work(number: int, first: str, second: str) -> None:
        def once() -> None:
            with database.write() as connection:
                tries[number] += 1
                add = sa.text("UPDATE note SET value = (value::int + 1)::text WHERE name = :name")
                connection.execute(add, {"name": first})
                if tries == [1, 1] or tries[number] == 1:
                    meet.wait(10)
                connection.execute(add, {"name": second})

        database.retried(once)

    threads = [threading.Thread(target=work, args=each) for each in ((0, "a", "b"), (1, "b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(tries) == [1, 2]
    assert (store.log.note("a"), store.log.note("b")) == ("2", "2")


def test_threads_may_write_and_read_at_once(store: Store) -> None:
    used_by_threads(store, steps=10)


# --- frequent questions are answered by an index


def _filled(loop: str) -> None:
    """Much more than a page of everything, as PostgreSQL sees no use in an index on a few rows."""
    with by_hand(needed(), loop) as connection:
        connection.execute("ALTER TABLE event DISABLE TRIGGER USER")
        connection.execute(
            "INSERT INTO event SELECT n, 'desk', 'e-' || n, sha256(int8send(n)),"
            " CASE n % 50 WHEN 0 THEN 'looked' ELSE 'answer-given' END, 'i-' || n, '', n,"
            " sha256(''), sha256('') FROM generate_series(1, 20000) n"
        )
        connection.execute(
            "INSERT INTO event_body SELECT seq, '', convert_to(repeat('x', 300), 'UTF8'), NULL FROM event"
        )
        connection.execute(
            "INSERT INTO job (kind, lock_key, event_seq, state, attempts, asked_at, run_at)"
            " SELECT 'merge', 'i-' || seq, seq, CASE seq % 40 WHEN 0 THEN 'ready' ELSE 'done' END, 0, 0, 0"
            " FROM event"
        )
        connection.execute("INSERT INTO arrival VALUES (1, 's')")
        connection.execute(
            "INSERT INTO item SELECT 'i-' || n, n, n, 1, CASE n % 4 WHEN 0 THEN 'pool' ELSE 'labelled' END,"
            " NULL, 0, NULL FROM generate_series(1, 20000) n"
        )
        connection.execute("VACUUM ANALYZE")


QUESTIONS = {
    "the pool": (items._POOL.params(newest=100), "item_pool"),
    "some kinds of facts": (
        log._page(Position(50), Position(19_000), ["looked", "made"], 1000),
        "event_of_kind",
    ),
    "one kind of facts": (log._page(START, Position(2**62), ["looked"], 100), "event_of_kind"),
    "the next facts": (log._page(Position(50), Position(2**62), None, 100), "event_pkey"),
    "due jobs": (jobs.due("merge", 1.0, 0, 200), "job_ready"),
    "how many jobs wait": (sa.select(sa.func.count()).where(jobs._READY, job.c.kind == "merge"), "job_ready"),
}


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
def test_frequent_questions_are_answered_by_an_index(loop: str, store: Store, mode: str) -> None:
    """Both as PostgreSQL plans them for their values, and once for all values when it has seen them often."""
    _filled(loop)
    dialect = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
    for name, (query, index) in QUESTIONS.items():
        compiled = query.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        values = [compiled.params[each] for each in compiled.positiontup or ()]
        shown = ", ".join(sql.Literal(value).as_string() for value in values)
        with by_hand(needed(), loop) as connection:
            connection.execute(postgres._settings(loop).encode())
            connection.execute(f"SET plan_cache_mode = {mode}".encode())
            connection.execute(f"PREPARE question AS {compiled}".encode())
            asked = f"EXPLAIN EXECUTE question({shown})" if values else "EXPLAIN EXECUTE question"
            plan = "\n".join(row[0] for row in connection.execute(asked.encode()))
        assert index in plan, (name, plan)
        assert "Seq Scan on event" not in plan, (name, plan)
        if name != "how many jobs wait":
            assert "Seq Scan" not in plan, (name, plan)
        if name in ("the pool", "due jobs"):
            assert "Sort" not in plan, (name, plan)
