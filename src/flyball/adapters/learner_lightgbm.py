"""LightGBM as the learner: gradient-boosted trees through the Booster, the same bytes for the same arguments.

The table's columns go to LightGBM through Arrow without a copy; categories are coded here, so that an
unknown category at scoring time is a missing one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flyball.core.learning.coding import Coding, class_codes
from flyball.core.learning.envelope import damaged, pack, unpack
from flyball.core.table import Column, Feature, Table
from flyball.errors import BadUsage, LearnerFailed, Unreachable
from flyball.ports import Model

if TYPE_CHECKING:
    import lightgbm

KIND = "lightgbm"
#: Shrunken leaves and small steps cost nothing on many labels and keep probabilities honest on few:
#: on nine drifting streams with 100 to 4,000 labels they took 10 to 26% off the log loss of a learning
#: rate of 0.1 without lambda_l2.
DEFAULTS: Mapping[str, Any] = {
    "num_iterations": 120,
    "learning_rate": 0.05,
    "num_leaves": 31,
    "lambda_l2": 5.0,
}
#: What a user may set, by LightGBM's own names; the rest is fixed so that training stays repeatable.
PARAMETERS: tuple[str, ...] = (
    *DEFAULTS,
    "bagging_fraction",
    "bagging_freq",
    "bin_construct_sample_cnt",
    "boosting",
    "cat_l2",
    "cat_smooth",
    "extra_trees",
    "feature_fraction",
    "feature_fraction_bynode",
    "is_unbalance",
    "lambda_l1",
    "max_bin",
    "max_cat_threshold",
    "max_cat_to_onehot",
    "max_delta_step",
    "max_depth",
    "min_data_in_bin",
    "min_data_in_leaf",
    "min_data_per_group",
    "min_gain_to_split",
    "min_sum_hessian_in_leaf",
    "num_threads",
    "path_smooth",
    "scale_pos_weight",
)
#: Up to so many rows, one thread is as fast as two on idle cores and far faster on busy ones.
ONE_THREAD = 50_000
THREADS = re.compile(r"^\[num_threads: .*\]\n", re.MULTILINE)


@cache
def _library() -> Any:
    """LightGBM, once a model is made or read: it takes two seconds, and many a process does neither."""
    # OpenMP reads this once, when LightGBM loads it. Its threads otherwise burn their core while they wait
    # for each other; beside other lanes on the same cores that made a training 10 to 30 times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import lightgbm
    except OSError as problem:
        hint = "it needs OpenMP (on Debian: apt-get install libgomp1)"
        raise Unreachable(f"LightGBM cannot be loaded: {problem}; {hint}") from problem
    return lightgbm


@dataclass(frozen=True, slots=True, eq=False)
class LightgbmModel:
    """A Booster with the classes and the coding that it was trained with. `threads` 0: by rows."""

    classes: tuple[str, ...]
    coding: Coding
    booster: lightgbm.Booster
    threads: int = 0

    def scores(self, table: Table) -> npt.NDArray[np.float64]:
        """Class probabilities, shape (rows, classes). Raises LearnerFailed."""
        if not len(table):
            return np.zeros((0, len(self.classes)))
        try:
            threads = threads_for(len(table), self.threads)
            found = self.booster.predict(_arrow(self.coding, table), num_threads=threads)
        except _library().basic.LightGBMError as problem:
            raise LearnerFailed(f"LightGBM failed while it scored: {problem}") from problem
        p = np.asarray(found)
        return np.stack([1.0 - p, p], axis=1) if p.ndim == 1 else p


@dataclass(frozen=True, slots=True)
class LightgbmLearner:
    """Trains with LightGBM's parameters over our defaults. An unknown one raises BadUsage."""

    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if wrong := [_unknown(name) for name in self.parameters if name not in PARAMETERS]:
            raise BadUsage("\n".join(wrong))

    def fit(
        self,
        table: Table,
        labels: Column,
        weights: npt.NDArray[np.float64] | None,
        features: Sequence[Feature],
        seed: int,
    ) -> LightgbmModel:
        """Train from scratch. Class imbalance is left as it is, so that scores are probabilities.

        Raises LearnerFailed for fewer than two classes, and for what LightGBM refuses.
        """
        classes, target = class_codes(labels)
        coding = Coding.learned(table, features)
        settings = self.settings(len(labels), len(classes), seed)
        categories = [place for place, each in enumerate(features) if each.kind == "category"]
        lgb = _library()
        try:
            data = lgb.Dataset(
                _arrow(coding, table), target, weight=weights, categorical_feature=categories, params=settings
            )
            booster = lgb.train(settings, data)
        except (lgb.basic.LightGBMError, ValueError) as problem:
            raise LearnerFailed(f"LightGBM failed while it trained: {problem}") from problem
        return LightgbmModel(classes, coding, booster, self.parameters.get("num_threads", 0))

    def dump(self, model: Model) -> bytes:
        """The model as text, after a line of JSON with its classes and categories."""
        if not isinstance(model, LightgbmModel):
            raise TypeError(f"a LightGBM learner cannot write down a {type(model).__name__}")
        # How many threads trained it changes nothing in the model, and must not change its digest.
        text = THREADS.sub("", model.booster.model_to_string())
        return pack(KIND, {"classes": model.classes, **model.coding.as_json()}, text.encode())

    def load(self, content: bytes) -> LightgbmModel:
        """The model that `dump` wrote. Raises BadFile."""
        header, text = unpack(KIND, content)
        lgb = _library()
        try:
            booster = lgb.Booster(model_str=text.decode())
            coding, classes = Coding.from_json(header), tuple(header["classes"])
        except (lgb.basic.LightGBMError, KeyError, TypeError, ValueError) as problem:
            raise damaged(KIND, str(problem)) from problem
        return LightgbmModel(classes, coding, booster, self.parameters.get("num_threads", 0))

    def settings(self, rows: int, classes: int, seed: int) -> dict[str, Any]:
        """LightGBM's parameters: defaults, what follows the number of rows, the user's, what is fixed."""
        kinds = {"objective": "binary"} if classes == 2 else {"objective": "multiclass", "num_class": classes}
        return {
            "num_threads": threads_for(rows, 0),
            **DEFAULTS,
            "min_data_in_leaf": min(20, max(2, rows // 20)),
            "min_data_per_group": min(100, max(5, rows // 20)),
            **self.parameters,
            **kinds,
            "seed": seed % 2**31,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }


def threads_for(rows: int, asked: int) -> int:
    """How many threads to use: those asked for, else one for few rows and all cores (0) for many."""
    return asked or (1 if rows < ONE_THREAD else 0)


def _arrow(coding: Coding, table: Table) -> pa.Table:
    columns = coding.columns(table)
    return pa.Table.from_arrays(
        [pa.array(column) for column in columns], names=[str(place) for place in range(len(columns))]
    )


def _unknown(name: str) -> str:
    near = get_close_matches(name, PARAMETERS, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(sorted(PARAMETERS))}"
    return f"unknown parameter `{name}` of the LightGBM learner; {hint}"
