"""Take answers back whose words were deleted in their tool, whichever of the two came first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Set
from dataclasses import dataclass, field

from flyball.core.facts import AnswerGiven, WordsDeleted
from flyball.core.ids import START, Instant, Position
from flyball.ports import Answer, Commit
from flyball.work.accept import Given, accept
from flyball.work.deliveries import GONE
from flyball.work.tools import Tools

#: After so many new facts it is noted how far a source was looked through.
NOTED_EVERY = 5_000
_BACK = f"#{GONE}"


@dataclass(slots=True)
class Withdrawals:
    """What one source has deleted so far.

    A deletion names the tool's own id of the words. The ids of our facts begin with it, so that the log
    itself says which answers they were. Words that come in after their deletion are taken back at once.
    Every version of the words is taken back just above its own revision, and once.
    """

    tools: Tools
    source: str
    noted_every: int = NOTED_EVERY
    _gone: set[str] = field(default_factory=set)
    _told: Position = START
    _upto: Position | None = None
    _noted: Position = START

    def look(self, now: Instant) -> int:
        """Go on from where the last look ended, also one before a restart; gives how many were taken back.

        The answers of words that were deleted are found by their names, wherever they stand.
        """
        if self._upto is None:
            self._upto = self._noted = Position(int(self.tools.store.log.note(self._key) or 0))
        head = self.tools.store.log.head().seq
        told, new = self._told, set[str]()
        for recorded in self.tools.store.log.read(told, [WordsDeleted.kind]):
            told = recorded.seq
            if isinstance(recorded.fact, WordsDeleted) and recorded.fact.source == self.source:
                # Those that were told of before the last look ended were looked up then.
                (new if recorded.seq > self._upto else self._gone).update(recorded.fact.words)
        spoken = set(self._spoken(self._upto, head)) if self._gone else set()
        answers = [answer for word in sorted(new | spoken) for answer in self._taken_back(word)]
        receipts = accept(self.tools, [Given(each, self.source) for each in answers], now) if answers else ()
        self._gone |= new
        self._told, self._upto = told, head
        if self._gone and head - self._noted >= self.noted_every:
            self.tools.store.log.append(Commit(notes={self._key: str(head)}), now)
            self._noted = head
        return sum(receipt.new for receipt in receipts)

    @property
    def _key(self) -> str:
        return f"withdrawals/{self.source}"

    def _spoken(self, after: Position, until: Position) -> Iterator[str]:
        """Words that were deleted before and have come again since."""
        gone: Set[str] = self._gone
        for link in self.tools.store.evidence.links(after, bodies=False):
            if link.seq > until:
                return
            if link.source == self.source and link.kind == AnswerGiven.kind:
                word = (link.event_id or "").partition("@")[0]
                if word in gone:
                    yield word

    def _taken_back(self, word: str) -> Iterator[Answer]:
        spoken = {name: seq for seq, name in self.tools.store.evidence.versions(self.source, word)}
        for name, seq in spoken.items():
            if name.endswith(_BACK) or f"{name}{_BACK}" in spoken:
                continue
            fact = self._fact(seq)
            if isinstance(fact, AnswerGiven) and not fact.withdrawn:
                yield _withdrawn(name, fact)

    def _fact(self, seq: Position) -> object:
        found = next(self.tools.store.log.read(Position(seq - 1), limit=1), None)
        return found.fact if found is not None and found.seq == seq else None


def _withdrawn(name: str, fact: AnswerGiven) -> Answer:
    revision = None if fact.revision is None else math.nextafter(fact.revision, math.inf)
    return Answer(
        event_id=f"{name}{_BACK}",
        item=fact.item,
        annotator=fact.annotator,
        label="",
        batch=fact.batch,
        said_at=None,
        definitions=fact.definitions,
        revision=revision,
        withdrawn=True,
    )
