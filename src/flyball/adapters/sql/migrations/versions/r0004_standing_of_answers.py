"""How each answer stands, and attempts that do not count against a job.

Revision ID: 0004
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KINDS = ("label-settled", "answer-parked", "letter-requeued", "letter-dropped", "definitions-approved")
_TOGETHER = 500


def upgrade() -> None:
    """Make the table, and fill it from the history."""
    op.add_column("job", sa.Column("spared", _NUMBER, nullable=False, server_default="0"))
    answer = op.create_table(
        "answer",
        sa.Column("seq", _NUMBER, sa.ForeignKey("event.seq"), primary_key=True, autoincrement=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.CheckConstraint(
            "status IN ('merged', 'superseded', 'pending', 'parked', 'dead', 'erased')", name="answer_status"
        ),
        sqlite_strict=True,
    )
    op.create_index("answer_standing", "answer", ["status", "seq"])
    connection = op.get_bind()
    rows = [{"seq": seq, "status": status} for seq, status in _standing(connection).items()]
    for start in range(0, len(rows), _TOGETHER):
        connection.execute(answer.insert(), rows[start : start + _TOGETHER])


def downgrade() -> None:
    """The history has all of it."""
    op.drop_table("answer")
    op.drop_column("job", "spared")


def _standing(connection: sa.Connection) -> dict[int, str]:
    """What the facts say; for answers of which they say nothing and no job is left, that they wait."""
    found: dict[int, str] = {}
    for kind, body in _facts(connection):
        match kind:
            case "label-settled":
                found |= dict.fromkeys(body["answers"], "merged")
                found |= dict.fromkeys(body.get("superseded", ()), "superseded")
            case "answer-parked":
                found[body["answer"]] = "parked"
            case "letter-dropped":
                found[body["fact"]] = "dead"
            case "letter-requeued":
                found.pop(body["fact"], None)
            case _:
                for seq in body["answers"]:
                    found.pop(seq, None)
    erased = """
        SELECT event.seq FROM event JOIN event_body ON event_body.seq = event.seq
        WHERE kind = 'answer-given' AND body IS NULL
    """
    found |= dict.fromkeys(connection.scalars(sa.text(erased)).all(), "erased")
    idle = """
        SELECT seq FROM event WHERE kind = 'answer-given'
        AND NOT EXISTS (SELECT 1 FROM job WHERE job.event_seq = event.seq AND state <> 'done')
    """
    for seq in connection.scalars(sa.text(idle)).all():
        found.setdefault(seq, "pending")
    return found


def _facts(connection: sa.Connection) -> Iterator[tuple[str, Any]]:
    query = sa.text(
        "SELECT kind, body FROM event JOIN event_body ON event_body.seq = event.seq"
        " WHERE kind IN :kinds AND body IS NOT NULL ORDER BY event.seq"
    ).bindparams(sa.bindparam("kinds", _KINDS, expanding=True))
    for kind, body in connection.execute(query):
        yield kind, json.loads(body)
