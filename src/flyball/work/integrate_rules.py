"""What a merge goes by: fixed before it begins, and still so in the transaction that writes it down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flyball.core.control import KnobState
from flyball.core.facts import (
    BatchSettled,
    BodyErased,
    ClassAllowed,
    ClassBlocked,
    ContractLoaded,
    DefinitionsApproved,
    ItemsArrived,
    KnobTurned,
    LabelsKnown,
    LetterDropped,
)
from flyball.core.ids import START, Instant, ItemId, Position
from flyball.core.labels.contract import EVERYBODY, Contract
from flyball.ports import Unless
from flyball.work import contract
from flyball.work.tools import Tools

#: How much an annotator's votes count, by the knobs.
WEIGHT = "annotator.weight"
#: What a merge goes by, beside what was said: the rules, what the world itself has shown, and that nothing
#: of what it read was erased or dropped since.
GOVERNING = tuple(
    each.kind
    for each in (
        *(ContractLoaded, DefinitionsApproved, ClassBlocked, ClassAllowed, KnobTurned, LabelsKnown),
        *(BodyErased, LetterDropped),
    )
)
#: What matters beside that to an answer about an item that never came, and to a label that is taken back.
ARRIVING, TAKING_BACK = (ItemsArrived.kind,), (BatchSettled.kind,)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a merge goes by. `trust`: what votes count for, where a knob says so; of everybody else's, "*".

    `read_at`: the place in the log up to which this was read; it is no part of what the rules are.
    """

    contract: Contract
    blocked: frozenset[str] = frozenset()
    trust: Mapping[str, float] = field(default_factory=dict)
    read_at: Position = field(default=START, compare=False)

    def unless(self, *kinds: str, items: Sequence[ItemId] = ()) -> Unless:
        """The condition under which what was merged by these rules may be written down."""
        return Unless(self.read_at, items, (*GOVERNING, *kinds))


def rules_of(tools: Tools, now: Instant) -> Rules:
    """What a merge goes by now, as far as this process has read the log; the contract may be newer."""
    with tools.lock:
        read_at, blocked = tools.state.seq, frozenset(tools.state.merging.blocked)
        if tools.contracts is not None:  # after the place was taken, so that none before it is missed
            tools.contracts.known.catch_up(tools.store.log)
        return Rules(contract.in_force(tools), blocked, trust_of(tools.knobs, now), read_at)


def newest(tools: Tools, now: Instant) -> Rules:
    """What a merge goes by now, whoever changed it."""
    with tools.lock:
        tools.catch_up()
        return rules_of(tools, now)


def trust_of(knobs: KnobState, now: Instant) -> Mapping[str, float]:
    """What the votes of annotators count for, where that is not 1."""
    everybody = float(knobs.value(WEIGHT, now))
    named = {each.about for each in knobs.turned if each.knob == WEIGHT and each.about is not None}
    found = {name: float(knobs.value(WEIGHT, now, name)) for name in sorted(named)}
    trust = {name: value for name, value in found.items() if value != everybody}
    return trust if everybody == 1.0 else {EVERYBODY: everybody, **trust}
