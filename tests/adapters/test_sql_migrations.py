"""From one version's tables to the next and back, on both databases, and never half-way."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from tests.postgres import a_loop, needed
from tests.stores import answer, arrive, chance, ids, know, release, settle

from flyball.adapters.sql import open_store, postgres, sqlite
from flyball.adapters.sql.database import Database
from flyball.adapters.sql.migrate import downgrade, revision_of, upgrade
from flyball.adapters.sql.migrations import REVISIONS
from flyball.adapters.sql.store import _store
from flyball.adapters.sql.tables import metadata
from flyball.core.chain import verify
from flyball.core.facts import AlertCleared
from flyball.errors import BadUsage, StoreLocked
from flyball.ports import Commit, Draft, NewJob, Store


@dataclass(frozen=True)
class Place:
    """Where a store is to be: a file, or a loop in a database."""

    url: str
    loop: str

    def opened(self, read_only: bool = False) -> Store:
        return open_store(self.url, salt=chance(), loop=self.loop, read_only=read_only)

    def database(self) -> Database:
        """The same without any question about its revision."""
        url = sa.make_url(self.url)
        if url.get_backend_name() == "postgresql":
            return postgres.opened(url, self.loop, read_only=False)
        return sqlite.opened(Path(str(url.database)), read_only=False)

    def at(self, revision: str) -> None:
        """A new store as an earlier version made it."""
        with closing(self.database()) as database, database.write() as connection:
            if connection.dialect.name == "postgresql":
                postgres.make_schema(connection, self.loop)
            upgrade(connection, revision)

    def filled_at(self, revision: str) -> Any:
        """A store with something in it at an earlier revision; gives what is in it."""
        with closing(self.opened()) as store:
            filled(store)
            before = content(store)
        with closing(self.database()) as database, database.write() as connection:
            downgrade(connection, revision)
        return before

    def old(self) -> Store:
        """The store as it is, whatever its revision."""
        return _store(self.database(), chance())

    def revision(self) -> str | None:
        with closing(self.database()) as database, database.read() as connection:
            return revision_of(connection, "it")

    def shape(self) -> Any:
        """All that a migration can change: columns, indexes, keys, triggers and functions."""
        with closing(self.database()) as database, database.read() as connection:
            if connection.dialect.name == "sqlite":
                found = connection.execute(sa.text("SELECT type, name, sql FROM sqlite_master"))
            else:
                found = connection.execute(sa.text(_SHAPE))
            return sorted(tuple(map(str, row)) for row in found)


_SHAPE = """
SELECT 'column', table_name || '.' || column_name, data_type || is_nullable FROM information_schema.columns
  WHERE table_schema = current_schema()
UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()
UNION ALL SELECT 'key', conname, pg_get_constraintdef(oid) FROM pg_constraint
  WHERE connamespace = current_schema()::regnamespace
UNION ALL SELECT 'trigger', tgname, pg_get_triggerdef(pg_trigger.oid) FROM pg_trigger
  JOIN pg_class ON pg_class.oid = tgrelid
  WHERE relnamespace = current_schema()::regnamespace AND NOT tgisinternal
