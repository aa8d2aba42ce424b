"""What came of the sources is told without reading the log: by what was noted, and what is newer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
from tests.stores import answer, fresh_sqlite

from flyball.core.chain import Link
from flyball.core.facts import DeliveryUnread, Recorded
from flyball.core.ids import START, Position
from flyball.errors import Unreachable
from flyball.ports import Commit, Draft, Evidence, Log, Store
from flyball.settings import Settings, SourceSettings, StreamSettings
from flyball.work.came import NOTED_EVERY, NOTED_FACTS, Came
from flyball.work.source_list import listed

TOOL = "source:tool"
SETTINGS = Settings(
    id="sources",
    stream=StreamSettings(source="none:none"),
    sources={
        "tool": SourceSettings("signed", ("a-secret-of-the-tool",)),
        "files": SourceSettings("folder", place="x"),
    },
)


class Counting:
    """A store's log and evidence, and how many facts were read from them."""

    def __init__(self, store: Store) -> None:
        self.note, self.head, self.append = store.log.note, store.log.head, store.log.append
        self._log, self._evidence, self.facts = store.log, store.evidence, 0

    def read(
        self, after: Position = START, kinds: Sequence[str] | None = None, limit: int | None = None
    ) -> Iterator[Recorded]:
        return self._counted(self._log.read(after, kinds, limit))

    def at(self, places: Iterable[Position]) -> Iterator[Recorded]:
        return self._counted(self._log.at(places))

    def links(self, after: Position = START, bodies: bool = True) -> Iterator[Link]:
        return self._counted(self._evidence.links(after, bodies))

    def _counted(self, facts: Iterable[Any]) -> Iterator[Any]:
        for each in facts:
            self.facts += 1
            yield each


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(fresh_sqlite(tmp_path / "flyball.db")) as store:
        yield store


def come(store: Store, count: int, source: str = TOOL, at: float = 100.0, unread: int = 0) -> None:
    """Have so many facts in the log."""
    begin = int(store.log.head().seq)
    told: list[Draft] = [
        Draft(answer(f"tx-{number}"), source, f"{begin}-{number}", b"raw") for number in range(count)
    ]
    for number in range(unread):
        fact = DeliveryUnread(source, f"place {number}", "odd" if number % 2 else "null", (f"why {number}",))
        told.append(Draft(fact, source, f"{begin}-unread-{number}", b"raw"))
    store.log.append(Commit(told), at)


def told(store: Store) -> tuple[list[dict[str, Any]], int]:
    """What is listed, and how many facts were read for it."""
    counting = Counting(store)
    found = listed(SETTINGS, cast("Log", counting), cast("Evidence", counting))
    return found, counting.facts


def counted(store: Store, now: float) -> None:
    """What the process that runs the loop does now and then."""
    came = Came()
    came.count(store.log, store.evidence)
    came.noted(store.log, now)


def test_a_long_log_is_not_read_to_tell_what_came_and_the_same_is_told(store: Store) -> None:
    come(store, 8_000)
    come(store, 4_000, source="desk", at=150.0)
    come(store, 0, unread=600, at=200.0)
    whole, read = told(store)
    assert read > 12_600  # nobody has counted yet
    counted(store, 300.0)
    noted, read = told(store)
    assert noted == whole
    assert read <= 2  # an example of each reason, and no link at all
    tool, files = noted
    assert (tool["last"]["new"], tool["last"]["at"], tool["unread"]) == (8_000, 200.0, 600)
    assert tool["problems"] == [
        {"code": "null", "count": 300, "where": "place 598", "what": "why 598"},
        {"code": "odd", "count": 300, "where": "place 599", "what": "why 599"},
    ]
    assert (files["last"], files["unread"]) == (None, 0)
    come(store, 40, at=400.0)
    newer, read = told(store)
    assert (newer[0]["last"]["new"], newer[0]["last"]["at"]) == (8_040, 400.0)
    assert read <= 42


def test_counts_go_on_after_a_restart_and_nothing_is_counted_twice(store: Store) -> None:
    for begin in (100.0, 300.0, 500.0):
        come(store, 7, at=begin, unread=2)
        counted(store, begin + 1)  # a process of its own each time
    (tool, _), _ = told(store)
    assert (tool["last"]["new"], tool["unread"]) == (21, 6)


def test_a_loop_that_is_called_without_a_break_writes_a_note_now_and_then_only(store: Store) -> None:
    came = Came()
    written: list[str] = []

    class Noting(Counting):
        def __init__(self) -> None:
            super().__init__(store)

            def append(commit: Commit, now: float) -> Any:
                written.extend(commit.notes)
                return store.log.append(commit, now)

            self.append = append

    log = cast("Log", Noting())
    for second in range(60):
        come(store, 1, at=1_000.0 + second)
        came.count(log, store.evidence)
        came.noted(log, 1_000.0 + second)
    assert written == ["came"]
    came.noted(log, 1_000.0 + NOTED_EVERY)
    come(store, NOTED_FACTS, source="desk")  # nothing of a source, but much to read again
    came.count(log, store.evidence)
    came.noted(log, 1_000.0 + NOTED_EVERY + 1)
    assert written == ["came"] * 3


def test_a_count_that_broke_off_is_made_again_as_a_whole(store: Store) -> None:
    class Away(Counting):
        """A log whose facts cannot be read."""

        def at(self, places: Iterable[Position]) -> Iterator[Recorded]:
            raise Unreachable("the disk is away")

    come(store, 5, unread=3)
    came, away = Came(), Away(store)
    with pytest.raises(Unreachable):
        came.count(cast("Log", away), cast("Evidence", away))
    came.count(store.log, store.evidence)
    brought = came.of(TOOL)
    assert (brought.answers, {code: often for code, (often, _) in brought.unread.items()}) == (
        5,
        {"null": 2, "odd": 1},
    )
