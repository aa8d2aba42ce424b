"""How the shares of classes move from batch to batch, and whether chance or a known change explains it."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from flyball.core.facts import (
    BatchReleased,
    BatchSettled,
    ClassAllowed,
    LabelSettled,
    LabelWithdrawn,
    Recorded,
)
from flyball.core.ids import START, BatchId, ItemId, Position

#: The newest batch is held against the others of so many.
RUNS = 5
#: A share that moves by no more than this is left alone.
THRESHOLD = 0.1
#: How seldom chance alone may move a share so far, over all classes. Every batch is looked at, and what
#: follows stops work and wakes a person.
SURE = 0.001
#: With fewer labels than this, a batch says nothing about shares.
LEAST = 10
#: What decides which items go out: it explains other shares, but not among the items that chance chose.
CHOICE = ("sampler", "model", "batch.size")
#: Rounding of sums of probabilities.
_EQUAL = 1.0 + 1e-9


@dataclass(frozen=True, slots=True)
class Run:
    """The labels of one batch that has settled; `reserve`: of the items that chance chose.

    `made`: how it came about: sampler, model, knobs, definitions, policy.
    """

    batch: str
    counts: Counter[str]
    reserve: Counter[str]
    made: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Gold:
    """How often annotators were right on items of which the label is known: before, and now."""

    right: tuple[int, int]
    of: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Moved:
    """A class whose share moved further than chance explains.

    `before` is its share over the earlier runs together, `shares` that of each run, oldest first.
    `chance`: how probable a move as large is by chance alone. `explained`: the known changes that can
    have brought it. `cause`: "labels" where gold items were answered worse than before, "data" where they
    were not, and "unknown" where there are none.
    """

    label: str
    before: float
    now: float
    chance: float
    shares: tuple[float, ...]
    explained: tuple[str, ...] = ()
    cause: Literal["labels", "data", "unknown"] = "unknown"

    @property
    def blocks(self) -> bool:
        """Whether a person has to look before more labels of this class are settled."""
        return not self.explained and self.cause != "data"

    def __str__(self) -> str:
        moved = f"the share of {self.label} went from {self.before:.1%} to {self.now:.1%} within {RUNS} runs"
        if self.explained:
            return f"{moved}; that may come from another {', another '.join(self.explained)}"
        told = {
            "labels": "gold items are answered worse than before: look at the annotators",
            "data": "gold items are answered as well as before: the world moved",
            "unknown": "nothing known explains it: a mistake in labelling, or the world moved",
        }
        return f"{moved}; {told[self.cause]}"


@dataclass(slots=True)
class _Open:
    """A batch that is out, with the labels it has so far."""

    released: BatchReleased
    labels: dict[ItemId, str] = field(default_factory=dict)
    made: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Shares:
    """A running fold of facts into the newest runs. When a person lets a class in again, it begins anew."""

    seq: Position = START
    runs: deque[Run] = field(default_factory=lambda: deque(maxlen=RUNS))
    _open: dict[BatchId, _Open] = field(default_factory=dict)

    KINDS = (
        *(BatchReleased.kind, LabelSettled.kind, LabelWithdrawn.kind),
        *(BatchSettled.kind, ClassAllowed.kind),
    )

    def observe(self, recorded: Recorded) -> None:
        """Take one fact in. Facts come in order, each once."""
        self.seq = recorded.seq
        match recorded.fact:
            case BatchReleased() as fact:
                self._open[fact.batch] = _Open(fact)
            case LabelSettled(batch=batch) as fact if batch is not None and batch in self._open:
                one = self._open[batch]
                one.labels.setdefault(fact.item, fact.label)
                if fact.policy != "natural":
                    one.made |= {"policy": fact.policy, "contract": fact.contract}
            case LabelWithdrawn(batch=batch, item=item) if batch is not None and batch in self._open:
                self._open[batch].labels.pop(item, None)
            case BatchSettled(batch=batch):
                if (one_ := self._open.pop(batch, None)) is not None and one_.labels:
                    self.runs.append(_run(one_))
            case ClassAllowed():
                self.runs.clear()
            case _:
                pass


def moved(
    runs: Sequence[Run], *, threshold: float = THRESHOLD, sure: float = SURE, gold: Gold | None = None
) -> tuple[Moved, ...]:
    """The classes whose share moved by more than `threshold` from all runs but the last to the last.

    Nothing is said with fewer than five runs or ten labels, and nothing of what chance moves so far more
    often than once in 1 / `sure` (Fisher's exact test on two sides, divided among the classes). Where the
    batches were not chosen alike, only the items that chance chose are compared, because the choice explains
    all others. `gold` tells whether the labels or the world changed.
    """
    if len(runs) < RUNS:
        return ()
    changed = _changed(runs)
    by_choice = [name for name in changed if name.startswith(CHOICE)]
    counts = [run.reserve if by_choice else run.counts for run in runs]
    explained = tuple(name for name in changed if name not in by_choice)
    before, now = sum(counts[:-1], Counter()), counts[-1]
    if min(before.total(), now.total()) < LEAST:
        return ()
    classes = sorted({*before, *now})
    found: list[Moved] = []
    for label in classes:
        was, is_ = before[label] / before.total(), now[label] / now.total()
        if abs(is_ - was) <= threshold:
            continue
        chance = fisher(before[label], before.total(), now[label], now.total())
        if chance * len(classes) < sure:
            shares = tuple(round(each[label] / each.total(), 6) if each.total() else 0.0 for each in counts)
            found.append(Moved(label, was, is_, chance, shares, explained, _cause(gold, sure)))
    return tuple(found)


def fisher(one: int, of_one: int, other: int, of_other: int) -> float:
    """How probable it is that two shares differ as much or more, where they are the same in truth.

    Fisher's exact test on two sides: the sum of all tables with the same margins that are no more
    probable than this one.

    >>> round(fisher(1, 10, 9, 10), 6)
    0.001093
    """
    total, hits = of_one + of_other, one + other
    low, high = max(0, hits - of_other), min(hits, of_one)
    logs = [_log_choose(of_one, k) + _log_choose(of_other, hits - k) for k in range(low, high + 1)]
    here, whole = logs[one - low], _log_choose(total, hits)
    limit = here + math.log(_EQUAL)
    return min(1.0, math.fsum(math.exp(each - whole) for each in logs if each <= limit))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _cause(gold: Gold | None, sure: float) -> Literal["labels", "data", "unknown"]:
    if gold is None or not all(gold.of):
        return "unknown"
    before, now = (right / of for right, of in zip(gold.right, gold.of, strict=True))
    chance = fisher(gold.right[0], gold.of[0], gold.right[1], gold.of[1])
    return "labels" if now < before and chance < sure else "data"


def _changed(runs: Sequence[Run]) -> list[str]:
    """What the last run was made with and the others were not, or not all of them."""
    last = runs[-1].made
    names = sorted({name for run in runs for name in run.made})
    return [name for name in names if any(run.made.get(name) != last.get(name) for run in runs)]


def _run(one: _Open) -> Run:
    fact = one.released
    made = {"sampler": fact.sampler, "model": fact.model, **dict(fact.knobs), **one.made}
    reserve = set(fact.reserve)
    chosen = Counter(label for item, label in one.labels.items() if item in reserve)
    return Run(fact.batch, Counter(one.labels.values()), chosen, made)
