"""Bring a store to the tables that this version of Flyball knows, or back to those of an earlier one."""

from __future__ import annotations

import logging

import sqlalchemy as sa

from flyball.adapters.sql.migrations import REVISIONS
from flyball.errors import BadUsage, NewerStore


def revision_of(connection: sa.Connection, name: str) -> str | None:
    """The revision of the store in a database; None where the database is empty.

    Raises NewerStore for one that this version does not know, BadUsage where there is no store but
    something else, or half a one.
    """
    tables = sa.inspect(connection).get_table_names()
    if not tables:
        return None
    written = sa.text("SELECT version_num FROM alembic_version")
    if tables == ["alembic_version"] and not connection.execute(written).first():
        return None  # it went back to nothing
    if "alembic_version" not in tables or "event" not in tables:
        raise BadUsage(f"{name} is a database, and not a store of Flyball. Name another file.")
    found = connection.execute(written).scalars().all()
    if len(found) != 1:
        raise BadUsage(
            f"{name} is between two revisions ({', '.join(found) or 'none is written down'}):"
            " somebody stopped a migration by hand. Restore it from a copy."
        )
    (revision,) = found
    if revision not in REVISIONS:
        raise NewerStore(
            f"{name} was written by a newer Flyball (its tables are at {revision}, this version knows"
            f" {REVISIONS[-1]}). Upgrade Flyball, or use the older store."
        )
    return str(revision)


def upgrade(connection: sa.Connection, to: str = REVISIONS[-1]) -> None:
    """Run the missing steps, inside the transaction that the connection is in."""
    _run("upgrade", connection, to)


def downgrade(connection: sa.Connection, to: str) -> None:
    """Go back to an earlier revision ("base": to nothing), inside the transaction of the connection."""
    _run("downgrade", connection, to)


def _run(name: str, connection: sa.Connection, to: str) -> None:
    # Alembic tells of each of its parts while it is loaded.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # Loading it takes longer than opening a store, and most stores are up to date.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "flyball.adapters.sql:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    getattr(command, name)(config, to)
