"""Which column of a stream is what, and its values in the loop's own form."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from flyball.core.table import Column, Feature, Table, texts
from flyball.errors import Problem
from flyball.settings import Settings
from flyball.settings.values import near

#: The keys of `[stream]` that name a column with a part of its own.
PARTS = ("item", "time", "label", "label_time", "natural_label")
#: Names that a table uses itself.
RESERVED = ("item", "time", "label", "weight", "known_at")
#: More distinct numbers than this are an amount, not classes.
MOST_CLASSES = 100

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that play a part, all of them present, and the features among the rest."""

    settings: Settings
    features: tuple[Feature, ...]

    @property
    def columns(self) -> list[str]:
        """Every column that is read."""
        named = [getattr(self.settings.stream, key) for key in PARTS]
        features = [feature.name for feature in self.features]
        return [*dict.fromkeys([name for name in named if name is not None] + features)]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a stream in order: `items` has `item`, `time` and the features.

    `truth` are the true labels, `natural` those that become known by themselves at `known_at` (text or
    None; NaN: never). Without such columns they are None.
    """

    items: Table
    truth: Column | None
    natural: Column | None
    known_at: Floats | None

    def __len__(self) -> int:
        return len(self.items)


def lay_out(frame: pd.DataFrame, settings: Settings) -> tuple[Layout, list[Problem], list[str]]:
    """Find each column's part by its name and kind; every mistake at its key, and what is worth saying."""
    problems = [*_absent(frame, settings)]
    notes: list[str] = []
    names = [str(name) for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f"two columns of {settings.stream.source} are called {', '.join(twice)}"
        return Layout(settings, ()), [settings.places.problem("L202", "stream.source", message)], notes
    features: list[Feature] = []
    for name in _chosen(names, settings, problems):
        forced = any(fnmatchcase(name, pattern) for pattern in settings.stream.categories)
        kind = "category" if forced else kind_of(frame[name])
        if name in RESERVED:
            message = f"a feature cannot be called `{name}`; rename the column, or leave it out of `features`"
            problems.append(settings.places.problem("L203", "stream.features", message))
        elif kind is not None:
            features.append(Feature(name, kind))
        elif settings.stream.features == ("*",):
            notes.append(f"column {name} is left out: {frame[name].dtype} is neither numbers nor text")
        else:
            message = f"feature `{name}` is neither numbers nor text ({frame[name].dtype})"
            problems.append(settings.places.problem("L203", "stream.features", message))
    if not features and not problems:
        problems.append(settings.places.problem("L203", "stream.features", "no column is left for a feature"))
    return Layout(settings, tuple(features)), problems, notes


def rows_of(frame: pd.DataFrame, layout: Layout, first: int, problems: list[Problem]) -> Rows:
    """The values of a frame that begins with row `first` of the stream; mistakes go to `problems`."""
    stream = layout.settings.stream
    count = len(frame)
    numbers = np.arange(first, first + count)
    item = (
        texts(map(str, numbers))
        if stream.item is None
        else _items(frame[stream.item], layout, first, problems)
    )
    if stream.unit == "rows":
        time = stream.begins + numbers * (stream.row_lasts or 0.0)
    else:
        time = _instants(frame, "time", layout, first, problems)
        _each_has(time, "time", layout, first, problems)
    columns: dict[str, Column] = {"item": item, "time": time.astype(np.float64)}
    for feature in layout.features:
        column = frame[feature.name]
        if feature.kind == "category":
            columns[feature.name] = _category(column, layout)
            continue
        try:
            columns[feature.name] = _number(column)
        except (ValueError, TypeError) as error:
            message = f"feature `{feature.name}` holds no number: {error}"
            problems.append(layout.settings.places.problem("L204", "stream.features", message))
    truth = None if stream.label is None else text_column(frame[stream.label])
    natural = known_at = None
    if stream.label_time is not None:
        known_at = _instants(frame, "label_time", layout, first, problems)
        natural = truth if stream.natural_label is None else text_column(frame[stream.natural_label])
    return Rows(Table(columns), truth, natural, known_at)


def kind_of(column: pd.Series[Any]) -> Literal["number", "category"] | None:
    """Whether a column holds numbers (flags among them), text, or (None) neither."""
    if isinstance(column.dtype, pd.CategoricalDtype | pd.StringDtype):
        return "category"
    if pd.api.types.is_numeric_dtype(column.dtype):
        return None if pd.api.types.is_complex_dtype(column.dtype) else "number"
    if column.dtype != object:
        return None
    match pd.api.types.infer_dtype(column, skipna=True):
        case "string" | "mixed-integer":
            return "category"
        case "boolean" | "integer" | "floating" | "mixed-integer-float" | "decimal" | "empty":
            return "number"
        case _:
            return None


def text_of(value: object) -> str:
    """One value as the text of a label or a category: 1, 1.0 and "1" are the same.

    >>> text_of(1.0), text_of(True), text_of("ok")
    ('1', 'true', 'ok')
    """
    match value:
        case bool() | np.bool_():
            return str(value).lower()
        case float() | np.floating() if float(value).is_integer():
            return str(int(value))
        case _:
            return str(value)


def text_column(column: pd.Series[Any], missing: frozenset[str] = frozenset()) -> Column:
    """Values as text, missing ones and those whose text is in `missing` as None."""
    if isinstance(column.dtype, pd.StringDtype) and not missing:
        return np.asarray(column.astype(object).where(column.notna(), None))
    codes, distinct = pd.factorize(column, use_na_sentinel=True)
    words = [text_of(value) for value in distinct]
    named = texts([None if word in missing else word for word in words] + [None])
    return named[codes]


def first_earlier(time: Floats, before: float = -math.inf) -> int | None:
    """The first row whose time is before that of the row in front of it."""
    steps = np.diff(time, prepend=before)
    places = np.flatnonzero(steps < 0)
    return int(places[0]) if len(places) else None


def moment(instant: float) -> str:
    """A moment in words."""
    return datetime.fromtimestamp(instant, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _absent(frame: pd.DataFrame, settings: Settings) -> Iterator[Problem]:
    stream = settings.stream
    present = [str(name) for name in frame.columns]
    for key in PARTS:
        wanted = getattr(stream, key)
        if wanted is not None and wanted not in present:
            message = f"{stream.source} has no column `{wanted}`; {near(wanted, present)}"
            yield settings.places.problem("L202", f"stream.{key}", message)
    for pattern in stream.categories:
        if not any(fnmatchcase(name, pattern) for name in present):
            message = f"no column is called `{pattern}`; {near(pattern, present)}"
            yield settings.places.problem("L203", "stream.categories", message)


def _chosen(names: Sequence[str], settings: Settings, problems: list[Problem]) -> list[str]:
    stream = settings.stream
    parts = {getattr(stream, key): key for key in PARTS if getattr(stream, key) is not None}
    chosen: set[str] = set()
    for pattern in stream.features:
        found = {name for name in names if fnmatchcase(name, pattern)} - parts.keys()
        if pattern in parts:
            message = f"`{pattern}` is the `{parts[pattern]}` and cannot be a feature"
            problems.append(settings.places.problem("L203", "stream.features", message))
        elif not found and pattern != "*":
            message = f"no column is called `{pattern}`; {near(pattern, names)}"
            problems.append(settings.places.problem("L203", "stream.features", message))
        chosen |= found
    return [name for name in names if name in chosen]


def _items(column: pd.Series[Any], layout: Layout, first: int, problems: list[Problem]) -> Column:
    named = text_column(column)
    absent = np.flatnonzero(pd.isna(named))
    if len(absent):
        message = f"{len(absent)} rows have no item id, the first of them row {first + absent[0] + 1}"
        problems.append(layout.settings.places.problem("L204", "stream.item", message))
    return named


def _instants(
    frame: pd.DataFrame,
    key: Literal["time", "label_time"],
    layout: Layout,
    first: int,
    problems: list[Problem],
) -> Floats:
    stream = layout.settings.stream
    column = frame[getattr(stream, key)]

    def wrong(message: str) -> Floats:
        problems.append(layout.settings.places.problem("L204", f"stream.{key}", f"`{column.name}` {message}"))
        return np.full(len(column), np.nan)

    if stream.unit == "iso":
        moments = pd.to_datetime(column, utc=True, format="ISO8601", errors="coerce")
        unreadable = np.flatnonzero((moments.isna() & column.notna()).to_numpy())
        if len(unreadable):
            row = int(unreadable[0])
            return wrong(f"is not a date in row {first + row + 1}: {column.iloc[row]!r}")
        seconds = (moments - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
        return np.asarray(seconds, dtype=np.float64)
    if not pd.api.types.is_numeric_dtype(column.dtype) and kind_of(column) != "number":
        return wrong(f'holds no numbers ({column.dtype}); for dates write unit = "iso"')
    instants = _number(column)
    if stream.unit == "milliseconds":
        return instants / 1000.0
    if len(instants) and np.nanmax(instants, initial=0.0) > 1e11:
        return wrong(f'reads {instants[0]:.0f}, which looks like milliseconds: write unit = "milliseconds"')
    return instants


def _each_has(time: Floats, key: str, layout: Layout, first: int, problems: list[Problem]) -> None:
    absent = np.flatnonzero(np.isnan(time))
    if len(absent) and not any(problem.code == "L204" for problem in problems):
        message = f"{len(absent)} rows have no time, the first of them row {first + absent[0] + 1}"
        problems.append(layout.settings.places.problem("L204", f"stream.{key}", message))


def _number(column: pd.Series[Any]) -> Floats:
    read = pd.to_numeric(column.convert_dtypes()) if column.dtype == object else column
    values = read.to_numpy(dtype=np.float64, na_value=np.nan)
    # Infinity would swallow every mean and distance that is measured on this feature.
    return np.where(np.isinf(values), np.nan, values) if np.isinf(values).any() else values


def _category(column: pd.Series[Any], layout: Layout) -> Column:
    return text_column(column, frozenset(text_of(value) for value in layout.settings.stream.missing))
