"""The store on SQL databases: a file of SQLite, or PostgreSQL where one process is not enough."""

from flyball.adapters.sql.store import holder, is_written, open_store, servers

__all__ = ["holder", "is_written", "open_store", "servers"]
