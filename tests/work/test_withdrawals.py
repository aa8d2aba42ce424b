"""Words that a tool deleted are taken back by their names, without reading the history again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.stores import KINDS, answer, opened
from tests.web.process import tools_on

from flyball.core.chain import Link
from flyball.core.facts import AnswerGiven, WordsDeleted
from flyball.core.ids import START, Position
from flyball.ports import Commit, Draft, Evidence, Store
from flyball.work.withdrawals import Withdrawals

SOURCE = "source:tool"


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with opened(request.param, tmp_path) as one:
        yield one


class Watched:
    """Evidence that counts the links that are read of it."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence, self.read = evidence, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._evidence, name)

    def links(self, after: Position = START, bodies: bool = True) -> Iterator[Link]:
        for link in self._evidence.links(after, bodies):
            self.read += 1
            yield link


def say(store: Store, *names: str) -> None:
    store.log.append(Commit([Draft(answer(name), SOURCE, name) for name in names]), 10.0)


def delete(store: Store, *words: str) -> None:
    fact = WordsDeleted(SOURCE, words)
    store.log.append(Commit([Draft(fact, SOURCE, f"deleted-{'-'.join(words)}")]), 11.0)


def back(store: Store) -> list[str]:
    facts = (each.fact for each in store.log.read())
    return [fact.item for fact in facts if isinstance(fact, AnswerGiven) and fact.withdrawn]


def test_a_deletion_reads_nothing_of_the_history_and_a_restart_only_what_is_new(
    store: Store,
) -> None:
    watched = Watched(store.evidence)
    tools = tools_on(replace(store, evidence=watched))  # type: ignore[arg-type]
    say(store, *(f"w{number}@1" for number in range(200)), "w7@2")
    looking = Withdrawals(tools, SOURCE, noted_every=50)
    assert looking.look(12.0) == 0
    delete(store, "w7", "w9", "never-said")
    assert looking.look(13.0) == 3
    assert (sorted(back(store)), watched.read) == (["w7@1", "w7@2", "w9@1"], 0)
    say(store, *(f"x{number}@1" for number in range(100)), "w9@2")
    assert looking.look(14.0) == 1  # said after it was deleted
    assert looking.look(15.0) == 0
    before = watched.read
    say(store, "w9@3", "y@1")
    again = Withdrawals(tools, SOURCE, noted_every=50)
    assert (again.look(16.0), again.look(17.0)) == (1, 0)
    assert watched.read - before < 20
    delete(store, "y")
    assert Withdrawals(tools, SOURCE).look(18.0) == 1
    assert sorted(back(store)) == ["w7@1", "w7@2", "w9@1", "w9@2", "w9@3", "y@1"]
