"""What MLflow and Prefect put into a new loop's directory in seconds, made once and copied from then on."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from tests.shared_server import alone, home_of

from flyball.adapters.mlflow_store import MlflowStore
from flyball.adapters.prefect.environment import database_of, server_settings_for


def furnished(directory: Path, *, prefect: bool = False) -> Path:
    """The same directory, with MLflow's empty database in it, and Prefect's where it is asked for."""
    mlflow_database(directory / "mlflow" / "mlflow.db")
    if prefect:
        _copied(f"prefect-{version('prefect')}.db", database_of(directory), _prefect)
    return directory


def mlflow_database(place: Path) -> None:
    """Put MLflow's empty database into a place."""
    _copied(f"mlflow-{version('mlflow-skinny')}.db", place, _mlflow)


def _copied(name: str, place: Path, make: Callable[[Path], Path]) -> None:
    home = home_of("furniture")
    with alone(home / f"{name}.lock"):
        if not (home / name).exists():
            with tempfile.TemporaryDirectory(dir=home) as directory:
                made = make(Path(directory))
                with closing(sqlite3.connect(made)) as connection:
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                made.replace(home / name)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(home / name, place)


def _mlflow(directory: Path) -> Path:
    _ = MlflowStore("loop", str(directory)).client
    return directory / "mlflow.db"


def _prefect(directory: Path) -> Path:
    upgrade = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
    environment = {**os.environ, **server_settings_for(directory)}
    database_of(directory).parent.mkdir()
    subprocess.run(upgrade, env=environment, check=True, capture_output=True, timeout=120)
    return database_of(directory)
