"""Where a loop's MLflow keeps things, opened with the first question and quiet about it."""

from __future__ import annotations

import logging
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from flyball.errors import FlyballError, Unreachable

if TYPE_CHECKING:
    from mlflow import MlflowClient

#: Telemetry and git stay quiet; a server that is away is noticed within seconds, not minutes.
_ENVIRONMENT = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
#: MLflow writes absolute places down in these columns.
_PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


class MlflowStore:
    """The tracking store and registry of one loop: a directory of its own, or a URI.

    A directory holds `mlflow.db` and `artifacts`, and may be moved or copied as a whole.
    """

    def __init__(self, loop: str, store: str) -> None:
        self._loop = loop
        self._directory = None if "://" in store else Path(store).resolve()
        self.uri = store if self._directory is None else f"sqlite:///{self._directory / 'mlflow.db'}"

    @cached_property
    def client(self) -> MlflowClient:
        """The client of this store and no other. The first time takes seconds. Raises Unreachable."""
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient

        # A new database is migrated with a line of log for each of dozens of steps.
        for name in ("alembic", "mlflow"):
            logging.getLogger(name).setLevel(logging.ERROR)
        if self._directory is not None:
            _found(self._directory / "mlflow.db", str(self._artifacts))
        self._knock()
        return MlflowClient(self.uri, self.uri)

    @cached_property
    def experiment(self) -> str:
        """The loop's experiment, made where there is none."""
        known = self.client.get_experiment_by_name(self._loop)
        if known is None:
            return str(self.client.create_experiment(self._loop, self._artifacts))
        if self._directory is not None and known.artifact_location != self._artifacts:
            _moved(self._directory / "mlflow.db", str(known.artifact_location), str(self._artifacts))
        return str(known.experiment_id)

    @property
    def is_server(self) -> bool:
        """Whether a tracking server stands between the loop and the store."""
        return self.uri.startswith(("http://", "https://"))

    def read(self, uri: str) -> bytes:
        """The bytes of an artifact."""
        from mlflow.artifacts import download_artifacts

        with tempfile.TemporaryDirectory() as folder:
            file = download_artifacts(artifact_uri=uri, dst_path=folder, tracking_uri=self.uri)
            return Path(file).read_bytes()

    @property
    def _artifacts(self) -> str | None:
        return None if self._directory is None else (self._directory / "artifacts").as_uri()

    def _knock(self) -> None:
        """Look whether a database is there, which MLflow itself would try for minutes."""
        if self.is_server:
            return
        import sqlalchemy

        patience = {"connect_timeout": 5} if self.uri.startswith("postgresql") else {}
        engine = sqlalchemy.create_engine(self.uri, connect_args=patience)
        try:
            sqlalchemy.inspect(engine).get_table_names()
        finally:
            engine.dispose()


@contextmanager
def reachable(uri: str) -> Iterator[None]:
    """Turn whatever MLflow and what is below it throw into Unreachable, with the store's name."""
    try:
        yield
    except FlyballError:
        raise
    except Exception as problem:
        # MLflow lets errors of SQLAlchemy, requests and the file system through as they are.
        reason = str(problem).strip().partition("\n")[0]
        raise Unreachable(f"MLflow at {_shown(uri)} cannot be used: {reason}") from problem


def _shown(uri: str) -> str:
    """A URI without its password."""
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _found(database: Path, artifacts: str) -> None:
    """Let a new database appear whole: where a process dies in MLflow's own steps, they never go on."""
    if database.exists() and database.stat().st_size:
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    database.parent.mkdir(parents=True, exist_ok=True)
    new = database.with_name(".new-mlflow.db")
    for ending in ("", "-journal", "-wal", "-shm"):
        new.with_name(new.name + ending).unlink(missing_ok=True)
    store = SqlAlchemyStore(f"sqlite:///{new}", artifacts)  # type: ignore[no-untyped-call]
    store.engine.dispose()
    new.replace(database)


def _moved(database: Path, before: str, now: str) -> None:
    """Let a database that was moved or copied with its artifacts name the new place."""
    with closing(sqlite3.connect(database, timeout=20)) as link, link:
        for table, column in _PLACES:
            link.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
                (now, len(before) + 1, len(before), before),
            )
