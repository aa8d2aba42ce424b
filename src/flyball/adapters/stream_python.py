"""Streams from a Python function: whole tables, or rows one after the other, read as they are needed."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from flyball.core.table import Table
from flyball.errors import BadFile, BadStream
from flyball.settings import Settings
from flyball.settings.values import near

#: The function that a source without `:function` means.
DEFAULT = "stream"
#: How many rows are read at a time where they come one by one.
CHUNK = 1000

Source = Callable[[], Any]


def source_of(settings: Settings) -> Source:
    """The function that `stream.source` names, ready to be called with `stream.options`.

    `package.module:function`; modules in the loop's directory are found too. A function with a
    parameter `seed` is given the loop's. Raises BadFile.
    """
    module, _, name = settings.stream.source.partition(":")
    function = _found(settings, module, name or DEFAULT)
    options = dict(settings.stream.options)
    parameters = inspect.signature(function).parameters
    if "seed" in parameters:
        options.setdefault("seed", settings.seed)
    try:
        inspect.signature(function).bind(**options)
    except TypeError as error:
        unknown = [option for option in settings.stream.options if option not in parameters]
        hint = f"; {near(unknown[0], list(parameters))}" if unknown else ""
        message = f"{settings.stream.source} cannot be called with these options: {error}{hint}"
        raise BadFile([settings.places.problem("L207", "stream.options", message)]) from error
    return lambda: function(**options)


def call(source: Source, settings: Settings) -> pd.DataFrame | Iterator[Any]:
    """What the function gives: a whole frame, or an iterator. Raises BadFile where it is neither."""
    name = settings.stream.source
    try:
        given = source()
    except Exception as error:
        message = f"{name} raised {type(error).__name__}: {error}"
        raise BadFile([settings.places.problem("L207", "stream.source", message)]) from error
    if isinstance(given, Table | pd.DataFrame):
        return _frame(given).iloc[: settings.stream.limit]
    if isinstance(given, Iterable) and not isinstance(given, str | bytes | Mapping):
        return iter(given)
    message = f"{name} gives {type(given).__name__}; it must give a table, or rows one after the other"
    raise BadFile([settings.places.problem("L207", "stream.source", message)])


def frames(given: Iterator[Any], settings: Settings) -> Iterator[pd.DataFrame]:
    """The rows of an iterator as frames of some rows each. Raises BadStream where the iterator fails.

    It may give rows (mappings), frames and tables; all that come after `stream.limit` are left.
    """
    left = settings.stream.limit
    for frame in _chunks(_guarded(given, settings.stream.source), settings.stream.source):
        part = frame if left is None else frame.iloc[:left]
        if len(part):
            yield part
        if left is not None:
            left -= len(part)
            if left <= 0:
                return


def _found(settings: Settings, module: str, name: str) -> Callable[..., Any]:
    directory = str(settings.directory.resolve())
    if directory not in sys.path:
        sys.path.insert(0, directory)

    def problem(message: str) -> BadFile:
        return BadFile([settings.places.problem("L207", "stream.source", message)])

    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise problem(f"{module} needs the module {error.name}, which is not installed") from error
        hint = "a source is a .parquet or .csv file, or package.module:function"
        raise problem(f"there is no module {error.name} ({hint})") from error
    except Exception as error:
        raise problem(f"{module} cannot be imported: {type(error).__name__}: {error}") from error
    function = getattr(loaded, name, None)
    if not callable(function):
        public = [
            each for each in vars(loaded) if not each.startswith("_") and callable(getattr(loaded, each))
        ]
        raise problem(f"{module} has no function `{name}`; {near(name, public)}")
    found: Callable[..., Any] = function
    return found


def _guarded(given: Iterator[Any], name: str) -> Iterator[Any]:
    try:
        yield from given
    except Exception as error:
        raise BadStream(f"{name} raised {type(error).__name__}: {error}") from error


def _chunks(given: Iterator[Any], name: str) -> Iterator[pd.DataFrame]:
    """Rows, frames and tables as frames of at least CHUNK rows, but for the last."""
    rows: list[Mapping[str, Any]] = []
    parts: list[pd.DataFrame] = []
    for each in given:
        match each:
            case Mapping():
                rows.append(each)
            case Table() | pd.DataFrame():
                parts.extend(_framed(rows))
                rows = []
                parts.append(_frame(each))
            case _:
                kind = type(each).__name__
                raise BadStream(f"{name} gives {kind} where a row, a frame or a table was expected")
        if len(rows) + sum(map(len, parts)) >= CHUNK:
            yield _joined([*parts, *_framed(rows)])
            rows, parts = [], []
    if rows or parts:
        yield _joined([*parts, *_framed(rows)])


def _framed(rows: list[Mapping[str, Any]]) -> list[pd.DataFrame]:
    return [pd.DataFrame(rows)] if rows else []


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)


def _frame(given: Table | pd.DataFrame) -> pd.DataFrame:
    return given if isinstance(given, pd.DataFrame) else pd.DataFrame(dict(given.columns))
