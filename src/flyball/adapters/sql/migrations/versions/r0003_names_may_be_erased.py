"""The name of a fact may be erased along with its bytes; its key stays, and the hash covers that.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_FIXED = (
    *("seq", "source", "idem_key", "kind", "item_id", "schema_hash", "received_at", "commitment", "hash"),
)
_CHANGES = "NEW.event_id IS NOT NULL" + "".join(f" OR NEW.{name} IS NOT OLD.{name}" for name in _FIXED)
_SQLITE = f"""
CREATE TRIGGER event_never_changes BEFORE UPDATE ON event WHEN {_CHANGES}
BEGIN SELECT RAISE(ABORT, 'event is append-only'); END
"""
_SQLITE_BEFORE = """
CREATE TRIGGER event_never_changes BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'event is append-only'); END
"""
_DROP = "DROP TRIGGER event_never_changes"
_POSTGRESQL = """
DROP TRIGGER event_never_changes ON {schema}.event;
CREATE TRIGGER event_never_changes BEFORE UPDATE ON {schema}.event FOR EACH ROW
  WHEN (NEW.event_id IS NOT NULL
    OR to_jsonb(NEW) - 'event_id' IS DISTINCT FROM to_jsonb(OLD) - 'event_id')
  EXECUTE FUNCTION {schema}.event_is_append_only();
CREATE TRIGGER event_never_goes BEFORE DELETE ON {schema}.event
  FOR EACH ROW EXECUTE FUNCTION {schema}.event_is_append_only();
"""
_POSTGRESQL_BEFORE = """
DROP TRIGGER event_never_changes ON {schema}.event;
DROP TRIGGER event_never_goes ON {schema}.event;
CREATE TRIGGER event_never_changes BEFORE UPDATE OR DELETE ON {schema}.event
  FOR EACH ROW EXECUTE FUNCTION {schema}.event_is_append_only();
"""


def upgrade() -> None:
    """Let a name be erased, and nothing else."""
    _run((_DROP, _SQLITE), _POSTGRESQL)


def downgrade() -> None:
    """Let nothing of an event change."""
    _run((_DROP, _SQLITE_BEFORE), _POSTGRESQL_BEFORE)


def _run(sqlite: tuple[str, ...], postgresql: str) -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        for statement in sqlite:
            connection.exec_driver_sql(statement)
    else:
        schema = connection.scalar(sa.text("SELECT quote_ident(current_schema())"))
        connection.exec_driver_sql(postgresql.replace("{schema}", str(schema)).replace("%", "%%"))
