"""What MLflow's shelf does beyond the contract: crashes, outages, moves, and what others can open."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import lightgbm
import numpy as np
import pandas as pd
import pytest

from flyball.adapters.learner_lightgbm import LightgbmLearner
from flyball.adapters.shelf_mlflow import PINS, SNAPSHOT, MlflowShelf
from flyball.core.ids import digest_of
from flyball.core.table import Feature, Table, texts
from flyball.errors import BadFile, Unreachable
from flyball.ports import Trained

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Dataset, Run

pytestmark = pytest.mark.slow

FEATURES = (Feature("amount"), Feature("country", "category"))
COUNTRIES = ["de", "fr", None, "de"] * 20
ROWS = Table(
    {
        "amount": np.arange(80.0),
        "country": texts(COUNTRIES),
        "label": texts(["fraud" if place % 3 == 0 else "fine" for place in range(80)]),
    }
)
LEARNER = LightgbmLearner({"num_threads": 1})
MODEL = LEARNER.fit(ROWS, ROWS["label"], None, FEATURES, 7)
TRAINED = Trained(
    loop="fraud",
    pins=digest_of(b"pins"),
    model=MODEL,
    content=LEARNER.dump(MODEL),
    snapshot=digest_of(b"rows"),
    rows=ROWS,
    features=FEATURES,
    parameters={"mode": "full"},
    metrics={"rows": 80.0},
    tags={"because": "200 answers", "run": "train-1"},
    rule_file="rules: []\n",
    began=1_700_000_000.0,
    ended=1_700_007_200.0,
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a loop and no models: making one takes seconds, copying it does not."""
    folder = tmp_path_factory.mktemp("empty") / "mlflow"
    open_shelf(folder).versions()
    return folder


@pytest.fixture
def store(empty: Path, tmp_path: Path) -> Path:
    return shutil.copytree(empty, tmp_path / "mlflow")


def open_shelf(store: Path | str) -> MlflowShelf:
    return MlflowShelf("fraud", str(store), lambda digest: f"/data/segments/{digest}.parquet")


def client_of(store: Path) -> MlflowClient:
    # Not before a shelf was opened: MLflow reads whether it may report on us when it is imported.
    from mlflow import MlflowClient

    uri = f"sqlite:///{store / 'mlflow.db'}"
    return MlflowClient(uri, uri)


def died_after_the_run_began(client: MlflowClient) -> None:
    experiment = client.get_experiment_by_name("fraud")
    assert experiment is not None
    client.create_run(experiment.experiment_id, 0, {PINS: TRAINED.pins})


def died_before_the_model_was_whole(client: MlflowClient) -> None:
    died_after_the_run_began(client)
    (run,) = client.search_runs([experiment_of(client)])
    client.create_logged_model(experiment_of(client), "model", run.info.run_id)


def died_before_the_version_was_registered(client: MlflowClient) -> None:
    open_shelf(str(client.tracking_uri).removeprefix("sqlite:///").removesuffix("/mlflow.db")).put(TRAINED)
    client.delete_model_version("fraud", "1")


def experiment_of(client: MlflowClient) -> str:
    experiment = client.get_experiment_by_name("fraud")
    assert experiment is not None
    return str(experiment.experiment_id)


def data_sets_of(run: Run) -> list[Dataset]:
    assert run.inputs is not None
    return [given.dataset for given in run.inputs.dataset_inputs]


@pytest.mark.parametrize(
    "died",
    [
        died_after_the_run_began,
        died_before_the_model_was_whole,
        died_before_the_version_was_registered,
    ],
)
def test_a_training_that_died_half_way_onto_the_shelf_is_finished_in_its_own_run(
    store: Path, died: Callable[[MlflowClient], None]
) -> None:
    client = client_of(store)
    died(client)
    shelf = open_shelf(store)
    shelved = shelf.put(TRAINED)
    assert shelf.get(shelved.version) == TRAINED.content
    assert shelf.versions() == (shelved,)
    (run,) = client.search_runs([experiment_of(client)])
    assert run.info.status == "FINISHED"
    assert len(client.search_logged_models([experiment_of(client)])) == 1


def test_the_run_says_what_the_model_was_trained_on_and_who_asked(store: Path) -> None:
    open_shelf(store).put(TRAINED)
    client = client_of(store)
    (run,) = client.search_runs([experiment_of(client)])
    assert run.data.tags["because"] == "200 answers"
    assert run.data.tags[PINS] == TRAINED.pins
    assert run.data.tags[SNAPSHOT] == TRAINED.snapshot
    assert run.data.params == {"mode": "full"}
    assert (run.info.start_time, run.info.end_time) == (1_700_000_000_000, 1_700_007_200_000)
    rules = client.download_artifacts(run.info.run_id, "rules.yaml")
    assert Path(rules).read_text() == TRAINED.rule_file
    (given,) = data_sets_of(run)
    assert given.digest == TRAINED.snapshot[:32]
    assert TRAINED.snapshot in given.source
    assert client.get_model_version("fraud", "1").tags[SNAPSHOT] == TRAINED.snapshot


