"""Labels that are taken back, and conditions on kinds of facts, alike in every store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.stores import KINDS, answer, arrive, ids, know, opened, release, settle

from flyball.core.facts import (
    AlertCleared,
    BodyErased,
    ClassAllowed,
    ClassBlocked,
    LabelSettled,
    LabelWithdrawn,
    LoopStopped,
)
from flyball.core.ids import BatchId, ItemId, Position
from flyball.errors import FlyballError, StaleItems
from flyball.ports import Commit, Draft, Store, Unless


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with opened(request.param, tmp_path) as one:
        yield one


def take_back(store: Store, item: str, batch: str | None = None) -> Position:
    """The item has no label from here on."""
    named = None if batch is None else BatchId(batch)
    fact = LabelWithdrawn(ItemId(item), "fraud", Position(1), (), "withdrawn", named)
    return store.log.append(Commit([Draft(fact)]), 50.0)[0].seq


def labels(store: Store, up_to: int) -> dict[str, str]:
    rows = store.items.labelled(Position(up_to)).table
    return dict(zip(rows["item"].tolist(), rows["label"].tolist(), strict=True))


def pool(store: Store) -> list[Any]:
    return list(store.items.pool(99).table["item"])


def test_a_label_that_is_taken_back_stands_at_the_places_before_and_at_none_after(store: Store) -> None:
    arrive(store, "a", "b")  # 1
    settle(store, "a", "fraud")  # 2
    settle(store, "b", "fine")  # 3
    assert take_back(store, "a") == 4
    settle(store, "a", "fine")  # 5
    assert take_back(store, "a") == 6
    assert [labels(store, place) for place in range(2, 7)] == [
        {"a": "fraud"},
        {"a": "fraud", "b": "fine"},
        {"b": "fine"},
        {"a": "fine", "b": "fine"},
        {"b": "fine"},
    ]
    state = store.items.find(ids("a"))[ItemId("a")]
    assert (state.state, state.label, state.source, state.seq) == ("pool", None, None, None)
    assert pool(store) == ["a"]


def test_an_item_goes_back_to_its_batch_or_to_the_pool_and_may_go_out_again(store: Store) -> None:
    arrive(store, "a", "b")
    release(store, "b-1", "a", "b", reserve=["a"])
    for item in ("a", "b"):
        settle(store, item, "fraud", batch="b-1")
    take_back(store, "a", "b-1")
    take_back(store, "b")
    found = store.items.find(ids("a", "b"))
    assert [found[each].state for each in ids("a", "b")] == ["offered", "pool"]
    with pytest.raises(StaleItems, match="a is not in the pool"):
        release(store, "b-2", "a", "b")
    release(store, "b-2", "b")
    settle(store, "b", "fine", batch="b-2")
    know(store, {"a": "fine"})
    assert labels(store, store.log.head().seq) == {"a": "fine", "b": "fine"}


@pytest.mark.parametrize("item", ["none", "early", "never"])
def test_what_has_no_label_has_none_to_take_back(store: Store, item: str) -> None:
    arrive(store, "none")
    know(store, {"early": "fraud"})
    head = store.log.head()
    with pytest.raises(StaleItems, match=f"item {item} can be taken back"):
        take_back(store, item)
    assert store.log.head() == head


def test_nothing_is_written_where_a_fact_of_a_kind_came_that_it_depends_on(store: Store) -> None:
    store.log.append(Commit([Draft(ClassBlocked("x", "me", "odd"))]), 1.0)
    read_at = store.log.head().seq
    unless = Unless(read_at, kinds=[ClassBlocked.kind, ClassAllowed.kind])
    store.log.append(Commit([Draft(answer("a")), Draft(LoopStopped("x"))]), 2.0)
    assert store.log.append(Commit([Draft(AlertCleared("one"))], unless=unless), 3.0)[0].new
    store.log.append(Commit([Draft(ClassAllowed("x", "me", "looked"))]), 4.0)
    head = store.log.head()
    with pytest.raises(StaleItems, match="class-allowed was written"):
        store.log.append(Commit([Draft(AlertCleared("two"))], unless=unless), 5.0)
    assert store.log.head() == head
    later = Unless(head.seq, kinds=unless.kinds)
    assert store.log.append(Commit([Draft(AlertCleared("two"))], unless=later), 5.0)[0].new


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["settle", "back", "back to b-1", "know", "release", "arrive", "erase"]),
        st.sampled_from("abc"),
        st.sampled_from(["fine", "fraud"]),
    ),
    max_size=25,
)


def do(store: Store, what: str, item: str, label: str) -> object:
    """One step, or the words in which it is refused."""
    try:
        match what:
            case "settle":
                settle(store, item, label)
            case "back" | "back to b-1":
                take_back(store, item, "b-1" if what == "back to b-1" else None)
            case "know":
                know(store, {item: label})
            case "release":
                release(store, "b-1", item, reserve=[item])
            case "arrive":
                arrive(store, item, now=10.0)
            case _:
                facts = list(store.log.read(kinds=[LabelSettled.kind, LabelWithdrawn.kind]))
                seqs = [each.seq for each in facts if each.fact.item == item]  # type: ignore[union-attr]
                record = BodyErased(tuple(seqs), "item", "me", "law")
                store.evidence.erase(seqs, ids(item), record, 60.0)
    except FlyballError as error:
        return str(error)
    return None


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_both_stores_come_to_the_same_whatever_is_labelled_taken_back_and_erased(
    steps: list[tuple[str, str, str]],
) -> None:
    with TemporaryDirectory() as home, ExitStack() as stack:
        both = [stack.enter_context(opened(kind, Path(home))) for kind in ("memory", "sqlite")]
        for step in steps:
            first, second = (do(store, *step) for store in both)
            assert first == second
        for place in range(len(steps) + 2):
            memory, sqlite = (
                {
                    name: column.tolist()
                    for name, column in store.items.labelled(Position(place)).table.columns.items()
                }
                for store in both
            )
            assert memory == sqlite
        assert both[0].items.find(ids("a", "b", "c")) == both[1].items.find(ids("a", "b", "c"))
        assert pool(both[0]) == pool(both[1])
