"""What happened in a loop, read from its log once: the values that the report is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flyball.bootstrap import Reading
from flyball.core.control import KnobState, Target
from flyball.core.facts import (
    AlertCleared,
    AlertRaised,
    DriftMeasured,
    KnobTurned,
    Looked,
    LoopStarted,
    ModelPromoted,
    QualityMeasured,
    Recorded,
    RulesLoaded,
)
from flyball.core.ids import Instant
from flyball.core.knobs import Value
from flyball.ports import Log
from flyball.settings import config_digest
from flyball.work import views

#: So large a share of features that moved counts as drift.
MOVED = 0.3
#: What a look's snapshot is kept of.
SIGNALS = ("queue.depth", "backlog.depth", "annotators.idle", "annotators.active")


@dataclass(frozen=True, slots=True)
class Look:
    """One look: when, and the signals in `SIGNALS` as they were read."""

    at: Instant
    values: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Drift:
    """Drift that was found. `error`: the model's error changed; otherwise the features moved."""

    at: Instant
    error: bool
    share: float | None
    moved: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class KnobLine:
    """A knob's values over time: (from when, value, who turned it, why); the first is how it began."""

    name: str
    steps: tuple[tuple[Instant, Value, str, str], ...]


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert; `until` None: it stands."""

    at: Instant
    until: Instant | None
    key: str
    severity: str
    message: str


@dataclass(frozen=True, slots=True)
class Story:
    """All that a report tells apart from comparisons and lanes. Times are the loop's own."""

    read: Reading
    began: Instant
    ended: Instant
    started: LoopStarted | None
    config_changed: bool
    looks: tuple[Look, ...]
    drifts: tuple[Drift, ...]
    measured: tuple[tuple[Instant, QualityMeasured], ...]
    promoted: tuple[tuple[Instant, ModelPromoted], ...]
    decisions: tuple[Mapping[str, Any], ...]
    models: tuple[Mapping[str, Any], ...]
    knobs: tuple[KnobLine, ...]
    alerts: tuple[Alert, ...]
    rules: RulesLoaded | None

    @property
    def rule_decisions(self) -> tuple[Mapping[str, Any], ...]:
        """What rules concluded: without promotions and without rule files that took effect."""
        return tuple(told for told in self.decisions if "due" in told)

    @property
    def budget(self) -> int | None:
        """How many labels the loop may have asked for up to its end; None without limit."""
        state = self.read.state
        left = self.read.settings.budget.left(state.arrived, state.asked)
        return None if left is None else left + state.asked


def story_of(read: Reading) -> Story:
    """What the log of this loop tells."""
    log, state = read.log, read.state
    first = next(iter(log.read(limit=1)), None)
    started = [r.fact for r in log.read(kinds=["loop-started"]) if isinstance(r.fact, LoopStarted)]
    loaded = [r.fact for r in log.read(kinds=["rules-loaded"]) if isinstance(r.fact, RulesLoaded)]
    return Story(
        read=read,
        began=first.at if first else 0.0,
        ended=state.at,
        started=started[-1] if started else None,
        config_changed=bool(started) and started[-1].config != config_digest(read.settings),
        looks=tuple(
            Look(r.at, {name: r.fact.values.get(name) for name in SIGNALS})
            for r in log.read(kinds=["looked"])
            if isinstance(r.fact, Looked)
        ),
        drifts=tuple(drifts_of(log.read(kinds=["drift-measured"]))),
        measured=tuple(
            (r.at, r.fact)
            for r in log.read(kinds=["quality-measured"])
            if isinstance(r.fact, QualityMeasured)
        ),
        promoted=tuple(
            (r.at, r.fact) for r in log.read(kinds=["model-promoted"]) if isinstance(r.fact, ModelPromoted)
        ),
        decisions=tuple(views.decisions(log)),
        models=tuple(views.models(state, log)),
        knobs=knob_lines(read.knobs.settings, log.read(kinds=["knob-turned"]), first.at if first else 0.0),
        alerts=alerts_of(log),
        rules=loaded[-1] if loaded else None,
    )


def drifts_of(measured: Iterable[Recorded]) -> Iterable[Drift]:
    """Each measurement that found the error changed, and each at which the share of moved features rose
    over `MOVED`."""
    over = False
    for recorded in measured:
        fact = recorded.fact
        if not isinstance(fact, DriftMeasured):
            continue
        was_over, over = over, fact.share is not None and fact.share > MOVED
        most = sorted(fact.features.items(), key=lambda each: -each[1])[:3]
        if fact.changed:
            yield Drift(recorded.at, True, fact.share, tuple(most))
        if over and not was_over:
            yield Drift(recorded.at, False, fact.share, tuple(most))


def knob_lines(
    settings: Mapping[str, Value], turned: Iterable[Recorded], began: Instant
) -> tuple[KnobLine, ...]:
    """The knobs that moved, those that moved most first. A layer that ends by itself is a step too."""
    events: list[tuple[Instant, KnobTurned | None, Target]] = []
    for recorded in turned:
        fact = recorded.fact
        if isinstance(fact, KnobTurned):
            target = Target(fact.knob, fact.about)
            events.append((recorded.at, fact, target))
            if fact.until is not None:
                events.append((fact.until, None, target))
    events.sort(key=lambda event: event[0])
    state = KnobState.start(settings)
    steps: dict[Target, list[tuple[Instant, Value, str, str]]] = {}
    for at, turn, target in events:
        line = steps.setdefault(target, [(began, state.value(target.knob, at, target.about), "", "")])
        state = state if turn is None else state.evolve(turn)
        value = state.value(target.knob, at, target.about)
        if value != line[-1][1]:
            by, because = ("flyball", "its time was over") if turn is None else (turn.by, turn.because)
            line.append((at, value, by, because))
    moved = [KnobLine(str(target), tuple(line)) for target, line in steps.items() if len(line) > 1]
    return tuple(sorted(moved, key=lambda line: (-len(line.steps), line.name)))


def alerts_of(log: Log) -> tuple[Alert, ...]:
    """Every alert in order, with when it was over."""
    found: list[Alert] = []
    standing: dict[str, int] = {}
    for recorded in log.read(kinds=["alert-raised", "alert-cleared"]):
        match recorded.fact:
            case AlertRaised(key=key, severity=severity, message=message):
                standing[key] = len(found)
                found.append(Alert(recorded.at, None, key, severity, message))
            case AlertCleared(key=key) if key in standing:
                raised = found[standing.pop(key)]
                index = found.index(raised)
                found[index] = Alert(raised.at, recorded.at, key, raised.severity, raised.message)
            case _:
                pass
    return tuple(found)


def flat(written: Mapping[str, Any], prefix: str = "") -> Sequence[tuple[str, Any]]:
    """What a file says as (dotted name, value), in its order.

    >>> flat({"a": {"b": 1}, "c": 2})
    [('a.b', 1), ('c', 2)]
    """
    found: list[tuple[str, Any]] = []
    for name, value in written.items():
        if isinstance(value, Mapping):
            found.extend(flat(value, f"{prefix}{name}."))
        else:
            found.append((f"{prefix}{name}", value))
    return found
