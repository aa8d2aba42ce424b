"""What every store promises about items: a fold of the facts, as they stand and as they stood."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.stores import (
    KINDS,
    SEGMENT,
    answer,
    arrivals,
    arrive,
    ids,
    know,
    known,
    opened,
    release,
    released,
    settle,
    settled,
)

from flyball.core.facts import AlertCleared, Fact
from flyball.core.ids import BatchId, ItemId, Position
from flyball.errors import DuplicateItems, StaleItems
from flyball.ports import Commit, Draft, ItemRows, ItemState, KnownLabels, Store


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with opened(request.param, tmp_path) as one:
        yield one


def column(rows: ItemRows, name: str) -> list[Any]:
    return list(rows.table[name].tolist())


def pool(store: Store, newest: int = 100) -> list[Any]:
    return column(store.items.pool(newest), "item")


def labels(store: Store, up_to: int) -> dict[str, str]:
    rows = store.items.labelled(Position(up_to))
    return dict(zip(column(rows, "item"), column(rows, "label"), strict=True))


def one(store: Store, item: str) -> ItemState:
    return store.items.find(ids(item))[ItemId(item)]


# --- arrivals and the pool


def test_the_pool_gives_the_newest_items_the_oldest_of_them_first(store: Store) -> None:
    arrive(store, "a", "b", "c", "d", times=[1.0, 2.0, 3.0, 4.0])
    assert pool(store) == ["a", "b", "c", "d"]
    assert pool(store, newest=2) == ["c", "d"]
    assert pool(store, newest=0) == []


def test_items_are_in_order_of_their_own_time_and_then_of_their_names(store: Store) -> None:
    arrive(store, "c", "a", "b", times=[5.0, 9.0, 5.0])
    arrive(store, "é", "Z", "z", "10", "9", times=[5.0, 1.0, 9.0, 5.0, 5.0])
    assert pool(store) == ["Z", "10", "9", "b", "c", "é", "a", "z"]
    assert pool(store, newest=3) == ["é", "a", "z"]


def test_the_pool_says_where_features_are_and_when_items_came(store: Store) -> None:
    arrive(store, "a", "b", times=[1.5, 2.5], now=10.0)
    arrive(store, "c", times=[2.0], now=20.0)
    rows = store.items.pool(10)
    assert column(rows, "item") == ["a", "c", "b"]
    assert column(rows, "time") == [1.5, 2.0, 2.5]
    assert column(rows, "segment") == [SEGMENT] * 3
    assert column(rows, "row") == [0, 0, 1]
    assert column(rows, "at") == [10.0, 20.0, 10.0]
    dtypes = [rows.table[name].dtype for name in ("item", "time", "segment", "row", "at")]
    assert dtypes == [np.dtype(kind) for kind in ("O", "f8", "O", "i8", "f8")]


def test_an_empty_store_answers_with_empty_columns(store: Store) -> None:
    empty, none = store.items.pool(10), store.items.labelled(Position(0))
    assert (len(empty), len(none)) == (0, 0)
    assert empty.table.names == ("item", "time", "segment", "row", "at")
    assert none.table.names == (*empty.table.names, "label", "source", "seq", "batch", "reserve")


def test_an_item_cannot_arrive_twice(store: Store) -> None:
    arrive(store, "a", "b")
    with pytest.raises(DuplicateItems, match="b is there already"):
        arrive(store, "c", "b")
    assert pool(store) == ["a", "b"]
    assert store.log.head().seq == 1


def test_an_item_cannot_stand_twice_in_one_arrival(store: Store) -> None:
    with pytest.raises(DuplicateItems, match="a is"):
        arrive(store, "a", "b", "a")
    assert pool(store) == []


def test_many_duplicates_are_named_in_part_and_counted(store: Store) -> None:
    names = [f"i-{number:04d}" for number in range(1_200)]
    arrive(store, *names)
    with pytest.raises(DuplicateItems, match=r"i-0000, i-0001, .* and 1195 more"):
        arrive(store, *names)


def test_an_arrival_that_is_written_again_changes_nothing(store: Store) -> None:
    for _ in range(2):
        store.log.append(arrivals(["a", "b"], name="items-2"), 10.0)
    assert pool(store) == ["a", "b"]


# --- batches


def test_items_that_went_out_are_not_in_the_pool(store: Store) -> None:
    arrive(store, "a", "b", "c")
    release(store, "b-1", "a", "c", reserve=["c"])
    assert pool(store) == ["b"]
    state = one(store, "a")
    assert (state.state, state.batch, state.label, state.arrived_seq) == ("offered", "b-1", None, 1)


@pytest.mark.parametrize(
    "items",
    [("gone",), ("b", "done"), ("b", "never-came"), ("b", "b")],
    ids=["offered already", "labelled already", "unknown", "named twice"],
)
def test_a_batch_of_items_that_are_not_in_the_pool_is_refused_whole(
    store: Store, items: tuple[str, ...]
) -> None:
    arrive(store, "b", "gone", "done")
    release(store, "b-1", "gone")
    know(store, {"done": "fine"})
    with pytest.raises(StaleItems, match=f"b-2 .*{items[-1]} is not in the pool"):
        release(store, "b-2", *items)
    assert pool(store) == ["b"]
    assert store.log.head().seq == 3


def test_items_may_arrive_and_go_out_in_one_commit(store: Store) -> None:
    both = arrivals(["a", "b"])
    facts = [*both.facts, Draft(released("b-1", ["a"]))]
    store.log.append(Commit(facts, arrivals=both.arrivals), 10.0)
    assert pool(store) == ["b"]


# --- labels


def test_a_label_takes_an_item_out_of_the_pool_and_names_its_source(store: Store) -> None:
    arrive(store, "a", "b", "c")
    release(store, "b-1", "b")
    know(store, {"a": "fine"})
    settle(store, "b", "fraud", batch="b-1")
    assert pool(store) == ["c"]
    first, second = one(store, "a"), one(store, "b")
    assert (first.state, first.label, first.source, first.batch, first.seq) == (
        *("labelled", "fine", "natural"),
        *(None, 3),
    )
    assert (second.label, second.source, second.batch, second.seq) == ("fraud", "answers", "b-1", 4)


def test_labels_stand_as_they_stood_at_any_position(store: Store) -> None:
    arrive(store, "a", "b")  # 1
    settle(store, "a", "fine")  # 2
    know(store, {"b": "fraud", "a": "fraud"})  # 3
    settle(store, "a", "fine")  # 4
    assert [labels(store, position) for position in range(6)] == [
        {},
        {},
        {"a": "fine"},
        {"a": "fraud", "b": "fraud"},
        {"a": "fine", "b": "fraud"},
        {"a": "fine", "b": "fraud"},
    ]


def test_labelled_items_are_in_order_of_time_with_all_that_is_known(store: Store) -> None:
    arrive(store, "late", "early", "out", times=[9.0, 1.0, 5.0], now=12.0)
    release(store, "b-1", "out", "early", reserve=["early"])
    settle(store, "out", "fraud", batch="b-1")
    know(store, {"late": "fine", "early": "fraud"})
    rows = store.items.labelled(Position(4))
    assert column(rows, "item") == ["early", "out", "late"]
    assert column(rows, "label") == ["fraud", "fraud", "fine"]
    assert column(rows, "source") == ["natural", "answers", "natural"]
    assert column(rows, "seq") == [4, 3, 4]
    assert column(rows, "batch") == ["b-1", "b-1", None]
    assert column(rows, "reserve") == [True, False, False]
    assert column(rows, "at") == [12.0, 12.0, 12.0]
    assert column(rows, "row") == [1, 2, 0]
    assert [rows.table[name].dtype for name in ("seq", "reserve", "batch")] == [np.int64, np.bool_, object]


def test_what_happened_later_does_not_show_at_an_earlier_position(store: Store) -> None:
    know(store, {"a": "fine"})  # 1: before the item came
    arrive(store, "a", "b")  # 2
    know(store, {"b": "fine"})  # 3
    assert labels(store, 1) == {}
    assert labels(store, 2) == {"a": "fine"}
    arrive(store, "c")  # 4
    settle(store, "c", "fraud", batch="elsewhere")  # 5
    rows = store.items.labelled(Position(5))
    assert column(rows, "batch") == [None, "elsewhere", None]


def test_a_batch_shows_only_from_its_release_on(store: Store) -> None:
    arrive(store, "a")
    release(store, "b-1", "a", reserve=["a"])
    know(store, {"a": "fine"})
    rows = store.items.labelled(Position(3))
    assert (column(rows, "batch"), column(rows, "reserve")) == (["b-1"], [True])


def test_a_label_that_came_before_its_item_waits_for_it(store: Store) -> None:
    know(store, {"a": "fine", "b": "fine"})
    know(store, {"a": "fraud"})
    assert store.items.find(ids("a")) == {}
    arrive(store, "a", "c")
    assert pool(store) == ["c"]
    assert (one(store, "a").state, one(store, "a").label) == ("labelled", "fraud")
    with pytest.raises(StaleItems):
        release(store, "b-1", "a")


def test_the_last_of_two_labels_in_one_fact_counts(store: Store) -> None:
    arrive(store, "a")
    twice = KnownLabels(ids("a", "a"), ["fine", "fraud"])
    store.log.append(Commit(known({"a": "fine"}).facts, known=twice), 10.0)
    assert one(store, "a").label == "fraud"


def test_a_settlement_that_lets_a_natural_label_stand_keeps_its_source(store: Store) -> None:
    arrive(store, "a")
    know(store, {"a": "fraud"})
    store.log.append(Commit([Draft(settled("a", "fraud", "b-1", policy="natural"))]), 50.0)
    assert one(store, "a").source == "natural"


def test_many_labels_settle_in_one_commit_each_at_its_own_place(store: Store) -> None:
    arrive(store, "a", "b", "c")
    facts: list[Fact] = [settled("a", "x"), AlertCleared("between"), settled("b", "y"), settled("a", "z")]
    store.log.append(Commit([Draft(fact) for fact in facts]), 30.0)
    assert {item: state.seq for item, state in store.items.find(ids("a", "b", "c")).items()} == {
        "a": 5,
        "b": 4,
        "c": None,
    }
    assert labels(store, 4) == {"a": "x", "b": "y"}
    assert labels(store, 5) == {"a": "z", "b": "y"}


# --- questions about single items


def test_unknown_items_are_left_out(store: Store) -> None:
    arrive(store, "a", "b")
    assert list(store.items.find(ids("nowhere", "b", "a"))) == ["b", "a"]
    assert store.items.find(()) == {}


def test_items_tell_where_their_rows_are(store: Store) -> None:
    assert store.items.places(ids("a")) == {}
    arrive(store, "x", "a")
    arrive(store, "b")
    assert store.items.places(ids("b", "a", "nowhere")) == {"b": (SEGMENT, 0), "a": (SEGMENT, 1)}
    release(store, "b-1", "a")
    settle(store, "a", "fine", "b-1")
    assert store.items.places(ids("a")) == {"a": (SEGMENT, 1)}


def test_an_item_tells_where_it_stands(store: Store) -> None:
    arrive(store, "x", "a", times=[0.0, 7.5])
    assert one(store, "a") == ItemState(
        ItemId("a"), "pool", 7.5, SEGMENT, 1, None, None, None, None, Position(1)
    )
    release(store, "b-1", "a")
    settle(store, "a", "fine", "b-1")
    assert one(store, "a") == ItemState(
        ItemId("a"), "labelled", 7.5, SEGMENT, 1, BatchId("b-1"), "fine", "answers", Position(3), Position(1)
    )


def test_answers_about_an_item_come_in_order_and_alone(store: Store) -> None:
    facts: list[Fact] = [answer("a", "x"), answer("b", "y"), settled("a", "x"), answer("a", "z", "ann-2")]
    store.log.append(Commit([Draft(fact) for fact in facts]), 10.0)
    said = store.items.answers(ItemId("a"))
    assert [(recorded.seq, recorded.fact) for recorded in said] == [(1, facts[0]), (4, facts[3])]
    assert store.items.answers(ItemId("nowhere")) == ()


def test_thousands_of_items_go_in_and_come_out(store: Store) -> None:
    names = [f"i-{number:05d}" for number in range(5_000)]
    arrive(store, *names)
    know(store, dict.fromkeys(names[::2], "fine"))
    assert pool(store, 10_000) == names[1::2]
    assert list(labels(store, 2)) == names[::2]
    assert len(store.items.find(ids(*names))) == 5_000
