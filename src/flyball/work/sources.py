"""The sources of a loop while it runs: each is asked when it is due, in a thread, one pass at a time."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from flyball.core.ids import Instant, Seconds, canonical
from flyball.core.mappings import Map
from flyball.errors import FlyballError, NotFound
from flyball.ports import Commit
from flyball.work.came import NOTED_EVERY, Came
from flyball.work.deliveries import source_of
from flyball.work.intake import Pulled, reread
from flyball.work.silence import Silence
from flyball.work.tools import Tools
from flyball.work.withdrawals import Withdrawals

_T = TypeVar("_T")
#: How long a source that failed rests: doubled each time in a row, up to an hour.
FIRST_REST, LONGEST_REST = 15.0, 3600.0
#: When a source is looked at again where there is something to do at once; and a topic, in any case.
SOON: Seconds = 1.0
#: What is counted of a source over all its passes.
COUNTED = ("new", "conflicts", "unread", "read")
#: How many are asked at the same time.
AT_ONCE = 4


class Puller(Protocol):
    """What takes in what a source has."""

    def pull(self, again: bool = False) -> Pulled:
        """One pass. `again`: over what was read before too. Raises Unreachable, and others.

        After it raised it is closed, and another goes on from what is safe.
        """

    def close(self) -> None:
        """Let go of connections."""


@dataclass(slots=True)
class Source:
    """One source. `puller` is made when it is first asked; None for one that only calls us.

    `wanted`: somebody asked for a pass since the last one began.
    """

    name: str
    every: Seconds
    by: Map
    make: Callable[[Callable[[], bool]], Puller] | None = None
    puller: Puller | None = None
    due: Instant = float("-inf")
    #: When it was last said when it is due; before that (a clock was set back) it is due too.
    said_at: Instant = float("-inf")
    failures: int = 0
    again: bool = False
    wanted: bool = False
    under_way: Future[None] | None = None
    withdrawals: Withdrawals | None = None
    silence: Silence | None = None


@dataclass(slots=True)
class Sources:
    """All sources of a loop. `poll` is called often and never waits; `close` waits for what is under way."""

    tools: Tools
    sources: Mapping[str, Source]
    came: Came = field(default_factory=Came)
    _counting: Future[None] | None = None
    _counted_at: Instant = float("-inf")
    _pool: ThreadPoolExecutor | None = None
    _ending: bool = False
    _asking: threading.Lock = field(default_factory=threading.Lock)

    def poll(self, now: Instant) -> None:
        """Begin with what is due. On a shared store only the process that leads does."""
        if self._ending:
            return
        for source in self.sources.values():
            if source.under_way is not None and not source.under_way.done():
                continue
            rests = source.said_at - SOON <= now < source.due and not source.wanted
            if not rests and self.tools.store.leads():
                source.under_way = self._begun(self._turn, source)
        counted = 0 <= now - self._counted_at < NOTED_EVERY
        idle = self._counting is None or self._counting.done()
        if not counted and idle and self.tools.store.leads():
            self._counted_at, self._counting = now, self._begun(self._counted, now)

    def pull(self, name: str, again: bool = False) -> Pulled:
        """One pass over a source, here and now. Raises NotFound, and what its pass raises."""
        source = self._named(name)
        pulled = self._pass(source, again)
        self._write_down(source, pulled)
        self._count(self.tools.clock.now())
        return pulled

    def hurry(self, name: str, again: bool = False) -> None:
        """Have a source asked at the next poll; after the pass that is under way. Raises NotFound."""
        source = self._named(name)
        with self._asking:
            source.again, source.wanted = source.again or again, True

    def close(self) -> None:
        """End passes between two writes, and let go of connections."""
        self._ending = True
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        for source in self.sources.values():
            _let_go(source)

    def _begun(self, work: Callable[[_T], None], about: _T) -> Future[None]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="source")
        return self._pool.submit(work, about)

    def _named(self, name: str) -> Source:
        if name not in self.sources:
            raise NotFound(f"there is no [sources.{name}] in loop.toml; there are: {', '.join(self.sources)}")
        return self.sources[name]

    def _turn(self, source: Source) -> None:
        tools, clock = self.tools, self.tools.clock
        with self._asking:
            again, source.again, source.wanted = source.again, False, False
        key = f"source-{source.name}"
        try:
            pulled = self._pass(source, again)
            self._write_down(source, pulled)
            source.failures = 0
            if again and pulled.more:
                source.again = True
            soon = pulled.more or source.puller is None  # what it calls us with may be a deletion
            source.said_at = clock.now()
            source.due = source.said_at + (min(SOON, source.every) if soon else source.every)
            if pulled.bad:
                tools.alert(clock.now(), key, f"{source.name}: {'; '.join(pulled.bad[:3])}")
            else:
                tools.clear(clock.now(), key)
            if pulled.unread:
                message = (
                    f"{source.name}: {pulled.unread} of what came could not be read and is kept;"
                    " `flyball sources ls` says why"
                )
                tools.alert(clock.now(), f"{key}-unread", message)
            elif again:
                tools.clear(clock.now(), f"{key}-unread")
            self._listen(source, pulled)
        except Exception as error:  # whatever it was, the other sources and the loop go on
            if again:
                source.again = True
            source.failures += 1
            rest = min(FIRST_REST * 2 ** min(source.failures - 1, 10), LONGEST_REST)
            source.said_at = clock.now()
            source.due = source.said_at + rest
            said = str(error) if isinstance(error, FlyballError) else f"{type(error).__name__}: {error}"
            try:
                tools.alert(clock.now(), key, f"{source.name}: {said}")
            except FlyballError:  # the store takes nothing either; the next turn tells
                return

    def _pass(self, source: Source, again: bool) -> Pulled:
        tools = self.tools
        pulled = Pulled()
        if source.puller is None and source.make is not None:
            source.puller = source.make(lambda: self._ending)
        if source.puller is not None:
            try:
                pulled = source.puller.pull(again)
            except BaseException:  # what it took and nobody wrote down comes again, to another
                _let_go(source)
                raise
        elif again:
            pulled = reread(tools, source.name, source.by)
        if source.withdrawals is None:
            source.withdrawals = Withdrawals(tools, source_of(source.name))
        source.withdrawals.look(tools.clock.now())
        return pulled

    def _listen(self, source: Source, pulled: Pulled) -> None:
        """Notice where nothing comes any more."""
        now = self.tools.clock.now()
        if source.silence is None:
            source.silence = Silence(self.tools, source.name, max(source.every, SOON))
        if source.puller is None:  # it calls us: the log says when it did
            self._count(now)
            heard = self.came.of(source_of(source.name)).at
        else:
            heard = now if pulled.happened else None
        source.silence.look(now, heard)

    def _counted(self, now: Instant) -> None:
        try:
            self._count(now)
        except Exception as error:  # the next count goes on from the last one that was noted
            self.tools.warn(now, "sources", f"what came of the sources is not counted: {error}")
        else:
            self.tools.over(now, "sources")

    def _count(self, now: Instant) -> None:
        """Count what has come of all sources."""
        store = self.tools.store
        self.came.count(store.log, store.evidence)
        self.came.noted(store.log, now)

    def _write_down(self, source: Source, pulled: Pulled) -> None:
        """Note what came of it for `flyball sources ls`, where that is worth a write."""
        log = self.tools.store.log
        before: dict[str, Any] = json.loads(log.note(note_of(source.name)) or "{}")
        stands = {"waiting": list(pulled.waiting), "bad": list(pulled.bad)}
        same = {name: before.get(name, []) for name in stands} == stands
        if same and not pulled.happened:
            return
        now = self.tools.clock.now()
        counts = {name: before.get(name, 0) + getattr(pulled, name) for name in COUNTED}
        log.append(
            Commit(notes={note_of(source.name): canonical({"at": now, **counts, **stands}).decode()}), now
        )


def _let_go(source: Source) -> None:
    puller, source.puller = source.puller, None
    if puller is not None:
        puller.close()


def note_of(name: str) -> str:
    """Under which name it is noted what came of a source."""
    return f"source/{name}"


def poll(tools: Tools, sources: Sources | None, now: Instant) -> None:
    """Begin with what is due of a loop's sources, if it has any."""
    if sources is not None:
        sources.poll(now)
