"""A canary: which batches a new rule file governs, and whether those went worse than the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

import numpy as np

from flyball.core.chance import rng
from flyball.core.facts import BatchReleased, BatchSettled, CanaryBegan, Looked, Recorded
from flyball.core.ids import BatchId
from flyball.core.learning.metrics import Floats
from flyball.core.rules.reason import moved, shown

#: With fewer batches on either side a difference means nothing.
LEAST_BATCHES = 5
DRAWS = 10_000
#: The signal that each batch has of its own.
OF_A_BATCH = "cycle.seconds"
#: The means of a canary's batches, and of the others.
Sides = tuple[list[float], list[float]]
#: It is judged twice, half-way and at the end, so each interval is wider than 95%: together they are wrong
#: about a harmless file once in twenty times (Bonferroni).
BOUNDS = (1.25, 98.75)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the batches of a canary compare with the others; `worse` None: too few of them to tell."""

    worse: bool | None
    because: str
    figures: Mapping[str, float] = field(default_factory=dict)


def governs(began: CanaryBegan, number: int, seed: int) -> bool:
    """Whether the new file governs batch `number`: chance decides within blocks that hold the share exactly.

    A share of 20% is one batch of each five; blocks keep both kinds spread over the same days.
    """
    share = Fraction(began.share).limit_denominator(20)
    if number < began.first or share <= 0:
        return False
    block, place = divmod(number - began.first, share.denominator)
    order = rng(seed, "canary", began.digest, block).permutation(share.denominator)
    return bool(order[place] < share.numerator)


def outcomes(facts: Iterable[Recorded], signal: str) -> tuple[dict[BatchId, float], dict[BatchId, str]]:
    """For each batch that was released and settled within these facts: the signal's mean over the looks
    while it was out, and the digest of the rule file that governed it.

    `cycle.seconds` is measured of each batch itself. A batch without a reading in its time is left out of
    the means. Where batches of both kinds are out together, they share readings: differences look smaller
    than they are.
    """
    open_: dict[BatchId, str] = {}
    seen: dict[BatchId, list[float]] = defaultdict(list)
    means: dict[BatchId, float] = {}
    rules: dict[BatchId, str] = {}
    settled: list[BatchId] = []
    for recorded in facts:
        match recorded.fact:
            case BatchReleased(batch=batch, rules=digest):
                open_[batch] = digest
            case BatchSettled(batch=batch, seconds=seconds) if batch in open_:
                settled.append(batch)
                if signal == OF_A_BATCH:
                    seen[batch] = [seconds]
            case Looked(values=values):
                value = None if signal == OF_A_BATCH else values.get(signal)
                if value is not None and np.isfinite(value):
                    for batch in open_:
                        seen[batch].append(float(value))
                # The look after its end still belongs to a batch: it is the first that knows of it.
                for batch in settled:
                    if batch in open_:
                        rules[batch] = open_.pop(batch)
                        if seen[batch]:
                            means[batch] = float(np.mean(seen[batch]))
                settled.clear()
            case _:
                pass
    return means, rules


def up_to(point: int, means: Mapping[BatchId, float], rules: Mapping[BatchId, str], own: str) -> Sides | None:
    """The means of the canary's batches and of the others, as they stood when so many of its own had settled.

    None before that. The same log gives the same answer however often it is asked, so that a restart does
    not judge once more.
    """
    sides: Sides = ([], [])
    done = 0
    for batch, digest in rules.items():
        done += digest == own
        if batch in means:
            sides[digest != own].append(means[batch])
        if done == point:
            return sides
    return None


def judge(
    canary: Sequence[float],
    others: Sequence[float],
    better: Literal["higher", "lower"],
    chance: np.random.Generator,
    unit: str = "",
) -> Verdict:
    """Whether the canary's batches went worse: the whole interval of the difference lies on the bad side.

    `unit`: the signal's, in which the reason tells its numbers. Source: B. Efron and R. Tibshirani, An
    Introduction to the Bootstrap, 1993, chapter 13 (percentiles); batches of either side are drawn apart.
    """
    figures = {"canary_batches": float(len(canary)), "other_batches": float(len(others))}
    if min(len(canary), len(others)) < LEAST_BATCHES:
        because = f"{len(canary)} batches of the canary and {len(others)} others are too few to compare"
        return Verdict(None, f"{because}; {LEAST_BATCHES} of each are needed", figures)
    means = [_drawn(np.asarray(values), chance) for values in (canary, others)]
    difference = float(np.mean(canary) - np.mean(others))
    low, high = (float(each) for each in np.percentile(means[0] - means[1], BOUNDS))
    figures |= {
        "canary": float(np.mean(canary)),
        "others": float(np.mean(others)),
        "difference": difference,
        "low": low,
        "high": high,
    }
    worse = high < 0 if better == "higher" else low > 0
    said = f"{shown(figures['canary'], unit)} against {shown(figures['others'], unit)} in the others"
    apart, least, most = (moved(each, unit) for each in (difference, low, high))
    interval = f"difference {apart}, interval {least} to {most}"
    return Verdict(worse, f"{said} ({interval}): {'worse' if worse else 'not clearly worse'}", figures)


def _drawn(values: Floats, chance: np.random.Generator) -> Floats:
    drawn: Floats = values[chance.integers(len(values), size=(DRAWS, len(values)))].mean(axis=1)
    return drawn
