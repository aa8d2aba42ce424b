"""What the ways in count about themselves, as text for Prometheus."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from itertools import accumulate

from flyball.ports import Receipt

#: The upper ends of the histogram's buckets in seconds.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: So many of the newest captures are kept at hand, to be told together.
KEPT = 10_000
#: Reasons for a refusal that are counted apart; a label must not grow with what strangers send.
MOST_CODES = 100


class Metrics:
    """Counters since this process started. Any thread may count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.events: Counter[str] = Counter({"new": 0, "again": 0, "conflict": 0})
        self.refused: Counter[str] = Counter()
        self._buckets = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0
        #: How long captures took since `taken` was called the last time.
        self._recent: deque[float] = deque(maxlen=KEPT)

    def captured(self, receipts: Sequence[Receipt], seconds: float) -> None:
        """Answers were written, and their sender waited so long."""
        with self._lock:
            for receipt in receipts:
                outcome = "conflict" if receipt.conflict else "new" if receipt.new else "again"
                self.events[outcome] += 1
            self._buckets[bisect_left(BUCKETS, seconds)] += 1
            self._seconds += seconds
            self._recent.append(seconds)

    @property
    def answered(self) -> int:
        """How many events were answered for."""
        return sum(self.events.values())

    def refuse(self, code: str) -> None:
        """Something was refused for this reason."""
        with self._lock:
            known = code in self.refused or len(self.refused) < MOST_CODES
            self.refused[code if known else "other"] += 1

    def taken(self) -> list[float]:
        """How long captures took since the last call of this, the shortest first; the newest of many."""
        with self._lock:
            recent = sorted(self._recent)
            self._recent.clear()
        return recent

    def lines(self) -> Iterable[str]:
        """All of it in Prometheus' text form."""
        with self._lock:
            events, refused = dict(self.events), dict(self.refused)
            buckets, seconds = list(accumulate(self._buckets)), self._seconds
        name = "flyball_capture_events_total"
        yield from head(name, "counter", "Events answered for, by what they were to the log.")
        yield from (f'{name}{{outcome="{outcome}"}} {count}' for outcome, count in events.items())
        name = "flyball_refused_total"
        yield from head(name, "counter", "Events and requests that were refused, by reason.")
        yield from (f'{name}{{code="{code}"}} {count}' for code, count in sorted(refused.items()))
        name = "flyball_capture_seconds"
        yield from head(name, "histogram", "From the request to the receipt.")
        ends = (*(f"{bucket:g}" for bucket in BUCKETS), "+Inf")
        yield from (f'{name}_bucket{{le="{end}"}} {count}' for end, count in zip(ends, buckets, strict=True))
        yield f"{name}_sum {seconds:.6f}"
        yield f"{name}_count {buckets[-1]}"


def head(name: str, kind: str, meaning: str) -> tuple[str, str]:
    """The two lines in front of a metric."""
    return f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"


def gauge(name: str, value: float | None, meaning: str) -> Iterable[str]:
    """One number as it stands; nothing where it is not known."""
    if value is not None:
        yield from head(name, "gauge", meaning)
        yield f"{name} {value:g}"
