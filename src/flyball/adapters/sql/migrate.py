"""Bring a store to the tables that this version of Flyball knows."""

from __future__ import annotations

import logging

import sqlalchemy as sa

from flyball.adapters.sql.migrations import REVISIONS
from flyball.errors import BadUsage, NewerStore


def revision_of(connection: sa.Connection, name: str) -> str | None:
    """The revision of the store in a database; None where the database is empty.

    Raises NewerStore for one that this version does not know, BadUsage where there is no store but
    something else.
    """
    tables = sa.inspect(connection).get_table_names()
    if not tables:
        return None
    if "alembic_version" not in tables or "event" not in tables:
        raise BadUsage(f"{name} is a database, and not a store of Flyball. Name another file.")
    revision = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one()
    if revision not in REVISIONS:
        raise NewerStore(
            f"{name} was written by a newer Flyball (its tables are at {revision}, this version knows"
            f" {REVISIONS[-1]}). Upgrade Flyball, or use the older store."
        )
    return str(revision)


def upgrade(connection: sa.Connection) -> None:
    """Run the missing steps, inside the transaction that the connection is in."""
    # Alembic tells of each of its parts while it is loaded.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # Loading it takes longer than opening a store, and most stores are up to date.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "flyball.adapters.sql:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, REVISIONS[-1])
