"""From an item to whatever came of it: batches, answers, labels, and the models that learned from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from flyball.core.facts import (
    AnswerGiven,
    AnswerGivenUp,
    AnswerParked,
    BatchReleased,
    ClassAllowed,
    DefinitionsApproved,
    LabelSettled,
    LabelWithdrawn,
    LetterDropped,
    LetterRequeued,
    ModelPromoted,
    ModelTrained,
    Recorded,
    RulesLoaded,
    RunBegan,
)
from flyball.core.ids import START, Instant, ItemId, ModelVersion, Pins, Position
from flyball.core.learning.plan import weights
from flyball.errors import NotFound
from flyball.ports import ItemRows, Items, ItemState, Log
from flyball.work.decisions import told
from flyball.work.train import held_of


def of_item(log: Log, items: Items, item: ItemId) -> dict[str, Any]:
    """All that became of one item, with the rule files and decisions behind it.

    One that never arrived has its answers and what became of them. Raises NotFound where there are none.
    """
    state, answers = items.find([item]).get(item), items.answers(item)
    if state is None and not answers:
        raise NotFound(f"no item {item} ever arrived; `flyball audit` lists answers with their items")
    kinds = [AnswerParked.kind, BatchReleased.kind, LabelSettled.kind, LabelWithdrawn.kind]
    facts = [each for each in log.read(kinds=kinds) if _concerns(each, item)]
    batches = [each for each in facts if isinstance(each.fact, BatchReleased)]
    labels = [each for each in facts if isinstance(each.fact, LabelSettled)]
    ended = [each for each in facts if isinstance(each.fact, LabelWithdrawn)]
    known = [state.seq] if state and state.source == "natural" and state.seq is not None else []
    settled = [each.seq for each in labels] + known
    models = _models(log, items, state, settled, [each.seq for each in ended]) if state else []
    digests = {str(each.fact.rules) for each in batches if isinstance(each.fact, BatchReleased)}
    return {
        "item": item,
        "state": state.state if state else None,
        "label": state.label if state else None,
        "label_from": state.source if state else None,
        "arrived": _arrived(state) if state else None,
        "batches": [_batch(each) for each in batches],
        "answers": [_answer(each, labels) for each in answers],
        "parked": _apart(log, answers),
        "letters": _letters(log, answers),
        "labels": [_label(each) for each in labels],
        "taken_back": [_ended(each) for each in ended],
        "models": models,
        "rule_files": _rule_files(log, digests | {model["rules"] for model in models}),
        "decisions": _decisions(log, batches),
    }


def _arrived(state: ItemState) -> dict[str, Any]:
    return {
        "fact": state.arrived_seq,
        "time": state.time,
        "segment": state.segment,
        "row": state.row,
    }


def _concerns(recorded: Recorded, item: ItemId) -> bool:
    match recorded.fact:
        case BatchReleased(items=those):
            return item in those
        case LabelSettled(item=other) | LabelWithdrawn(item=other):
            return item == other
        case _:
            return False


def _batch(recorded: Recorded) -> dict[str, Any]:
    fact = recorded.fact
    assert isinstance(fact, BatchReleased)
    names = ("batch", "sampler", "model", "rules", "decision")
    return {"fact": recorded.seq, "at": recorded.at, **{name: getattr(fact, name) for name in names}}


def _answer(recorded: Recorded, labels: Sequence[Recorded]) -> dict[str, Any]:
    fact = recorded.fact
    assert isinstance(fact, AnswerGiven)
    names = ("annotator", "label", "batch", "said_at", "seconds", "model")
    facts = [(each.seq, each.fact) for each in labels if isinstance(each.fact, LabelSettled)]
    shown = {name: getattr(fact, name) for name in (*names, "withdrawn", "draft")}
    return {
        "fact": recorded.seq,
        "at": recorded.at,
        **shown,
        "settled_in": [seq for seq, label in facts if recorded.seq in label.answers],
        "superseded_in": [seq for seq, label in facts if recorded.seq in label.superseded],
    }


def _apart(log: Log, answers: Sequence[Recorded]) -> list[dict[str, Any]]:
    seqs = {each.seq for each in answers}
    return [
        {"fact": each.seq, "answer": each.fact.answer, **_why(each.fact)}
        for each in log.read(kinds=[AnswerParked.kind, AnswerGivenUp.kind])
        if isinstance(each.fact, AnswerParked | AnswerGivenUp) and each.fact.answer in seqs
    ]


def _why(fact: AnswerParked | AnswerGivenUp) -> dict[str, str]:
    if isinstance(fact, AnswerParked):
        return {"what": "parked", "reason": fact.reason}
    return {"what": "given up", "reason": f"{fact.code} at attempt {fact.attempts}: {fact.detail}"}


def _letters(log: Log, answers: Sequence[Recorded]) -> list[dict[str, Any]]:
    """Which of the answers were tried once more, let in or dropped after they lay apart, by whom and why."""
    seqs = {each.seq for each in answers}
    kinds = [LetterDropped.kind, LetterRequeued.kind, DefinitionsApproved.kind, ClassAllowed.kind]
    return [
        {"fact": each.seq, "at": each.at, "answer": answer, **how}
        for each in log.read(kinds=kinds)
        for answer, how in _let_go(each)
        if answer in seqs
    ]


def _let_go(recorded: Recorded) -> Iterator[tuple[Position, dict[str, Any]]]:
    those: tuple[Position, ...]
    match recorded.fact:
        case LetterDropped() | LetterRequeued() as fact:
            done = "dropped" if isinstance(fact, LetterDropped) else "requeued"
            those, reason = (fact.fact,), fact.detail
        case DefinitionsApproved() as fact:
            those, done, reason = fact.answers, "let in", f"definitions {fact.definitions[:12]} are approved"
        case ClassAllowed() as fact:
            those, done, reason = fact.answers, "let in", f"label {fact.label} is held back no more"
        case _:
            return
    how = {"done": done, "reason": reason, "by": fact.by, "because": fact.because}
    yield from ((answer, how) for answer in those)


def _label(recorded: Recorded) -> dict[str, Any]:
    fact = recorded.fact
    assert isinstance(fact, LabelSettled)
    names = ("label", "policy", "agreed", "batch", "answers")
    return {"fact": recorded.seq, "at": recorded.at, **{name: getattr(fact, name) for name in names}}


def _ended(recorded: Recorded) -> dict[str, Any]:
    """A label that was taken back: which, what its answers had come to, and where the item is asked again."""
    fact = recorded.fact
    assert isinstance(fact, LabelWithdrawn)
    names = ("label", "settled", "why", "batch", "answers")
    return {"fact": recorded.seq, "at": recorded.at, **{name: getattr(fact, name) for name in names}}


def _models(
    log: Log, items: Items, state: ItemState, labels: Sequence[Position], ended: Sequence[Position]
) -> list[dict[str, Any]]:
    """The models that learned from a label of the item: it stood then, not held out, in their window."""
    promoted: dict[ModelVersion, Instant] = {}
    pins_of: dict[str, Pins] = {}
    found: list[tuple[Instant, ModelTrained, Position]] = []
    for recorded in log.read(kinds=[RunBegan.kind, ModelTrained.kind, ModelPromoted.kind]):
        match recorded.fact:
            case RunBegan(run=run, work="train", pins=pins):
                pins_of[run] = pins
            case ModelTrained() as fact if state.item not in fact.held_out:
                over = max((seq for seq in ended if seq <= fact.labels_up_to), default=START)
                by_then = [seq for seq in labels if over < seq <= fact.labels_up_to]
                if by_then and _learned(items, state, fact, pins_of[fact.run]):
                    found.append((recorded.at, fact, max(by_then)))
            case ModelPromoted(model=model):
                promoted.setdefault(model, recorded.at)
            case _:
                pass
    return [
        {
            "model": fact.model,
            "trained_at": at,
            "snapshot": fact.snapshot,
            "label": label,
            "tracking": fact.tracking,
            "promoted_at": promoted.get(fact.model),
            "rules": pins_of[fact.run].rules,
        }
        for at, fact, label in found
    ]


def _learned(items: Items, state: ItemState, trained: ModelTrained, pins: Pins) -> bool:
    if state.item in held_of(pins):
        return False
    # Only a window leaves out what is labelled and not held out or held.
    return pins.more["mode"] != "window" or state.item in set(learned(items, trained, pins).table["item"])


def learned(items: Items, trained: ModelTrained, pins: Pins) -> ItemRows:
    """The labelled items that a training learned from: those of its moment, less held out, in its window."""
    labelled = items.labelled(trained.labels_up_to).table
    held = held_of(pins).union(trained.held_out)
    table = labelled.take(np.array([item not in held for item in labelled["item"]], dtype=np.bool_))
    as_of, mode, days = (pins.more[name] for name in ("as_of", "mode", "window_days"))
    mask, _ = weights(table["time"], float(as_of), str(mode), float(days))
    return ItemRows(table.take(mask))


def _rule_files(log: Log, digests: set[str]) -> list[dict[str, Any]]:
    return [
        {
            "digest": fact.digest,
            "name": fact.name,
            "from": recorded.at,
            "by": fact.by,
            "because": fact.because,
        }
        for recorded in log.read(kinds=[RulesLoaded.kind])
        if isinstance(fact := recorded.fact, RulesLoaded) and fact.digest in digests
    ]


def _decisions(log: Log, batches: Sequence[Recorded]) -> list[dict[str, Any]]:
    wanted = {each.fact.decision for each in batches if isinstance(each.fact, BatchReleased)} - {None}
    return [
        dict(told(recorded))
        for seq in sorted(seq for seq in wanted if seq is not None)
        for recorded in log.read(Position(seq - 1), limit=1)
        if recorded.seq == seq
    ]
