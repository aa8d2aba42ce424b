"""Links, facts and receipts as rows, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from flyball.adapters.sql.tables import event, event_body
from flyball.core.chain import Link, instant
from flyball.core.facts import AnswerGiven, Recorded, fact_of
from flyball.core.ids import Position
from flyball.errors import NewerStore

_JSON = json.JSONDecoder()
#: What `recorded` reads.
FACT = (event.c.seq, event.c.received_at, event.c.kind, event_body.c.body)
#: What `link` reads.
LINK = (
    event.c.seq,
    event.c.received_at,
    event.c.source,
    event.c.event_id,
    event.c.idem_key,
    event.c.kind,
    event.c.item_id,
    event.c.schema_hash,
    event.c.commitment,
    event.c.hash,
    event_body.c.salt,
    event_body.c.body,
    event_body.c.raw,
)

#: What `event_row` and `body_row` give.
EVENT_NAMES = (
    *("seq", "source", "event_id", "idem_key", "kind", "item_id", "schema_hash"),
    *("received_at", "commitment", "hash"),
)
BODY_NAMES = ("seq", "salt", "body", "raw")


def recorded(row: Sequence[Any]) -> Recorded:
    """A fact as it was written. Raises NewerStore for one that this version does not know."""
    seq, at, kind, body = row
    try:
        return Recorded(Position(seq), instant(at), fact_of(kind, _JSON.decode(body.decode())))
    except KeyError as error:
        raise NewerStore(
            f"fact {seq} is a `{kind}`, which this version of Flyball does not know. Upgrade Flyball."
        ) from error


def link(row: Sequence[Any]) -> Link:
    """A fact as the chain sees it."""
    seq, at, source, event_id, key, kind, item, *rest = row
    return Link(Position(seq), at, source, event_id, key, kind, item or "", *rest)


def event_row(each: Link) -> tuple[Any, ...]:
    """A link as a row of `event`, in the order of `EVENT_NAMES`."""
    return (
        *(each.seq, each.source, each.event_id, each.key, each.kind, each.item or None, each.schema),
        *(each.at, each.commitment, each.hash),
    )


def body_row(each: Link) -> tuple[Any, ...]:
    """A link as a row of `event_body`, in the order of `BODY_NAMES`."""
    return (each.seq, each.salt, each.body, each.raw)


def answers() -> sa.ColumnElement[bool]:
    """Whether an event is an answer, where another condition leads to few events.

    As an expression, so that no database takes the index of kinds, which leads to all answers ever given.
    """
    return event.c.kind + "" == AnswerGiven.kind


def with_body() -> sa.Join:
    """Events with their bodies."""
    return event.join(event_body, event.c.seq == event_body.c.seq)
