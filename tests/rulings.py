"""A loop's steering with nothing around it: made-up signals, a real rule file, kills and restarts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.loops import write_loop

from flyball.adapters.clock import VirtualClock
from flyball.adapters.desk_nobody import NobodyDesk
from flyball.adapters.memory_store import memory_store
from flyball.adapters.rule_disk import RuleDisk
from flyball.adapters.rule_file import read
from flyball.adapters.segments import MemorySegments
from flyball.adapters.shelf_memory import MemoryShelf
from flyball.adapters.toml_file import load
from flyball.cli.rules import CATALOGUE
from flyball.core.canary import governs
from flyball.core.control import KnobState
from flyball.core.drift.detector import Cusum
from flyball.core.facts import (
    BatchReleased,
    BatchSettled,
    DecisionMade,
    KnobTurned,
    Looked,
    Recorded,
    RulesLoaded,
    body_of,
)
from flyball.core.gauges import Gauges
from flyball.core.ids import BatchId, Digest, Instant
from flyball.core.rules.reference import ReferenceEngine
from flyball.core.signal import Reading, Snapshot
from flyball.ports import Commit, Receipt, Store
from flyball.work.canary import Canary
from flyball.work.commands import obey
from flyball.work.lanes import Begun
from flyball.work.measure import Watch
from flyball.work.rulebook import Rulebook
from flyball.work.steer import Steering
from flyball.work.tools import Tools
from flyball.work.transition import Transition

RULES = """
version: 1
every: 1m
rules:
  - id: deep            # the queue
    because: "{queue.depth} items wait"
    when: queue.depth > 20
    for: 2 looks
    until: queue.depth < 5
    hold: {sampler.reserve: 0.5}
    cooldown: 5m
    priority: 10
  - id: stale
    because: "{answers.since_train} answers"
    when: answers.since_train > 30
    then: [{do: retrain}]
    cooldown: 3 looks
  - id: once
    because: "{max(queue.depth, 5m)} at most"
    when: max(queue.depth, 5m) > 40
    then: [{scale: batch.size, by: 1.5}]
    once: true
  - id: tried
    mode: shadow        # not yet
    because: "{queue.depth}"
    when: queue.depth > 10
    then: [{scale: batch.size, by: 2}]
