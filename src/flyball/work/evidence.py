"""Sign checkpoints of the log as it grows, and hold a log against the checkpoints that were signed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from flyball.core.chain import Break, Head, Link, micros, verify
from flyball.core.checkpoint import Checkpoint, Tree
from flyball.core.facts import BodyErased
from flyball.core.ids import START, Instant, Position, Seconds
from flyball.errors import Unreachable
from flyball.ports import Evidence, Log
from flyball.ports.checkpoints import Notary, Signed
from flyball.work.tools import Tools

#: A checkpoint is due after so many facts, or so long after the last one.
EVERY_FACTS, EVERY_SECONDS = 1_000, 60.0
#: How often it is asked whether one is due; and the most facts that one checkpoint takes in at once.
ASKED_EVERY: Seconds = 0.5
MOST = 50_000
#: Facts that are verified at a time.
CHUNK = 20_000


#: Above so many dead letters somebody is told, for as long as they lie there.
MANY_LETTERS = 50


class Keeper:
    """Keeps the evidence in order while a loop runs: it signs checkpoints and counts dead letters.

    `clock` is the wall's, also in a simulated world: what an intruder has is real time.
    """

    def __init__(self, log: Log, evidence: Evidence, notary: Notary, clock: Callable[[], Instant]) -> None:
        self._log, self._evidence, self._notary, self._clock = log, evidence, notary, clock
        last = notary.last()
        self._tree = Tree() if last is None else last.tree()
        self._head = Head() if last is None else Head(Position(last.size), 0, last.head)
        self._signed_at = clock()
        self._asked_at = self._counted_at = float("-inf")
        #: Why nothing is signed any more, if so.
        self.fault = _unlike(evidence, last)

    def look(self, tools: Tools, now: Instant, at_once: bool = False) -> None:
        """Do what is due, and raise or clear the alerts about it. Raises Unreachable."""
        # A clock that was set back holds nothing up: then, too, it is time.
        if not 0 <= now - self._counted_at < EVERY_SECONDS:
            self._counted_at = now
            self._count(tools, now)
        wall = self._clock()
        if not at_once and 0 <= wall - self._asked_at < ASKED_EVERY:
            return
        self._asked_at = wall
        try:
            self.sign(at_once)
        except Unreachable as error:
            tools.alert(now, "checkpoints", f"{error}. It is tried again every minute.")
            return
        if self.fault:
            tools.alert(now, "checkpoints", self.fault)
        else:
            tools.clear(now, "checkpoints")

    def _count(self, tools: Tools, now: Instant) -> None:
        if tools.store.jobs.waiting("merge").dead > MANY_LETTERS:
            words = f"more than {MANY_LETTERS} dead letters lie there: flyball dlq ls"
            tools.alert(now, "dead-letters", words)
        else:
            tools.clear(now, "dead-letters")

    def sign(self, at_once: bool = False) -> bool:
        """Sign a checkpoint if one is due, or (`at_once`) if anything is new; whether one was signed.

        The facts are read and verified again first. Raises Unreachable.
        """
        now = self._clock()
        if self.fault:
            return False
        new = self._log.head().seq - self._tree.size
        recently = 0 <= now - self._signed_at < EVERY_SECONDS
        if new <= 0 or (recently and not at_once and new < EVERY_FACTS):
            return False
        self._signed_at = now
        self._sign(now)
        return not self.fault

    def _sign(self, now: Instant) -> None:
        links = list(islice(self._evidence.links(Position(self._tree.size), bodies=False), MOST))
        if breaks := verify(links, self._head):
            self.fault = (
                f"the log was changed at fact {breaks[0].seq}: {breaks[0].what}. No checkpoint is signed from"
                " here on. Run `flyball verify`."
            )
            return
        tree = Tree(self._tree.size, self._tree.peaks)
        tree.extend(link.hash for link in links)
        last = links[-1]
        self._notary.keep(
            Checkpoint(self._notary.origin, tree.size, tree.root(), last.hash, micros(now), tuple(tree.peaks))
        )
        self._tree, self._head = tree, Head(last.seq, last.at, last.hash)


def _unlike(evidence: Evidence, last: Checkpoint | None) -> str:
    """Why a log is not the one that was signed, if so: an old file was put back, or it was written anew."""
    if last is None or not last.size:
        return ""
    link = next(iter(evidence.links(Position(last.size - 1), bodies=False)), None)
    if link is not None and link.hash == last.head:
        return ""
    what = "it is shorter" if link is None else f"its fact {last.size} is another one"
    return (
        f"this log is not the one whose {last.size} facts were signed: {what}. Was an old file put back?"
        " Run `flyball verify`; to begin a new series, move the checkpoints away."
    )


@dataclass(slots=True)
class Findings:
    """What a verification found so far.

    `breaks` in order; `facts` were read; `checkpoints` held; `newest` is the newest that held, and
    `window` the facts that are newer than it: a change of those, with the chain written anew behind it,
    would not show.
    """

    facts: int = 0
    erased: int = 0
    checkpoints: int = 0
    newest: Checkpoint | None = None
    breaks: list[Break] = field(default_factory=list)
    #: Breaks are counted on; so many are told.
    count: int = 0

    @property
    def window(self) -> int:
        """How many facts are newer than the newest checkpoint that held."""
        return self.facts - (self.newest.size if self.newest else 0)

    def add(self, breaks: Sequence[Break]) -> None:
        """Take breaks in; the first thousand are kept."""
        self.count += len(breaks)
        self.breaks.extend(breaks[: max(0, 1_000 - len(self.breaks))])


def verified(
    evidence: Evidence, log: Log, signed: Sequence[Signed], origin: str, bodies: bool = True
) -> Iterator[Findings]:
    """Verify a log against its checkpoints; what was found so far after every few thousand facts.

    `bodies`: also that the bytes are those that were written, that someone erased those that are gone,
    and that the Merkle roots are right. Without, checkpoints are held by the newest hash that they name,
    which the whole chain runs into, and it takes half the time.
    """
    found = Findings()
    before: Head | Link = Head()
    ahead = _Ahead(signed, origin, found, roots=bodies)
    gone: list[int] = []
    links = evidence.links(START, bodies=bodies)
    while chunk := list(islice(links, CHUNK)):
        found.add(verify(chunk, before))
        ahead.hold(chunk)
        if bodies:
            gone.extend(link.seq for link in chunk if link.salt is None)
        before = chunk[-1]
        found.facts += len(chunk)
        yield found
    ahead.end(before)
    _told(found, log, gone)
    found.breaks.sort(key=lambda each: each.seq)
    yield found


class _Ahead:
    """The checkpoints that were not reached yet, while the log is read."""

    def __init__(self, signed: Sequence[Signed], origin: str, found: Findings, roots: bool) -> None:
        strange = sorted({each.checkpoint.origin for each in signed} - {origin})
        if strange:
            found.add([Break(START, f"there are checkpoints of another log, {', '.join(strange)}")])
        self._left = [each for each in reversed(signed) if each.checkpoint.origin == origin]
        self._found = found
        self._lost = False
        self._tree = Tree() if roots else None
        self._read = 0

    def hold(self, chunk: Sequence[Link]) -> None:
        """Take in a chunk of the log, and hold it against the checkpoints that lie in it."""
        done = 0
        while self._left and self._left[-1].checkpoint.size <= self._read + len(chunk):
            here = self._left.pop()
            until = here.checkpoint.size - self._read
            self._grow(chunk[done:until])
            done = until
            self._judge(here, chunk[done - 1].hash if done else here.checkpoint.head)
        self._grow(chunk[done:])
        self._read += len(chunk)

    def _grow(self, links: Sequence[Link]) -> None:
        if self._tree is not None:
            self._tree.extend([link.hash for link in links])

    def _judge(self, here: Signed, head: bytes) -> None:
        point, found = here.checkpoint, self._found
        if head == point.head and (self._tree is None or self._tree.root() == point.root):
            found.checkpoints += 1
            found.newest = point
        elif not self._lost:
            self._lost = True
            since = found.newest.size if found.newest else 0
            what = f"the log up to here is not the one that was signed in {here.where}"
            found.add([Break(Position(point.size), f"{what}: it was changed after fact {since}")])

    def end(self, last: Head | Link) -> None:
        """The log is at its end: the checkpoints that are left were signed over more facts."""
        if self._left:
            most = self._left[0]
            what = f"the log ends here, and {most.checkpoint.size} facts were signed in {most.where}"
            self._found.add([Break(last.seq, f"{what}: its end was cut off, or an old file was put back")])


def _told(found: Findings, log: Log, gone: Sequence[int]) -> None:
    """Bytes that are gone, and nobody says who erased them."""
    if not gone:
        return
    told: set[int] = set()
    for recorded in log.read(kinds=[BodyErased.kind]):
        if isinstance(recorded.fact, BodyErased):
            told.update(recorded.fact.facts)
    found.erased = len(gone)
    found.add(
        [
            Break(Position(seq), "its bytes are gone, and no fact tells who erased them and why")
            for seq in gone
            if seq not in told
        ]
    )
