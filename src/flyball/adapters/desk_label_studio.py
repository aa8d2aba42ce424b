"""A desk at which annotators sit before Label Studio: tasks go out, and what was said there comes in."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from flyball.adapters.label_studio_client import LabelStudio
from flyball.adapters.label_studio_tasks import Drafted, Pulled, Rows, id_of
from flyball.adapters.label_studio_turns import Turns, Workplace, moment_of
from flyball.core.facts import AnswerGiven, BatchSettled
from flyball.core.ids import START, BatchId, Digest, Instant, Position, canonical
from flyball.core.mappings.lacking import Ledger
from flyball.core.mappings.told import Said
from flyball.errors import Unreachable
from flyball.ports import Answer, Evidence, Log, Offer, TeamState
from flyball.ports.intake import answer_of

#: Whoever was seen within this time, or since the last pull, is on shift.
SEEN = 900.0
#: How often the log is asked for what came in another way, such as webhooks.
HEAR = 1.0
#: How long the first `collect` waits for what the log holds to be taken up, in seconds; it goes on without.
FIRST = 1.0


class LabelStudioDesk:
    """The `Desk` port over a project of Label Studio.

    What a pull finds is compared with what the log holds of this source, by webhook or by pull, and the
    difference is what `collect` gives. Where the numbers of annotations differ afterwards, everything is
    looked at. While something fails, `collect` raises Unreachable with a sentence, once it has nothing
    more to give; and once for drafts of which Label Studio does not say whose they are.
    """

    def __init__(
        self,
        studio: LabelStudio,
        place: Workplace,
        rows: Rows,
        log: Log,
        evidence: Evidence,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        """`leads`: whether this process is the one of several that talks to Label Studio."""
        self._place, self._leads = place, leads
        self._turns = Turns(studio, place, rows, self._gather)
        self._gathered: _Gathered | None = None
        self._log, self._evidence = log, evidence
        self._ledger = Ledger()
        self._odd = 0
        self._drafted: dict[str, str] = {}
        self._nobodys: dict[str, bool] = {}  # drafts that were passed over; whether that was told
        self._heard, self._heard_at = START, float("-inf")
        self._open: dict[BatchId, Offer] = {}
        self._seen: dict[str, Instant] = {}

    def offer(self, offer: Offer, now: Instant) -> None:
        """See `ports.Desk`. The next `collect` puts it into Label Studio, or one after it if that is away."""
        if offer.batch not in self._open:
            self._open[offer.batch] = offer
            self._turns.put(offer)

    def collect(self, now: Instant) -> tuple[Answer, ...]:
        """See `ports.Desk`. Raises Unreachable while Label Studio is away and there is nothing to give."""
        leads = self._leads()
        self._turns.start(now, ask=leads)
        if self._heard_at == float("-inf"):
            self._turns.gathered.wait(FIRST)
            self._hear(now)
        if not leads:
            return ()
        answers = [answer for each in self._turns.pulled() for answer in self._difference(each, now)]
        answers += [answer for each in self._turns.drafted() for answer in self._drafts(each)]
        if not answers and (failure := self._turns.failure):
            raise Unreachable(failure)
        if not answers and (passed := [draft for draft, told in self._nobodys.items() if not told]):
            self._nobodys.update(dict.fromkeys(passed, True))
            raise Unreachable(_nobodys(passed))
        return tuple(sorted(answers, key=lambda each: each.said_at or 0.0))

    def team(self, now: Instant) -> TeamState:
        """Who did anything lately, and how many answers are still to be given to the batches that are out.

        Label Studio does not say who is at work. Whoever saved something within a quarter of an hour, or
        since the last pull where those are rarer, is taken for active, and for idle where nothing waits.
        """
        self._hear(now)
        since = now - max(SEEN, self._place.every)
        active = sum(since <= seen for seen in self._seen.values())
        waiting = 0
        for batch, offer in self._open.items():
            given = self._ledger.answered[batch]
            waiting += sum(max(0, offer.answers_needed - given[item]) for item in offer.items)
        return TeamState(active, 0 if waiting else active, waiting)

    def next_at(self, now: Instant) -> Instant | None:
        """When Label Studio is asked the next time; people may answer as long as a batch is out."""
        return max(now, self._turns.next_at)

    def wait(self) -> None:
        """Wait for what is under way; what came of it is there for the next `collect`."""
        self._turns.wait()

    def close(self) -> None:
        """Wait for what is under way, and let go of the connections."""
        self._turns.close()

    def _difference(self, pulled: Pulled, now: Instant) -> list[Answer]:
        self._hear(now, at_once=True)
        raw = {id(said): kept for said, kept in pulled.said}
        found = self._ledger.difference([said for said, _ in pulled.said], pulled.looked_at, pulled.began)
        answers = [self._answer(said, raw.get(id(said))) for said in found]
        for said in found:
            self._ledger.take(said, now)
        for said, _ in pulled.said:
            _note(self._seen, said.annotator, said.revision)
        for each in pulled.people:
            _note(self._seen, str(each.get("id")), moment_of(each.get("last_activity")))
        self._count(pulled)
        return answers

    def _drafts(self, drafted: Drafted) -> list[Answer]:
        """What was drafted, where it is new to this process; to the log it may be old, and is once there."""
        for draft in drafted.nobodys:
            self._nobodys.setdefault(draft, False)
        found = []
        for said, raw in drafted.said:
            _note(self._seen, said.annotator, said.revision)
            if self._drafted.get(said.word) != said.version:
                self._drafted[said.word] = said.version
                found.append(self._answer(said, raw))
        return found

    def _count(self, pulled: Pulled) -> None:
        """Look at everything where the numbers of words differ, unless they did so when all was looked at."""
        odd = pulled.annotations - self._ledger.standing
        if pulled.looked_at is not None and odd != self._odd:
            self._turns.look_at_all()
        self._odd = odd

    def _answer(self, said: Said, raw: bytes | None) -> Answer:
        kept = raw or canonical({"word": said.word, "version": said.version, "withdrawn": said.withdrawn})
        definitions = None if said.definitions is None else Digest(said.definitions)
        return answer_of(said, id_of(self._place.source, said, kept), kept, definitions)

    def _gather(self) -> Instant | None:
        """Take up what the log holds of this source, which may be long; in the thread of a turn."""
        ledger, seen = Ledger(), dict[str, Instant]()
        heard, settled = self._fold(ledger, seen, START)
        self._gathered = _Gathered(ledger, seen, heard, settled)
        return max(seen.values(), default=None)

    def _hear(self, now: Instant, at_once: bool = False) -> None:
        """Take in what the log has got of this source since the last time, once the past is gathered."""
        if not at_once and 0 <= now - self._heard_at < HEAR:
            return
        self._heard_at = now
        if not self._turns.gathered.is_set():
            return
        if (past := self._gathered) is not None:
            self._ledger, self._seen, self._heard, self._gathered = past.ledger, past.seen, past.heard, None
            self._close(past.settled)
        self._heard, settled = self._fold(self._ledger, self._seen, self._heard)
        self._close(settled)

    def _close(self, settled: Collection[BatchId]) -> None:
        for batch in settled:
            self._open.pop(batch, None)
            self._ledger.answered.pop(batch, None)

    def _fold(
        self, ledger: Ledger, seen: dict[str, Instant], after: Position
    ) -> tuple[Position, set[BatchId]]:
        """Take in what the log holds after a place; gives the place now, and the batches that are settled."""
        ours: set[Position] = set()
        settled: set[BatchId] = set()
        upto = after
        for link in self._evidence.links(after, bodies=False):
            upto = link.seq
            if link.kind == AnswerGiven.kind and self._is_ours(link.source, link.event_id):
                ours.add(link.seq)
        for recorded in self._log.read(after, kinds=[AnswerGiven.kind, BatchSettled.kind]):
            if recorded.seq > upto:
                break
            if isinstance(recorded.fact, BatchSettled):
                settled.add(recorded.fact.batch)
            elif isinstance(recorded.fact, AnswerGiven) and recorded.seq in ours:
                ledger.take(recorded.fact, recorded.at)
                _note(seen, recorded.fact.annotator, recorded.fact.revision)
        return upto, settled

    def _is_ours(self, source: str, event_id: str | None) -> bool:
        if source == f"source:{self._place.source}":
            return True
        return source == "desk" and (event_id or "").startswith(f"{self._place.source}/")


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What the log held of a source when the desk began."""

    ledger: Ledger
    seen: dict[str, Instant]
    heard: Position
    settled: set[BatchId]


def _note(seen: dict[str, Instant], annotator: str, at: Instant | None) -> None:
    if at is not None:
        seen[annotator] = max(at, seen.get(annotator, float("-inf")))


def _nobodys(drafts: list[str]) -> str:
    more = ", …" if len(drafts) > 5 else ""
    return (
        f"Label Studio does not say by number who wrote the drafts {', '.join(drafts[:5])}{more}: they are"
        " passed over until they are submitted."
    )
