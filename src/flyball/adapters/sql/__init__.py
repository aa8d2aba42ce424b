"""The store on SQL databases: SQLite today, PostgreSQL where one machine is not enough."""
