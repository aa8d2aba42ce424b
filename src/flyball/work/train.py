"""Train: pins first, then the slow part, then what came out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from flyball.core.due import Due, Go
from flyball.core.due import train as may_train
from flyball.core.facts import ModelTrained, RulesLoaded, RunBegan, RunEnded, RunFailed
from flyball.core.ids import Instant, ItemId, ModelVersion, Pins, RunId
from flyball.core.learning.metrics import Floats
from flyball.core.learning.plan import hold_out, trusted, weights
from flyball.core.loop import OUTDATED, OUTSIDE
from flyball.core.table import Feature, Table
from flyball.errors import LearnerFailed, Unreachable
from flyball.ports import Commit, Draft, ItemRows, Job, Model, NewJob, Shelved, Trained
from flyball.work.claims import claim
from flyball.work.integrate_proof import held
from flyball.work.lanes import Begun, Done
from flyball.work.tools import Tools, items_of, under

#: How long a training may hold its job before somebody else may take it over.
LEASE = 6 * 3600.0
ATTEMPTS = 3
#: How long to wait before a failed training is tried again: the learner's fault, the outside's fault.
AGAIN, OUTSIDE_AGAIN = 60.0, 60.0


@dataclass(frozen=True, slots=True)
class Training:
    """One training: the run, its pins, the job that it holds, and what to learn from."""

    run: RunId
    pins: Pins
    job: Job
    began: Instant
    features: tuple[Feature, ...]
    because: str
    rule_file: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a training gave."""

    shelved: Shelved
    model: Model
    rows: int
    held_out: tuple[ItemId, ...]
    metrics: Mapping[str, float]


def due(tools: Tools, now: Instant, architecture: str | None = None) -> Due:
    """As the core says; under another architecture where one is named."""
    return may_train(tools.state, under(architecture, tools.knob(now)), now)


def begin(tools: Tools, features: tuple[Feature, ...], go: Go, now: Instant) -> Begun | None:
    """Fix the pins and write them down, or take up a run that began and was not finished.

    The same pins are never trained on twice: a run is named by them.
    """
    with tools.lock:
        if isinstance(go.more, RunBegan):
            run, pins, because = go.more.run, go.more.pins, go.more.because
            if (pins.config, pins.code) != (tools.config, tools.code):
                _outdated(tools, run, now)
                return None
        else:
            pins, because = _pins(tools, str(go.more), now), go.why
            run = RunId(f"train-{pins.digest()[:16]}")
            fact = RunBegan(run, "train", pins, because)
            commit = Commit([Draft(fact, event_id=run)], jobs=[NewJob("train", "train", 0)])
            tools.write(commit, now)
        job = claim(tools, "train", run, now, LEASE)
        if job is None:
            return None
        rule_file = _rule_file(tools, pins)
    training = Training(run, pins, job, now, features, because, rule_file)
    return Begun(run, training, f"{because}; labels up to {pins.labels_up_to}")


def perform(tools: Tools, begun: Begun) -> Outcome:
    """Learn from the pinned labels and put the model on the shelf."""
    training: Training = begun.inputs
    pins = training.pins
    labelled = trusted(tools.store.items.labelled(pins.labels_up_to).table, held_of(pins))
    kept_away = hold_out(labelled)
    if len(set(labelled["label"][~kept_away])) < 2:
        kept_away = np.zeros(len(labelled), dtype=np.bool_)
    rows, weight = _plan(labelled.take(~kept_away), pins)
    table = tools.gather(rows).select([feature.name for feature in training.features])
    labels = rows.table["label"]
    model = tools.learner.fit(table, labels, weight, training.features, pins.seed)
    snapshot = _snapshot(table, rows, weight)
    metrics = {
        "rows": float(len(rows)),
        "held_out": float(kept_away.sum()),
        **{f"share.{name}": float(np.mean(labels == name)) for name in sorted(set(labels))},
    }
    held_out = items_of(labelled["item"][kept_away])
    trained = _trained(tools, training, model, snapshot, metrics)
    shelved = tools.shelf.put(trained)
    return Outcome(shelved, model, len(rows), held_out, metrics)


