"""What the use cases of one loop share: its ports, its settings, and where it stands."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from flyball.core.canary import governs
from flyball.core.control import KnobState
from flyball.core.facts import AlertCleared, AlertRaised, CanaryBegan, Fact, KnobTurned
from flyball.core.ids import Digest, Instant, ItemId, ModelVersion, Position, RunId
from flyball.core.knobs import Value
from flyball.core.labels.proof import Proof
from flyball.core.labels.shares import Shares
from flyball.core.loop import LoopState
from flyball.core.table import Table, levels, stack
from flyball.errors import StoreStopped, Unreachable
from flyball.ports import (
    Answer,
    Clock,
    Commit,
    Desk,
    Draft,
    ItemRows,
    Job,
    Learner,
    Model,
    Receipt,
    Segments,
    Shelf,
    Store,
)
from flyball.settings import Settings

if TYPE_CHECKING:
    from flyball.work.contract import ContractBook
    from flyball.work.integrate_stored import Written

#: How many segments are kept in memory.
SEGMENTS_KEPT = 512


@dataclass(slots=True)
class Tools:
    """Everything that the use cases of one loop read and write through.

    One thread at a time decides: `lock` is held from reading the state to writing the answer down.
    `changed` is called after every commit.
    """

    settings: Settings
    #: The labels that annotators may give; empty: any.
    classes: tuple[str, ...]
    config: Digest
    code: Digest
    clock: Clock
    store: Store
    segments: Segments
    desk: Desk
    shelf: Shelf
    learner: Learner
    knobs: KnobState
    state: LoopState = field(default_factory=LoopState)
    lock: threading.RLock = field(default_factory=threading.RLock)
    changed: Callable[[], None] = lambda: None
    #: The rule file's text, and how many annotators were active and idle when it was last written down.
    rule_file: str = ""
    team: tuple[int, int] | None = None
    #: The knobs as a canary's rules have them, while there is one that has looked.
    canary: KnobState | None = None
    #: Answers that the desk gave and the log has not taken yet.
    uncaptured: list[Answer] = field(default_factory=list)
    #: Where the contract about labels is kept; without one, `work.contract.in_force` has what is implied.
    contracts: ContractBook | None = None
    #: When the newest pass of integration began.
    merged_at: Instant = float("-inf")
    #: Jobs of integration that could not be given back, because nobody was there to take them.
    owed: list[Job] = field(default_factory=list)
    #: When integration last counted what it proves, and what it found.
    proved: tuple[Instant, Proof] | None = None
    #: The labels that were written and not yet held against what was captured; and up to where all were.
    unvalidated: deque[Written] = field(default_factory=deque)
    validated: Position | None = None
    #: Whether a batch was closed since the shares of its classes were compared with those before it.
    uncompared: bool = False
    #: How the shares of classes moved from batch to batch.
    shares: Shares = field(default_factory=Shares)
    #: Held while a verdict or a rollback is under way; and what the shelf's aliases were last pointed at.
    judging: threading.RLock = field(default_factory=threading.RLock)
    aligned: tuple[ModelVersion | None, ModelVersion | None] | None = None
    #: Runs that failed for good; the same pins are not tried again.
    given_up: set[RunId] = field(default_factory=set)
    #: Whether the log holds what was written past these tools and is not taken in yet.
    behind: bool = False
    #: Has a source of the settings asked at once; over what was read before too, where that is wanted.
    pull: Callable[[str, bool], None] | None = None
    #: When an event id last arrived with other content, by the key of its alert.
    contested: dict[str, Instant] = field(default_factory=dict)
    #: Alerts that the store was not there to take, by their keys.
    untold: dict[str, str] = field(default_factory=dict)
    _tables: OrderedDict[Digest, Table] = field(default_factory=OrderedDict)
    _models: dict[ModelVersion, Model] = field(default_factory=dict)

    def catch_up(self) -> None:
        """Take in whatever the log holds that was not seen yet."""
        with self.lock:
            self.behind = False
            for recorded in self.store.log.read(self.state.seq):
                self.state.evolve(recorded)
                if isinstance(recorded.fact, KnobTurned):
                    self.knobs = self.knobs.evolve(recorded.fact)

    def write(self, commit: Commit, now: Instant) -> tuple[Receipt, ...]:
        """Write a commit down and take it in.

        A write that fails may stand all the same, where only the answer was lost: that is taken in
        before anything else is decided.
        """
        with self.lock:
            try:
                receipts = self.store.log.append(commit, now)
            except Exception:
                self.behind = True
                raise
            self.catch_up()
        self.changed()
        return receipts

    def tell(self, now: Instant, *facts: Fact, done: Sequence[Job] = ()) -> tuple[Receipt, ...]:
        """Write facts down that ask for nothing more."""
        return self.write(Commit(facts=[Draft(fact) for fact in facts], done=done), now)

    def alert(self, now: Instant, key: str, message: str) -> None:
        """Raise an alert, unless it stands there with these very words."""
        standing = self.state.alerts.get(key)
        if standing is None or getattr(standing.fact, "message", "") != message:
            self.tell(now, AlertRaised(key, "warn", message))

    def clear(self, now: Instant, key: str) -> None:
        """Clear an alert, if it stands."""
        if key in self.state.alerts:
            self.tell(now, AlertCleared(key))

    def warn(self, now: Instant, key: str, message: str) -> None:
        """Raise an alert; while the store is away, keep it until it is back. Raises StoreStopped."""
        with self.lock:
            self.untold[key] = message
            self.catch_up_on_alerts(now)

    def over(self, now: Instant, key: str) -> None:
        """Clear an alert; one that was kept is told before. Raises StoreStopped.

        While the store is away the alert stands: whoever calls this calls it again.
        """
        if self.untold or key in self.state.alerts:
            with self.lock:
                if self.catch_up_on_alerts(now):
                    self._taken(lambda: self.clear(now, key))

    def catch_up_on_alerts(self, now: Instant) -> bool:
        """Tell the alerts that were kept, if the store takes them again; whether none is left."""
        with self.lock:
            while self.untold:
                key, message = next(iter(self.untold.items()))
                if not self._taken(lambda: self.alert(now, key, message)):  # noqa: B023 -- called at once
                    return False
                del self.untold[key]
            return True

    def _taken(self, write: Callable[[], None]) -> bool:
        try:
            write()
        except StoreStopped:
            raise
        except Unreachable:
            if self.settings.clock.kind == "virtual":  # no waiting in such a world brings a store back
                raise
            return False
        return True

    def knob(self, now: Instant) -> Callable[[str], Value]:
        """The knobs in force at a moment."""
        knobs = self.knobs
        return lambda name: knobs.value(name, now)

    def batch_knob(self, number: int, now: Instant) -> tuple[Callable[[str], Value], Digest]:
        """The knobs in force for a batch, and the rule file that governs it: a canary has its share."""
        began, tried = self.state.canary, self.canary
        rules = self.state.rules or self.config
        if began is None or tried is None or not isinstance(began.fact, CanaryBegan):
            return self.knob(now), rules
        if not governs(began.fact, number, self.settings.seed):
            return self.knob(now), rules
        knobs = self.knobs

        def value(name: str) -> Value:
            return (tried if knobs.catalogue[name].scope == "batch" else knobs).value(name, now)

        return value, began.fact.digest

    def table(self, digest: Digest) -> Table:
        """A segment, from memory where it was read before."""
        with self.lock:
            if digest in self._tables:
                self._tables.move_to_end(digest)
                return self._tables[digest]
        table = self.segments.get(digest)
        with self.lock:
            self._tables[digest] = table
            while len(self._tables) > SEGMENTS_KEPT:
                self._tables.popitem(last=False)
        return table

    def gather(self, rows: ItemRows) -> Table:
        """The features of these items in the same order, with `item` and `time`."""
        if not len(rows):
            return Table({})
        names, places = levels(rows.table["segment"])
        wanted = rows.table["row"]
        order = np.argsort(places, kind="stable")
        bounds = np.searchsorted(places[order], np.arange(len(names) + 1))
        parts = [
            self.table(Digest(name)).take(wanted[order[bounds[i] : bounds[i + 1]]])
            for i, name in enumerate(names)
        ]
        together = stack(parts)
        # Items mostly come in the order of their segments; then nothing is to be put back in its place.
        return together if bool((order[1:] > order[:-1]).all()) else together.take(np.argsort(order))

    def model(self, version: ModelVersion) -> Model:
        """A model, from memory where it was loaded before."""
        model = self._models.get(version)
        if model is None:
            model = self.learner.load(self.shelf.get(version))
            self.keep_model(version, model)
        return model

    def keep_model(self, version: ModelVersion, model: Model) -> None:
        """Keep a model in memory, and drop those that neither score nor want to."""
        with self.lock:
            present = {self.state.champion, self.state.challenger, version}
            self._models = {v: m for v, m in self._models.items() if v in present} | {version: model}


def items_of(values: Iterable[Any]) -> tuple[ItemId, ...]:
    """Item names as such."""
    return tuple(ItemId(str(value)) for value in values)


def under(architecture: str | None, knob: Callable[[str], Value]) -> Callable[[str], Value]:
    """The knobs as they are, but for the architecture where one is named."""
    if architecture is None:
        return knob
    return lambda name: architecture if name == "loop.architecture" else knob(name)
