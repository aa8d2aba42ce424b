"""A transition between architectures: what the new one would have started that the old one did not yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flyball.core.due import Due, Go
from flyball.core.facts import BatchReleased, Recorded, RunBegan, ShadowDue, TransitionBegan
from flyball.core.ids import Instant, Seconds


@dataclass(frozen=True, slots=True)
class Ahead:
    """How the architecture in shadow did in one kind of work: how often it was ahead, and by how long."""

    times: int = 0
    seconds: Seconds = 0.0


def shadowed(
    began: TransitionBegan, known: Iterable[str], old: Mapping[str, Due], new: Mapping[str, Due]
) -> list[ShadowDue]:
    """What the new architecture would start now and the old one does not, told once for each start.

    `known`: work of which it was told already since it was last started. Both are asked by the same
    state, so it is the first step that differs, not a second world: the twin tells of that one.
    """
    told = []
    for work, would in new.items():
        instead = old[work]
        if isinstance(would, Go) and not isinstance(instead, Go) and work not in known:
            told.append(ShadowDue(began.to, work, would.why, instead.why))
    return told


def ahead(facts: Iterable[Recorded]) -> dict[str, Ahead]:
    """By how much the architecture in shadow was ahead of what was then really started."""
    waits: dict[str, Instant] = {}
    sums: dict[str, Ahead] = {}
    for recorded in facts:
        match recorded.fact:
            case ShadowDue(work=work):
                waits.setdefault(work, recorded.at)
            case BatchReleased():
                _started("release", recorded.at, waits, sums)
            case RunBegan(work=work):
                _started(work, recorded.at, waits, sums)
            case _:
                pass
    return sums


def _started(work: str, at: Instant, waits: dict[str, Instant], sums: dict[str, Ahead]) -> None:
    if (since := waits.pop(work, None)) is not None:
        before = sums.get(work, Ahead())
        sums[work] = Ahead(before.times + 1, before.seconds + at - since)
