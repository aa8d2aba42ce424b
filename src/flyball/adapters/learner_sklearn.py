"""Any estimator with `fit` and `predict_proba` as the learner, by its dotted name.

A model is written down as a pickle: the estimator is the user's own code, and nothing else can write
down an object that we know nothing of. Load only what your own loop wrote.
"""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from flyball.core.learning.coding import Dense, Gappy, class_codes
from flyball.core.learning.envelope import damaged, pack, unpack
from flyball.core.table import Column, Feature, Table
from flyball.errors import BadUsage, LearnerFailed
from flyball.ports import Model

KIND = "pickled estimator"


@dataclass(frozen=True, slots=True, eq=False)
class SklearnModel:
    """A fitted estimator with the classes and the coding that it was fitted with."""

    name: str
    classes: tuple[str, ...]
    coding: Gappy | Dense
    estimator: Any

    def scores(self, table: Table) -> npt.NDArray[np.float64]:
        """Class probabilities, shape (rows, classes). Raises LearnerFailed, also when they are none."""
        if not len(table):
            return np.zeros((0, len(self.classes)))
        matrix = self.coding.matrix(table)
        try:
            found = np.asarray(self.estimator.predict_proba(matrix), dtype=np.float64)
        except Exception as problem:
            raise _failed(self.name, "scored", problem) from problem
        if found.shape != (len(table), len(self.classes)):
            wanted = f"({len(table)}, {len(self.classes)})"
            raise LearnerFailed(f"{self.name}: predict_proba gave the shape {found.shape}, not {wanted}")
        sums = found.sum(axis=1, keepdims=True)
        if not (np.all(found >= 0) and np.allclose(sums, 1.0, atol=1e-3)):
            raise LearnerFailed(f"{self.name}: predict_proba gave rows that are not probabilities")
        probabilities: npt.NDArray[np.float64] = found / sums
        return probabilities


@dataclass(frozen=True, slots=True)
class SklearnLearner:
    """Trains what `name` makes when it is called with `parameters`: a class or a function.

    An estimator that allows NaN (by scikit-learn's tags) gets numbers as they are and categories as
    codes; any other gets standardised numbers, one-hot categories and no gaps. Classes are the integers from
    0. `random_state` is the seed where it is taken and not given; `sample_weight` is passed where `fit`
    takes it; an estimator without it learns from all rows alike. Raises BadUsage for a name that
    cannot be imported or called.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        estimator = self._estimator(0)
        if lacks := [verb for verb in ("fit", "predict_proba") if not hasattr(estimator, verb)]:
            raise BadUsage(f"`{self.name}` cannot be a learner: it has no {' and no '.join(lacks)}")

    def fit(
        self,
        table: Table,
        labels: Column,
        weights: npt.NDArray[np.float64] | None,
        features: Sequence[Feature],
        seed: int,
    ) -> SklearnModel:
        """Train from scratch. What the estimator raises comes out as LearnerFailed, with its name."""
        classes, target = class_codes(labels)
        estimator = self._estimator(seed)
        coding = (Gappy if _allows_gaps(estimator) else Dense).learned(table, features)
        matrix = coding.matrix(table)
        weighed = weights is not None and "sample_weight" in inspect.signature(estimator.fit).parameters
        try:
            estimator.fit(matrix, target, **({"sample_weight": weights} if weighed else {}))
        except Exception as problem:
            raise _failed(self.name, "trained", problem) from problem
        return SklearnModel(self.name, classes, coding, estimator)

    def dump(self, model: Model) -> bytes:
        """The model as a pickle after a line of JSON."""
        if not isinstance(model, SklearnModel):
            raise TypeError(f"this learner cannot write down a {type(model).__name__}")
        content = pickle.dumps((model.coding, model.estimator))
        return pack(KIND, {"name": model.name, "classes": model.classes}, content)

    def load(self, content: bytes) -> SklearnModel:
        """The model that `dump` wrote: this runs the code of the estimator's own pickle. Raises BadFile."""
        header, pickled = unpack(KIND, content)
        try:
            coding, estimator = pickle.loads(pickled)
        except Exception as problem:
            raise damaged(KIND, f"{type(problem).__name__}: {problem}") from problem
        return SklearnModel(header["name"], tuple(header["classes"]), coding, estimator)

    def _estimator(self, seed: int) -> Any:
        make = _imported(self.name)
        takes_seed = "random_state" in inspect.signature(make).parameters
        chance = (
            {"random_state": seed % 2**32} if takes_seed and "random_state" not in self.parameters else {}
        )
        try:
            return make(**{**self.parameters, **chance})
        except Exception as problem:
            raise BadUsage(f"`{self.name}` cannot be made: {type(problem).__name__}: {problem}") from problem


def _allows_gaps(estimator: Any) -> bool:
    tags = getattr(estimator, "__sklearn_tags__", None)
    return tags is not None and bool(tags().input_tags.allow_nan)


def _failed(name: str, did: str, problem: Exception) -> LearnerFailed:
    return LearnerFailed(f"{name} failed while it {did}: {type(problem).__name__}: {problem}")


def _imported(name: str) -> Callable[..., Any]:
    module_name, _, attribute = name.replace(":", ".").rpartition(".")
    try:
        module = import_module(module_name)
    except (ImportError, ValueError) as problem:
        raise BadUsage(f"the learner `{name}` cannot be imported: {problem}") from problem
    except Exception as problem:  # the module is the user's own and may fail in any way
        kind = type(problem).__name__
        raise BadUsage(f"the learner `{name}` cannot be imported: {kind}: {problem}") from problem
    if not callable(made := getattr(module, attribute, None)):
        near = get_close_matches(attribute, dir(module), n=1)
        hint = f"; did you mean `{module_name}.{near[0]}`?" if near else ""
        raise BadUsage(f"the learner `{name}` is not in the module `{module_name}`{hint}")
    return made  # type: ignore[no-any-return]
