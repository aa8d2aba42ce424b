"""A little shop's stream of six hundred items in a file of its own, to be spoilt in every way."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from tests.loops import RULES
from tests.promises import account_of, broken

from flyball.adapters.stream import open_stream
from flyball.adapters.toml_file import load
from flyball.bootstrap import App, simulate
from flyball.core.sampling.budget import Budget

BUDGET = Budget(share=0.3)
SETTINGS = """
version = 1
id = "shop"
[stream]
source = "{source}"
item = "id"
time = "time"
label = "label"
[start]
labelled = 60
[learner]
name = "{learner}"
[loop]
architecture = "{architecture}"
rules = "rules.yaml"
[knobs]
"batch.size" = 20
"train.every_labels" = 20
[budget]
share = 0.3
[team]
source = "simulated"
size = 2
seconds_per_item = 120
[clock]
kind = "{clock}"
speed = 20000
until = "{until}"
takes = {{ ingest = "10m", train = "20m", score = "5m", integrate = "5m", steer = "0s" }}
[stores]
mlflow = "{mlflow}"
prefect = "{prefect}"
"""


def shop(items: int = 600) -> pd.DataFrame:
    """Items with two numbers, of which one tells the label, one every two minutes."""
    chance = np.random.default_rng(1)
    a = chance.normal(size=items)
    return pd.DataFrame(
        {
            "id": [f"item-{number}" for number in range(items)],
            "time": 1.7e9 + 120.0 * np.arange(items),
            "a": a,
            "b": chance.normal(size=items),
            "label": np.where(a + 0.3 * chance.normal(size=items) > 0, "yes", "no"),
        }
    )


def write_shop(
    directory: Path,
    items: pd.DataFrame | None = None,
    *,
    rules: str = RULES,
    source: str = "items.csv",
    learner: str = "lightgbm",
    architecture: str = "parallel",
    clock: str = "virtual",
    mlflow: str = "mlflow",
    prefect: str = "none",
    until: str = "90d",
) -> Path:
    """Write the shop's loop into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    (shop() if items is None else items).to_csv(directory / "items.csv", index=False)
    (directory / "rules.yaml").write_text(rules)
    written = SETTINGS.format(
        source=source,
        learner=learner,
        architecture=architecture,
        clock=clock,
        mlflow=mlflow,
        prefect=prefect,
        until=until,
    )
    (directory / "loop.toml").write_text(written)
    return directory


def opened(directory: Path) -> App:
    """The shop's loop in memory."""
    settings = load(directory)
    return simulate(settings, open_stream(settings))


def kept(app: App) -> Counter[str]:
    """How many facts of each kind there are, in a loop that has kept every promise."""
    account = account_of(app.tools.store)
    assert broken(account, BUDGET) == []
    return Counter(recorded.fact.kind for recorded in account.facts)


def alerts(app: App) -> dict[str, str]:
    """What is raised, and what it says."""
    return {key: str(raised.fact.message) for key, raised in app.tools.state.alerts.items()}  # type: ignore[union-attr]
