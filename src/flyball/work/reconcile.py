"""Run integration again on what was captured, with today's code, and hold what stands against it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flyball.core.control import KnobState
from flyball.core.facts import AnswerGiven, LabelSettled, LabelWithdrawn, Recorded, body_of
from flyball.core.ids import Instant, ItemId, Position, canonical
from flyball.core.labels.merge import Outcome
from flyball.core.labels.proof import Proof, Status
from flyball.ports import Segments, Store
from flyball.work.contract import Read
from flyball.work.integrate_items import Item, label_of, outcome_of
from flyball.work.integrate_proof import prove
from flyball.work.reconcile_past import Past

#: Answers whose standing is looked up together.
_TOGETHER = 500
#: Older versions of Flyball did not write these down.
_NEW = ("superseded", "fields", "contract")


@dataclass(frozen=True, slots=True)
class Difference:
    """A label that stands and one that integration gives today; None where there is none."""

    item: ItemId
    fact: Position
    stands: Mapping[str, Any] | None
    today: Mapping[str, Any] | None
    what: str


@dataclass(slots=True)
class Reconciled:
    """What came of it. `labels`: those that were settled or taken back. `accounts`: how the answers stand,
    in numbers that add up to `captured`.

    `proof`: the same over the whole history, counted in the tables.
    """

    labels: int = 0
    same: int = 0
    #: Labels that rest on answers which were erased: nobody can run those again.
    unknowable: int = 0
    captured: int = 0
    #: Answers that came before the moment from which on it was looked.
    older: int = 0
    accounts: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    #: Answers that are in none of the accounts.
    lost: list[Position] = field(default_factory=list)
    proof: Proof | None = None

    @property
    def fine(self) -> bool:
        """Whether nothing differs and nothing is lost."""
        return not (self.differences or self.lost) and (self.proof is None or self.proof.holds)


def reconcile(
    store: Store,
    segments: Segments,
    classes: Sequence[str],
    since: Instant,
    read: Read | None = None,
    knobs: KnobState | None = None,
    sure: bool = True,
) -> Reconciled:
    """Reconcile the answers and labels of the log from a moment on; what came before is taken as it stands.

    `classes`: the labels that may be given, none for any; `read` makes contracts of their files; `knobs`:
    as the settings have them. `sure`: whether the classes are all that there were; where they may not be,
    the digest of what could be given is taken as it stands.
    """
    found = Reconciled()
    past = Past.of(store.log, segments, read, classes, knobs or KnobState(), sure)
    newest: dict[ItemId, Recorded] = {}
    answers: list[Recorded] = []
    for recorded in store.log.read(kinds=past.kinds):
        match recorded.fact:
            case AnswerGiven() if recorded.at >= since:
                answers.append(recorded)
            case AnswerGiven():
                found.older += 1
            case LabelSettled() as fact:
                newest[fact.item] = recorded
                if recorded.at >= since:
                    _hold(found, store, past, recorded)
            case LabelWithdrawn() as fact:
                newest[fact.item] = recorded
                if recorded.at >= since:
                    _hold_end(found, store, past, recorded.seq, fact, recorded.at)
            case _:
                past.observe(recorded)
    _hold_items(found, store, newest, since)
    _account(found, store, answers)
    found.proof = prove(store)
    return found


def _hold(found: Reconciled, store: Store, past: Past, recorded: Recorded) -> None:
    """Give the label of a fact again, and hold both against each other, byte for byte."""
    fact = recorded.fact
    assert isinstance(fact, LabelSettled)
    found.labels += 1
    item = _item(store, past, fact, {*fact.answers, *fact.superseded})
    if item is None:
        found.unknowable += 1
        return
    outcome = _again(item, past, fact, recorded.at)
    today = label_of(item, outcome, past.contract(), fact.batch)
    if today is None:
        found.differences.append(Difference(fact.item, recorded.seq, body_of(fact), None, outcome.why))
        return
    stands, again = body_of(fact), body_of(today)
    if fact.contract is None:
        again |= {name: stands[name] for name in _NEW}
    if past.guessed:
        again["contract"] = stands["contract"]
    if canonical(stands) == canonical(again):
        found.same += 1
    else:
        told = "today's code gives another label"
        found.differences.append(Difference(fact.item, recorded.seq, stands, again, told))


def _hold_end(
    found: Reconciled, store: Store, past: Past, seq: Position, fact: LabelWithdrawn, at: Instant
) -> None:
    """Merge anew where a label was taken back: nobody may say it, somebody left it, and none be settled."""
    found.labels += 1
    item = _item(store, past, fact, set(fact.answers))
    if item is None:
        found.unknowable += 1
        return
    outcome = _again(item, past, fact, at)
    if outcome.ends(fact.label):
        found.same += 1
        return
    again = {"label": outcome.label} if outcome.label is not None else None
    told = f"the label {fact.label} was taken back, and today's code would not"
    found.differences.append(Difference(fact.item, seq, {**body_of(fact), "label": None}, again, told))


def _item(
    store: Store, past: Past, fact: LabelSettled | LabelWithdrawn, rests_on: set[Position]
) -> Item | None:
    """The item as it was read for this fact; None where some of it was erased."""
    said = store.items.answers(fact.item)
    if not rests_on <= {each.seq for each in said}:
        return None
    # What came after the newest answer that it tells of had not been read when it was written.
    said = tuple(each for each in said if each.seq <= max(rests_on, default=0))
    dropped: dict[Position, Status] = {each.seq: "dead" for each in said if each.seq in past.dropped}
    return Item(fact.item, said, past.state_of(fact), dropped, past.known(store, fact.item))


def _again(item: Item, past: Past, fact: LabelSettled | LabelWithdrawn, at: Instant) -> Outcome:
    """Merge anew; where that waits, as of a batch that ran out of time, if it did in that moment."""
    rules, needed = past.rules(at), past.needed(fact.batch)
    outcome = outcome_of(item, rules, needed)
    if outcome.label is None and fact.batch is not None and past.closed.get(fact.batch) == at:
        outcome = outcome_of(item, rules, needed, final=True)
    return outcome


def _hold_items(found: Reconciled, store: Store, newest: Mapping[ItemId, Recorded], since: Instant) -> None:
    """Hold the table of items against the labels in the log, those taken back among them."""
    late = [item for item, recorded in newest.items() if recorded.at >= since]
    states = store.items.find(late)
    for item in late:
        recorded, state = newest[item], states.get(item)
        fact = recorded.fact
        if isinstance(fact, LabelWithdrawn):
            if state is None or state.label is None or (state.seq or 0) > recorded.seq:
                continue
            what = f"the table of items has {state.label} for it, which was taken back"
            found.differences.append(Difference(item, recorded.seq, body_of(fact), None, what))
            continue
        assert isinstance(fact, LabelSettled)
        if state is None or state.seq is None or state.seq < recorded.seq:
            what = "the table of items lacks this label"
        elif state.seq == recorded.seq and state.label != fact.label:
            what = f"the table of items has {state.label} for it"
        else:
            continue
        found.differences.append(Difference(item, recorded.seq, body_of(fact), None, what))


def _account(found: Reconciled, store: Store, answers: list[Recorded]) -> None:
    """Say of each answer how it stands. Nothing is left over, or it was lost."""
    dead = {letter.fact for letter in store.jobs.letters("merge")}
    left: list[Position] = []
    for start in range(0, len(answers), _TOGETHER):
        seqs = [each.seq for each in answers[start : start + _TOGETHER]]
        standing = store.items.standing(seqs)
        for seq in seqs:
            status = standing.get(seq)
            if seq in dead and status in (None, "pending"):
                status = "dead"
            if status is None:
                left.append(seq)
            else:
                found.accounts[status] += 1
    found.captured = len(answers)
    waiting = store.jobs.causes("merge")
    found.lost = [seq for seq in left if seq not in waiting]
    found.accounts["pending"] += len(left) - len(found.lost)


def told(found: Reconciled) -> Iterator[str]:
    """The equation in one line, and what is wrong with it."""
    accounts = ["merged", "parked", "pending", "dead", "superseded"]
    accounts += ["erased"] if found.accounts["erased"] else []
    sum_ = " + ".join(f"{found.accounts[name]} {name}" for name in accounts)
    lost = f" + {len(found.lost)} LOST" if found.lost else ""
    yield f"captured {found.captured} = {sum_}{lost}"
    if found.proof is not None and found.proof.erased:
        one = found.proof.erased == 1
        many, them = ("1 answer was", "it") if one else (f"{found.proof.erased} answers were", "them")
        yield f"{many} erased, and nobody can run {them} again; in all: {found.proof}"
    elif found.proof is not None and not found.proof.holds:
        yield f"in all: {found.proof}"
