"""The store on SQL databases: SQLite today, PostgreSQL where one machine is not enough."""

from flyball.adapters.sql.store import open_store

__all__ = ["open_store"]
