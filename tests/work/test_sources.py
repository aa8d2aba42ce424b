"""Sources beside a running loop: asked when due, each on its own, and what fails is told and tried again."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest
from tests.loops import write_loop
from tests.stores import fresh_sqlite

from flyball.adapters.clock import VirtualClock
from flyball.adapters.segments import MemorySegments
from flyball.adapters.shelf_memory import MemoryShelf
from flyball.adapters.stream import open_stream
from flyball.adapters.toml_file import load
from flyball.bootstrap import App, assemble
from flyball.core.facts import DeliveryUnread
from flyball.core.mappings import Map
from flyball.errors import NotFound, Unreachable
from flyball.ports import Commit, Draft, Log
from flyball.ports.intake import Message
from flyball.work.intake import Messages, Pulled
from flyball.work.sources import FIRST_REST, Source, Sources, note_of


@dataclass
class Told:
    """A source that does what a test tells it."""

    passes: list[Pulled | Exception] = field(default_factory=list)
    asked: list[bool] = field(default_factory=list)
    hold: threading.Event | None = None
    closed: int = 0

    def close(self) -> None:
        self.closed += 1

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


def test_a_person_who_asks_while_a_pass_is_under_way_is_served_after_it(app: App) -> None:
    slow = Told(hold=threading.Event())
    sources, now = made(app, slow=slow), app.clock.now()
    sources.poll(now)
    until(lambda: slow.asked == [False])
    sources.hurry("slow", again=True)
    assert slow.hold is not None
    slow.hold.set()
    until(lambda: (turn := sources.sources["slow"].under_way) is not None and turn.done())
    polled(sources, now)
    polled(sources, now)
    assert slow.asked == [False, True]  # once, and not until it is due again
    sources.close()


class Broker:
    """Messages by number, and how many of them are safe elsewhere."""

    def __init__(self, values: Sequence[bytes]) -> None:
        self.values, self.safe, self.open = values, 0, 0

    def opened(self) -> OpenTopic:
        self.open += 1
        return OpenTopic(self, self.safe)


@dataclass
class OpenTopic:
    """A reader that goes on from where it is, as a consumer does, whatever was made of what it gave."""

    broker: Broker
    at: int

    def take(self, limit: int, patience: float) -> Sequence[Message]:
        begin, self.at = self.at, min(self.at + min(limit, 2), len(self.broker.values))
        return [
            Message(None, self.broker.values[each], str(each), token=each) for each in range(begin, self.at)
        ]

    def done(self, messages: Sequence[Message]) -> None:
        self.broker.safe = max(cast("int", each.token) + 1 for each in messages)

    def close(self) -> None:
        self.broker.open -= 1


def test_messages_that_came_while_the_store_was_away_for_a_moment_come_again(app: App) -> None:
    class Away:
        """Takes what it is given, but not the second time that it is given answers."""

        def __init__(self, log: Log) -> None:
            self.read, self.head, self.note, self.asked = log.read, log.head, log.note, 0

        def append(self, commit: Any, now: float) -> Any:
            self.asked += bool(commit.facts)
            if self.asked == 2:
                raise Unreachable("the store is away")
            return whole.log.append(commit, now)

    tasks = [f"tx-{number}" for number in range(5)]
    said = [json.dumps({"item": task, "annotator": "ann-1", "label": "fraud"}).encode() for task in tasks]
    broker, whole = Broker(said), app.tools.store
    source = Source(
        "k", 60.0, Map(), lambda stopped: Messages(app.tools, "k", broker.opened(), Map(), stopped)
    )
    sources = Sources(app.tools, {"k": source})
    app.tools.store = replace(whole, log=cast("Log", Away(whole.log)))
    with pytest.raises(Unreachable):
        sources.pull("k")
    app.tools.store = whole
    assert (broker.safe, broker.open) == (2, 0)
    assert sources.pull("k").new == 3
    given = [getattr(each.fact, "item", "") for each in whole.log.read(kinds=["answer-given"])]
    assert (given, broker.safe) == (tasks, 5)
    sources.close()
    assert broker.open == 0


HOUR, DAY = 3600.0, 86400.0


def passed(app: App, sources: Sources, *moments: float) -> None:
    """Poll at these moments of a virtual world."""
    assert isinstance(app.clock, VirtualClock)
    for moment in moments:
        app.clock.set(moment)
        polled(sources, moment)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_source_from_which_nothing_comes_for_long_is_told_until_something_comes(
    app: App, restarts: bool
) -> None:
    folder, began = Told([Pulled(new=1)] * 5), app.clock.now()
    sources = made(app, folder=folder)
    passed(app, sources, *(began + number * 10 * HOUR for number in range(5)))
    last = began + 40 * HOUR
    if restarts:
        sources.close()
        sources = made(app, folder=folder)
    passed(app, sources, last + HOUR, last + 29 * HOUR)
    assert "source-folder-silent" not in alerts(app)
    passed(app, sources, last + 31 * HOUR, last + 40 * HOUR)
    assert "its longest silence before was 10.0 hours" in alerts(app)["source-folder-silent"]
    raised = list(app.tools.store.log.read(kinds=["alert-raised"]))
    assert len(raised) == 1
    folder.passes.append(Pulled(new=1))
    passed(app, sources, last + 41 * HOUR)
    assert "source-folder-silent" not in alerts(app)
    # It was silent for so long once, and may be again; but nobody knows what came while nobody looked.
    passed(app, sources, last + 41 * HOUR + 3 * 40 * HOUR)
    assert ("source-folder-silent" in alerts(app)) == restarts
    sources.close()


def test_a_source_that_never_had_a_rate_is_not_called_silent(app: App) -> None:
    sources, now = made(app, folder=Told([Pulled(new=1)] * 2)), app.clock.now()
    passed(app, sources, *(now + number * DAY for number in range(40)))
    assert "source-folder-silent" not in alerts(app)
    sources.close()


def test_a_tool_that_stopped_calling_is_told(app: App) -> None:
    sources = Sources(app.tools, {"tool": Source("tool", 60.0, Map())})
    began = app.clock.now()
    for number in range(6):
        passed(app, sources, began + number * HOUR)
        fact = DeliveryUnread("source:tool", "webhook", "x", ("odd",))
        app.tools.store.log.append(Commit([Draft(fact, "source:tool", f"e-{number}")]), app.clock.now())
        passed(app, sources, app.clock.now() + 2)
    passed(app, sources, began + 7 * HOUR)
    assert "source-tool-silent" not in alerts(app)
    passed(app, sources, began + 9 * HOUR)
    assert "source-tool-silent" in alerts(app)
    sources.close()


def test_a_clock_that_was_set_back_makes_no_source_wait_for_as_long_as_it_jumped(app: App) -> None:
    one = Told()
    sources, now = made(app, one=one), app.clock.now()
    polled(sources, now)
    polled(sources, now + 30)
    assert len(one.asked) == 1
    polled(sources, now - 3600)
    assert len(one.asked) == 2
    sources.close()
