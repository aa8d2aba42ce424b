"""What was in force at each moment of a loop's past, as far as integration went by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from flyball.core.control import KnobState
from flyball.core.facts import (
    AnswerGiven,
    BatchReleased,
    BatchSettled,
    ClassAllowed,
    ClassBlocked,
    ContractLoaded,
    DefinitionsApproved,
    KnobTurned,
    LabelSettled,
    LabelsKnown,
    LabelWithdrawn,
    LetterDropped,
    LetterRequeued,
    Recorded,
)
from flyball.core.ids import START, BatchId, Digest, Instant, ItemId, Position
from flyball.core.labels.contract import Approval, Contract
from flyball.core.labels.contract_history import effective
from flyball.core.project import stood
from flyball.errors import BadFile
from flyball.ports import ItemState, Log, Segments, Store
from flyball.work.contract import Read
from flyball.work.integrate_items import known_of
from flyball.work.integrate_rules import Rules, trust_of

_FOLDED = (
    *(BatchReleased, BatchSettled, LabelsKnown, ContractLoaded, DefinitionsApproved),
    *(ClassBlocked, ClassAllowed, KnobTurned, LetterDropped, LetterRequeued),
)


@dataclass(slots=True)
class Past:
    """A running fold of facts into what integration went by. `classes`: those of the stream, none for any.

    `read` makes contracts of their files; without it, none is known. `closed`: when batches were closed.
    `knobs`: as the settings have them, before anybody turned one. `sure`: whether these are all classes.
    `dropped`: the answers that took no part in any merge at this moment.
    """

    segments: Segments
    read: Read | None
    classes: Sequence[str]
    closed: Mapping[BatchId, Instant] = field(default_factory=dict)
    knobs: KnobState = field(default_factory=KnobState)
    sure: bool = True
    dropped: set[Position] = field(default_factory=set)
    _needed: dict[BatchId, int] = field(default_factory=dict)
    _open: set[BatchId] = field(default_factory=set)
    _natural: dict[ItemId, str] = field(default_factory=dict)
    _loaded: list[Contract] = field(default_factory=list)
    _approved: list[Approval] = field(default_factory=list)
    _blocked: set[str] = field(default_factory=set)
    _contract: Contract | None = None

    @classmethod
    def of(
        cls,
        log: Log,
        segments: Segments,
        read: Read | None,
        classes: Sequence[str],
        knobs: KnobState,
        sure: bool = True,
    ) -> Past:
        """The past of a log, at its beginning."""
        closed = {
            each.fact.batch: each.at
            for each in log.read(kinds=[BatchSettled.kind])
            if isinstance(each.fact, BatchSettled)
        }
        return cls(segments, read, classes, closed, knobs, sure)

    @property
    def kinds(self) -> list[str]:
        """The kinds of facts that matter, answers and labels among them."""
        said = (AnswerGiven.kind, LabelSettled.kind, LabelWithdrawn.kind)
        return [*said, *(each.kind for each in _FOLDED)]

    def observe(self, recorded: Recorded) -> None:
        """Take one fact in. Facts come in order, each once."""
        for each in stood([recorded], {}, ()):
            self.dropped.difference_update(each.answers)
            self.dropped.update(seq for seq, status in each.answers.items() if status == "dead")
        match recorded.fact:
            case BatchReleased(batch=batch, answers_needed=needed):
                self._needed[batch] = needed
                self._open.add(batch)
            case BatchSettled(batch=batch):
                self._open.discard(batch)
            case LabelsKnown(segment=segment):
                table = self.segments.get(segment)
                names = map(ItemId, table["item"])
                self._natural.update(zip(names, map(str, table["label"]), strict=True))
            case KnobTurned() as fact:
                self.knobs = self.knobs.evolve(fact)
            case ContractLoaded() | DefinitionsApproved() | ClassBlocked() | ClassAllowed():
                self._contract = None
                self._govern(recorded)
            case _:
                pass

    @property
    def guessed(self) -> bool:
        """Whether nobody knows all labels that there were at this moment."""
        return not (self.sure or self._loaded)

    def contract(self) -> Contract:
        """The contract that was in force at this moment."""
        if self._contract is None:
            self._contract = Contract.implied(self.classes)
            if self._loaded:
                self._contract = effective(self._loaded[-1], self._loaded[:-1], self._approved)
        return self._contract

    def rules(self, at: Instant) -> Rules:
        """What a merge went by at this moment, which was that time."""
        return Rules(self.contract(), frozenset(self._blocked), trust_of(self.knobs, at))

    def needed(self, batch: BatchId | None) -> int:
        """How many annotators answered the items of a batch."""
        return self._needed.get(batch, 1) if batch is not None and batch in self._open else 1

    def state_of(self, fact: LabelSettled | LabelWithdrawn) -> ItemState:
        """The item as it stood then, as far as a merge looks at it."""
        label = self._natural.get(fact.item)
        source = None if label is None else "natural"
        return ItemState(fact.item, "pool", 0.0, Digest(""), 0, fact.batch, label, source, None, START)

    def known(self, store: Store, item: ItemId) -> Mapping[str, Any]:
        """What the item itself says in the contract's identity fields."""
        contract = self.contract()
        state = store.items.find([item]).get(item) if contract.identity else None
        return known_of(contract, state, self.segments.get)

    def _govern(self, recorded: Recorded) -> None:
        match recorded.fact:
            case ContractLoaded(name=name, text=text) if self.read is not None:
                with suppress(BadFile):  # as in a loop that cannot read it any more
                    self._loaded.append(self.read(text.encode(), name))
            case DefinitionsApproved(definitions=definitions, labels=labels, by=by, because=because):
                self._approved.append(Approval(definitions, labels, by, because))
            case ClassBlocked(label=label):
                self._blocked.add(label)
            case ClassAllowed(label=label):
                self._blocked.discard(label)
            case _:
                pass


def classes_of(log: Log) -> tuple[tuple[str, ...], bool]:
    """The labels that there were while no contract listed any, and whether these are known to be all.

    They are those that were known by themselves, settled, or voted for. One that nobody ever gave changes
    no label, but the digest of all that could be given, which stands with each label, tells of it.
    """
    found: set[str] = set()
    said: set[Position] = set()
    digests: set[Digest] = set()
    for recorded in log.read(kinds=[LabelSettled.kind, LabelsKnown.kind, ContractLoaded.kind]):
        match recorded.fact:
            case LabelsKnown(classes=counts):
                found |= counts.keys()
            case LabelSettled() as fact:
                found.add(fact.label)
                digests |= {fact.contract} if fact.contract is not None else set()
                said.update(fact.superseded)
                said.update(fact.answers if fact.agreed < 1.0 or fact.policy == "natural" else ())
            case _:
                break
    given = (each.fact for each in log.at(said))
    words = (each.label for each in given if isinstance(each, AnswerGiven) and not each.draft)
    listed = tuple(sorted(found | {word for word in words if word}))
    for classes in ((), listed):
        if digests == {Contract.implied(classes).definitions}:
            return classes, True
    return listed, not digests
