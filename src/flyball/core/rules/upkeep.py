"""What a look does besides rules: safe values for silent knobs, layers that are over, the trail of moves."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from flyball.core.control import SAFE, KnobState, Layer, Target
from flyball.core.facts import DecisionMade, KnobTurned
from flyball.core.ids import Digest, RuleId
from flyball.core.knobs import Value
from flyball.core.rules.limits import SILENT_FOR, TURNS_WITHIN, bounded, since, span_text
from flyball.core.rules.memory import Moment, Step
from flyball.core.rules.model import Bounds, Span

#: Who decides what no rule asked for.
CONTROLLER = RuleId("flyball")
ONLY_ADAPTIVE = "only in the adaptive architecture do rules turn knobs"

Upkeep = Iterator[DecisionMade | KnobTurned]


def ended(knobs: KnobState, moment: Moment, rules: Digest) -> Upkeep:
    """Overrides whose time is over are taken off."""
    for target, layer in knobs.expired(moment.at):
        because = f"what {layer.by} set for a time is over: {layer.because}"
        to = knobs.value(target.knob, moment.at, target.about)
        yield _said("expired", because, target, (layer.value, to), moment, rules)
        yield _off(target, layer, because)


def orphans(knobs: KnobState, held: Collection[tuple[Target, str]], why: str) -> Iterator[KnobTurned]:
    """Holds that no active rule stands for are taken off."""
    for target, layer in knobs.holds():
        if layer.name != SAFE and (target, layer.name) not in held:
            yield _off(target, layer, why)


def unheard(
    silent: Mapping[Target, Moment],
    knobs: KnobState,
    bounds: Mapping[str, Bounds],
    moment: Moment,
    before: Moment | None,
    rules: Digest,
    live: bool,
) -> Upkeep:
    """A knob returns to its safe value when its signals were silent too long, until they are heard."""
    over = set()
    for target, start in silent.items():
        limits = bounds.get(target.knob)
        allowed = (limits.silent_for if limits else None) or SILENT_FOR
        safe = safe_value(knobs, limits, target.knob)
        if safe is None or not moment.past(start, allowed):
            continue
        over.add(target)
        was = knobs.ruled(target.knob, moment.at, target.about)
        to = bounded(knobs.catalogue[target.knob], limits, safe, was)[0]
        news = before is None or not before.past(start, allowed)
        if to != was and (news or (live and knobs.layer(target, SAFE) is None)):
            because = f"the signals of `{target}` were silent for {span_text(allowed)}"
            yield _said("safe", because, target, (was, to), moment, rules, live)
            if live:
                yield KnobTurned(target.knob, SAFE, to, because, CONTROLLER, about=target.about)
    for target, layer in knobs.holds():
        if layer.name == SAFE and (target not in over or not live):
            because = f"the signals of `{target}` are heard again" if live else ONLY_ADAPTIVE
            off = _off(target, layer, because)
            to = knobs.evolve(off).ruled(target.knob, moment.at, target.about)
            yield _said("cleared", because, target, (layer.value, to), moment, rules)
            yield off


def safe_value(knobs: KnobState, bounds: Bounds | None, name: str) -> Value | None:
    """Where a knob returns when its signals fall silent; None where neither file nor catalogue says."""
    return knobs.catalogue[name].safe if bounds is None or bounds.safe is None else bounds.safe


def trails_at(
    trails: Mapping[Target, tuple[Step, ...]],
    targets: Collection[Target],
    knobs: KnobState,
    bounds: Mapping[str, Bounds],
    moment: Moment,
) -> dict[Target, tuple[Step, ...]]:
    """The moves of these knobs up to now; what is older than any limit asks for is dropped."""
    now: dict[Target, tuple[Step, ...]] = {}
    for target in targets:
        base = knobs.base(target.knob, target.about)
        ruled = knobs.ruled(target.knob, moment.at, target.about)
        trail = trails.get(target, ())
        if not trail or (trail[-1].base, trail[-1].ruled) != (base, ruled):
            trail = (*trail, Step(moment, base, ruled))
        now[target] = _recent(trail, bounds.get(target.knob), moment)
    return now


def unsettled(
    trails: Mapping[Target, tuple[Step, ...]], bounds: Mapping[str, Bounds], moment: Moment
) -> dict[Target, tuple[Step, ...]]:
    """The moves that are not all too old to matter."""
    return {
        target: trail
        for target, trail in trails.items()
        if len(trail) > 1
        or not all(moment.past(trail[0].since, span) for span in _spans(bounds.get(target.knob)))
    }


def _recent(trail: tuple[Step, ...], bounds: Bounds | None, moment: Moment) -> tuple[Step, ...]:
    if len(trail) == 1:
        return trail
    return max((tuple(since(trail, moment, span)) for span in _spans(bounds)), key=len)


def _spans(bounds: Bounds | None) -> list[Span]:
    spans = [(bounds.turns_within if bounds else None) or TURNS_WITHIN]
    return [*spans, bounds.step.per] if bounds is not None and bounds.step is not None else spans


def _off(target: Target, layer: Layer, because: str) -> KnobTurned:
    return KnobTurned(target.knob, layer.name, None, because, CONTROLLER, about=target.about)


def _said(
    verdict: str,
    because: str,
    target: Target,
    change: tuple[Value, Value],
    moment: Moment,
    rules: Digest,
    live: bool = True,
) -> DecisionMade:
    turn = {"knob": target.knob, "from": change[0], "to": change[1], "how": verdict}
    about = target.about
    return DecisionMade(CONTROLLER, verdict, moment.at, because, live, rules, {}, (turn,), about=about)
