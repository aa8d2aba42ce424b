"""Read the pieces of a log in processes of their own, so that a verification takes all cores."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache, partial
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait

from flyball.errors import CutShort
from flyball.ports import Evidence
from flyball.work.evidence_pieces import Piece, Pieces, Span, read

#: With fewer facts, one process is done before others have begun.
MANY = 200_000
#: Spans that are handed out ahead, for each process.
_AHEAD = 2


def chosen(store: str, loop: str, bodies: bool, facts: int, processes: int | None) -> Pieces | None:
    """What reads a log of so many facts; None where this process had best do it alone.

    `processes`: what an operator wants, if anything.
    """
    count = processes or (cores() if facts > MANY else 1)
    return None if count == 1 else side_by_side(store, loop, bodies, count)


def cores() -> int:
    """How many processes can work at once here."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def side_by_side(store: str, loop: str, bodies: bool, count: int) -> Pieces:
    """Read spans of a store, named by its address and its loop, in so many processes.

    Each opens the store for itself, to read it only. What one raises is raised here; CutShort where one
    was ended from outside, or could not begin.
    """
    return partial(_pieces, partial(_read, store, loop, bodies), count)


def _pieces(work: partial[Piece | None], count: int, spans: Iterable[Span]) -> Iterator[Piece | None]:
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_begin)
    under_way: deque[Future[Piece | None]] = deque()
    try:
        for span in spans:
            under_way.append(pool.submit(work, span))
            if len(under_way) > _AHEAD * count:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    except BrokenProcessPool as error:
        raise CutShort(
            "one of the processes that verify the log was ended from outside, and nothing is proven. Is there"
            " memory enough? With --processes 1 it takes longer and needs less."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Leave it to the first process to be interrupted, and end with it, however it ends."""
    # Facts are in no cycle; to look for some among thousands again and again takes a twentieth of the time.
    gc.set_threshold(100_000)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if (parent := parent_process()) is not None:
        wait([parent.sentinel])
        os._exit(1)


def _read(store: str, loop: str, bodies: bool, span: Span) -> Piece | None:
    return read(_evidence(store, loop), span, bodies)


@cache
def _evidence(store: str, loop: str) -> Evidence:
    """The store, which is opened once in each process."""
    from flyball.adapters.sql import open_store

    return open_store(store, salt=os.urandom, read_only=True, loop=loop).evidence
