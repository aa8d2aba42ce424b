"""Answers from sources by the names of the words they were read from, for when a tool deletes some.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_SPOKEN = sa.text("kind = 'answer-given' AND substr(source, 1, 7) = 'source:'")


def upgrade() -> None:
    """Make the index."""
    op.create_index(
        "event_of_word",
        "event",
        ["source", "event_id"],
        sqlite_where=_SPOKEN,
        postgresql_where=_SPOKEN,
        postgresql_ops={"event_id": "text_pattern_ops"},
    )


def downgrade() -> None:
    """Every event can be read in order too."""
    op.drop_index("event_of_word", "event")
