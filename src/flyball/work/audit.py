"""Answers as an auditor reads them: who said what about which item, when, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flyball.core.facts import (
    AnswerGiven,
    AnswerGivenUp,
    ClassAllowed,
    DefinitionsApproved,
    LabelSettled,
    LabelWithdrawn,
    LetterRequeued,
    ModelTrained,
    Recorded,
    RunBegan,
)
from flyball.core.ids import Digest, Instant, ItemId, ModelVersion, Pins, Position
from flyball.core.labels.proof import Status
from flyball.errors import NotFound
from flyball.ports import Items, Log
from flyball.work.lineage import learned

#: The columns of an audit, in order.
COLUMNS = (
    *("fact", "received_at", "item", "annotator", "label", "batch", "document", "said_at", "seconds"),
    *("model", "outcome", "settled_in", "settled_at", "settled_label", "agreed", "policy"),
)
#: Answers whose items and standing are looked up together.
_TOGETHER = 500
#: What is said of an answer that stands so; of any other, the log says it.
_STANDS: Mapping[Status | None, str] = {
    "merged": "settled",
    "superseded": "superseded",
    "parked": "parked",
    "dead": "dropped",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which answers: all that fit every part that is given.

    `since` and `until` are of their receipt, the second exclusive. `document` begins the name of the
    segment that the item came in, `cohort` is the batch that it went out with, and `model` a version
    that learned from what the answer was settled into.
    """

    since: Instant | None = None
    until: Instant | None = None
    annotator: str | None = None
    item: str | None = None
    document: str | None = None
    cohort: str | None = None
    model: ModelVersion | None = None


@dataclass(slots=True)
class _Outcomes:
    """What their standing does not tell of answers, with no more in memory than where each was settled."""

    settled: dict[Position, Position] = field(default_factory=dict)
    labels: dict[Position, tuple[Instant, str, float, str]] = field(default_factory=dict)
    unsettled: set[Position] = field(default_factory=set)
    given_up: set[Position] = field(default_factory=set)


def audit(log: Log, items: Items, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """The answers that are wanted, in the order of the log, each with its outcome. Raises NotFound."""
    learned_from = None if wanted.model is None else _learned_from(log, items, wanted.model)
    outcomes = _outcomes(log)
    together: list[Recorded] = []
    for recorded in log.read(kinds=[AnswerGiven.kind]):
        if wanted.until is not None and recorded.at >= wanted.until:
            break
        if _fits(recorded, wanted) and (learned_from is None or recorded.seq in learned_from):
            together.append(recorded)
            if len(together) == _TOGETHER:
                yield from _rows(together, items, outcomes, wanted)
                together = []
    yield from _rows(together, items, outcomes, wanted)


def _fits(recorded: Recorded, wanted: Wanted) -> bool:
    fact = recorded.fact
    assert isinstance(fact, AnswerGiven)
    return (
        (wanted.since is None or recorded.at >= wanted.since)
        and wanted.annotator in (None, fact.annotator)
        and wanted.item in (None, fact.item)
        and wanted.cohort in (None, fact.batch)
    )


def _learned_from(log: Log, items: Items, version: ModelVersion) -> set[Position]:
    """The answers that the labels rest on which a model learned from."""
    pins: dict[str, Pins] = {}
    for recorded in log.read(kinds=[RunBegan.kind, ModelTrained.kind]):
        match recorded.fact:
            case RunBegan(run=run, pins=pinned):
                pins[run] = pinned
            case ModelTrained(model=model) as fact if model == version:
                labels = set(learned(items, fact, pins[fact.run]).table["seq"].tolist())
                settled = (r for r in log.read(kinds=[LabelSettled.kind]) if r.seq in labels)
                return {a for r in settled if isinstance(r.fact, LabelSettled) for a in r.fact.answers}
            case _:
                pass
    raise NotFound(f"there is no model version {version}; `flyball model ls` lists them")


def _outcomes(log: Log) -> _Outcomes:
    found = _Outcomes()
    kinds = [LabelSettled.kind, LabelWithdrawn.kind, AnswerGivenUp.kind]
    kinds += [LetterRequeued.kind, DefinitionsApproved.kind, ClassAllowed.kind]
    for recorded in log.read(kinds=kinds):
        match recorded.fact:
            case LabelSettled() as fact:
                found.labels[recorded.seq] = (recorded.at, fact.label, fact.agreed, fact.policy)
                for answer in fact.answers:
                    # The first label that rests on it; a later one repeats it, unless it was taken back.
                    if answer not in found.settled or answer in found.unsettled:
                        found.settled[answer] = recorded.seq
                    found.unsettled.discard(answer)
            case LabelWithdrawn(answers=answers):
                found.unsettled.update(answer for answer in answers if answer in found.settled)
            case AnswerGivenUp(answer=answer):
                found.given_up.add(answer)
            case LetterRequeued(fact=answer):
                found.given_up.discard(answer)
            case DefinitionsApproved(answers=answers) | ClassAllowed(answers=answers):
                found.given_up.difference_update(answers)
            case _:
                pass
    return found


def _rows(
    together: Iterable[Recorded], items: Items, outcomes: _Outcomes, wanted: Wanted
) -> Iterator[dict[str, Any]]:
    listed = list(together)
    documents = _documents(listed, items)
    standing = items.standing([each.seq for each in listed])
    for recorded in listed:
        fact = recorded.fact
        assert isinstance(fact, AnswerGiven)
        document = documents.get(fact.item, "")
        if wanted.document is not None and not document.startswith(wanted.document):
            continue
        seq = outcomes.settled.get(recorded.seq)
        at, label, agreed, policy = outcomes.labels[seq] if seq is not None else (None, None, None, None)
        said = {name: getattr(fact, name) for name in ("item", "annotator", "label", "batch")}
        more = {name: getattr(fact, name) for name in ("said_at", "seconds", "model")}
        yield {
            "fact": recorded.seq,
            "received_at": recorded.at,
            **said,
            "document": document,
            **more,
            "outcome": _outcome(recorded, outcomes, standing.get(recorded.seq)),
            "settled_in": seq,
            "settled_at": at,
            "settled_label": label,
            "agreed": agreed,
            "policy": policy,
        }


def _documents(listed: Iterable[Recorded], items: Items) -> Mapping[ItemId, Digest]:
    names = {each.fact.item for each in listed if isinstance(each.fact, AnswerGiven)}
    return {item: state.segment for item, state in items.find(sorted(names)).items()}


def _outcome(recorded: Recorded, outcomes: _Outcomes, status: Status | None) -> str:
    """In one word what became of an answer; "open": it waits.

    "withdrawn": with it they took back what they had said; "unsettled": the label on it was taken back.
    """
    seq, fact = recorded.seq, recorded.fact
    assert isinstance(fact, AnswerGiven)
    if fact.draft:
        return "draft"
    if seq in outcomes.unsettled:
        return "unsettled"
    if status in _STANDS and not (fact.withdrawn and status == "superseded"):
        return _STANDS[status]
    if seq in outcomes.settled:
        return "settled"
    if seq in outcomes.given_up:
        return "given up"
    return "withdrawn" if fact.withdrawn else "open"
