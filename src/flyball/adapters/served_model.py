"""A model as a directory in MLflow's form, so that MLflow's own server and tools can open it.

It holds what the learner dumped, and beside it LightGBM's own text where the model is a Booster.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flyball.adapters.learners import open_learner
from flyball.core.table import Table, texts
from flyball.ports import Model, Trained

if TYPE_CHECKING:
    import pandas as pd

CONTENT_FILE = "model.bin"
_BOOSTER_FILE = "model.lgb"
_NEEDS_FILE = "requirements.txt"
_NEEDS = ("flyball", "lightgbm", "mlflow", "numpy", "pandas")


def write_model(folder: Path, trained: Trained, run: str, model_id: str) -> None:
    """Fill an empty folder with the model: rows of features in, a probability for each class out."""
    from mlflow.models import Model as Card
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec

    (folder / CONTENT_FILE).write_bytes(trained.content)
    (folder / _NEEDS_FILE).write_text("\n".join(_NEEDS) + "\n", encoding="utf-8")
    kinds = {"number": DataType.double, "category": DataType.string}
    rows: list[ColSpec | TensorSpec] = [
        ColSpec(kinds[each.kind], each.name, required=False) for each in trained.features
    ]
    given: list[ColSpec | TensorSpec] = [ColSpec(DataType.double, name) for name in columns_of(trained.model)]
    card = Card(run_id=run, model_id=model_id, signature=ModelSignature(Schema(rows), Schema(given)))
    version = ".".join(str(part) for part in sys.version_info[:3])
    card.add_flavor("python_function", loader_module=__name__, data=CONTENT_FILE, python_version=version)
    if (booster := getattr(trained.model, "booster", None)) is not None:
        booster.save_model(folder / _BOOSTER_FILE)
        card.add_flavor("lightgbm", data=_BOOSTER_FILE, model_class="lightgbm.basic.Booster", code=None)
    card.save(str(folder / "MLmodel"))


def columns_of(model: Model) -> list[str]:
    """What the columns of a served model's answer are called."""
    return [f"p_{name}" for name in model.classes]


class Served:
    """A model as MLflow's server asks it."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def predict(self, frame: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Class probabilities for rows of features; a missing category is None, a missing number NaN."""
        import pandas as pd

        found = self._model.scores(Table({str(name): _column(frame[name]) for name in frame.columns}))
        return pd.DataFrame(found, columns=columns_of(self._model), index=frame.index)


def _load_pyfunc(path: str) -> Served:
    """What MLflow calls with the path of the content."""
    content = Path(path).read_bytes()
    header = json.loads(content.partition(b"\n")[0])
    return Served(open_learner(header.get("name", header["model"]), {}).load(content))


def _column(column: pd.Series[Any]) -> np.ndarray[Any, np.dtype[Any]]:
    if column.dtype.kind in "biuf":
        return column.to_numpy(dtype=np.float64)
    return texts(None if value is None or value != value else str(value) for value in column)
