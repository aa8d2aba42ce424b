"""One look: what the rules make of the signals now, and what is to be done about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from flyball.core.control import KnobState, Target
from flyball.core.facts import KnobTurned
from flyball.core.ids import Instant
from flyball.core.rules import upkeep
from flyball.core.rules.advance import Row, advance, rows_of
from flyball.core.rules.memory import IDLE, Memory, hold_layer, instance_key
from flyball.core.rules.model import Ruleset
from flyball.core.rules.telling import Because, Conclusion, Seen, Telling
from flyball.core.rules.writers import Case, Outcome, settle, target_of, wants
from flyball.core.signal import Snapshot


def look(
    memory: Memory,
    truths: Mapping[str, bool | None],
    snapshot: Snapshot,
    now: Instant,
    rules: Ruleset,
    knobs: KnobState,
    *,
    because: Because,
    seen: Seen,
    live: bool,
    rows: Sequence[Row] = (),
) -> tuple[Memory, tuple[Conclusion, ...]]:
    """Take one look. The answer is the memory for the next one, and the facts to write down.

    `truths` by `condition_key`; one that is missing is unknown. `because` and `seen` give a rule's
    reason in words and the numbers behind it; they are asked only for rules with a decision. `live`
    False: everything is decided and nothing applied. A rule for which nothing happened has no
    decision: ask `standing.describe`. `rows`: what `rows_of` makes of the rules, where many looks are taken.
    """
    moment = memory.next(now, snapshot.cycle)
    ended = list(upkeep.ended(knobs, moment, rules.digest))
    knobs = _after(knobs, ended)
    ahead = advance(memory, truths, snapshot, moment, rules, knobs, live, rows or rows_of(rules))
    busy = (case for case in ahead.cases if case.event or case.rule.hold)
    asked = [want for case in busy for want in wants(case, knobs, rules.bounds, moment)]
    touched = dict.fromkeys([*memory.trails, *(want.target for want in asked)])
    trails = upkeep.trails_at(memory.trails, touched, knobs, rules.bounds, moment)

    settled = settle(asked, knobs, rules.bounds, trails, moment)
    telling = Telling(moment.at, rules.digest, because, seen)
    told = list(_told(ahead.cases, settled, telling, knobs))
    turned = _after(knobs, told)
    why = "no active rule holds this any more" if live else upkeep.ONLY_ADAPTIVE
    tidied: list[Conclusion] = [*upkeep.orphans(turned, _held(ahead.cases, turned), why)]
    tidied += upkeep.unheard(ahead.silent, turned, rules.bounds, moment, memory.last, rules.digest, live)
    turned = _after(turned, tidied)

    if turned is not knobs:
        trails = upkeep.trails_at(trails, touched, turned, rules.bounds, moment)
    stand = {instance_key(case.rule, case.about): case.stands for case in ahead.cases if case.stands != IDLE}
    instances = {**ahead.waiting, **stand}
    kept = upkeep.unsettled(trails, rules.bounds, moment)
    return Memory(moment, live, instances, kept, ahead.silent), (*ended, *told, *tidied)


def _told(
    cases: Sequence[Case], settled: Iterable[Outcome], telling: Telling, knobs: KnobState
) -> Iterator[Conclusion]:
    outcomes: dict[int, list[Outcome]] = {}
    for outcome in settled:
        outcomes.setdefault(outcome.want.case.order, []).append(outcome)
    for case in cases:
        if case.event or case.order in outcomes:
            yield from telling.of(case, outcomes.get(case.order, []), knobs)


def _held(cases: Iterable[Case], knobs: KnobState) -> set[tuple[Target, str]]:
    """The holds for which an active rule stands."""
    if next(knobs.holds(), None) is None:
        return set()
    return {
        (target, hold_layer(case.rule, case.about, target))
        for case in cases
        if case.acts and case.stands.state == "active"
        for target in (target_of(name, case.about, knobs) for name in case.rule.hold)
    }


def _after(knobs: KnobState, facts: Iterable[Conclusion]) -> KnobState:
    for fact in facts:
        if isinstance(fact, KnobTurned):
            knobs = knobs.evolve(fact)
    return knobs