"""


class Killed(BaseException):
    """The process is gone, at this very instruction."""


@dataclass(slots=True)
class Doom:
    """Kills at the step of this number, counted from 0; None: never. A step is a write of any kind.

    `error`: what the step raises; anything but Killed is trouble that the process lives through.
    """

    at: int | None = None
    after: bool = False
    steps: int = 0
    error: type[BaseException] = Killed

    def around(self, write: Callable[[], Any]) -> Any:
        """Do a write, unless the process is killed before it; it may be killed right after it."""
        number, self.steps = self.steps, self.steps + 1
        if number == self.at and not self.after:
            raise self.error
        done = write()
        if number == self.at:
            raise self.error
        return done


class DoomedLog:
    """A log whose process may be killed before or after each commit."""

    def __init__(self, log: Any, doom: Doom) -> None:
        self._log = log
        self._doom = doom

    def append(self, commit: Commit, now: Instant) -> tuple[Receipt, ...]:
        """See `ports.Log`."""
        done: tuple[Receipt, ...] = self._doom.around(lambda: self._log.append(commit, now))
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


class DoomedDisk(RuleDisk):
    """A rule file whose process may be killed before or after it is replaced."""

    def __init__(self, path: Path, name: str, doom: Doom) -> None:
        super().__init__(path, name, pause=lambda seconds: None)
        self._doom = doom

    def replace(self, content: bytes) -> None:
        """See `RuleDisk`."""
        self._doom.around(lambda: RuleDisk.replace(self, content))


class Dial(Gauges):
    """Gauges that show what they are set to."""

    def __init__(self) -> None:
        super().__init__()
        self.values: Mapping[str, Reading] = {}
        self.cycle = 0

    def read(self, knobs: KnobState, now: Instant) -> Snapshot:
        """See `Gauges`."""
        return Snapshot(now, self.cycle, dict(self.values), {})


@dataclass
class Station:
    """Steering in a directory with a rule file; `restart` lets another process take over."""

    directory: Path
    rules: str = RULES
    store: Store = field(default_factory=lambda: memory_store(bytes))
    now: Instant = 0.0
    doom: Doom = field(default_factory=Doom)
    dial: Dial = field(default_factory=Dial)

    def __post_init__(self) -> None:
        write_loop(self.directory, self.rules)
        self.settings = load(self.directory, {"loop.architecture": "adaptive"})
        self.restart()

    @property
    def path(self) -> Path:
        """The rule file."""
        return self.directory / "rules.yaml"

    def restart(self) -> None:
        """What the process had in memory is gone; another one takes up the log and the file."""
        settings = self.settings
        tools = Tools(
            settings=settings,
            classes=("0", "1"),
            config=Digest("c"),
            code=Digest("k"),
            clock=VirtualClock(self.now),
            store=replace(self.store, log=DoomedLog(self.store.log, self.doom)),
            segments=MemorySegments(),
            desk=NobodyDesk(),
            shelf=MemoryShelf(),
            learner=None,  # type: ignore[arg-type]
            knobs=KnobState.start({"loop.architecture": settings.loop.architecture}),
        )
        tools.catch_up()
        book = Rulebook(
            tools=tools,
            engine=ReferenceEngine(),
            file=DoomedDisk(self.path, "rules.yaml", self.doom),
            read=lambda content, name: read(content, name, CATALOGUE)[0],
        )
        self.steering = Steering(
            tools=tools,
            features=tuple,
            watch=Watch(Cusum()),
            gauges=self.dial,
            rulebook=book,
            canary=Canary(tools, book),
            transition=Transition(tools, {}),
        )
        self.steering.wake(self.now)

    def look(self, cycle: int = 0, **signals: Reading) -> None:
        """The next look, at these signals: `queue_depth=3` is queue.depth."""
        self.dial.values = {name.replace("_", ".", 1): value for name, value in signals.items()}
        self.dial.cycle = cycle
        self.now = self.steering.next_look
        self.steer()

    def batch(self, cycle: int = 0, **signals: Reading) -> None:
        """A batch goes out, is out for a look, and settles."""
        number = self.release()
        self.look(cycle, **signals)
        self.settle(number)

    def release(self) -> int:
        """A batch goes out under the file that governs it. Gives its number."""
        tools = self.steering.tools
        number, began = tools.state.released + 1, self.steering.canary.began
        own = began is not None and governs(began, number, self.settings.seed)
        rules = began.digest if own and began is not None else self.steering.rulebook.evaluator.rules.digest
        name = BatchId(f"batch-{number}")
        tools.tell(self.now, BatchReleased(name, number, (), (), "random", 0, None, rules, 1, self.now))
        return number

    def settle(self, number: int) -> None:
        """A batch comes back whole."""
        back = BatchSettled(BatchId(f"batch-{number}"), number, 0, 0, 60.0)
        self.steering.tools.tell(self.now, back)

    def steer(self) -> None:
        """A pass of the lane, at this moment: it looks if a look is due."""
        self.steering.finish(Begun("steer", self.now, ""), None, self.now)

    def ask(self, command: str, **given: Any) -> dict[str, Any]:
        """A person's command."""
        return obey(self.steering, {"command": command, "by": "ana", "because": "", **given}, self.now)

    def put(self, rules: str, because: str = "") -> dict[str, Any]:
        """A person puts a rule file in force."""
        return self.ask("rules-put", content=rules, because=because)

    def log(self, *kinds: str) -> list[Recorded]:
        """The facts of these kinds in order."""
        return list(self.store.log.read(kinds=kinds or None))

    def told(self) -> list[tuple[Instant, str, dict[str, Any]]]:
        """Everything that was written down, as plain values."""
        return [(each.at, each.fact.kind, body_of(each.fact)) for each in self.log()]

    def decisions(self) -> list[str]:
        """Every decision in two words."""
        made = [each.fact for each in self.log("decision-made")]
        return [f"{fact.rule} {fact.verdict}" for fact in made if isinstance(fact, DecisionMade)]

    def loaded(self) -> list[RulesLoaded]:
        """Every rule file that was in force, in order."""
        return [each.fact for each in self.log("rules-loaded") if isinstance(each.fact, RulesLoaded)]

    def held(self) -> Sequence[str]:
        """The layers of knobs that are on now."""
        knobs = self.steering.tools.knobs
        return [f"{target} {layer.name}" for target, layers in knobs.turned.items() for layer in layers]

    def looked(self) -> list[Instant]:
        """When it looked."""
        return [each.fact.due for each in self.log("looked") if isinstance(each.fact, Looked)]

    def turned(self) -> list[KnobTurned]:
        """Every turn of a knob."""
        return [each.fact for each in self.log("knob-turned") if isinstance(each.fact, KnobTurned)]
