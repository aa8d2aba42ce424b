"""Which of the rules that want to turn one knob in one look may do it, and how far."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from flyball.core.control import BASE, KnobState, Target
from flyball.core.facts import KnobTurned
from flyball.core.knobs import Value
from flyball.core.rules.limits import bounded, frozen, since, stepped, wanted
from flyball.core.rules.machine import Event
from flyball.core.rules.memory import Instance, Moment, Step, hold_layer
from flyball.core.rules.model import Bounds, Rule, Turn


@dataclass(slots=True)
class Case:
    """One rule, or one rule for one annotator, in one look. `acts`: what it decides is applied."""

    rule: Rule
    about: str | None
    order: int
    acts: bool
    was: Instance
    stands: Instance
    event: Event


@dataclass(frozen=True, slots=True)
class Want:
    """What one case wants of one knob: this value in this layer, in place of `was`."""

    case: Case
    target: Target
    layer: str
    how: str
    value: Value
    was: Value


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a want. `done` may be less than was wanted; `limited_by` names the clause."""

    want: Want
    verdict: Literal["done", "held", "overruled", "guard"]
    to: Value
    limited_by: str = ""
    overruled_by: str | None = None


def wants(case: Case, knobs: KnobState, bounds: Mapping[str, Bounds], moment: Moment) -> Iterator[Want]:
    """What a case wants now: bases when it fires, and the holds of an active rule that are not on."""
    rule, acc = case.rule, dict[Target, Want]()
    if case.event in ("fired", "repeated"):
        for turn in rule.then:
            if isinstance(turn, Turn):
                target = target_of(turn.knob, case.about, knobs)
                base = knobs.base(turn.knob, target.about)
                before = acc[target].value if target in acc else base
                acc[target] = Want(case, target, BASE, turn.how, wanted(turn, before), base)
    yield from acc.values()
    if case.stands.state != "active":
        return
    for name, value in rule.hold.items():
        target = target_of(name, case.about, knobs)
        layer = hold_layer(rule, case.about, target)
        on = _on(case, target, layer, knobs)
        if on is None or (
            on != value and bounded(knobs.catalogue[name], bounds.get(name), value, on)[0] != on
        ):
            was = knobs.ruled(name, moment.at, target.about) if on is None else on
            yield Want(case, target, layer, "hold", value, was)


def settle(
    asked: Iterable[Want],
    knobs: KnobState,
    bounds: Mapping[str, Bounds],
    trails: Mapping[Target, Sequence[Step]],
    moment: Moment,
) -> Iterator[Outcome]:
    """What becomes of each want: one rule writes a knob, the others are overruled and told by which.

    The highest priority writes; of equal ones the smaller change, then the rule that stands first.
    Shadow rules give way to live ones, and never the other way round.
    """
    by_target: dict[Target, list[Outcome]] = {}
    for want in asked:
        limits, trail = bounds.get(want.target.knob), trails.get(want.target, ())
        by_target.setdefault(want.target, []).append(_limited(want, knobs, limits, trail, moment))
    for outcomes in by_target.values():
        yield from outcomes if len(outcomes) == 1 else _one_writer(outcomes, knobs, bounds)


def _one_writer(outcomes: list[Outcome], knobs: KnobState, bounds: Mapping[str, Bounds]) -> Iterator[Outcome]:
    ranked = [(_rank(each.want, knobs, bounds.get(each.want.target.knob)), each) for each in outcomes]
    live = [(rank, each) for rank, each in ranked if each.want.case.rule.mode == "live" and _contends(each)]
    best = min(live, key=lambda pair: pair[0], default=None)
    for rank, each in ranked:
        case = each.want.case
        if (
            best is None
            or each.overruled_by is not None
            or case is best[1].want.case
            or (case.rule.mode == "shadow" and rank < best[0])
        ):
            yield each
        else:
            by = best[1].want.case.rule.id
            yield Outcome(each.want, "overruled", each.want.was, overruled_by=by)


def _contends(outcome: Outcome) -> bool:
    """A hold that waits for its turn does not keep others from theirs, nor does one a person overrules."""
    waits = outcome.want.case.event is None and outcome.verdict != "done"
    return outcome.overruled_by is None and not waits


def turned(want: Want, to: Value, because: str) -> KnobTurned:
    """The fact that gives a knob what was decided."""
    priority = 0 if want.layer == BASE else want.case.rule.priority
    rule, about = want.case.rule.id, want.target.about
    return KnobTurned(want.target.knob, want.layer, to, because, rule, priority, about=about)


def target_of(knob: str, about: str | None, knobs: KnobState) -> Target:
    """The knob as a rule means it: that of its annotator where there is one for each."""
    return Target(knob, about if knobs.catalogue[knob].per == "annotator" else None)


def _on(case: Case, target: Target, layer: str, knobs: KnobState) -> Value | None:
    if not case.acts:
        return case.stands.holds.get(target)
    held = knobs.layer(target, layer)
    return None if held is None else held.value


def _rank(want: Want, knobs: KnobState, bounds: Bounds | None) -> tuple[int, float, int]:
    to = bounded(knobs.catalogue[want.target.knob], bounds, want.value, want.was)[0]
    size = float(to != want.was)
    if not isinstance(to, str) and not isinstance(want.was, str):
        size = abs(float(to) - float(want.was))
    return (-want.case.rule.priority, size, want.case.order)


def _limited(
    want: Want, knobs: KnobState, bounds: Bounds | None, trail: Sequence[Step], moment: Moment
) -> Outcome:
    target = want.target
    person = knobs.person(target.knob, moment.at, target.about)
    if person is not None and want.layer == BASE:
        return Outcome(want, "overruled", want.was, overruled_by=person.name)
    knob = knobs.catalogue[target.knob]
    to, clause = bounded(knob, bounds, want.value, want.was)
    if bounds is not None and bounds.step is not None and not isinstance(to, str | bool):
        steps = since(trail, moment, bounds.step.per)
        past = [step.base if want.layer == BASE else step.ruled for step in steps]
        to, slower = stepped(knob, bounds.step, to, want.was, [*past, want.was])
        clause = slower or clause
    hold = None if want.layer == BASE else want.layer
    cover = knobs.above(target, hold, want.case.rule.priority, moment.at)
    moves = cover is None and to != knobs.ruled(target.knob, moment.at, target.about)
    if moves and (why := frozen(bounds, trail, to, moment)):
        return Outcome(want, "guard", want.was, why)
    if clause and to == want.was:
        return Outcome(want, "held", to, clause)
    over = person or cover
    return Outcome(want, "done", to, clause or (f"covered by {over.name}" if over else ""))
