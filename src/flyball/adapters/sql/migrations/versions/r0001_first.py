"""The first tables.

Revision ID: 0001
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from flyball.errors import BadUsage

revision = "0001"
down_revision = None

_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_REAL: sa.types.TypeEngine[float] = sa.Double().with_variant(sa.REAL(), "sqlite")
_FLAG = sa.SmallInteger().with_variant(sa.Integer(), "sqlite")

#: The history may be added to at its end, and bytes may be erased whole. Nothing else.
_SQLITE_TRIGGERS = """
CREATE TRIGGER event_never_changes BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;
CREATE TRIGGER event_never_goes BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;
CREATE TRIGGER event_grows_at_its_end BEFORE INSERT ON event
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM event)
BEGIN SELECT RAISE(ABORT, 'event is append-only: the next seq is one more than the last'); END;
CREATE TRIGGER event_body_is_only_erased BEFORE UPDATE ON event_body
WHEN NEW.seq <> OLD.seq OR NEW.salt IS NOT NULL OR NEW.body IS NOT NULL OR NEW.raw IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'event_body may only be erased'); END;
CREATE TRIGGER event_body_never_goes BEFORE DELETE ON event_body
BEGIN SELECT RAISE(ABORT, 'event_body may only be erased'); END;
"""


def upgrade() -> None:
    """From nothing."""
    _history()
    _work()
    _items()
    if op.get_bind().dialect.name == "sqlite":
        for statement in _SQLITE_TRIGGERS.split("END;")[:-1]:
            op.execute(sa.text(statement + "END"))


def downgrade() -> None:
    """Back to nothing, which only a store with nothing in it can go."""
    connection = op.get_bind()
    if connection.execute(sa.text("SELECT 1 FROM event LIMIT 1")).first():
        raise BadUsage("There is nothing before revision 0001 that could hold the facts of this store.")
    for table in ("label", "item", "arrival", "dead", "job", "note", "event_conflict", "event_body", "event"):
        op.drop_table(table)


def _history() -> None:
    _table(
        "event",
        sa.Column("seq", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text),
        sa.Column("idem_key", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("item_id", _NAME),
        sa.Column("schema_hash", sa.Text, nullable=False),
        sa.Column("received_at", _NUMBER, nullable=False),
        sa.Column("commitment", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    op.create_index("event_of_kind", "event", ["kind", "seq"])
    op.create_index("event_of_item", "event", ["item_id", "seq"], **_where("item_id IS NOT NULL"))
    _table(
        "event_body",
        sa.Column("seq", _NUMBER, sa.ForeignKey("event.seq"), primary_key=True, autoincrement=False),
        sa.Column("salt", sa.LargeBinary),
        sa.Column("body", sa.LargeBinary),
        sa.Column("raw", sa.LargeBinary),
    )
    _table(
        "event_conflict",
        sa.Column("idem_key", sa.LargeBinary, nullable=False),
        sa.Column("body_sha", sa.LargeBinary, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("raw", sa.LargeBinary),
        sa.Column("seen_at", _REAL, nullable=False),
        sa.PrimaryKeyConstraint("idem_key", "body_sha"),
    )
    _table(
        "note",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )


def _work() -> None:
    _table(
        "job",
        sa.Column("job_id", _NUMBER, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("lock_key", sa.Text, nullable=False),
        sa.Column("event_seq", _NUMBER, sa.ForeignKey("event.seq"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", _NUMBER, nullable=False),
        sa.Column("asked_at", _REAL, nullable=False),
        sa.Column("run_at", _REAL, nullable=False),
        sa.Column("first_at", _REAL),
        sa.Column("lease_until", _REAL),
        sa.Column("lease_token", sa.Text),
        sa.CheckConstraint("state IN ('ready', 'running', 'done', 'dead')", name="job_state"),
    )
    op.create_index("job_ready", "job", ["kind", "job_id"], **_where("state = 'ready'"))
    op.create_index("job_running", "job", ["lock_key"], unique=True, **_where("state = 'running'"))
    _table(
        "dead",
        sa.Column("dead_id", _NUMBER, primary_key=True),
        sa.Column("job_id", _NUMBER, sa.ForeignKey("job.job_id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("event_seq", _NUMBER, sa.ForeignKey("event.seq"), nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("attempts", _NUMBER, nullable=False),
        sa.Column("first_at", _REAL, nullable=False),
        sa.Column("last_at", _REAL, nullable=False),
    )
    op.create_index("dead_of_kind", "dead", ["kind"])


def _items() -> None:
    _table(
        "arrival",
        sa.Column("seq", _NUMBER, sa.ForeignKey("event.seq"), primary_key=True, autoincrement=False),
        sa.Column("segment", sa.Text, nullable=False),
    )
    _table(
        "item",
        sa.Column("item_id", _NAME, primary_key=True),
        sa.Column("time", _REAL, nullable=False),
        sa.Column("row", _NUMBER, nullable=False),
        sa.Column("arrived_seq", _NUMBER, sa.ForeignKey("arrival.seq"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("batch", sa.Text),
        sa.Column("reserve", _FLAG, nullable=False),
        sa.Column("offered_seq", _NUMBER),
        sa.CheckConstraint("state IN ('pool', 'offered', 'labelled')", name="item_state"),
    )
    op.create_index(
        "item_pool", "item", ["state", "time", "item_id", "row", "arrived_seq"], **_where("state = 'pool'")
    )
    _table(
        "label",
        sa.Column("item_id", _NAME, nullable=False),
        sa.Column("seq", _NUMBER, sa.ForeignKey("event.seq"), nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("batch", sa.Text),
        sa.PrimaryKeyConstraint("item_id", "seq"),
    )


def _table(name: str, *parts: sa.schema.SchemaItem) -> None:
    op.create_table(name, *parts, sqlite_strict=True)


def _where(text: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(text), "postgresql_where": sa.text(text)}
