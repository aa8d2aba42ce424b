"""How good predictions were over time, for a loop and for what it is compared with, on the same items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from flyball.core.chance import rng
from flyball.core.ids import Instant, Seconds
from flyball.core.learning.compare import RARE
from flyball.core.learning.interval import BOUNDS, Measured, draws, interval
from flyball.core.learning.metrics import Codes, Floats, average_precision, codes_of, kappa
from flyball.core.table import Table

LOOP, STATIC, RANDOM = "loop", "static", "random"
#: A period has at least so many items outside the commonest class: with fewer its measure is noise.
LEAST = 15
#: A chart of more periods than these is read by nobody.
MOST_PERIODS = 30
#: Resamples for the measure over everything, and how many are in memory at once.
DRAWS, AT_ONCE = 400, 20
_DAY = 86400.0
_CELLS = tuple(
    float(seconds)
    for seconds in (60, 300, 900, 3600, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2419200, 7257600)
)


@dataclass(frozen=True, slots=True)
class Judged:
    """Items with their true classes and what each contender had said of them when they came.

    `times` in order; `truth` the column of the true class in `classes`; each of `scores` has shape
    (items, classes).
    """

    times: Floats
    truth: Codes
    classes: tuple[str, ...]
    scores: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time, its items, those outside the commonest class, and each contender's quality."""

    begin: Instant
    end: Instant
    items: int
    positives: int
    values: Mapping[str, Measured | None]


@dataclass(frozen=True, slots=True)
class Quality:
    """The quality of each contender. `gains`: the loop's less that of another, with a 95% interval."""

    metric: str
    positive: str | None
    items: int
    positives: int
    overall: Mapping[str, Measured]
    gains: Mapping[str, Measured]
    periods: tuple[Period, ...]


def judged_of(contenders: Mapping[str, Table], truth: Table) -> Judged | None:
    """The items that every contender scored and whose label is known; None where there are none.

    `truth` has `item`, `time` and `label` (None: unknown), each contender `item` and its `p_<class>`.
    """
    places = [
        {item: row for row, item in enumerate(table["item"])} if len(table) else {}
        for table in contenders.values()
    ]
    if not len(truth):
        return None
    known = [
        row
        for row, (item, label) in enumerate(zip(truth["item"], truth["label"], strict=True))
        if label is not None and all(item in place for place in places)
    ]
    if not known:
        return None
    rows = np.array(known, dtype=np.int64)
    rows = rows[np.argsort(truth["time"][rows], kind="stable")]
    items, labels = truth["item"][rows], truth["label"][rows]
    said = {name[2:] for table in contenders.values() for name in table.names if name.startswith("p_")}
    classes = tuple(sorted(said | set(labels.tolist())))
    scores = {
        name: _aligned(table, np.array([place[item] for item in items], dtype=np.int64), classes)
        for (name, table), place in zip(contenders.items(), places, strict=True)
    }
    return Judged(truth["time"][rows], codes_of(labels, classes), classes, scores)


def quality_of(judged: Judged, seed: int) -> Quality | None:
    """Every contender's quality, over all and by period; None where all items are of one class.

    Of two classes of which one is rarer than 5% it is the average precision of that one, otherwise
    Cohen's kappa. Differences are by a paired bootstrap: each resample takes the same items for all.
    """
    counts = np.bincount(judged.truth, minlength=len(judged.classes))
    if (counts > 0).sum() < 2:
        return None
    rare = _rare(counts)
    counted = judged.truth != counts.argmax()
    values = _resampled(judged, rare, rng(seed, "report", "overall"))
    overall = {name: _measured(drawn) for name, drawn in values.items()}
    gains = {
        name: _measured(values[LOOP] - drawn)
        for name, drawn in values.items()
        if name != LOOP and LOOP in values
    }
    return Quality(
        metric="kappa" if rare is None else "average precision",
        positive=None if rare is None else judged.classes[rare],
        items=len(judged.truth),
        positives=int(counted.sum()),
        overall=overall,
        gains=gains,
        periods=tuple(_periods(judged, counted, rare, seed)),
    )


