"""Integration proves itself: no answer is lost, and every label is what was captured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flyball.core.facts import AlertRaised, AnswerParked, Fact, LabelSettled, body_of
from flyball.core.ids import Instant, ItemId, Position, canonical, digest_of
from flyball.core.labels.merge import UNLIKE
from flyball.core.labels.proof import Proof, proof
from flyball.core.loop import LoopState
from flyball.core.loop_parts import Judged
from flyball.ports import Store
from flyball.work.integrate_items import Item, label_of, outcome_of
from flyball.work.integrate_rules import Rules
from flyball.work.tools import Tools

#: Raised where the proof fails, and about an item whose label is not what was captured.
ALERT, HELD = "integrate-proof", "held-{item}"
#: Up to so many answers every pass counts them all; more are counted after a second for each so many, at
#: the soonest, so that a log of millions is not counted all the time.
COUNTED, COUNTED_A_SECOND = 50_000, 10_000.0


@dataclass(frozen=True, slots=True)
class Written:
    """A label that was written down, where, and what it was merged from and by."""

    seq: Position
    fact: LabelSettled
    item: Item
    needed: int
    rules: Rules
    final: bool = False


def prove(store: Store) -> Proof:
    """Count what was captured and where it stands now."""
    return proof(store.evidence.accounts())


def of_pass(tools: Tools, now: Instant) -> Proof:
    """The proof of a pass: counted now, or of a large log what was counted a moment ago."""
    if tools.proved is not None:
        at, last = tools.proved
        lasts = last.captured / COUNTED_A_SECOND if last.captured > COUNTED and last.holds else 0.0
        if 0.0 <= now - at < lasts:
            return last
    found = prove(tools.store)
    tools.proved = now, found
    return found


def told(tools: Tools, found: Proof, now: Instant) -> None:
    """Raise the alert where the proof fails, and take it back where it holds."""
    if found.holds:
        tools.clear(now, ALERT)
    elif ALERT not in tools.state.alerts:
        tools.tell(now, AlertRaised(ALERT, "page", sentence(found)))


def sentence(found: Proof) -> str:
    """What a person reads of a proof that fails."""
    return f"integration is stopped: {found}. `flyball reconcile` lists the answers that are in no account"


def validate(tools: Tools, now: Instant) -> list[ItemId]:
    """Merge anew from what the store gives back, and hold what it holds against it, digest by digest.

    All labels that were written since the last time, also by a pass that was cut short. Raises Unreachable,
    and then they are looked at with the next pass.

    Where they differ, nobody knows which is right: the answers are parked, an alert asks a person, and no
    model learns from the item before a label of it is what was captured.
    """
    written = tuple(tools.unvalidated)
    if not written:
        return []
    names = [each.fact.item for each in written]
    said = tools.store.items.answers_to(names)
    states = tools.store.items.find(names)
    facts = _stored(tools, written)
    different: list[ItemId] = []
    for each in written:
        item = each.fact.item
        captured = {answer.seq for answer in each.item.answers}
        answers = [answer for answer in said[item] if answer.seq in captured]
        if len(answers) < len(captured) and _erased(tools, captured):
            continue
        outcome = outcome_of(each.item, each.rules, each.needed, final=each.final, answers=answers)
        label = label_of(each.item, outcome, each.rules.contract, each.fact.batch)
        state = states.get(item)
        stands = state is not None and (state.seq != each.seq or state.label == each.fact.label)
        if not stands or _digest(facts.get(each.seq)) != _digest(label):
            _hold(tools, each, now)
            different.append(item)
        else:
            tools.clear(now, HELD.format(item=item))
    del tools.unvalidated[: len(written)]
    return different


def held(state: LoopState) -> list[ItemId]:
    """The items whose label is not what was captured, in order of their names."""
    start = HELD.format(item="")
    return sorted(ItemId(key.removeprefix(start)) for key in state.alerts if key.startswith(start))


def judgements(state: LoopState) -> tuple[list[Judged], list[Judged]]:
    """The newest labels to measure on, all and those of the reserve, without those that are held."""
    out = set(held(state))
    all_, reserve = (
        [one for one in those.values() if one.item not in out]
        for those in (state.judged.all, state.judged.reserve)
    )
    return all_, reserve


def _stored(tools: Tools, written: Sequence[Written]) -> Mapping[Position, Fact]:
    """The labels as the log gives them back."""
    first, last = min(each.seq for each in written), max(each.seq for each in written)
    found: dict[Position, Fact] = {}
    for recorded in tools.store.log.read(Position(first - 1), kinds=[LabelSettled.kind]):
        if recorded.seq > last:
            break
        found[recorded.seq] = recorded.fact
    return found


def _erased(tools: Tools, captured: set[Position]) -> bool:
    return "erased" in tools.store.items.standing(sorted(captured)).values()


def _digest(fact: Fact | None) -> str:
    return "" if fact is None else digest_of(canonical(body_of(fact)))


def _hold(tools: Tools, each: Written, now: Instant) -> None:
    item = each.fact.item
    why = f"the label of item {item} is not what its answers come to when they are read again"
    parked = [AnswerParked(answer, why, UNLIKE) for answer in each.fact.answers]
    message = f"{why}; fact {each.seq}. Look at the disk and at `flyball verify`, then `flyball dlq requeue`"
    tools.tell(now, *parked, AlertRaised(HELD.format(item=item), "page", message))
