"""One look: what the rules make of the signals now, and what is to be done about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from flyball.core.control import KnobState, Target
from flyball.core.facts import KnobTurned
from flyball.core.ids import Instant
from flyball.core.rules import upkeep
from flyball.core.rules.advance import Row, advance, rows_of
from flyball.core.rules.layers import Layers
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
    layers: Layers | None = None,
) -> tuple[Memory, tuple[Conclusion, ...]]:
    """Take one look. The answer is the memory for the next one, and the facts to write down.

    `truths` by `condition_key`; one that is missing is unknown. `because` and `seen` give a rule's
    reason in words and the numbers behind it; they are asked only for rules with a decision. `live`
    False: everything is decided and nothing applied. A rule for which nothing happened has no
    decision: ask `standing.describe`. `rows` and `layers`: what `rows_of` makes of the rules and `Layers` of
    the knobs, where many looks are taken.
    """
    moment = memory.next(now, snapshot.cycle)
    layers = layers or Layers(knobs)
    ended = list(upkeep.ended(knobs, moment, rules.digest)) if layers.timed else []
    if ended:
        knobs = _after(knobs, ended)
        layers = Layers(knobs)
    ahead = advance(memory, truths, snapshot, moment, rules, knobs, live, rows or rows_of(rules))
    busy = (case for case in ahead.cases if case.event or case.rule.hold)
    asked = [want for case in busy for want in wants(case, knobs, rules.bounds, moment)]
    touched = dict.fromkeys([*memory.trails, *(want.target for want in asked)])
    trails = upkeep.trails_at(memory.trails, touched, layers, rules.bounds, moment)

    settled = settle(asked, knobs, rules.bounds, trails, moment)
    telling = Telling(moment.at, rules.digest, because, seen)
    told = list(_told(ahead.cases, settled, telling, knobs))
    after = _moved(layers, told)
    tidied: list[Conclusion] = []
    if after.holds:
        why = "no active rule holds this any more" if live else upkeep.ONLY_ADAPTIVE
        tidied += upkeep.orphans(after, _held(ahead.cases, after.knobs), why)
    if after.holds or ahead.silent:
        tidied += upkeep.unheard(ahead.silent, after, rules.bounds, moment, memory.last, rules.digest, live)
    after = _moved(after, tidied)

    if after is not layers:
        trails = upkeep.trails_at(trails, touched, after, rules.bounds, moment)
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
    return {
        (target, hold_layer(case.rule, case.about, target))
        for case in cases
        if case.acts and case.stands.state == "active"
        for target in (target_of(name, case.about, knobs) for name in case.rule.hold)
    }


def _moved(layers: Layers, facts: Sequence[Conclusion]) -> Layers:
    """The layers after what was turned; the same where nothing was."""
    knobs = _after(layers.knobs, facts)
    return layers if knobs is layers.knobs else Layers(knobs)


def _after(knobs: KnobState, facts: Iterable[Conclusion]) -> KnobState:
    for fact in facts:
        if isinstance(fact, KnobTurned):
            knobs = knobs.evolve(fact)
    return knobs