def bounds(times: Floats, counted: npt.NDArray[np.bool_], least: int = LEAST) -> list[tuple[int, int]]:
    """Rows [from, to) of consecutive periods with at least `least` counted items each.

    They are made of whole hours, days or weeks, so that their ends are moments that a person would name.
    What is left over at the end joins the last one.
    """
    cell = cell_of(float(times[-1] - times[0]))
    start = begin_of(float(times[0]), cell)
    ends = np.searchsorted(
        times, np.arange(start + cell, float(times[-1]) + cell, cell), side="left"
    ).tolist()
    found: list[tuple[int, int]] = []
    begin = 0
    for end in dict.fromkeys([*ends, len(times)]):
        if counted[begin:end].sum() >= least:
            found.append((begin, end))
            begin = end
    if begin < len(times):
        found = [*found[:-1], (found[-1][0] if found else 0, len(times))]
    return found


def cell_of(span: Seconds, most: int = MOST_PERIODS) -> Seconds:
    """The length of whole minutes, hours, days or weeks of which at most so many make up a span.

    >>> cell_of(42 * 86400.0) / 86400
    2.0
    """
    return next((cell for cell in _CELLS if span <= most * cell), _CELLS[-1])


def begin_of(at: Instant, cell: Seconds) -> Instant:
    """When the stretch of that length begins that a moment lies in; days begin at midnight, UTC."""
    whole = min(cell, _DAY)
    return at // whole * whole


def _periods(judged: Judged, counted: npt.NDArray[np.bool_], rare: int | None, seed: int) -> list[Period]:
    found = []
    for begin, end in bounds(judged.times, counted):
        weights = draws(end - begin, rng(seed, "report", begin))
        found.append(
            Period(
                begin=float(judged.times[begin]),
                end=float(judged.times[end - 1]),
                items=end - begin,
                positives=int(counted[begin:end].sum()),
                values={
                    name: interval(_measure(judged.truth[begin:end], scores[begin:end], rare), weights)
                    for name, scores in judged.scores.items()
                },
            )
        )
    return found


def _resampled(judged: Judged, rare: int | None, chance: np.random.Generator) -> dict[str, Floats]:
    """Each contender's measure over everything: as it is, then in each resample."""
    measures = {name: _measure(judged.truth, scores, rare) for name, scores in judged.scores.items()}
    ones = np.ones((1, len(judged.truth)))
    values = {name: [of(ones)] for name, of in measures.items()}
    for _ in range(DRAWS // AT_ONCE):
        weights = draws(len(judged.truth), chance, AT_ONCE)
        for name, of in measures.items():
            values[name].append(of(weights))
    return {name: np.concatenate(drawn) for name, drawn in values.items()}


def _measure(truth: Codes, scores: Floats, rare: int | None) -> Callable[[Floats], Floats]:
    if rare is None:
        return partial(kappa, truth, scores)
    return partial(average_precision, truth == rare, scores[:, rare])


def _measured(drawn: Floats) -> Measured:
    """A value (the first) and the middle 95% of the rest."""
    low, high = np.nanpercentile(drawn[1:], BOUNDS)
    return float(drawn[0]), float(low), float(high)


def _rare(counts: npt.NDArray[np.int64]) -> int | None:
    present = np.flatnonzero(counts)
    if len(present) != 2:
        return None
    rarest = int(present[counts[present].argmin()])
    return rarest if counts[rarest] < RARE * counts.sum() else None


def _aligned(table: Table, rows: npt.NDArray[np.int64], classes: Sequence[str]) -> Floats:
    columns = [table[f"p_{name}"][rows] if f"p_{name}" in table else np.zeros(len(rows)) for name in classes]
    return np.stack(columns, axis=1)
