"""A little loop on a store of any kind, and what happens to its answers between two steps of a pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.loops import write_loop
from tests.postgres import a_loop, fresh_postgres
from tests.stores import arrivals, chance, fresh_sqlite

from flyball.adapters.clock import VirtualClock
from flyball.adapters.memory_store import memory_store
from flyball.adapters.segments import MemorySegments
from flyball.adapters.shelf_memory import MemoryShelf
from flyball.adapters.stream import open_stream
from flyball.adapters.toml_file import load
from flyball.bootstrap import App
from flyball.bootstrap.opening import assemble
from flyball.core.ids import AnnotatorId, Instant, ItemId, Position
from flyball.core.labels.proof import Proof
from flyball.ports import Answer, Commit, Receipt, Store
from flyball.work.capture import capture
from flyball.work.integrate_proof import prove

ITEMS = tuple(f"i-{number}" for number in range(8))


def on(store: Store, directory: Path, **overrides: Any) -> App:
    """A little loop on this store."""
    named = {name.replace("__", "."): value for name, value in overrides.items()}
    small = {"stream.options.transactions": 1000, "start.labelled": 0}
    settings = load(write_loop(directory) / "loop.toml", {**small, **named})
    opened = open_stream(settings)
    clock = VirtualClock(opened.start)
    return assemble(settings, opened, store, MemorySegments(), MemoryShelf(), clock)


@contextmanager
def stores(kind: str, directory: Path, count: int = 1) -> Iterator[list[Store]]:
    """The store of one loop as so many processes have it open; in memory and on SQLite it is one alone."""
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if kind == "postgres":
            loop = stack.enter_context(a_loop())
            found = [fresh_postgres(chance(seed), loop) for seed in range(count)]
        else:
            one = memory_store(chance()) if kind == "memory" else fresh_sqlite(directory / "loop.db")
            found = [one] * count
        for store in {id(store): store for store in found}.values():
            stack.callback(store.close)
        yield found


@contextmanager
def loop_on(kind: str, directory: Path, **overrides: Any) -> Iterator[App]:
    """A little loop on a store of this kind, in which eight items have arrived."""
    with stores(kind, directory) as (store,):
        app = on(store, directory, **overrides)
        app.tools.write(arrivals(ITEMS), app.clock.now())
        yield app


def say(app: App, item: str, label: str = "1", who: str = "ann-1", **more: Any) -> Position:
    """Capture one answer; gives where it stands."""
    now, tools = app.clock.now(), app.tools
    name = more.pop("name", f"{item}/{who}/{tools.store.log.head().seq}")
    known: dict[str, Any] = {"batch": None, "said_at": now, **more}
    capture(tools, [Answer(name, ItemId(item), AnnotatorId(who), label, **known)], now)
    return tools.state.seq


def label(app: App, item: str) -> str | None:
    """The label that an item has now."""
    return app.tools.store.items.find([ItemId(item)])[ItemId(item)].label


def standing(app: App, *answers: Position) -> list[str | None]:
    """How answers stand."""
    found = app.tools.store.items.standing(answers)
    return [found.get(each) for each in answers]


def proved(app: App) -> Proof:
    """The proof, which holds."""
    found = prove(app.tools.store)
    assert found.holds, found
    return found


class Interrupted:
    """A log in front of whose next commit that ends jobs, or fits `when`, somebody else does something.

    `checked` False takes the condition off each commit, as if nobody looked at it.
    """

    def __init__(
        self,
        log: Any,
        other: Callable[[], object],
        when: Callable[[Commit], bool] = lambda commit: bool(commit.done),
        checked: bool = True,
    ) -> None:
        self._log, self._others, self._when, self._checked = log, [other], when, checked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def append(self, commit: Commit, now: Instant) -> tuple[Receipt, ...]:
        """See `ports.Log`."""
        if self._others and self._when(commit):
            self._others.pop()()
        if not self._checked:
            commit = replace(commit, unless=None)
        done: tuple[Receipt, ...] = self._log.append(commit, now)
        return done


def interrupt(app: App, other: Callable[[], object], checked: bool = True, **more: Any) -> Interrupted:
    """Let somebody else act between this loop's last look and its next commit of a merge."""
    store = app.tools.store
    log = Interrupted(store.log, other, checked=checked, **more)
    app.tools.store = replace(store, log=log)
    return log
