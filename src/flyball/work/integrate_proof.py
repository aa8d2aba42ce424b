"""Integration proves itself: no answer is lost, and every label is what was captured."""

from __future__ import annotations

from dataclasses import replace

from flyball.core.facts import AlertRaised, AnswerParked, LabelSettled
from flyball.core.ids import Instant, ItemId, Position
from flyball.core.labels.merge import UNLIKE
from flyball.core.labels.proof import Proof, proof
from flyball.core.loop import LoopState
from flyball.core.loop_parts import Judged
from flyball.ports import Store
from flyball.work.integrate_items import read
from flyball.work.integrate_rules import GOVERNING, rules_of
from flyball.work.integrate_stored import Stored, Written
from flyball.work.tools import Tools

#: Raised where the proof fails, and about an item whose label is not what was captured.
ALERT, HELD = "integrate-proof", "held-{item}"
#: The note that says up to where labels were validated.
VALIDATED = "validated"
#: Up to so many answers every pass counts them all; more are counted after a second for each so many, at
#: the soonest, so that a log of millions is not counted all the time.
COUNTED, COUNTED_A_SECOND = 5_000, 10_000.0


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

    All labels that were written since the last time, also by a pass that was cut short. Where they differ,
    or cannot be read, nobody knows what is right: the answers are parked, an alert asks a person, and no
    model learns from the item before a label of it is what was captured. Raises Unreachable, and then what
    is left is looked at with the next pass.
    """
    different: list[ItemId] = []
    if tools.unvalidated:
        stored = Stored(tools, tuple(tools.unvalidated))
        while tools.unvalidated:
            each = tools.unvalidated[0]
            if (why := stored.wrong(each)) is None:
                tools.clear(now, HELD.format(item=each.fact.item))
            else:
                _hold(tools, each, why, now)
                different.append(each.fact.item)
            tools.unvalidated.popleft()
    tools.validated = tools.state.seq
    return different


def take_up(tools: Tools, now: Instant) -> None:
    """Have the labels validated that a process wrote which was ended before it did so.

    Those of which something that governs merges was written later are left to `flyball reconcile`, which
    knows what they went by. Raises Unreachable.
    """
    if (noted := tools.store.log.note(VALIDATED)) is None:
        return
    rules, start = rules_of(tools, now), Position(int(noted))
    governed = max((each.seq for each in tools.store.log.read(start, kinds=GOVERNING)), default=start)
    settled = list(tools.store.log.read(governed, kinds=[LabelSettled.kind]))
    facts = {each.seq: each.fact for each in settled if isinstance(each.fact, LabelSettled)}
    items = read(tools, [fact.item for fact in facts.values()], rules.contract)
    for seq, fact in facts.items():
        item = items[fact.item]
        if item.state is not None and item.state.seq == seq:  # no later one replaced it
            item = replace(item, answers=tuple(each for each in item.answers if each.seq < seq))
            # It was settled, so there were answers enough, and no tie.
            tools.unvalidated.append(Written(seq, fact, item, 1, rules, final=True))


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


def _hold(tools: Tools, each: Written, why: str, now: Instant) -> None:
    parked = [AnswerParked(answer, why, UNLIKE) for answer in each.fact.answers]
    message = f"{why}; fact {each.seq}. Look at the disk and at `flyball verify`, then `flyball dlq requeue`"
    tools.tell(now, *parked, AlertRaised(HELD.format(item=each.fact.item), "page", message))
