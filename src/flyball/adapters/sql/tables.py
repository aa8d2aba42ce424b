"""The tables of a store, as the newest migration leaves them.

`event` is the history and never changes; `event_body` holds what may be erased later. All the others
are read models and work in hand: they follow from the history and the segments.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

_metadata = sa.MetaData()
#: Which events `event_of_word` holds: answers from sources that the settings name.
SPOKEN = "kind = 'answer-given' AND substr(source, 1, 7) = 'source:'"
#: Names are compared by code point, so that all that begin alike stand together.
_BY_BYTES = {"event_id": "text_pattern_ops"}

#: Names compare by code point, as in Python, and not as a language would have it.
Name = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Real: sa.types.TypeEngine[float] = sa.Double().with_variant(sa.REAL(), "sqlite")
Flag = sa.SmallInteger().with_variant(sa.Integer(), "sqlite")


def _table(name: str, *parts: sa.schema.SchemaItem) -> sa.Table:
    return sa.Table(name, _metadata, *parts, sqlite_strict=True)


def _where(text: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(text), "postgresql_where": sa.text(text)}


#: `received_at` is in microseconds; `idem_key`, `commitment` and `hash` are SHA-256.
event = _table(
    "event",
    sa.Column("seq", Number, primary_key=True, autoincrement=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text),
    sa.Column("idem_key", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("item_id", Name),
    sa.Column("schema_hash", sa.Text, nullable=False),
    sa.Column("received_at", Number, nullable=False),
    sa.Column("commitment", sa.LargeBinary, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Index("event_of_kind", "kind", "seq"),
    sa.Index("event_of_item", "item_id", "seq", **_where("item_id IS NOT NULL")),
    sa.Index("event_of_word", "source", "event_id", postgresql_ops=_BY_BYTES, **_where(SPOKEN)),
)

event_body = _table(
    "event_body",
    sa.Column("seq", Number, sa.ForeignKey("event.seq"), primary_key=True, autoincrement=False),
    sa.Column("salt", sa.LargeBinary),
    sa.Column("body", sa.LargeBinary),
    sa.Column("raw", sa.LargeBinary),
)

#: What came under a name that stood for something else.
event_conflict = _table(
    "event_conflict",
    sa.Column("idem_key", sa.LargeBinary, nullable=False),
    sa.Column("body_sha", sa.LargeBinary, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("raw", sa.LargeBinary),
    sa.Column("seen_at", Real, nullable=False),
    sa.PrimaryKeyConstraint("idem_key", "body_sha"),
)

#: `state`: ready, running, done or dead. One unique index lets a lock be held once, whatever happens.
job = _table(
    "job",
    sa.Column("job_id", Number, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("lock_key", sa.Text, nullable=False),
    sa.Column("event_seq", Number, sa.ForeignKey("event.seq"), nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", Number, nullable=False),
    sa.Column("asked_at", Real, nullable=False),
    sa.Column("run_at", Real, nullable=False),
    sa.Column("first_at", Real),
    sa.Column("lease_until", Real),
    sa.Column("lease_token", sa.Text),
    sa.Column("spared", Number, nullable=False, server_default="0"),
    sa.CheckConstraint("state IN ('ready', 'running', 'done', 'dead')", name="job_state"),
    # With the state, though it is always the same, so that a count need not look at the rows.
    sa.Index("job_ready", "kind", "state", "job_id", **_where("state = 'ready'")),
    sa.Index("job_running", "lock_key", unique=True, **_where("state = 'running'")),
)

dead = _table(
    "dead",
    sa.Column("dead_id", Number, primary_key=True),
    sa.Column("job_id", Number, sa.ForeignKey("job.job_id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("event_seq", Number, sa.ForeignKey("event.seq"), nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("attempts", Number, nullable=False),
    sa.Column("first_at", Real, nullable=False),
    sa.Column("last_at", Real, nullable=False),
    sa.Index("dead_of_kind", "kind"),
)

#: How answers stand that were looked at. The index counts them, and lists those of one status in order.
answer = _table(
    "answer",
    sa.Column("seq", Number, sa.ForeignKey("event.seq"), primary_key=True, autoincrement=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.CheckConstraint(
        "status IN ('merged', 'superseded', 'pending', 'parked', 'dead', 'erased')", name="answer_status"
    ),
    sa.Index("answer_standing", "status", "seq"),
)

#: Which segment came with an arrival; its time is that of its event.
arrival = _table(
    "arrival",
    sa.Column("seq", Number, sa.ForeignKey("event.seq"), primary_key=True, autoincrement=False),
    sa.Column("segment", sa.Text, nullable=False),
)

#: `row` is the item's place in its segment. The index answers for the pool without a look at the rows.
item = _table(
    "item",
    sa.Column("item_id", Name, primary_key=True),
    sa.Column("time", Real, nullable=False),
    sa.Column("row", Number, nullable=False),
    sa.Column("arrived_seq", Number, sa.ForeignKey("arrival.seq"), nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("batch", sa.Text),
    sa.Column("reserve", Flag, nullable=False),
    sa.Column("offered_seq", Number),
    sa.CheckConstraint("state IN ('pool', 'offered', 'labelled')", name="item_state"),
    sa.Index("item_pool", "state", "time", "item_id", "row", "arrived_seq", **_where("state = 'pool'")),
)

#: All labels that an item ever had. A label may come before its item.
label = _table(
    "label",
    sa.Column("item_id", Name, nullable=False),
    sa.Column("seq", Number, sa.ForeignKey("event.seq"), nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("batch", sa.Text),
    sa.PrimaryKeyConstraint("item_id", "seq"),
)

note = _table(
    "note",
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)


def metadata() -> sa.MetaData:
    """All tables, to compare a store with."""
    return _metadata
