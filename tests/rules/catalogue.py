"""A small catalogue of its own for tests of the rule language, so that they do not move with the real one."""

from __future__ import annotations

from flyball.core.knobs import Action, Knob
from flyball.core.rules.words import Catalogue
from flyball.core.signal import Signal, Unit


def _signal(
    name: str, unit: Unit, low: float | None = 0.0, high: float | None = None, *, each: bool = False
) -> Signal:
    return Signal(name, unit, low, high, "", "", per="annotator" if each else None)


_SIGNALS = (
    _signal("queue.depth", "count"),
    _signal("queue.age", "seconds"),
    _signal("annotators.load", "share"),
    _signal("annotators.idle", "share", high=1.0),
    _signal("answers.total", "count"),
    _signal("drift.share", "share", high=1.0),
    _signal("drift.changed", "flag", high=1.0),
    _signal("model.lag", "cycles"),
    _signal("val.ap", "score", high=1.0),
    _signal("gold.accuracy", "share", high=1.0, each=True),
    _signal("gold.seen", "count", each=True),
)

_KNOBS = (
    Knob("batch.size", "integer", 100, "", low=10, high=5000, unit="items"),
    Knob("sampler.name", "word", "entropy", "", words=("random", "entropy", "margin", "hybrid")),
    Knob("sampler.reserve", "number", 0.1, "", low=0.0, high=1.0, unit="share"),
    Knob("release.every", "number", 0.0, "", low=0.0, high=86400.0, unit="seconds"),
    Knob("release.paused", "flag", False, ""),
    Knob("loop.architecture", "word", "parallel", "", words=("parallel", "adaptive"), who="people"),
    Knob("annotator.weight", "number", 1.0, "", low=0.0, high=1.0, per="annotator"),
)

_ACTIONS = (Action("retrain", ""), Action("flag_annotator", ""), Action("alert", "", ("severity",)))

CATALOGUE = Catalogue(
    {each.name: each for each in _SIGNALS},
    {each.name: each for each in _KNOBS},
    {each.name: each for each in _ACTIONS},
)
