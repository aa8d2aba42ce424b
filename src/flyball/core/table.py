"""A table of named columns: what streams bring, segments keep and learners read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Feature:
    """One column that a model may read. A category is text (or None), a number is float64 (or NaN)."""

    name: str
    kind: Literal["number", "category"] = "number"


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal length, in order. Numbers are float64 or int64, flags bool, all else object.

    Missing is NaN in a number and None in a text column. A table never changes; each question gives
    a new one that shares memory with the old.
    """

    columns: Mapping[str, Column]

    def __post_init__(self) -> None:
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns differ in length: {lengths}")

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names in order."""
        return tuple(self.columns)

    def take(self, rows: npt.NDArray[np.int64] | Mask | slice) -> Table:
        """These rows only: indices, a mask or a slice."""
        return Table({name: column[rows] for name, column in self.columns.items()})

    def select(self, names: Iterable[str]) -> Table:
        """These columns only, in this order; an unknown name raises KeyError."""
        return Table({name: self.columns[name] for name in names})

    def having(self, **columns: Column) -> Table:
        """The same with some columns added or replaced."""
        return Table({**self.columns, **columns})


def stack(tables: Sequence[Table]) -> Table:
    """Tables with the same columns, one below the other. None at all gives the empty table.

    >>> stack([Table({"a": np.array([1, 2])}), Table({"a": np.array([3])})])["a"].tolist()
    [1, 2, 3]
    """
    if len(tables) == 1:
        return tables[0]
    if not tables:
        return Table({})
    return Table({name: np.concatenate([table[name] for table in tables]) for name in tables[0].names})


def texts(values: Iterable[str | None]) -> Column:
    """A text column."""
    listed = list(values)
    column = np.empty(len(listed), dtype=object)
    column[:] = listed
    return column


def levels(column: Column) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """The different texts of a column without gaps as they first come, and each row's place among them.

    >>> names, places = levels(texts(["b", "a", "b"]))
    >>> names, places.tolist()
    (('b', 'a'), [0, 1, 0])
    """
    found: dict[str, int] = {}
    # A dictionary is several times as fast as sorting texts.
    places = np.fromiter((found.setdefault(text, len(found)) for text in column), np.int64, len(column))
    return tuple(found), places