def test_what_was_trained_on_100_000_rows_differs_in_its_data_set_when_only_the_last_differs(
    store: Path,
) -> None:
    shelf = open_shelf(store)
    shelf.put(TRAINED)
    shelf.put(replace(TRAINED, pins=digest_of(b"other"), snapshot=digest_of(b"rows, but one")))
    runs = client_of(store).search_runs([experiment_of(client_of(store))])
    assert len({given.digest for run in runs for given in data_sets_of(run)}) == 2


@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning")
def test_mlflow_itself_serves_the_champion_from_raw_features(store: Path) -> None:
    import mlflow

    shelf = open_shelf(store)
    shelf.point("champion", shelf.put(TRAINED).version)
    source = client_of(store).get_model_version_by_alias("fraud", "champion").source
    model = mlflow.pyfunc.load_model(str(source))
    frame = pd.DataFrame({"amount": ROWS["amount"], "country": COUNTRIES})
    given = model.predict(frame)
    assert list(given.columns) == ["p_fine", "p_fraud"]
    np.testing.assert_array_equal(given.to_numpy(), MODEL.scores(ROWS))


def test_the_booster_opens_with_mlflows_own_lightgbm_flavour(store: Path) -> None:
    import mlflow.lightgbm

    open_shelf(store).put(TRAINED)
    source = client_of(store).get_model_version("fraud", "1").source
    booster = mlflow.lightgbm.load_model(str(source))
    assert isinstance(booster, lightgbm.Booster)
    assert booster.num_trees() == MODEL.booster.num_trees()


def test_an_artifact_that_somebody_changed_is_not_loaded(store: Path) -> None:
    shelf = open_shelf(store)
    version = shelf.put(TRAINED).version
    (file,) = store.rglob("model.bin")
    file.write_bytes(b"changed")
    with pytest.raises(BadFile, match="version 1 was changed"):
        shelf.get(version)


def test_a_store_that_was_moved_still_has_its_models_and_takes_new_ones(store: Path, tmp_path: Path) -> None:
    open_shelf(store).put(TRAINED)
    moved = store.rename(tmp_path / "elsewhere")
    shelf = open_shelf(moved)
    assert shelf.get(shelf.versions()[0].version) == TRAINED.content
    shelf.put(replace(TRAINED, pins=digest_of(b"later")))
    assert not store.exists()
    assert len(list(moved.rglob("model.bin"))) == 2


def a_damaged_database(folder: Path) -> str:
    (folder / "mlflow.db").write_bytes(b"not a database " * 1000)
    return str(folder)


def a_file_in_the_directorys_place(folder: Path) -> str:
    (folder / "mlflow").write_text("")
    return str(folder / "mlflow")


def nobody_on_the_port(folder: Path) -> str:
    return "http://127.0.0.1:9"


def no_postgresql(folder: Path) -> str:
    return "postgresql+psycopg2://me:secret@127.0.0.1:9/mlflow"


@pytest.mark.parametrize(
    "broken", [a_damaged_database, a_file_in_the_directorys_place, nobody_on_the_port, no_postgresql]
)
def test_a_store_that_cannot_be_reached_is_one_sentence(
    tmp_path: Path, broken: Callable[[Path], str]
) -> None:
    with pytest.raises(Unreachable, match=r"^MLflow at \S+ cannot be used: .+") as said:
        open_shelf(broken(tmp_path)).put(TRAINED)
    assert "\n" not in str(said.value)
    assert "secret" not in str(said.value)


def test_a_training_is_kept_without_a_word_on_the_terminal_or_on_the_network(tmp_path: Path) -> None:
    script = f"""
import sys
def watch(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        sys.stderr.write(f"{{event}} {{args}}\\n")
sys.addaudithook(watch)
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_shelf_mlflow as here
shelf = here.open_shelf({str(tmp_path)!r})
shelf.point("champion", shelf.put(here.TRAINED).version)
assert shelf.get(1) == here.TRAINED.content
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_store_whose_making_was_killed_is_made_anew(tmp_path: Path) -> None:
    """MLflow cannot go on with a database whose making was interrupted: it has another name until then."""
    store = tmp_path / "mlflow"
    script = f"import test_shelf_mlflow as here; here.open_shelf({str(store)!r}).versions()"
    making = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parent)
    half_made = store / ".new-mlflow.db"
    while making.poll() is None and not tables_in(half_made):
        pass
    making.kill()
    making.wait()
    assert tables_in(half_made), "it was to be killed half-way"
    assert not (store / "mlflow.db").exists()
    assert open_shelf(store).put(TRAINED).version == 1


def tables_in(database: Path) -> int:
    if not database.exists():
        return 0
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as link, suppress(sqlite3.Error):
        (count,) = link.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return int(count)
    return 0


def test_the_shelf_is_imported_without_mlflow() -> None:
    code = "import sys, flyball.adapters.shelf_mlflow; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"mlflow", "lightgbm", "pandas", "sqlalchemy"} & set(done.stdout.split())
