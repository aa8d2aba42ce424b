"""What Alembic runs to migrate a store: over the connection that the store has open already."""

from __future__ import annotations

from alembic import context


def migrate() -> None:
    """Run the missing steps inside the transaction that the connection is in."""
    context.configure(connection=context.config.attributes["connection"])
    context.run_migrations()


# Alembic loads this file under a name of its own; any other import must do nothing.
if __name__ == "env_py":
    migrate()
