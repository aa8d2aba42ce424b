"""What the log holds of each source, counted as the log grows, so that nobody reads all of it to say."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flyball.core.chain import instant
from flyball.core.facts import AnswerGiven, DeliveryUnread
from flyball.core.ids import START, Instant, Position, Seconds, canonical
from flyball.ports import Commit, Evidence, Log

#: The note in which the counts stand, and how far the log was read for them.
NOTE = "came"
#: It is written anew when something came, but no more often than this; and after so many facts in any case.
NOTED_EVERY: Seconds = 60.0
NOTED_FACTS = 5_000
_OURS = "source:"


@dataclass(frozen=True, slots=True)
class Brought:
    """What one source has brought. `at`: when anything of it came last.

    `unread`: what could not be read, by the code of its reason: how often, and where the newest stands.
    """

    answers: int = 0
    at: Instant | None = None
    unread: Mapping[str, tuple[int, Position]] = field(default_factory=dict)


class Came:
    """The counts of all sources that the log knows, by their names in it; safe for several threads."""

    def __init__(self) -> None:
        self._brought: dict[str, Brought] = {}
        self._upto: Position | None = None
        self._noted_at, self._noted_upto, self._changed = float("-inf"), START, False
        self._lock = threading.Lock()

    def of(self, source: str) -> Brought:
        """What a source has brought up to the last count."""
        return self._brought.get(source, Brought())

    def count(self, log: Log, evidence: Evidence) -> None:
        """Take in what has come since the last count, or since the one that was noted last."""
        with self._lock:
            if self._upto is None:
                self._recall(log)
            upto, come, unread = self._upto or START, dict[str, tuple[int, Instant]](), list[Position]()
            for link in evidence.links(upto, bodies=False):
                upto = link.seq
                if link.source.startswith(_OURS):
                    answers, _ = come.get(link.source, (0, 0.0))
                    come[link.source] = (answers + (link.kind == AnswerGiven.kind), instant(link.at))
                    unread += [link.seq] if link.kind == DeliveryUnread.kind else []
            kept = list(log.at(unread))
            for source, (answers, at) in come.items():
                before = self.of(source)
                self._brought[source] = Brought(before.answers + answers, at, before.unread)
            for recorded in kept:
                if isinstance(fact := recorded.fact, DeliveryUnread):
                    self._add_unread(fact, recorded.seq)
            self._upto, self._changed = upto, self._changed or bool(come)

    def noted(self, log: Log, now: Instant) -> None:
        """Note the counts, where there is something worth a write."""
        with self._lock:
            upto = self._upto or START
            rests = 0 <= now - self._noted_at < NOTED_EVERY
            if upto - self._noted_upto < NOTED_FACTS and (rests or not self._changed):
                return
            log.append(Commit(notes={NOTE: self._told(upto)}), now)
            self._noted_at, self._noted_upto, self._changed = now, upto, False

    def _add_unread(self, fact: DeliveryUnread, seq: Position) -> None:
        before = self.of(fact.source)
        often, _ = before.unread.get(fact.code, (0, START))
        unread = {**before.unread, fact.code: (often + 1, seq)}
        self._brought[fact.source] = Brought(before.answers, before.at, unread)

    def _recall(self, log: Log) -> None:
        noted: Mapping[str, Any] = json.loads(log.note(NOTE) or "{}")
        self._upto = self._noted_upto = Position(noted.get("upto", START))
        for source, (answers, at, unread) in noted.get("brought", {}).items():
            places = {code: (often, Position(seq)) for code, (often, seq) in unread.items()}
            self._brought[source] = Brought(answers, at, places)

    def _told(self, upto: Position) -> str:
        brought = {name: [each.answers, each.at, each.unread] for name, each in self._brought.items()}
        return canonical({"upto": upto, "brought": brought}).decode()
