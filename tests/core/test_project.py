"""What facts do to items, without any store."""

from __future__ import annotations

import numpy as np
import pytest
from tests.stores import arrivals, ids, known, released, settled

from flyball.core.facts import AlertCleared, Fact, Recorded
from flyball.core.ids import BatchId, ItemId, Position
from flyball.core.project import Arrived, Change, Labelled, Offered, Standing, asked, changes, checked
from flyball.errors import DuplicateItems, StaleItems


def recorded(*facts: Fact) -> list[Recorded]:
    return [Recorded(Position(number), 1.0, fact) for number, fact in enumerate(facts, 1)]


def rows(change: Change) -> list[tuple[object, ...]]:
    assert isinstance(change, Labelled)
    return list(zip(change.items, change.labels, change.sources, change.seqs, change.batches, strict=True))


def test_facts_that_do_nothing_to_items_change_nothing() -> None:
    assert changes(recorded(AlertCleared("x"))) == ()


def test_each_fact_keeps_its_place() -> None:
    facts: list[Fact] = [
        settled("a", "x"),
        settled("b", "y", "b-1"),
        released("b-2", ["c"], ["c"]),
        settled("c", "z"),
    ]
    found = changes(recorded(*facts))
    first, second, third = found
    assert rows(first) == [("a", "x", "answers", 1, None), ("b", "y", "answers", 2, "b-1")]
    assert second == Offered(Position(3), BatchId("b-2"), ids("c"), frozenset(ids("c")))
    assert rows(third) == [("c", "z", "answers", 4, None)]


def test_a_commit_is_checked_in_its_own_order() -> None:
    arrived = Arrived(Position(1), arrivals([]).arrivals.segment, ids("a"), np.zeros(1))  # type: ignore[union-attr]
    offered = Offered(Position(2), BatchId("b-1"), ids("a"), frozenset())
    labelled = Labelled(ids("a"), ["x"], ["answers"], [Position(3)], [None])
    assert checked([arrived, offered, labelled], {}) == (arrived, offered, labelled)
    with pytest.raises(StaleItems, match="a is not in the pool"):
        checked([offered, arrived], {})
    with pytest.raises(StaleItems):
        checked([arrived, labelled, offered], {})
    with pytest.raises(DuplicateItems):
        checked([arrived, arrived], {})
    assert asked([arrived, offered, labelled]) == ["a", "a"]


@pytest.mark.parametrize("state", ["pool", "offered", "labelled"])
def test_only_an_item_that_has_not_come_may_arrive(state: Standing) -> None:
    commit = arrivals(["a", "b"])
    assert commit.arrivals is not None
    columns = (commit.arrivals.items, commit.arrivals.times)
    (arrived,) = changes(recorded(*(draft.fact for draft in commit.facts)), arrivals=columns)
    with pytest.raises(DuplicateItems, match="b is there"):
        checked([arrived], {ItemId("b"): state})
    (early,) = checked([arrived], {ItemId("b"): "awaited"})
    assert isinstance(early, Arrived)
    assert early.early == {"b"}


def test_labels_for_one_item_in_one_fact_come_to_the_last_of_them() -> None:
    fact = known({"a": "x"}).facts[0].fact
    (found,) = changes(recorded(fact), known=(ids("a", "b", "a"), ["x", "y", "z"]))
    assert rows(found) == [("a", "z", "natural", 1, None), ("b", "y", "natural", 1, None)]
