"""How a table becomes numbers that an estimator can read, the same way in training and in scoring."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flyball.core.learning.metrics import Floats
from flyball.core.table import Column, Feature, Table
from flyball.errors import LearnerFailed

#: Of a category this many of the commonest values get a column of their own in `Dense`.
OWN_COLUMN = 50


@dataclass(frozen=True, slots=True)
class Coding:
    """The features that a model reads, and the values of each category as they were in training.

    `levels` has a sorted tuple for each feature that is a category.
    """

    features: tuple[Feature, ...]
    levels: Mapping[str, tuple[str, ...]]

    @classmethod
    def learned(cls, table: Table, features: Sequence[Feature]) -> Coding:
        """The coding of a training table. Raises LearnerFailed when a feature is not in it."""
        _all_there(table, features)
        categories = [feature.name for feature in features if feature.kind == "category"]
        return cls(tuple(features), {name: _levels(table[name]) for name in categories})

    def columns(self, table: Table) -> list[Column]:
        """One column for each feature: numbers as float64 (no copy if they are), categories as int32 codes.

        A missing or unknown category is -1. Raises LearnerFailed naming each column that is not there or
        not a number.
        """
        _all_there(table, self.features)
        return [
            _codes(table[feature.name], self.levels[feature.name])
            if feature.kind == "category"
            else _numbers(feature.name, table[feature.name])
            for feature in self.features
        ]

    def as_json(self) -> dict[str, Any]:
        """The coding as plain JSON values."""
        return {
            "features": [[feature.name, feature.kind] for feature in self.features],
            "levels": {name: list(values) for name, values in self.levels.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Coding:
        """The coding that `as_json` wrote."""
        features = tuple(Feature(name, kind) for name, kind in value["features"])
        return cls(features, {name: tuple(values) for name, values in value["levels"].items()})


@dataclass(frozen=True, slots=True)
class Dense:
    """A matrix without gaps for estimators that need one: numbers standardised, categories one-hot.

    A missing number is 0, which is the mean; a missing, unknown or uncommon category is all 0.
    `shown`: for each category the codes that have a column.
    """

    coding: Coding
    means: Floats
    spreads: Floats
    shown: Mapping[str, tuple[int, ...]]

    @classmethod
    def learned(cls, table: Table, features: Sequence[Feature]) -> Dense:
        """The coding of a training table, with the mean and standard deviation of each number."""
        coding = Coding.learned(table, features)
        means, spreads = np.zeros(len(features)), np.ones(len(features))
        shown: dict[str, tuple[int, ...]] = {}
        for place, (feature, column) in enumerate(zip(features, coding.columns(table), strict=True)):
            if feature.kind == "category":
                counts = Counter(column[column >= 0].tolist())
                shown[feature.name] = tuple(sorted(code for code, _ in counts.most_common(OWN_COLUMN)))
            elif len(known := column[np.isfinite(column)]):
                means[place], spreads[place] = known.mean(), known.std() or 1.0
        return cls(coding, means, spreads, shown)

    def matrix(self, table: Table) -> Floats:
        """The table as a matrix of finite numbers, one row for each row of the table."""
        parts: list[Floats] = []
        for place, (feature, column) in enumerate(
            zip(self.coding.features, self.coding.columns(table), strict=True)
        ):
            if feature.kind == "category":
                codes = np.array(self.shown[feature.name], dtype=np.int32)
                parts.append((column[:, None] == codes).astype(np.float64))
            else:
                standard = (column - self.means[place]) / self.spreads[place]
                parts.append(np.where(np.isfinite(standard), standard, 0.0)[:, None])
        return np.hstack(parts)


@dataclass(frozen=True, slots=True)
class Gappy:
    """A matrix for estimators that allow NaN: numbers as they are, categories as codes, missing as NaN.

    `blank`: the places of features that had no value at all in training; they are 0 ever after, for not
    every estimator that allows NaN allows nothing else.
    """

    coding: Coding
    blank: tuple[int, ...]

    @classmethod
    def learned(cls, table: Table, features: Sequence[Feature]) -> Gappy:
        """The coding of a training table."""
        found = cls(Coding.learned(table, features), ())
        return cls(found.coding, tuple(np.flatnonzero(np.isnan(found.matrix(table)).all(axis=0)).tolist()))

    def matrix(self, table: Table) -> Floats:
        """The table as a matrix, one row for each row of the table and one column for each feature."""
        columns = self.coding.columns(table)
        matrix = np.empty((len(table), len(columns)), order="F")
        for place, (feature, column) in enumerate(zip(self.coding.features, columns, strict=True)):
            matrix[:, place] = 0.0 if place in self.blank else column
            if feature.kind == "category" and place not in self.blank:
                matrix[column < 0, place] = np.nan
        return matrix


def class_codes(labels: Column) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
    """The classes in order of their names, and each label's place among them.

    Raises LearnerFailed when there are fewer than two classes: nothing can be learned from that.
    """
    classes = _levels(labels)
    if len(classes) < 2:
        named = f"only one class so far, `{classes[0]}`" if classes else "no labels so far"
        raise LearnerFailed(f"{named}; a model needs labels of at least two classes")
    return classes, _codes(labels, classes)


class _Places(dict[Any, int]):
    def __missing__(self, key: Any) -> int:
        return -1


def _levels(column: Column) -> tuple[str, ...]:
    return tuple(sorted(value for value in set(column.tolist()) if isinstance(value, str)))


def _codes(column: Column, levels: Iterable[str]) -> npt.NDArray[np.int32]:
    places = _Places({value: code for code, value in enumerate(levels)})
    return np.fromiter(map(places.__getitem__, column.tolist()), np.int32, len(column))


def _numbers(name: str, column: Column) -> Floats:
    try:
        return np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError) as problem:
        raise LearnerFailed(f"feature `{name}` is declared a number, but {problem}") from problem


def _all_there(table: Table, features: Sequence[Feature]) -> None:
    if not features:
        raise LearnerFailed("there are no features to learn from")
    if missing := [feature.name for feature in features if feature.name not in table]:
        raise LearnerFailed(f"the table lacks features that the model reads: {', '.join(missing)}")
