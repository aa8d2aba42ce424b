"""Which learner a name stands for; its library is imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from flyball.errors import BadUsage
from flyball.ports import Learner


def open_learner(name: str, parameters: Mapping[str, Any]) -> Learner:
    """ "lightgbm", or the dotted name of an estimator with `fit` and `predict_proba`.

    Raises BadUsage for a name or a parameter that is not known.
    """
    if name == "lightgbm":
        from flyball.adapters.learner_lightgbm import LightgbmLearner

        return LightgbmLearner(parameters)
    if "." in name or ":" in name:
        from flyball.adapters.learner_sklearn import SklearnLearner

        return SklearnLearner(name, parameters)
    hint = "did you mean `lightgbm`?" if get_close_matches(name, ["lightgbm"]) else "write `lightgbm`"
    raise BadUsage(
        f"unknown learner `{name}`; {hint}, or the dotted name of an estimator, "
        "such as `sklearn.linear_model.LogisticRegression`"
    )
