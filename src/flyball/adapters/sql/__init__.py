"""The store on SQL databases: a file of SQLite, or PostgreSQL where one process is not enough."""

from flyball.adapters.sql.store import is_written, open_store

__all__ = ["is_written", "open_store"]
