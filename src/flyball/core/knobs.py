"""The catalogue of knobs: each value that rules may change, with its type, bounds, step and default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

#: What a knob may hold.
Value = float | int | str | bool


@dataclass(frozen=True, slots=True)
class Knob:
    """What a knob is.

    `kind` "number" and "integer" have `low` and `high` (inclusive, in `unit`); "word" has `words`;
    "flag" is True or False. `scope` "batch": it takes effect batch by batch, so a canary can try it.
    `per`: it has a value for each annotator or rule. `who` "people": rules may not turn it.
    `takes_effect` False: listed for what is coming; turning it changes nothing yet. A time is in seconds.
    """

    name: str
    kind: Literal["number", "integer", "word", "flag"]
    default: Value
    meaning: str
    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()
    unit: str = ""
    scope: Literal["batch", "loop"] = "loop"
    per: Literal["annotator", "rule"] | None = None
    who: Literal["rules", "people"] = "rules"
    safe: Value | None = None
    takes_effect: bool = True


@dataclass(frozen=True, slots=True)
class Action:
    """Something a rule may ask for that is not a knob: `do: name`, with the options it takes."""

    name: str
    meaning: str
    options: tuple[str, ...] = ()
    takes_effect: bool = True


_DAY = 86400.0
_seconds = partial(Knob, kind="number", unit="seconds", low=0.0, high=30 * _DAY)
_share = partial(Knob, kind="number", unit="share", low=0.0, high=1.0)

_KNOBS: tuple[Knob, ...] = (
    Knob(
        name="loop.architecture",
        kind="word",
        default="sequential",
        words=("sequential", "parallel", "adaptive"),
        meaning="How the lanes overlap; only in adaptive do rules turn knobs.",
        who="people",
    ),
    Knob(
        name="batch.size",
        kind="integer",
        default=100,
        low=10,
        high=5000,
        unit="items",
        meaning="How many items go out together.",
        scope="batch",
    ),
    Knob(
        name="sampler.name",
        kind="word",
        default="entropy",
        words=("random", "entropy", "margin", "least_confidence", "hybrid"),
        meaning="How the items of a batch are chosen.",
        scope="batch",
    ),
    _share(
        name="sampler.diversity",
        default=0.2,
        meaning="How much a batch is spread over the pool rather than taken from the top of the ranking.",
        scope="batch",
    ),
    _share(
        name="sampler.reserve",
        default=0.1,
        meaning="The share of a batch that chance alone chooses, to measure quality on.",
        scope="batch",
    ),
    _seconds(
        name="release.every",
        default=0.0,
        meaning="How often a batch goes out; 0: whenever there is room for a whole one.",
    ),
    Knob(
        name="release.max_open",
        kind="integer",
        default=2000,
        low=1,
        high=100_000,
        unit="items",
        meaning="How many items may be with the annotators at once.",
    ),
    Knob(
        name="release.paused",
        kind="flag",
        default=False,
        meaning="No batch goes out.",
        safe=False,
    ),
    Knob(
        name="train.trigger",
        kind="word",
        default="labels",
        words=("labels", "time", "drift", "rules"),
        meaning="What begins a training: new labels, the time, a changed error, or rules alone.",
    ),
    Knob(
        name="train.every_labels",
        kind="integer",
        default=100,
        low=1,
        high=1_000_000,
        unit="labels",
        meaning="With `train.trigger: labels`, how many new labels begin a training.",
    ),
    _seconds(
        name="train.every",
        default=4 * 3600.0,
        low=60.0,
        meaning="With `train.trigger: time`, how long after the last training the next one begins.",
    ),
    Knob(
        name="train.mode",
        kind="word",
        default="full",
        words=("full", "window", "recency"),
        meaning="What a training learns from: all labels, the newest days, or all, recent ones more.",
    ),
    Knob(
        name="train.window_days",
        kind="number",
        default=30.0,
        low=1.0,
        high=3650.0,
        unit="days",
        meaning="How many days `train.mode: window` takes, and the half-life of `recency`.",
    ),
    Knob(
        name="drift.threshold",
        kind="number",
        default=0.2,
        low=0.0,
        high=10.0,
        unit="score",
        meaning="How far a feature's values must have moved to count in `drift.share`.",
    ),
    Knob(
        name="label.answers_needed",
        kind="integer",
        default=1,
        low=1,
        high=25,
        unit="answers",
        meaning="How many annotators answer each item.",
        scope="batch",
    ),
    _share(
        name="label.route_senior_below",
        default=0.0,
        meaning="Items with less agreement than this go to a senior annotator.",
        takes_effect=False,
    ),
    _share(
        name="score.pool_share",
        default=1.0,
        low=0.01,
        meaning="The share of the pool that is scored to choose a batch, the newest items first.",
    ),
    _seconds(
        name="score.every",
        default=0.0,
        meaning="How often the pool is scored; 0: when a batch or a new model asks for it.",
    ),
    Knob(
        name="score.paused",
        kind="flag",
        default=False,
        meaning="The pool is not scored; batches are chosen by the scores there are.",
        safe=False,
    ),
    _seconds(
        name="integrate.every",
        default=0.0,
        meaning="How often answers are settled into labels; 0: whenever some wait.",
    ),
    Knob(
        name="integrate.batch",
        kind="integer",
        default=1000,
        low=1,
        high=100_000,
        unit="answers",
        meaning="How many answers are settled in one pass.",
    ),
    Knob(
        name="integrate.workers",
        kind="integer",
        default=1,
        low=1,
        high=64,
        unit="workers",
        meaning="How many processes `flyball integrate --watch` merges with; more than one on PostgreSQL.",
    ),
    _share(
        name="annotator.weight",
        default=1.0,
        meaning="How much an annotator's vote counts when answers differ, by majority or by weight.",
        per="annotator",
    ),
    Knob(
        name="rule.paused",
        kind="flag",
        default=False,
        meaning="A rule is not looked at: it does not fire, and what it holds is taken off.",
        per="rule",
        who="people",
    ),
)

#: Every knob by its name, in the order of the reference page.
KNOBS: Mapping[str, Knob] = {each.name: each for each in _KNOBS}

_ACTIONS: tuple[Action, ...] = (
    Action("retrain", "Begin a training now, in the mode of `train.mode`."),
    Action("refresh", "Begin a training from scratch on every label."),
    Action("rollback", "Let the champion before this one score again."),
    Action("promote", "Let the challenger score, without a comparison."),
    Action("flag_annotator", "Ask a person to look at an annotator's work.", takes_effect=False),
    Action("calibrate", "Give an annotator the test set again.", takes_effect=False),
    Action(
        "block_integration",
        "Settle no label of a class whose share moved and nothing known explains it, until a person looks.",
    ),
    Action("alert", "Tell somebody; `severity` is info, warn or page.", ("severity",)),
)

#: Every action by its name.
ACTIONS: Mapping[str, Action] = {each.name: each for each in _ACTIONS}
