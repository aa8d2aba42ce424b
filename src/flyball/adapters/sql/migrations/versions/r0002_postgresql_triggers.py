"""PostgreSQL keeps the history as SQLite does: it grows at its end, and bytes may be erased whole.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# The names of the tables stand there in full: whoever writes by hand has another search path.
_UPGRADE = """
CREATE FUNCTION {schema}.event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE FUNCTION {schema}.event_grows_at_its_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM {schema}.event) THEN
    RAISE EXCEPTION 'event is append-only: the next seq is one more than the last'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE FUNCTION {schema}.event_body_is_only_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'event_body may only be erased' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER event_never_changes BEFORE UPDATE OR DELETE ON {schema}.event
  FOR EACH ROW EXECUTE FUNCTION {schema}.event_is_append_only();
CREATE TRIGGER event_is_never_emptied BEFORE TRUNCATE ON {schema}.event
  FOR EACH STATEMENT EXECUTE FUNCTION {schema}.event_is_append_only();
CREATE TRIGGER event_grows_at_its_end BEFORE INSERT ON {schema}.event
  FOR EACH ROW EXECUTE FUNCTION {schema}.event_grows_at_its_end();
CREATE TRIGGER event_body_is_only_erased BEFORE UPDATE ON {schema}.event_body FOR EACH ROW
  WHEN (NEW.seq <> OLD.seq OR NEW.salt IS NOT NULL OR NEW.body IS NOT NULL OR NEW.raw IS NOT NULL)
  EXECUTE FUNCTION {schema}.event_body_is_only_erased();
CREATE TRIGGER event_body_never_goes BEFORE DELETE ON {schema}.event_body
  FOR EACH ROW EXECUTE FUNCTION {schema}.event_body_is_only_erased();
CREATE TRIGGER event_body_is_never_emptied BEFORE TRUNCATE ON {schema}.event_body
  FOR EACH STATEMENT EXECUTE FUNCTION {schema}.event_body_is_only_erased();
-- Of the owner too. UPDATE stays: foreign keys are checked with it, and the triggers refuse it.
REVOKE DELETE, TRUNCATE ON {schema}.event, {schema}.event_body FROM PUBLIC, CURRENT_USER;
"""

_DOWNGRADE = """
GRANT DELETE, TRUNCATE ON {schema}.event, {schema}.event_body TO CURRENT_USER;
DROP FUNCTION {schema}.event_is_append_only() CASCADE;
DROP FUNCTION {schema}.event_grows_at_its_end() CASCADE;
DROP FUNCTION {schema}.event_body_is_only_erased() CASCADE;
"""


def upgrade() -> None:
    """Add the triggers; on SQLite they are there from the first revision on."""
    _run(_UPGRADE)


def downgrade() -> None:
    """Drop them, with their functions."""
    _run(_DOWNGRADE)


def _run(statements: str) -> None:
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        schema = connection.scalar(sa.text("SELECT quote_ident(current_schema())"))
        connection.exec_driver_sql(statements.replace("{schema}", str(schema)).replace("%", "%%"))