def finish(tools: Tools, begun: Begun, outcome: Outcome, now: Instant) -> Done:
    """The model becomes the challenger; whether it is promoted is decided in steer."""
    training: Training = begun.inputs
    version = outcome.shelved.version
    fact = ModelTrained(
        model=version,
        run=training.run,
        pins=training.pins.digest(),
        snapshot=outcome.shelved.snapshot,
        rows=outcome.rows,
        labels_up_to=training.pins.labels_up_to,
        held_out=outcome.held_out,
        classes=outcome.model.classes,
        metrics=dict(outcome.metrics),
        tracking=outcome.shelved.tracking,
        seconds=now - training.began,
    )
    ended = RunEnded(training.run, "train", now - training.began)
    tools.keep_model(ModelVersion(version), outcome.model)
    tools.tell(now, fact, ended, done=[training.job])
    return Done(f"model {version} from {outcome.rows} labels", {"model": version, "rows": outcome.rows})


def fail(tools: Tools, begun: Begun, error: Exception, now: Instant) -> Done:
    """Try again later: three times where training itself fails, for ever where the outside is away."""
    training: Training = begun.inputs
    outside = isinstance(error, Unreachable)
    faults = tools.state.faults[training.run] + 1
    final = not outside and faults >= ATTEMPTS
    again_at = None if final else now + (OUTSIDE_AGAIN if outside else AGAIN * 2**faults)
    code = "learner" if isinstance(error, LearnerFailed) else OUTSIDE if outside else "error"
    detail = f"{type(error).__name__}: {error}"
    with tools.lock:
        tools.store.jobs.fail(training.job, code, detail, now, again_at)
        attempt = training.job.attempt
        tools.tell(now, RunFailed(training.run, "train", code, detail, attempt, final, again_at))
    return Done(f"failed: {detail}", {"failed": True})


def _outdated(tools: Tools, run: RunId, now: Instant) -> None:
    """A run whose settings or code are no longer these cannot be finished as it was pinned."""
    detail = "settings or code have changed since it began; it begins anew"
    for job in tools.store.jobs.claim("train", now, 1, LEASE):
        tools.store.jobs.fail(job, OUTDATED, detail, now, None)
    tools.tell(now, RunFailed(run, "train", OUTDATED, detail, 0, True))


def _rule_file(tools: Tools, pins: Pins) -> str:
    """The text of the rule file that the pins name."""
    if pins.rules == tools.state.rules:
        return tools.rule_file
    for recorded in tools.store.log.read(kinds=["rules-loaded"]):
        if isinstance(recorded.fact, RulesLoaded) and recorded.fact.digest == pins.rules:
            return recorded.fact.text
    return ""


def _plan(rows: Table, pins: Pins) -> tuple[ItemRows, Floats | None]:
    """The rows of the pinned mode; all of them where those would be of one class."""
    as_of, mode, days = (pins.more[name] for name in ("as_of", "mode", "window_days"))
    mask, weight = weights(rows["time"], float(as_of), str(mode), float(days))
    if len(set(rows["label"][mask])) < 2:
        return ItemRows(rows), None
    return ItemRows(rows.take(mask)), weight


def _pins(tools: Tools, mode: str, now: Instant) -> Pins:
    state = tools.state
    knob = tools.knob(now)
    more = {"mode": mode, "window_days": float(knob("train.window_days")), "as_of": state.newest_item}
    return Pins(
        labels_up_to=state.labels_at,
        config=tools.config,
        rules=state.rules or tools.config,
        code=tools.code,
        seed=tools.settings.seed,
        more=more | ({"held": kept_out} if (kept_out := held(state)) else {}),
    )


def held_of(pins: Pins) -> frozenset[str]:
    """The items that a training leaves out, as their labels were held when its pins were fixed."""
    return frozenset(pins.more.get("held", ()))


def _snapshot(table: Table, rows: ItemRows, weight: Floats | None) -> Table:
    weighted = np.ones(len(rows)) if weight is None else weight
    return table.having(item=rows.table["item"], label=rows.table["label"], weight=weighted)


def _trained(
    tools: Tools, training: Training, model: Model, snapshot: Table, metrics: Mapping[str, float]
) -> Trained:
    pins = training.pins
    plain = {name: value for name, value in pins.more.items() if name != "held"}
    pinned = {
        f"pins.{name}": str(getattr(pins, name))
        for name in ("labels_up_to", "config", "rules", "code", "seed")
    }
    return Trained(
        loop=tools.settings.id,
        pins=pins.digest(),
        model=model,
        content=tools.learner.dump(model),
        snapshot=tools.segments.put(snapshot),
        rows=snapshot,
        features=training.features,
        parameters={**tools.settings.learner.parameters, **plain},
        metrics=metrics,
        tags={**pinned, "run": training.run, "because": training.because},
        rule_file=training.rule_file,
        began=training.began,
        ended=max(training.began, tools.clock.now()),
    )
