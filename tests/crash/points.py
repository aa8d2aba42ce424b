"""Kill a process at twelve named points of an answer's way, start it again, and hold it to its promises.

A client sends each answer until it is acknowledged, as clients do. After every kill: what was acknowledged
is there under the same position and hash, and the chain and the checkpoints hold. At the end of a series:
each answer is there once and has had one effect, no job is left, and the newest snapshot can be read.

A process that answers before it has written is the control: it must be seen to lose.

Run as `python -m tests.crash.points --kills 50`; exit code 1 where a promise was broken.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tests.crash.life import (
    CLAIMED,
    COMMIT,
    ITEMS,
    LABEL,
    MERGE,
    OPEN,
    POINTS,
    Death,
    Life,
    World,
    numbered,
    written,
)
from tests.postgres import a_loop, needed

from flyball.adapters.checkpoint_files import KEYS, keys_of, read
from flyball.adapters.learners import open_learner
from flyball.adapters.segments import FileSegments
from flyball.cli.show import print_line
from flyball.core.chain import verify
from flyball.core.facts import AnswerGiven, LabelSettled
from flyball.core.ids import Digest
from flyball.ports import Store
from flyball.work.evidence import verified
from flyball.work.integrate_proof import prove

#: After so many seconds a life is taken to hang.
PATIENCE = 300
#: Answers that each life sends beside those that are not acknowledged yet.
EACH = 8
#: Points at which somebody holds answers to merge them.
HOLDING = (CLAIMED, MERGE, LABEL)
KINDS = ("sqlite", "postgres")
Body = list[dict[str, Any]]


@dataclass(slots=True)
class Series:
    """Lives of one loop, one after the other, and what was found broken."""

    world: World
    kills: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    #: What was acknowledged: the position and the hash by the answer's id.
    acked: dict[str, tuple[int, str]] = field(default_factory=dict)
    longest: float = 0.0
    _sent: list[Body] = field(default_factory=list)

    def life(self, death: Death) -> bool:
        """One life; True where it was killed."""
        new = list(numbered(sum(map(len, self._sent)), EACH)) if death.point else []
        waiting = [body for body in self._sent if any(event["id"] not in self.acked for event in body)]
        self._sent += new
        killed = self._forked(death, [*waiting, *new])
        if killed:
            self.kills[str(death.point)] += 1
        self._find(f"{death.point} ({death.times})", self._lost())
        return killed

    def end(self) -> None:
        """A life that comes to its end, and what must be true then."""
        self.life(Death())
        self._find("the end", self._left_undone())

    @property
    def full(self) -> bool:
        """Whether the items are used up."""
        return sum(map(len, self._sent)) + EACH > ITEMS

    def _forked(self, death: Death, bodies: Sequence[Body]) -> bool:
        began = time.monotonic()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _child(self.world, death, bodies, writing)
        os.close(writing)
        with os.fdopen(reading) as told:
            for line in told:
                if line.endswith(".\n"):
                    name, seq, hashed = line.rstrip(".\n").split(" ")
                    if name == OPEN:
                        self.longest = max(self.longest, time.monotonic() - began)
                    else:
                        self._acknowledged(name, int(seq), hashed)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == 9 and death.point:
            return True
        if status:
            self._find(str(death.point), [f"a life ended with status {status}"])
        return False

    def _acknowledged(self, name: str, seq: int, hashed: str) -> None:
        first = self.acked.setdefault(name, (seq, hashed))
        if first != (seq, hashed):
            self._find(name, [f"{name} had the receipt {first} and then {(seq, hashed)}"])

    def _find(self, what: str, found: Iterable[str]) -> None:
        self.broken += [f"after {what}: {each}" for each in found]

    def _lost(self) -> Iterator[str]:
        with closing(self.world.open()) as store:
            links = list(store.evidence.links())
            stands = {link.event_id: (int(link.seq), link.hash.hex()) for link in links if link.event_id}
            yield from (f"fact {each.seq}: {each.what}" for each in verify(links))
            for name, receipt in self.acked.items():
                if name not in stands:
                    yield f"{name} was acknowledged and is lost"
                elif not self.world.early and stands[name] != receipt:
                    yield f"{name} was acknowledged as {receipt} and is {stands[name]}"
            found = prove(store)
            yield from () if found.holds else [f"the proof fails: {found}"]
            yield from self._checkpoints(store)

    def _checkpoints(self, store: Store) -> Iterator[str]:
        directory = self.world.directory / "checkpoints"
        if not (directory / KEYS).exists():
            return
        kept = read(directory, keys_of(directory / KEYS))
        origin = f"flyball/{self.world.settings.id}"
        for found in verified(store.evidence, store.log, kept.signed, origin, True):
            yield from (f"checkpoint: {each}" for each in found.breaks)

    def _left_undone(self) -> Iterator[str]:
        sent = [event for body in self._sent for event in body]
        with closing(self.world.open()) as store:
            facts = [recorded.fact for recorded in store.log.read()]
            answers = Counter(fact.item for fact in facts if isinstance(fact, AnswerGiven))
            labels = {fact.item: fact.label for fact in facts if isinstance(fact, LabelSettled)}
            effects = Counter(fact.item for fact in facts if isinstance(fact, LabelSettled))
            for event in sent:
                item = event["item"]
                if (answers[item], effects[item]) != (1, 1):
                    yield f"{item} has {answers[item]} answers and {effects[item]} labels"
                elif labels[item] != event["label"]:
                    yield f"{item} is {labels[item]} and was said to be {event['label']}"
            merging, hopeless = store.jobs.waiting("merge"), store.jobs.waiting("hopeless")
            left = (merging.ready, merging.running, merging.dead, hopeless.ready, hopeless.running)
            if any(left):
                yield f"jobs are left: {left}"
            digest = store.log.note("snapshot")
        FileSegments(self.world.directory / "segments").get(Digest(digest or ""))


def _child(world: World, death: Death, bodies: Sequence[Body], writing: int) -> None:
    say = os.write
    signal.alarm(PATIENCE)
    try:
        life = Life(world, death, lambda *told: say(writing, f"{told[0]} {told[1]} {told[2]}.\n".encode()))
        life.live(bodies)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


@contextmanager
def world(kind: str, early: bool = False) -> Iterator[World]:
    """A loop on that kind of store, gone afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="flyball-points-") as place,
        a_loop() if kind == "postgres" else nullcontext("points") as loop,
    ):
        directory = Path(place)
        settings, opened = written(directory, loop)
        open_learner(settings.learner.name, settings.learner.parameters)  # once, for all that are forked
        store = needed() if kind == "postgres" else str(directory / "loop.db")
        yield World(directory, settings, opened, store, early)


