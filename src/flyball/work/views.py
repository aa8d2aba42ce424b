"""What people ask of a loop: how it stands, what was decided, which models there are, what one came from.

Every view is plain values: the same for a page, for `--json` and for a table in the terminal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from flyball.core.control import KnobState, Target
from flyball.core.facts import (
    AnswerGiven,
    BatchReleased,
    CanaryBegan,
    ChallengerKept,
    DecisionMade,
    LabelSettled,
    LoopStarted,
    LoopStopped,
    ModelPromoted,
    ModelTrained,
    Recorded,
    RulesLoaded,
)
from flyball.core.ids import Instant, ModelVersion, Position
from flyball.core.learning.plan import trusted
from flyball.core.loop import LoopState
from flyball.errors import NotFound
from flyball.ports import Items, Log
from flyball.work.decisions import KINDS, told
from flyball.work.served import served
from flyball.work.train import held_of
from flyball.work.turn import PAUSED, overrides

PINNED = ("labels_up_to", "config", "rules", "code", "seed")


def status(
    log: Log,
    state: LoopState,
    knobs: KnobState,
    budget_left: int | None,
    running: Mapping[str, Any],
    now: Instant,
) -> dict[str, Any]:
    """The loop at a glance: lanes, queue, labels, models, knobs that differ from their default, alerts."""
    looked = _last(log, "looked")
    quality = _last(log, "quality-measured")
    return {
        "now": now,
        "architecture": knobs.value("loop.architecture", now),
        "running": running,
        "items": state.arrived,
        "batches": {"released": state.released, "open": len(state.open), "settled": state.cycles},
        "queue": state.in_flight(),
        "labels": {
            "answers": state.answered_labels,
            "natural": sum(state.classes.values()) - state.answered_labels,
            "classes": dict(state.classes),
            "asked": state.asked,
            "budget_left": budget_left,
        },
        "models": {"champion": state.champion, "challenger": state.challenger, "trained": len(state.models)},
        "quality": dict(quality.fact.metrics) if quality else {},  # type: ignore[union-attr]
        "work": [
            {"run": run, "work": began.fact.work, "since": began.at}  # type: ignore[union-attr]
            for run, began in state.running.items()
        ],
        "knobs": {
            name: knobs.value(name, now)
            for name in knobs.catalogue
            if knobs.catalogue[name].per is None and knobs.value(name, now) != knobs.catalogue[name].default
        },
        "overrides": [each for each in overrides(knobs, now) if each["knob"] != PAUSED],
        "paused": [each for each in overrides(knobs, now) if each["knob"] == PAUSED and each["value"]],
        "canary": _canary(state),
        "transition": _transition(state),
        "signals": dict(looked.fact.values) if looked else {},  # type: ignore[union-attr]
        "looked_at": looked.at if looked else None,
        "alerts": [
            {"key": key, "since": raised.at, "severity": raised.fact.severity, "message": raised.fact.message}  # type: ignore[union-attr]
            for key, raised in state.alerts.items()
        ],
        "decisions": decisions(log, limit=5),
    }


def _canary(state: LoopState) -> dict[str, Any] | None:
    """The rule file that governs a share of the batches, if there is one."""
    fact = state.canary.fact if state.canary else None
    if not isinstance(fact, CanaryBegan):
        return None
    names = ("name", "digest", "share", "signal", "batches", "by", "because")
    return {name: getattr(fact, name) for name in names}


def _transition(state: LoopState) -> dict[str, Any] | None:
    """The architecture that runs in shadow, if there is one, and how many cycles are left of that."""
    if (under_way := state.transition) is None:
        return None
    began = under_way.began
    left = max(0, began.cycles - (state.cycles - under_way.cycle))
    return {"to": began.to, "left": left, "by": began.by, "because": began.because}


def decisions(
    log: Log, rule: str | None = None, since: Instant | None = None, limit: int | None = None
) -> list[dict[str, Any]]:
    """What looks concluded and people did, promotions and rule files among them; the newest last."""
    found, in_force = [], None
    for recorded in log.read(kinds=KINDS):
        said = told(recorded, first=in_force is None)
        if isinstance(recorded.fact, RulesLoaded):
            in_force = recorded.fact.digest
        if not said or (since is not None and recorded.at < since):
            continue
        if rule is None or _concerns(said, rule):
            fact = recorded.fact
            found.append(said | {"canary": isinstance(fact, DecisionMade) and fact.rules != in_force})
    return found if limit is None else found[-limit:]


def _concerns(said: dict[str, Any], rule: str) -> bool:
    """Whether a decision is one of this rule, or of a person about it."""
    return rule == said["rule"] or said.get("target") == str(Target(PAUSED, rule))


def models(state: LoopState, log: Log) -> list[dict[str, Any]]:
    """Every model version with what it learned from and how it was received."""
    received: dict[int, str] = {}
    for recorded in log.read(kinds=["model-promoted", "challenger-kept"]):
        match recorded.fact:
            case ModelPromoted(model=model, proven=proven, because=because) if model not in received:
                received[model] = f"{'proven' if proven else 'unproven'}: {because}"
            case ChallengerKept(model=model, because=because):
                received[model] = f"not promoted: {because}"
            case _:
                pass
    at = {r.fact.model: r.at for r in log.read(kinds=["model-trained"]) if isinstance(r.fact, ModelTrained)}
    return [
        {
            "version": version,
            "alias": "champion"
            if version == state.champion
            else "challenger"
            if version == state.challenger
            else "",
            "trained_at": at[version],
            "rows": fact.rows,
            "labels_up_to": fact.labels_up_to,
            "snapshot": fact.snapshot,
            "seconds": fact.seconds,
            "tracking": fact.tracking,
            "received": received.get(version, "not judged yet"),
        }
        for version, fact in state.models.items()
    ]


def lineage(log: Log, items: Items, version: ModelVersion, most: int | None = None) -> dict[str, Any]:
    """From a model version to its snapshot, labels, answers, batches, decisions and rule file.

    `most` bounds how many labels are listed one by one (None: all). Raises NotFound.
    """
    trained = _find(log, "model-trained", lambda fact: fact.model == version)
    if trained is None:
        raise NotFound(f"there is no model version {version}; `flyball model ls` lists them")
    fact: Any = trained.fact
    began: Any = _find(log, "run-began", lambda run: run.run == fact.run)
    pins = began.fact.pins
    labelled = trusted(items.labelled(fact.labels_up_to).table, held_of(pins))
    held = set(fact.held_out)
    used = [row for row in range(len(labelled)) if labelled["item"][row] not in held]
    batches = {str(b) for row in used if (b := labelled["batch"][row]) is not None}
    settled = _settled(
        log, {int(labelled["seq"][row]) for row in used if labelled["source"][row] == "answers"}
    )
    answers = _answers(log, {seq for label in settled.values() for seq in label.answers})
    released = _released(log, batches)
    return {
        "model": version,
        "trained_at": trained.at,
        "tracking": fact.tracking,
        "because": began.fact.because,
        "pins": {**{name: getattr(pins, name) for name in PINNED}, **dict(pins.more)},
        "snapshot": {"sha256": fact.snapshot, "rows": fact.rows},
        "rule_file": _rule_file(log, pins.rules),
        "labels": {
            "by_source": dict(Counter(str(labelled["source"][row]) for row in used)),
            "by_class": dict(Counter(str(labelled["label"][row]) for row in used)),
            "held_out": len(held),
        },
        "annotators": dict(Counter(answer.annotator for answer in answers.values())),
        "batches": [
            {name: getattr(batch, name) for name in ("batch", "sampler", "rules", "decision")}
            | {"items": len(batch.items)}
            for batch in released
        ],
        "decisions": _behind(log, {batch.decision for batch in released}),
        "rows": [_row(labelled, row, settled, answers) for row in used[:most]],
    }


def _behind(log: Log, wanted: set[Position | None]) -> list[dict[str, Any]]:
    return [told(recorded) for recorded in log.read(kinds=["decision-made"]) if recorded.seq in wanted]


def _rule_file(log: Log, digest: str) -> dict[str, Any] | None:
    found = None
    for recorded in log.read(kinds=["rules-loaded"]):
        if isinstance(recorded.fact, RulesLoaded) and recorded.fact.digest == digest:
            found = {"digest": digest, "name": recorded.fact.name, "from": recorded.at}
    return found


def _row(
    labelled: Any, row: int, settled: Mapping[int, LabelSettled], answers: Mapping[int, AnswerGiven]
) -> Any:
    seq = int(labelled["seq"][row])
    label = settled.get(seq)
    return {
        "item": labelled["item"][row],
        "label": labelled["label"][row],
        "source": labelled["source"][row],
        "settled": seq,
        "batch": labelled["batch"][row],
        "answers": [
            {"answer": position, "annotator": answers[position].annotator, "label": answers[position].label}
            for position in (label.answers if label else ())
            if position in answers
        ],
    }


def running(log: Log, alive: bool, servers: Collection[int]) -> dict[str, Any]:
    """Whether a process runs the loop, since when, and else why not.

    `alive`: a process holds its lock; `servers`: those of which one may only serve it.
    """
    if (serves := served(log, servers)) is not None:
        return {"running": False, "since": serves["since"], "because": f"process {serves['pid']} serves it"}
    last: Recorded | None = None
    for recorded in log.read(kinds=["loop-started", "loop-stopped"]):
        last = recorded
    match last:
        case Recorded(fact=LoopStarted(), at=at) if not alive:
            return {"running": False, "since": at, "because": "its process is gone without a word"}
        case Recorded(fact=LoopStarted(clock=clock), at=at):
            return {"running": True, "since": at, "clock": clock}
        case Recorded(fact=LoopStopped(because=because), at=at):
            return {"running": False, "since": at, "because": because}
        case _:
            return {"running": False, "since": None, "because": "it was never started"}


def _last(log: Log, kind: str) -> Recorded | None:
    last = None
    for recorded in log.read(kinds=[kind]):
        last = recorded
    return last


def _find(log: Log, kind: str, matches: Any) -> Recorded | None:
    return next((recorded for recorded in log.read(kinds=[kind]) if matches(recorded.fact)), None)


def _settled(log: Log, wanted: set[int]) -> dict[int, LabelSettled]:
    found = log.read(kinds=["label-settled"]) if wanted else ()
    return {r.seq: r.fact for r in found if r.seq in wanted and isinstance(r.fact, LabelSettled)}


def _answers(log: Log, wanted: set[Position]) -> dict[int, AnswerGiven]:
    found = log.read(kinds=["answer-given"]) if wanted else ()
    return {r.seq: r.fact for r in found if r.seq in wanted and isinstance(r.fact, AnswerGiven)}


def _released(log: Log, wanted: set[str]) -> list[BatchReleased]:
    found: Iterable[Recorded] = log.read(kinds=["batch-released"]) if wanted else ()
    return [r.fact for r in found if isinstance(r.fact, BatchReleased) and r.fact.batch in wanted]