UNION ALL SELECT 'function', proname, prosrc FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
"""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        if request.param == "sqlite":
            yield Place(f"sqlite:///{tmp_path / 'loop.db'}", "flyball")
        else:
            yield Place(needed(), stack.enter_context(a_loop()))


def filled(store: Store) -> None:
    arrive(store, "a", "b", "c", "d")
    release(store, "b-1", "b", "c", reserve=["c"])
    settle(store, "b", "fraud", "b-1")
    know(store, {"a": "fine"})
    drafts = [Draft(answer("c"), "desk", f"e-{number}", raw=b"{}") for number in range(3)]
    store.log.append(
        Commit(drafts, [NewJob("merge", "c", 0), NewJob("merge", "d", 1)], notes={"n": "1"}), 50.0
    )
    store.jobs.fail(store.jobs.claim("merge", 51.0, 1, 60.0)[0], "code", "why", 52.0, None)


def content(store: Store) -> Any:
    pool, labelled = store.items.pool(9).table, store.items.labelled(store.log.head().seq).table
    return (
        list(store.evidence.links()),
        list(store.log.read()),
        store.items.find(ids("a", "b", "c", "d")),
        [{name: table[name].tolist() for name in table.names} for table in (pool, labelled)],
        store.jobs.waiting("merge"),
        store.log.note("n"),
    )


@pytest.mark.parametrize("revision", REVISIONS)
def test_an_old_store_is_brought_up_to_date_and_goes_on(place: Place, revision: str) -> None:
    before = place.filled_at(revision)
    with closing(place.opened()) as store:
        assert content(store) == before
        assert store.log.append(Commit([Draft(answer("a"), "desk", "e-9")]), 60.0)[0].new
        assert verify(store.evidence.links()) == ()
    assert place.revision() == REVISIONS[-1]


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_store_can_go_back_to_any_earlier_version_and_come_again(place: Place, revision: str) -> None:
    with closing(place.opened()) as store:
        filled(store)
        before = content(store)
    newest = place.shape()
    with closing(place.database()) as database, database.write() as connection:
        downgrade(connection, revision)
    assert place.revision() == revision
    with closing(place.old()) as store:
        assert content(store) == before
    with closing(place.opened()) as store:
        assert content(store) == before
    assert place.shape() == newest


def test_the_way_back_leads_exactly_where_the_way_there_came_by(place: Place) -> None:
    shapes = {}
    place.at(REVISIONS[0])
    for revision in REVISIONS:
        with closing(place.database()) as database, database.write() as connection:
            upgrade(connection, revision)
        shapes[revision] = place.shape()
    for revision in reversed(REVISIONS):
        with closing(place.database()) as database, database.write() as connection:
            downgrade(connection, revision)
        assert place.shape() == shapes[revision]


def test_before_the_first_revision_there_is_only_an_empty_store(place: Place) -> None:
    place.opened().close()
    with closing(place.database()) as database, database.write() as connection:
        downgrade(connection, "base")
    with closing(place.opened()) as store:
        filled(store)
        before = content(store)
    database = place.database()
    with (
        closing(database),
        pytest.raises(BadUsage, match="before revision 0001"),
        database.write() as connection,
    ):
        downgrade(connection, "base")
    with closing(place.opened()) as store:
        assert content(store) == before


def test_every_revision_is_known_in_its_order_and_can_be_taken_back() -> None:
    config = Config()
    config.set_main_option("script_location", "flyball.adapters.sql:migrations")
    config.set_main_option("path_separator", "os")
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())
    assert tuple(each.revision for each in reversed(scripts)) == REVISIONS
    assert all(callable(each.module.downgrade) for each in scripts)


def test_migrations_lead_to_the_tables_that_the_code_knows(place: Place) -> None:
    place.opened().close()
    with closing(place.database()) as database, database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata()) == []


KILLED = """
import os, sys
from alembic.runtime.migration import HeadMaintainer
from flyball.adapters.sql import open_store
noted, count = HeadMaintainer.update_to_step, [0]
def killed(self, step):
    count[0] += 1
    if count[0] == int(sys.argv[3]):
        os._exit(9)
    noted(self, step)
HeadMaintainer.update_to_step = killed
open_store(sys.argv[1], salt=bytes, loop=sys.argv[2])
"""


@pytest.mark.slow
@pytest.mark.parametrize("revision", [None, "0001"])
def test_a_migration_that_is_killed_half_way_leaves_the_store_as_it_was(
    place: Place, revision: str | None
) -> None:
    """Killed as the last revision ends, with all others done and nothing committed."""
    before: Any = None
    if revision is not None:
        before = place.filled_at(revision)
    shape = None if revision is None else place.shape()
    steps = len(REVISIONS) - (0 if revision is None else 1 + REVISIONS.index(revision))
    command = [sys.executable, "-c", KILLED, place.url, place.loop, str(steps)]
    assert subprocess.run(command, check=False).returncode == 9
    assert shape is None or place.shape() == shape
    with closing(place.database()) as database, database.write() as connection:
        assert revision_of(connection, "it") == revision
    with closing(place.opened()) as store:
        if revision is not None:
            assert content(store) == before
        assert store.log.append(Commit([Draft(answer("a"))]), 60.0)[0].new


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM alembic_version", "INSERT INTO alembic_version VALUES ('0099')"],
    ids=["none", "two"],
)
def test_a_store_between_two_revisions_is_refused(place: Place, statement: str) -> None:
    place.opened().close()
    with closing(place.database()) as database, database.write() as connection:
        connection.exec_driver_sql(statement)
    for read_only in (False, True):
        with pytest.raises(BadUsage, match="between two revisions"):
            place.opened(read_only)


def test_an_old_store_is_not_migrated_to_be_read(place: Place) -> None:
    place.at(REVISIONS[0])
    with pytest.raises(BadUsage, match="older than this Flyball"):
        place.opened(read_only=True)
    assert place.revision() == REVISIONS[0]


@pytest.mark.slow
def test_tables_that_another_process_works_with_are_not_migrated() -> None:
    with a_loop() as loop:
        place = Place(needed(), loop)
        place.at(REVISIONS[0])
        with closing(place.old()) as store:
            store.log.append(Commit([Draft(AlertCleared("a"))]), 1.0)
            with pytest.raises(StoreLocked, match="another process has it open"):
                place.opened()
        place.opened().close()
