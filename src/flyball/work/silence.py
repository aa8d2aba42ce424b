"""Notice a source from which nothing comes any more, by how it came before."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from flyball.core.ids import Instant, Seconds, canonical
from flyball.ports import Commit
from flyball.work.tools import Tools

#: A source is silent after so many times its longest silence before, and not before as many times `every`.
TIMES = 3.0
#: Nor before this, and nor before so many silences are known of it.
LEAST: Seconds = 3600.0
KNOWN = 3
#: The longest silence is forgotten by halves in this time.
HALF: Seconds = 30 * 86_400.0
#: How often it is noted when something came.
NOTED_EVERY: Seconds = 60.0


@dataclass(slots=True)
class Silence:
    """When something came of one source the last time, and how long that took before.

    A time in which nobody looked is no silence.
    """

    tools: Tools
    name: str
    every: Seconds
    _began: Instant | None = None
    _last: Instant = 0.0
    _longest: Seconds = 0.0
    _known: int = 0
    _noted: Instant = float("-inf")

    def look(self, now: Instant, heard: Instant | None) -> None:
        """Take note of when something came last, where that is known; raises the alert, and clears it."""
        if self._began is None:
            self._begin(now)
        if heard is not None and heard > self._last:
            self._hear(heard)
        self._last, began = min(self._last, now), min(self._began or now, now)
        if self._known >= KNOWN and now - self._last > self.limit and now - began >= self.every:
            since = datetime.fromtimestamp(self._last, UTC).strftime("%Y-%m-%d %H:%M")
            self.tools.alert(
                now,
                self._key,
                f"{self.name}: nothing has come since {since} UTC, and its longest silence before was"
                f" {self._longest / 3600:.1f} hours; look whether it still sends",
            )
        elif now - self._last <= self.limit:
            self.tools.clear(now, self._key)

    @property
    def limit(self) -> Seconds:
        """How long nothing may come."""
        return max(TIMES * self._longest, TIMES * self.every, LEAST)

    @property
    def _key(self) -> str:
        return f"source-{self.name}-silent"

    def _begin(self, now: Instant) -> None:
        noted = json.loads(self.tools.store.log.note(f"silence/{self.name}") or "{}")
        self._last = noted.get("last", now)
        self._longest, self._known = noted.get("longest", 0.0), noted.get("known", 0)
        self._began = now

    def _hear(self, now: Instant) -> None:
        gap = now - self._last
        counts = gap > self.every and self._began is not None and self._last >= self._began
        if counts:
            self._longest = max(gap, self._longest * 0.5 ** (gap / HALF))
            self._known = min(self._known + 1, KNOWN)
        self._last = now
        if counts or not 0 <= now - self._noted < NOTED_EVERY:
            noted = {"last": now, "longest": self._longest, "known": self._known}
            self.tools.store.log.append(
                Commit(notes={f"silence/{self.name}": canonical(noted).decode()}), now
            )
            self._noted = now
