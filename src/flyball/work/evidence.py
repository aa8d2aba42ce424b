"""Sign checkpoints of the log as it grows, and hold a log against the checkpoints that were signed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from flyball.core.chain import Break, Head, micros, verify
from flyball.core.checkpoint import Checkpoint, Tree
from flyball.core.facts import BodyErased
from flyball.core.ids import START, Instant, Position, Seconds
from flyball.errors import Unreachable
from flyball.ports import Evidence, Log
from flyball.ports.checkpoints import Notary, Signed
from flyball.work import deadletters
from flyball.work.evidence_pieces import SPAN, Pieces, one_by_one, spans
from flyball.work.tools import Tools

#: A checkpoint is due after so many facts, or so long after the last one.
EVERY_FACTS, EVERY_SECONDS = 1_000, 60.0
#: How often it is asked whether one is due; and the most facts that one checkpoint takes in at once.
ASKED_EVERY: Seconds = 0.5
MOST = 50_000

#: Above so many dead letters somebody is told, for as long as they lie there.
MANY_LETTERS = 50


class Keeper:
    """Keeps the evidence in order while a loop runs: it signs checkpoints and counts dead letters.

    `clock` is the wall's, also in a simulated world: what an intruder has is real time.
    """

    def __init__(self, log: Log, evidence: Evidence, notary: Notary, clock: Callable[[], Instant]) -> None:
        self._log, self._evidence, self._notary, self._clock = log, evidence, notary, clock
        self._tree: Tree | None = None
        self._head = Head()
        self._signed_at, self._away = clock(), False
        self._asked_at = self._counted_at = float("-inf")
        #: Why nothing is signed any more, if so.
        self.fault = ""
        with suppress(Unreachable):  # `look` asks again, and tells
            self._begun()

    def _begun(self) -> Tree:
        """The facts that were signed, once it is known which those are. Raises Unreachable."""
        if self._tree is None:
            last = self._notary.last()
            self.fault = _unlike(self._evidence, last)
            self._head = Head() if last is None else Head(Position(last.size), 0, last.head)
            self._tree = Tree() if last is None else last.tree()
        return self._tree

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
        if deadletters.count(tools.store) > MANY_LETTERS:
            words = f"more than {MANY_LETTERS} dead letters lie there: flyball dlq ls"
            tools.alert(now, "dead-letters", words)
        else:
            tools.clear(now, "dead-letters")

    def sign(self, at_once: bool = False) -> bool:
        """Sign a checkpoint if one is due, or (`at_once`) if anything is new; whether one was signed.

        The facts are read and verified again first. Raises Unreachable.
        """
        now = self._clock()
        signed = self._begun()
        if self.fault:
            return False
        new = self._log.head().seq - signed.size
        recently = 0 <= now - self._signed_at < EVERY_SECONDS
        if new <= 0 or (recently and not at_once and (new < EVERY_FACTS or self._away)):
            return False
        self._signed_at, self._away = now, True
        self._sign(signed, now)
        self._away = False
        return not self.fault

    def _sign(self, signed: Tree, now: Instant) -> None:
        links = list(islice(self._evidence.links(Position(signed.size), bodies=False), MOST))
        if breaks := verify(links, self._head):
            self.fault = (
                f"the log was changed at fact {breaks[0].seq}: {breaks[0].what}. No checkpoint is signed from"
                " here on. Run `flyball verify`."
            )
            return
        tree = Tree(signed.size, signed.peaks)
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
    #: All breaks, also those that were not kept.
    count: int = 0
    _room: int = 1_000

    @property
    def window(self) -> int:
        """How many facts are newer than the newest checkpoint that held."""
        return self.facts - (self.newest.size if self.newest else 0)

    def add(self, breaks: Sequence[Break]) -> None:
        """Take breaks in; the first thousand are kept."""
        kept = breaks[: self._room]
        self._room -= len(kept)
        self.count += len(breaks)
        self.breaks.extend(kept)

    def tell(self, found: Break) -> None:
        """Take in a break that is kept however many there are: one of a few about checkpoints."""
        self.count += 1
        self.breaks.append(found)


def verified(
    evidence: Evidence,
    log: Log,
    signed: Sequence[Signed],
    origin: str,
    bodies: bool = True,
    pieces: Pieces | None = None,
    size: int = SPAN,
) -> Iterator[Findings]:
    """Verify a log against its checkpoints; what was found so far after every few thousand facts.

    `bodies`: also that the bytes are those that were written, that someone erased those that are gone,
    and that the Merkle roots are right. Without, checkpoints are held by the newest hash that they name,
    which the whole chain runs into, and it takes half the time. `pieces` reads the log, in spans of so
    many positions: None reads one after the other. What is found depends on neither.
    """
    found = Findings()
    before = Head()
    ahead = _Ahead(signed, origin, found, roots=bodies)
    gone: list[Position] = []
    newest = log.head().seq
    wanted = list(spans(newest, size))
    for _, piece in zip(wanted, (pieces or one_by_one(evidence, bodies))(wanted), strict=True):
        if piece is None:
            continue
        found.add(verify([piece.first], before))
        found.add(piece.breaks)
        ahead.hold(piece.hashes)
        gone.extend(piece.gone)
        before = piece.last
        found.facts += len(piece.hashes)
        yield found
    if before.seq < newest:
        found.tell(Break(before.seq, f"the log ends here, and it ended with fact {newest} just before"))
    ahead.end(before.seq)
    _told(found, log, gone)
    found.breaks.sort(key=lambda each: each.seq)
    yield found


class _Ahead:
    """The checkpoints that were not reached yet, while the log is read."""

    def __init__(self, signed: Sequence[Signed], origin: str, found: Findings, roots: bool) -> None:
        strange = sorted({each.checkpoint.origin for each in signed} - {origin})
        if strange:
            found.tell(Break(START, f"there are checkpoints of another log, {', '.join(strange)}"))
        self._left = [each for each in reversed(signed) if each.checkpoint.origin == origin]
        self._found = found
        self._lost = False
        self._tree = Tree() if roots else None
        self._read = 0

    def hold(self, hashes: Sequence[bytes]) -> None:
        """Take in the hashes of the next facts, and hold them against the checkpoints that lie there."""
        done = 0
        while self._left and self._left[-1].checkpoint.size <= self._read + len(hashes):
            here = self._left.pop()
            until = here.checkpoint.size - self._read
            self._grow(hashes[done:until])
            done = until
            self._judge(here, hashes[done - 1] if done else here.checkpoint.head)
        self._grow(hashes[done:])
        self._read += len(hashes)

    def _grow(self, hashes: Sequence[bytes]) -> None:
        if self._tree is not None:
            self._tree.extend(hashes)

    def _judge(self, here: Signed, head: bytes) -> None:
        point, found = here.checkpoint, self._found
        if head == point.head and (self._tree is None or self._tree.root() == point.root):
            found.checkpoints += 1
            found.newest = point
        elif not self._lost:
            self._lost = True
            since = found.newest.size if found.newest else 0
            what = f"the log up to here is not the one that was signed in {here.where}"
            found.tell(Break(Position(point.size), f"{what}: it was changed after fact {since}"))

    def end(self, last: Position) -> None:
        """The log is at its end: the checkpoints that are left were signed over more facts."""
        if self._left:
            most = self._left[0]
            what = f"the log ends here, and {most.checkpoint.size} facts were signed in {most.where}"
            self._found.tell(Break(last, f"{what}: its end was cut off, or an old file was put back"))


def _told(found: Findings, log: Log, gone: Sequence[Position]) -> None:
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
            Break(seq, "its bytes are gone, and no fact tells who erased them and why")
            for seq in gone
            if seq not in told
        ]
    )
