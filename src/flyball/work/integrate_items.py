"""One item at a time: what was said about it comes to a label, and each answer to how it stands."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flyball.core.facts import AnswerGiven, AnswerParked, LabelSettled, LabelWithdrawn, Recorded
from flyball.core.ids import BatchId, Digest, ItemId, Position
from flyball.core.labels.contract import Contract
from flyball.core.labels.merge import Outcome, merge, unknown_item
from flyball.core.labels.proof import Status
from flyball.core.table import Table
from flyball.ports import ItemState
from flyball.work.integrate_rules import Rules
from flyball.work.tools import Tools


@dataclass(frozen=True, slots=True)
class Item:
    """An item with all that was said about it, as it stands, and how its answers stand."""

    item: ItemId
    answers: tuple[Recorded, ...]
    state: ItemState | None
    standing: Mapping[Position, Status]
    #: What identity fields are for this item.
    known: Mapping[str, Any]
    #: The batch that is out with it.
    asked_in: BatchId | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What a merge writes: facts, and how answers stand of which no fact says it."""

    parked: tuple[AnswerParked, ...]
    label: LabelSettled | None
    standing: Mapping[Position, Status]
    withdrawn: LabelWithdrawn | None = None

    @property
    def facts(self) -> tuple[AnswerParked | LabelWithdrawn | LabelSettled, ...]:
        """All facts of it, the label last."""
        last = self.label or self.withdrawn
        return self.parked if last is None else (*self.parked, last)


def read(tools: Tools, items: Collection[ItemId], contract: Contract) -> dict[ItemId, Item]:
    """Read items with their answers, all of them together."""
    names = list(dict.fromkeys(items))
    states = tools.store.items.find(names)
    said = tools.store.items.answers_to(names)
    standing = tools.store.items.standing([each.seq for answers in said.values() for each in answers])
    out = _out(tools, names)
    return {
        name: Item(
            name,
            said[name],
            states.get(name),
            {each.seq: standing[each.seq] for each in said[name] if each.seq in standing},
            known_of(contract, states.get(name), tools.table),
            out.get(name),
        )
        for name in names
    }


def _out(tools: Tools, items: Sequence[ItemId]) -> Mapping[ItemId, BatchId]:
    """Which of these items are out, and in which batch."""
    wanted = set(items)
    with tools.lock:
        batches = [batch.released for batch in tools.state.open.values()]
    return {item: each.batch for each in batches for item in each.items if item in wanted}


def outcome_of(
    item: Item,
    rules: Rules,
    needed: int,
    *,
    final: bool = False,
    answers: Sequence[Recorded] | None = None,
) -> Outcome:
    """What an item comes to; of these answers only, where some are given. What was dropped says nothing."""
    read = item.answers if answers is None else answers
    said = [each for each in read if item.standing.get(each.seq) != "dead"]
    if item.state is None:
        return unknown_item(item.item, said)
    # What the world itself has shown stands above what people say, so no class of theirs is held back.
    blocked = frozenset[str]() if natural(item.state) else rules.blocked
    return merge(
        said, rules.contract, needed, final=final, blocked=blocked, known=item.known, trust=rules.trust
    )


def told_of(
    item: Item, outcome: Outcome, contract: Contract, batch: BatchId | None, *, again: bool = False
) -> Told:
    """What is to be written; a label that stands so already is written only where it is to be `again`."""
    parked = tuple(
        AnswerParked(seq, stood.reason, stood.code)
        for seq, stood in sorted(outcome.standing.items())
        if stood.status == "parked" and item.standing.get(seq) != "parked"
    )
    others = {
        seq: stood.status
        for seq, stood in outcome.standing.items()
        if stood.status != "parked" and item.standing.get(seq) != stood.status
    }
    label = label_of(item, outcome, contract, batch)
    state = item.state
    if label is not None and state and not (others or again) and state.label == label.label:
        label = None  # the label rests on all of these answers already
    return Told(parked, label, others, withdrawn_of(item, outcome, contract))


def label_of(item: Item, outcome: Outcome, contract: Contract, batch: BatchId | None) -> LabelSettled | None:
    """The label as it is written down. A natural one stands above what people said, and keeps standing."""
    state = item.state
    if outcome.label is None or state is None:
        return None
    return LabelSettled(
        item=item.item,
        label=str(state.label) if natural(state) else outcome.label,
        answers=outcome.answers,
        policy="natural" if natural(state) else outcome.policy,
        batch=batch,
        agreed=outcome.agreed,
        superseded=outcome.superseded,
        fields=outcome.fields,
        contract=contract.definitions,
    )


def withdrawn_of(item: Item, outcome: Outcome, contract: Contract) -> LabelWithdrawn | None:
    """The end of a label that nobody says any more; None where there is none to end, somebody says it, or
    nobody took it back.

    What the world itself has shown stays, whatever people take back.
    """
    state = item.state
    if state is None or state.label is None or state.seq is None or natural(state):
        return None
    if not outcome.ends(state.label):
        return None
    answers = tuple(sorted(outcome.standing))
    return LabelWithdrawn(
        item.item, state.label, state.seq, answers, outcome.kind, item.asked_in, contract.definitions
    )


def natural(state: ItemState) -> bool:
    """Whether the world itself has shown the item's label."""
    return state.source == "natural" and state.label is not None


def needed_of(tools: Tools, batch: BatchId | None) -> int:
    """How many annotators answer the items of a batch."""
    open_ = tools.state.open.get(batch) if batch else None
    return open_.released.answers_needed if open_ else 1


def batch_of(cause: Recorded) -> BatchId | None:
    """The batch that an answer was asked for in."""
    return cause.fact.batch if isinstance(cause.fact, AnswerGiven) else None


def known_of(
    contract: Contract, state: ItemState | None, table_of: Callable[[Digest], Table]
) -> Mapping[str, Any]:
    """What the item itself says in the contract's identity fields, from its row in its segment."""
    if not contract.identity or state is None:
        return {}
    table = table_of(state.segment)
    row = {name: table[name][state.row] for name in contract.identity if name in table.names}
    plain = {name: value.item() if hasattr(value, "item") else value for name, value in row.items()}
    return {"item": str(state.item), **plain}
