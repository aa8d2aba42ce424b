"""What a loop promises of its log and its shelf, as a check that names every promise that was broken."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from flyball.adapters.sql import open_store
from flyball.core.chain import Link, verify
from flyball.core.facts import (
    AnswerGiven,
    BatchReleased,
    BatchSettled,
    ItemsArrived,
    ItemsRefused,
    LabelSettled,
    Looked,
    ModelTrained,
    Recorded,
    RunBegan,
    RunEnded,
    RunFailed,
)
from flyball.core.loop import fold
from flyball.core.sampling.budget import Budget
from flyball.errors import BadUsage, NotFound
from flyball.ports import Store

T = TypeVar("T")
#: Of each model version and of each finished run on the shelf, the digest of the pins.
_VERSIONS = "SELECT value FROM model_version_tags WHERE key = 'flyball.pins' ORDER BY version"
_FINISHED = """
SELECT tags.value FROM runs JOIN tags ON tags.run_uuid = runs.run_uuid
WHERE tags.key = 'flyball.pins' AND runs.status = 'FINISHED'
"""


@dataclass(frozen=True, slots=True)
class Account:
    """What a loop has written down, and the pins of what stands on its shelf (None: it has none)."""

    facts: tuple[Recorded, ...] = ()
    links: tuple[Link, ...] = ()
    versions: tuple[str, ...] | None = None
    finished: tuple[str, ...] = ()
    #: How many jobs of each kind are ready, running and dead.
    jobs: tuple[int, int, int] = (0, 0, 0)

    def of(self, kind: type[T]) -> list[T]:
        """The facts of one kind in order."""
        return [recorded.fact for recorded in self.facts if isinstance(recorded.fact, kind)]


def account_of(store: Store) -> Account:
    """The account of a store, without a shelf."""
    waiting = [store.jobs.waiting(kind) for kind in ("merge", "train", "score")]
    jobs = [sum(getattr(each, name) for each in waiting) for name in ("ready", "running", "dead")]
    return Account(tuple(store.log.read()), tuple(store.evidence.links()), jobs=(jobs[0], jobs[1], jobs[2]))


def account_in(directory: Path) -> Account:
    """The account of the loop in a directory, whether or not a process runs it."""
    try:
        store = open_store(directory / "flyball.db", salt=bytes, read_only=True)
    except (NotFound, BadUsage):  # it was killed before it had one
        return Account()
    try:
        found = account_of(store)
    finally:
        store.close()
    shelf = directory / "mlflow" / "mlflow.db"
    versions, finished = rows(shelf, _VERSIONS), rows(shelf, _FINISHED)
    if versions is None or finished is None:
        return found
    return replace(found, versions=tuple(row[0] for row in versions), finished=tuple(r[0] for r in finished))


def rows(database: Path, sql: str) -> list[Any] | None:
    """What a question to a SQLite file gives; None where it cannot be read so far, or needs repair first."""
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True, timeout=10)) as link:
            return link.execute(sql).fetchall()
    except sqlite3.OperationalError:
        return None


def broken(now: Account, budget: Budget, before: Account | None = None) -> list[str]:
    """Every promise that does not hold at any moment, whatever was killed; `before` is an earlier account."""
    return [
        *(f"fact {each.seq}: {each.what}" for each in verify(now.links)),
        *_lost(now, before or Account()),
        *_people(now, budget),
        *_stream(now),
        *_models(now),
    ]


def unfinished(end: Account) -> list[str]:
    """What a loop that came to its end has left undone."""
    answers = Counter(answer.item for answer in end.of(AnswerGiven))
    labels = Counter(label.item for label in end.of(LabelSettled))
    released = [item for batch in end.of(BatchReleased) for item in batch.items]
    began = {run.run for run in end.of(RunBegan)}
    ended = {run.run for run in end.of(RunEnded)} | {run.run for run in end.of(RunFailed) if run.final}
    settled = {batch.batch for batch in end.of(BatchSettled)}
    trained = [model.pins for model in end.of(ModelTrained)]
    given_up = _given_up(end)
    alerts = fold(end.facts).alerts
    return [
        *(f"the alert {key} is raised still: {alert.fact}" for key, alert in alerts.items()),
        *(f"{item} has {answers[item]} answers" for item in released if answers[item] != 1),
        *(f"{item} has {labels[item]} labels" for item in released if labels[item] != 1),
        *(f"{batch.batch} is not settled" for batch in end.of(BatchReleased) if batch.batch not in settled),
        *(f"{run.run} failed: {run.detail}" for run in end.of(RunFailed) if run.code != "killed"),
        *(f"{run} is not at its end" for run in sorted(began - ended)),
        *([f"jobs are ready, running or dead: {end.jobs}"] if end.jobs != (0, 0, len(given_up)) else []),
        *(
            f"the model of {pins} is of no training"
            for pins in {*(end.versions or ())} - {*trained, *given_up}
        ),
    ]


def _given_up(account: Account) -> list[str]:
    """The pins of the runs whose process was killed so often that they were given up."""
    runs = {run.run for run in account.of(RunFailed) if run.final and run.code == "killed"}
    return [str(run.pins.digest()) for run in account.of(RunBegan) if run.run in runs]


def _lost(now: Account, before: Account) -> Iterator[str]:
    """What stood there before and does not now, answers by their names."""
    for was, is_ in zip(before.links, now.links, strict=False):
        if was != is_:
            yield f"fact {was.seq} is not what it was"
            break
    for gone in before.links[len(now.links) :]:
        yield f"fact {gone.seq} ({gone.kind} {gone.event_id or ''}) is lost"
    kept = set(_answers(now))
    yield from (f"answer {name} is lost" for name in _answers(before) if name not in kept)


def _answers(account: Account) -> list[str | None]:
    return [link.event_id for link in account.links if link.kind == AnswerGiven.kind]


def _people(now: Account, budget: Budget) -> Iterator[str]:
    """Nobody is asked twice, each answer is kept once, and no more is asked than may be."""
    asked = Counter(item for batch in now.of(BatchReleased) for item in batch.items)
    yield from _twice(asked, "{} was released {} times")
    yield from _twice(Counter(_answers(now)), "the answer {} is kept {} times")
    yield from _twice(Counter((a.item, a.annotator) for a in now.of(AnswerGiven)), "{} answered {} times")
    yield from _twice(Counter(label.item for label in now.of(LabelSettled)), "{} was settled {} times")
    yield from _twice(Counter(b.batch for b in now.of(BatchSettled)), "{} was settled {} times")
    yield from _twice(Counter(b.number for b in now.of(BatchReleased)), "batch {} was released {} times")
    arrived = spent = 0
    for recorded in now.facts:
        match recorded.fact:
            case ItemsArrived(count=count):
                arrived += count
            case BatchReleased(items=items, answers_needed=needed, batch=batch):
                allowed = budget.left(arrived, spent)
                spent += len(items) * needed
                if allowed is not None and len(items) * needed > allowed:
                    yield f"{batch} asks for {len(items) * needed} answers where {allowed} are left"
            case _:
                pass


def _stream(now: Account) -> Iterator[str]:
    """The stream is read from end to end, once; and each look is taken once."""
    read = refused = 0
    for recorded in now.facts:
        match recorded.fact:
            case ItemsRefused(reason="the item id came before", count=count):
                refused += count
            case ItemsArrived(count=count, cursor=cursor):
                if cursor - read != count + refused:
                    yield f"{count} items arrived between rows {read} and {cursor}, {refused} were refused"
                read, refused = cursor, 0
            case _:
                pass
    for one, next_ in pairwise(now.of(Looked)):
        if next_.due <= one.due:
            yield f"the look at {next_.due} was taken after that at {one.due}"


def _models(now: Account) -> Iterator[str]:
    """Nothing is trained twice on the same pins, in the log and on the shelf."""
    trained = now.of(ModelTrained)
    yield from _twice(Counter(model.pins for model in trained), "{} was trained on {} times")
    yield from _twice(Counter(model.model for model in trained), "model {} was trained {} times")
    yield from _twice(Counter(run.run for run in now.of(RunBegan)), "{} began {} times")
    yield from _twice(Counter(run.run for run in now.of(RunEnded)), "{} ended {} times")
    if now.versions is None:
        return
    yield from _twice(Counter(now.versions), "{} has {} model versions")
    yield from _twice(Counter(now.finished), "{} has {} finished runs")
    in_log = [model.pins for model in trained]
    yield from (f"the model of {pins} is not on the shelf" for pins in in_log if pins not in now.versions)
    strays = [pins for pins in now.versions if pins not in (*in_log, *_given_up(now))]
    if len(strays) > 1:  # one, of the training that was killed, is adopted by the next start
        yield f"{len(strays)} models on the shelf are of no training: {', '.join(strays)}"


def _twice(counts: Counter[Any], said: str) -> Iterator[str]:
    yield from (said.format(name, count) for name, count in counts.items() if count > 1)
