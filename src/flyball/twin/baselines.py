"""What a loop is compared with: chance in the place of choice, and a model that is never trained again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from flyball.core.facts import PoolScored
from flyball.core.table import Feature, Table, stack
from flyball.ports import Learner, Log, Segments
from flyball.settings import BudgetSettings, Settings

#: A rule file that never looks: outside adaptive no rule acts, so looking would only take time.
QUIET_RULES = "version: 1\nevery: 365d\nrules: []\n"


def at_random(settings: Settings, spend: int, arrived: int, rules: Path) -> Settings:
    """The same loop, whose items chance alone chooses and whose knobs no rule turns.

    It asks for exactly as many labels as the loop did: `spend`, by the time that `arrived` items have come;
    where the loop's budget grows with its stream, in the same measure. `rules` is a file with `QUIET_RULES`.
    """
    architecture = "parallel" if settings.loop.architecture == "adaptive" else settings.loop.architecture
    knobs = {**settings.knobs, "loop.architecture": architecture, "sampler.name": "random"}
    if knobs.get("train.trigger") != "drift":
        # Nobody chooses by the pool's scores. Only the detector of drift would miss them.
        knobs["score.paused"] = True
    return replace(
        settings,
        loop=replace(settings.loop, architecture=architecture, rules=str(rules)),
        knobs=knobs,
        budget=_budget(settings.budget, spend, arrived),
        clock=replace(settings.clock, kind="virtual"),
    )


def scored(log: Log, segments: Segments) -> Table:
    """What a loop predicted of each item when it came: `item` and a column `p_<class>` for each class.

    An item that was scored again because a pass was repeated counts as it was scored first. A class that
    a model did not know yet has probability 0. Nothing scored: an empty table.
    """
    parts = [
        segments.get(recorded.fact.segment)
        for recorded in log.read(kinds=["pool-scored"])
        if isinstance(recorded.fact, PoolScored) and recorded.fact.purpose == "arrivals"
    ]
    if not parts:
        return Table({})
    names = list(dict.fromkeys(name for part in parts for name in part.names if name != "item"))
    whole = stack([_with(part, names) for part in parts])
    _, first = np.unique(whole["item"].astype(str), return_index=True)
    return whole.take(np.sort(first))


def static(
    learner: Learner, snapshot: Table, features: Sequence[Feature], seed: int, arrived: Iterable[Table]
) -> Table:
    """What a model that learned from one snapshot, and never again, predicts of items as they came.

    `snapshot` is what a training kept: features, `label`, `weight`. `arrived` are tables with `item`,
    `time` and features. The answer has `item`, `time` and a column `p_<class>` for each class.
    """
    names = [feature.name for feature in features]
    weight = snapshot["weight"]
    learned_alike = bool((weight == 1.0).all())
    model = learner.fit(
        snapshot.select(names), snapshot["label"], None if learned_alike else weight, features, seed
    )
    items = stack([table.select(["item", "time", *names]) for table in arrived])
    if not len(items):
        return Table({})
    scores = model.scores(items.select(names))
    columns = {f"p_{name}": scores[:, column] for column, name in enumerate(model.classes)}
    return items.select(["item", "time"]).having(**columns)


def _budget(budget: BudgetSettings, spend: int, arrived: int) -> BudgetSettings:
    if budget.share is None or not arrived:
        return replace(budget, labels=spend)
    # Half a label over, so that rounding down gives exactly `spend` when all items have come.
    return replace(budget, labels=spend, share=(spend + 0.5) / arrived)


def _with(part: Table, names: Sequence[str]) -> Table:
    missing = {name: np.zeros(len(part)) for name in names if name not in part}
    return part.having(**missing).select(["item", *names])