def series(kind: str, kills: int, seed: int, early: bool = False, points: Sequence[str] = POINTS) -> Series:
    """Kill a loop so many times at each of these points, in an order that the seed draws."""
    draw = np.random.default_rng(seed)
    deaths = [point for point in points for _ in range(kills)]
    draw.shuffle(deaths)
    whole: Series | None = None
    while deaths:
        with world(kind, early) as here:
            found = Series(here)
            held = 0
            while deaths and not found.full:
                death = Death(deaths.pop(), int(draw.integers(1, 4)))
                held = held + (death.point in HOLDING) if found.life(death) else 0
                if held == 2:  # an answer that is held each time a process is killed is given up in the end
                    found.life(Death())
                    held = 0
            found.end()
        whole = found if whole is None else _added(whole, found)
    assert whole is not None
    return whole


def _added(one: Series, other: Series) -> Series:
    longest = max(one.longest, other.longest)
    return Series(other.world, one.kills + other.kills, one.broken + other.broken, longest=longest)


def main() -> int:
    """Kill as the command line says, and then the control."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="at each of the twelve points")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stores", nargs="+", choices=KINDS, default=KINDS)
    asked = parser.parse_args()
    fine = True
    for kind in asked.stores:
        found = series(kind, asked.kills, asked.seed)
        print_line(f"on {kind}:")
        for point in POINTS:
            print_line(f"{found.kills[point]:5} kills {point}")
        print_line(f"ready again after a kill within {found.longest:.1f} s")
        fine = _told(found, "promises broken") == 0 and fine
    control = series("sqlite", 2, asked.seed, early=True, points=[COMMIT])
    seen = _told(control, "broken by the control, which answers before it has written")
    return 0 if fine and seen else 1


def _told(found: Series, what: str) -> int:
    print_line(f"{len(found.broken)} {what}")
    for each in found.broken[:20]:
        print_line(f"    {each}")
    return len(found.broken)


if __name__ == "__main__":
    sys.exit(main())
