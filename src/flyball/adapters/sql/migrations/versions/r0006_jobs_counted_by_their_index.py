"""Jobs that wait can be counted by their index alone, however many there are.

Revision ID: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_READY = sa.text("state = 'ready'")


def upgrade() -> None:
    """Make the index anew, with the state in it."""
    _made("kind", "state", "job_id")


def downgrade() -> None:
    """Make the index anew, as it was."""
    _made("kind", "job_id")


def _made(*columns: str) -> None:
    op.drop_index("job_ready", "job")
    op.create_index("job_ready", "job", list(columns), sqlite_where=_READY, postgresql_where=_READY)
