"""Sources beside a running loop: asked when due, each on its own, and what fails is told and tried again."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.loops import write_loop
from tests.stores import fresh_sqlite

from flyball.adapters.clock import VirtualClock
from flyball.adapters.segments import MemorySegments
from flyball.adapters.shelf_memory import MemoryShelf
from flyball.adapters.stream import open_stream
from flyball.adapters.toml_file import load
from flyball.bootstrap import App, assemble
from flyball.core.mappings import Map
from flyball.errors import NotFound, Unreachable
from flyball.work.intake import Pulled
from flyball.work.sources import FIRST_REST, Source, Sources, note_of


@dataclass
class Told:
    """A source that does what a test tells it."""

    passes: list[Pulled | Exception] = field(default_factory=list)
    asked: list[bool] = field(default_factory=list)
    hold: threading.Event | None = None

    def pull(self, again: bool = False) -> Pulled:
        self.asked.append(again)
        if self.hold is not None:
            assert self.hold.wait(20)
        found = self.passes.pop(0) if self.passes else Pulled()
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    settings = load(write_loop(tmp_path), {"stream.options.transactions": 1000})
    store = fresh_sqlite(tmp_path / "flyball.db")
    opened = open_stream(settings)
    yield assemble(settings, opened, store, MemorySegments(), MemoryShelf(), VirtualClock(opened.start))
    store.close()


def until(done: Callable[[], bool]) -> None:
    """Wait for a condition, up to twenty seconds."""
    end = time.monotonic() + 20
    while not done():
        assert time.monotonic() < end, "it did not happen within twenty seconds"
        time.sleep(0.002)


def polled(sources: Sources, now: float) -> None:
    """Poll, and wait for what began."""
    sources.poll(now)
    until(lambda: all(each.under_way is None or each.under_way.done() for each in sources.sources.values()))


def made(app: App, **pullers: Told) -> Sources:
    sources = {
        name: Source(name, 60.0, Map(), lambda stopped, puller=puller: puller)  # type: ignore[misc]
        for name, puller in pullers.items()
    }
    return Sources(app.tools, sources)


def alerts(app: App) -> dict[str, str]:
    app.tools.catch_up()
    return {key: getattr(each.fact, "message", "") for key, each in app.tools.state.alerts.items()}


def test_each_is_asked_when_it_is_due_and_not_before(app: App) -> None:
    folder = Told()
    sources, now = made(app, folder=folder), app.clock.now()
    for passed in (0, 1, 59, 61, 62, 200):
        assert isinstance(app.clock, VirtualClock)
        app.clock.set(now + passed)
        polled(sources, now + passed)
    assert len(folder.asked) == 3
    sources.close()


def test_a_source_that_fails_is_told_rests_longer_each_time_and_stops_no_other(app: App) -> None:
    away, well = Told([Unreachable("the bucket is away")] * 3), Told()
    sources, now = made(app, away=away, well=well), app.clock.now()
    polled(sources, now)
    assert alerts(app)["source-away"] == "away: the bucket is away"
    assert sources.sources["away"].due - now == FIRST_REST
    polled(sources, now + FIRST_REST)
    assert sources.sources["away"].due - app.clock.now() == 2 * FIRST_REST
    assert (len(away.asked), len(well.asked)) == (2, 1)
    polled(sources, now + 1000)
    polled(sources, now + 2000)
    assert "source-away" not in alerts(app)
    assert len(well.asked) == 3
    sources.close()


def test_a_bug_in_an_adapter_is_told_too(app: App) -> None:
    sources = made(app, odd=Told([ZeroDivisionError("oh")]))
    polled(sources, app.clock.now())
    assert alerts(app)["source-odd"] == "odd: ZeroDivisionError: oh"
    sources.close()


def test_a_slow_source_is_never_asked_twice_at_once_and_holds_no_poll_up(app: App) -> None:
    slow, well = Told(hold=threading.Event()), Told()
    sources, now = made(app, slow=slow, well=well), app.clock.now()
    for passed in range(0, 600, 60):
        sources.poll(now + passed)
        until(
            lambda: sources.sources["well"].under_way is not None and sources.sources["well"].under_way.done()
        )
    assert slow.asked == [False] and len(well.asked) >= 1
    assert slow.hold is not None
    slow.hold.set()
    sources.close()


def test_what_came_of_a_source_is_counted_over_its_passes_and_restarts(app: App) -> None:
    one = Told([Pulled(new=3, read=1), Pulled(), Pulled(new=2, unread=1, read=1, bad=("a.json: broken",))])
    sources = made(app, one=one)
    for _ in range(3):
        sources.pull("one")
    again = made(app, one=Told([Pulled(new=1, read=1)]))
    again.pull("one")
    noted = json.loads(app.tools.store.log.note(note_of("one")) or "")
    assert (noted["new"], noted["unread"], noted["read"], noted["bad"]) == (6, 1, 3, [])


def test_a_person_who_asks_is_served_at_the_next_poll(app: App) -> None:
    one = Told([Pulled(), Pulled(more=True), Pulled()])
    sources, now = made(app, one=one), app.clock.now()
    polled(sources, now)
    sources.hurry("one", again=True)
    polled(sources, now)
    polled(sources, now + 2)
    assert one.asked == [False, True, True]  # what had to wait a moment is still wanted again
    with pytest.raises(NotFound, match=r"there is no \[sources\.two\] in loop\.toml; there are: one"):
        sources.hurry("two")
    sources.close()
