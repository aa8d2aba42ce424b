"""When each lane was at work: by the wall clock from Prefect's record, or in the loop's time from its log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flyball.adapters.prefect.environment import database_of
from flyball.adapters.prefect.runs import lane_intervals
from flyball.bootstrap import Reading
from flyball.core.facts import BatchReleased, BatchSettled, RunBegan, RunEnded, RunFailed
from flyball.core.ids import Instant, Seconds
from flyball.errors import Unreachable

#: From the one that brings items to the one that steers.
ORDER = ("ingest", "score", "annotate", "integrate", "train", "steer")


@dataclass(frozen=True, slots=True)
class Span:
    """A lane at work from `begin` to `end`."""

    lane: str
    begin: Instant
    end: Instant
    about: str


@dataclass(frozen=True, slots=True)
class Lanes:
    """All spans in order of their begin. `wall`: by the wall clock, as Prefect kept them."""

    spans: tuple[Span, ...]
    wall: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The lanes that were at work, in the order of `ORDER`."""
        seen = {span.lane for span in self.spans}
        return (*(lane for lane in ORDER if lane in seen), *sorted(seen - set(ORDER)))


def lanes_of(read: Reading) -> Lanes:
    """What Prefect kept of this loop's flow runs where it did, otherwise what the log says."""
    database = database_of(read.settings.directory)
    if read.settings.stores.prefect == "local" and database.is_file():
        try:
            runs = lane_intervals(database)
        except Unreachable:  # another version's file: the log serves as well
            runs = []
        spans = [Span(run.lane, run.start, run.end, run.state.lower()) for run in runs if run.end is not None]
        if spans:
            return Lanes(tuple(spans), wall=True)
    return Lanes(tuple(spans_of(read)), wall=False)


def spans_of(read: Reading) -> list[Span]:
    """Runs from begin to end, and batches from release to settled; what did not end lasts until now."""
    began: dict[str, Span] = {}
    found: list[Span] = []
    now = read.state.at

    def ended(name: str, at: Instant, about: str = "") -> None:
        if (span := began.pop(name, None)) is not None:
            found.append(Span(span.lane, span.begin, at, f"{span.about}{about}"))

    kinds = ["run-began", "run-ended", "run-failed", "batch-released", "batch-settled"]
    for recorded in read.log.read(kinds=kinds):
        match recorded.fact:
            case RunBegan(run=run, work=work, because=because):
                began[run] = Span(work, recorded.at, now, because)
            case RunEnded(run=run):
                ended(run, recorded.at)
            case RunFailed(run=run, detail=detail, final=final, again_at=again_at) if final or not again_at:
                ended(run, recorded.at, f"; failed: {detail}")
            case BatchReleased(batch=batch, number=number, items=items, sampler=sampler):
                began[batch] = Span(
                    "annotate", recorded.at, now, f"batch {number}: {len(items)} items by {sampler}"
                )
            case BatchSettled(batch=batch):
                ended(batch, recorded.at)
            case _:
                pass
    found.extend(Span(span.lane, span.begin, now, f"{span.about}; under way") for span in began.values())
    return sorted(found, key=lambda span: span.begin)


def overlap(spans: Iterable[Span], lane: str) -> Mapping[str, float]:
    """The share of a lane's time in which each other lane was at work too, and any of them ("any").

    Empty where the lane was never at work for a measurable time.

    >>> work = [Span("train", 0, 10, ""), Span("score", 5, 20, "")]
    >>> overlap(work, "train")
    {'score': 0.5, 'any': 0.5}
    """
    spans = tuple(spans)
    own = merged((span.begin, span.end) for span in spans if span.lane == lane)
    lasting = sum(end - begin for begin, end in own)
    if lasting <= 0:
        return {}
    others = [name for name in dict.fromkeys(span.lane for span in spans) if name != lane]
    found = {
        name: common(own, merged((span.begin, span.end) for span in spans if span.lane == name)) / lasting
        for name in others
    }
    anything = merged((span.begin, span.end) for span in spans if span.lane != lane)
    return {**found, "any": common(own, anything) / lasting}


def merged(stretches: Iterable[tuple[Instant, Instant]]) -> list[tuple[Instant, Instant]]:
    """Stretches of time as few that do not overlap, in order.

    >>> merged([(3, 4), (0, 2), (1, 3)])
    [(0, 4)]
    """
    found: list[tuple[Instant, Instant]] = []
    for begin, end in sorted(stretches):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def common(one: Sequence[tuple[Instant, Instant]], other: Sequence[tuple[Instant, Instant]]) -> Seconds:
    """How long two lists of stretches, as `merged` gives them, have in common."""
    total, at = 0.0, 0
    for begin, end in one:
        while at < len(other) and other[at][1] <= begin:
            at += 1
        place = at
        while place < len(other) and other[place][0] < end:
            total += min(end, other[place][1]) - max(begin, other[place][0])
            place += 1
    return total


def rows(spans: Sequence[Span]) -> list[int]:
    """For each of one lane's spans, in order of begin, the row on which it overlaps no other.

    >>> rows([Span("annotate", 0, 2, ""), Span("annotate", 1, 3, ""), Span("annotate", 2, 4, "")])
    [0, 1, 0]
    """
    free: list[Instant] = []
    found: list[int] = []
    for span in spans:
        row = next((row for row, until in enumerate(free) if until <= span.begin), len(free))
        if row == len(free):
            free.append(span.end)
        else:
            free[row] = span.end
        found.append(row)
    return found
