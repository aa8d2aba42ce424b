"""Take answers back whose words were deleted in their tool, whichever of the two came first."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from flyball.core.chain import Link
from flyball.core.facts import AnswerGiven, WordsDeleted
from flyball.core.ids import START, Instant, Position
from flyball.ports import Answer
from flyball.work.accept import Given, accept
from flyball.work.deliveries import GONE
from flyball.work.tools import Tools

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
    _upto: Position = START
    _gone: set[str] = field(default_factory=set)

    def look(self, now: Instant) -> int:
        """Go on from where the last look ended; gives how many answers were taken back.

        Only a new deletion makes it read what stands further back, without the bytes.
        """
        upto, gone, spoken = self._upto, set(self._gone), list[Link]()
        for link in self._links(upto):
            upto = link.seq
            if link.source == self.source and link.kind == WordsDeleted.kind:
                if isinstance(fact := self._fact(link.seq), WordsDeleted):
                    gone.update(fact.words)
            elif self._is_of(link, self._gone):
                spoken.append(link)
        again = (each for each in self._links(START) if self._is_of(each, gone))
        answers = list(self._taken_back(again if gone != self._gone else spoken))
        receipts = accept(self.tools, [Given(each, self.source) for each in answers], now) if answers else ()
        self._upto, self._gone = upto, gone
        return sum(receipt.new for receipt in receipts)

    def _links(self, after: Position) -> Iterator[Link]:
        return self.tools.store.evidence.links(after, bodies=False)

    def _is_of(self, link: Link, words: Collection[str]) -> bool:
        """It is an answer of one of these words, or the taking back of one."""
        ours = link.source == self.source and link.kind == AnswerGiven.kind
        return ours and (link.event_id or "").partition("@")[0] in words

    def _taken_back(self, links: Iterable[Link]) -> Iterator[Answer]:
        spoken: dict[str, Position] = {}
        done: set[str] = set()
        for link in links:
            name = link.event_id or ""
            if name.endswith(_BACK):
                done.add(name.removesuffix(_BACK))
            else:
                spoken[name] = link.seq
        for name, seq in spoken.items():
            fact = None if name in done else self._fact(seq)
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
