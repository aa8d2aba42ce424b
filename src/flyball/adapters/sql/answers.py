"""Answers on SQL: what was said about items, and how each answer stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from flyball.adapters.sql import bulk, jobs, rows
from flyball.adapters.sql.tables import answer, dead, event, event_body
from flyball.core.facts import AnswerGiven, Recorded
from flyball.core.ids import ItemId, Position
from flyball.core.labels.proof import Accounts, Status
from flyball.core.project import Stood

_KIND = "merge"


def answers_to(connection: sa.Connection, items: Sequence[ItemId]) -> Mapping[ItemId, tuple[Recorded, ...]]:
    """All answers about each item, in order; what was erased is no answer any more."""
    found: dict[ItemId, list[Recorded]] = {item: [] for item in items}
    query = sa.select(event.c.item_id, *rows.FACT).select_from(rows.with_body())
    query = query.where(rows.answers(), event_body.c.body.is_not(None))
    for names in bulk.chunked(found):
        for item, *fact in connection.execute(query.where(event.c.item_id.in_(names)).order_by(event.c.seq)):
            found[ItemId(item)].append(rows.recorded(fact))
    return {item: tuple(said) for item, said in found.items()}


def stand(connection: sa.Connection, change: Stood) -> None:
    """Write down how answers stand."""
    told = dict(change.answers)
    if change.only_new:
        for seq in standing(connection, list(told)):
            del told[seq]
    else:
        for seqs in bulk.chunked(told):
            connection.execute(sa.delete(answer).where(answer.c.seq.in_(seqs)))
    values = ((seq, status) for seq, status in told.items() if status is not None)
    bulk.insert(connection, answer, ("seq", "status"), values)


def standing(connection: sa.Connection, answers: Sequence[Position]) -> Mapping[Position, Status]:
    """How these answers stand; those that nobody has looked at are left out."""
    found = bulk.among(connection, answer.c.seq, answers, answer.c.status)
    return {Position(seq): status for seq, status in found}


def standing_as(connection: sa.Connection, status: Status, after: Position, most: int) -> list[Recorded]:
    """The next answers after a place that stand so, in order."""
    query = sa.select(*rows.FACT).select_from(rows.with_body().join(answer, answer.c.seq == event.c.seq))
    query = query.where(answer.c.status == status, event_body.c.body.is_not(None), answer.c.seq > after)
    query = query.order_by(answer.c.seq).limit(most)
    return [rows.recorded(row) for row in connection.execute(query)]


def accounts(connection: sa.Connection) -> Accounts:
    """What was captured and how it stands, counted in each place; all of it as of one transaction."""
    captured = sa.select(sa.func.count()).select_from(event).where(event.c.kind == AnswerGiven.kind)
    counted = sa.select(answer.c.status, sa.func.count().label("number")).group_by(answer.c.status)
    open_seqs = jobs.causes(_KIND).subquery()
    looked_at = sa.exists().where(answer.c.seq == open_seqs.c.event_seq)
    queued = sa.select(sa.func.count()).select_from(open_seqs).where(~looked_at)
    apart = sa.select(dead.c.event_seq, answer.c.status).distinct()
    apart = apart.select_from(dead.outerjoin(answer, answer.c.seq == dead.c.event_seq))
    apart = apart.where(dead.c.kind == _KIND, dead.c.event_seq.not_in(sa.select(open_seqs.c.event_seq)))
    letters = [status for _, status in connection.execute(apart)]
    return Accounts(
        captured=connection.scalar(captured) or 0,
        standing={row.status: row.number for row in connection.execute(counted)},
        queued=connection.scalar(queued) or 0,
        dead=letters.count(None) + letters.count("pending"),
        dead_pending=letters.count("pending"),
    )
