"""What every shelf promises, in memory and on MLflow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from flyball.adapters.shelf_memory import MemoryShelf
from flyball.adapters.shelf_mlflow import MlflowShelf
from flyball.core.ids import ModelVersion, digest_of
from flyball.core.table import Feature, Table, texts
from flyball.errors import NotFound
from flyball.ports import Shelf, Trained

FEATURES = (Feature("amount"), Feature("country", "category"))
ROWS = Table(
    {
        "amount": np.array([1.0, 2.0, float("nan")]),
        "country": texts(["de", None, "fr"]),
        "label": texts(["fraud", "fine", "fine"]),
        "item": texts(["a", "b", "c"]),
        "weight": np.ones(3),
    }
)


class Coin:
    """A model that knows nothing."""

    classes = ("fine", "fraud")

    def scores(self, table: Table) -> npt.NDArray[np.float64]:
        return np.full((len(table), 2), 0.5)


TRAINED = Trained(
    loop="card-fraud",
    pins=digest_of(b"pins"),
    model=Coin(),
    content=b"\x00 any bytes \xff",
    snapshot=digest_of(b"rows"),
    rows=ROWS,
    features=FEATURES,
    parameters={"num_leaves": 31, "mode": "full"},
    metrics={"rows": 3.0, "share.fraud": 1 / 3, "share.à, b:c": 0.25},
    tags={"because": "200 answers since the last training", "run": "train-1"},
    rule_file="rules: []\n",
    began=1_700_000_000.0,
    ended=1_700_007_200.0,
)


@pytest.fixture(scope="module")
def mlflow_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A new database takes seconds, so all shelves of this module share one."""
    return str(tmp_path_factory.mktemp("mlflow"))


def new_in_memory(store: str, loop: str) -> Shelf:
    return MemoryShelf()


def new_on_mlflow(store: str, loop: str) -> Shelf:
    return MlflowShelf(loop, store, lambda digest: f"segments/{digest}.parquet")


@pytest.fixture(params=[new_in_memory, new_on_mlflow], ids=["memory", "mlflow"])
def shelf(request: pytest.FixtureRequest, mlflow_store: str) -> Shelf:
    """An empty shelf: each test has a loop of its own."""
    new: Callable[[str, str], Shelf] = request.param
    return new(mlflow_store, digest_of(request.node.name.encode())[:8])


def another(word: str) -> Trained:
    return replace(TRAINED, pins=digest_of(word.encode()), content=word.encode())


def test_a_model_comes_back_byte_for_byte(shelf: Shelf) -> None:
    assert shelf.get(shelf.put(TRAINED).version) == TRAINED.content


def test_a_version_says_what_it_was_trained_on_and_how_well(shelf: Shelf) -> None:
    shelved = shelf.put(TRAINED)
    assert (shelved.pins, shelved.snapshot) == (TRAINED.pins, TRAINED.snapshot)
    assert shelved.metrics == pytest.approx(TRAINED.metrics)
    assert shelved.aliases == ()
    assert shelved.tracking


def test_the_same_pins_again_give_the_version_that_stands_there(shelf: Shelf) -> None:
    first = shelf.put(TRAINED)
    shelf.put(another("between"))
    again = shelf.put(replace(TRAINED, content=b"other bytes"))
    assert again == first
    assert shelf.get(first.version) == TRAINED.content
    assert len(shelf.versions()) == 2


def test_versions_count_from_1_in_the_order_in_which_they_came(shelf: Shelf) -> None:
    assert shelf.versions() == ()
    put = [shelf.put(another(word)) for word in ("first", "second", "third")]
    assert list(shelf.versions()) == put
    assert [each.version for each in put] == [1, 2, 3]


def test_an_alias_names_one_version_at_a_time(shelf: Shelf) -> None:
    one, two = shelf.put(another("one")).version, shelf.put(another("two")).version
    shelf.point("champion", one)
    shelf.point("challenger", two)
    shelf.point("champion", two)
    assert [each.aliases for each in shelf.versions()] == [(), ("challenger", "champion")]


def test_an_alias_can_be_taken_off_and_off_again(shelf: Shelf) -> None:
    shelf.point("challenger", None)
    shelf.point("challenger", shelf.put(TRAINED).version)
    shelf.point("challenger", None)
    shelf.point("challenger", None)
    assert [each.aliases for each in shelf.versions()] == [()]


def test_a_version_that_was_put_again_keeps_its_aliases(shelf: Shelf) -> None:
    shelf.point("champion", shelf.put(TRAINED).version)
    assert shelf.put(TRAINED).aliases == ("champion",)


@pytest.mark.parametrize("version", [0, 2, 99], ids=["before the first", "the next", "far off"])
def test_a_version_that_nobody_made_is_not_found(shelf: Shelf, version: int) -> None:
    shelf.put(TRAINED)
    with pytest.raises(NotFound, match=f"no model version {version}"):
        shelf.get(ModelVersion(version))
    with pytest.raises(NotFound, match=f"no model version {version}"):
        shelf.point("champion", ModelVersion(version))
