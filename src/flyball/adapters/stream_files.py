"""Streams from Parquet and CSV files."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow

from flyball.errors import BadFile, Problem
from flyball.settings import Settings
from flyball.settings.values import near

ENDINGS = (".parquet", ".pq", ".csv", ".csv.gz", ".tsv")


def is_file(source: str) -> bool:
    """Whether a source is a file by its name."""
    return source.lower().endswith(ENDINGS)


def read_frame(settings: Settings) -> pd.DataFrame:
    """The rows of the file that `stream.source` names, up to `stream.limit`. Raises BadFile."""
    source = settings.stream.source
    path = settings.path(source)
    if not path.is_file():
        raise BadFile([settings.places.problem("L201", "stream.source", _not_there(source, path))])
    try:
        if source.lower().endswith((".parquet", ".pq")):
            frame = pd.read_parquet(path)
        else:
            frame = _csv(path, settings)
    except pd.errors.EmptyDataError:
        raise BadFile([settings.places.problem("L205", "stream.source", f"{source} has no rows")]) from None
    except pd.errors.ParserError as error:
        raise BadFile([_unparsed(source, path, str(error))]) from error
    except UnicodeDecodeError as error:
        message = f"{source} is not UTF-8 text; save it as UTF-8"
        raise BadFile([settings.places.problem("L201", "stream.source", message)]) from error
    except (OSError, pyarrow.ArrowInvalid) as error:
        message = f"{source} cannot be read: {str(error).splitlines()[0]}"
        raise BadFile([settings.places.problem("L201", "stream.source", message)]) from error
    return frame.iloc[: settings.stream.limit]


def _csv(path: Path, settings: Settings) -> pd.DataFrame:
    frame: pd.DataFrame = pd.read_csv(path, nrows=settings.stream.limit, **csv_form(path, settings))
    return frame


def csv_form(path: Path, settings: Settings) -> dict[str, Any]:
    """How pandas is to read this file: what separates its fields, and what stays text."""
    with (
        gzip.open(path, "rt", encoding="utf-8-sig")
        if path.suffix == ".gz"
        else path.open(encoding="utf-8-sig") as file
    ):
        header = file.readline()
    item = settings.stream.item
    return {
        "sep": max(",;\t|", key=header.count),
        "dtype": {item: "str"} if item else None,  # 007 stays 007
        "encoding": "utf-8-sig",
        "low_memory": False,
    }


def _not_there(source: str, path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"there is no directory {folder}"
    others = sorted(other.name for other in folder.iterdir() if is_file(other.name))
    return f"there is no file {source}; {near(path.name, others)}"


def _unparsed(source: str, path: Path, message: str) -> Problem:
    found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", message)
    if found is None:
        return Problem("L201", f"this is not CSV: {message.strip()}", str(path))
    said = f"this line has {found[3]} fields, those before it have {found[1]}; is a text not in quotes?"
    return Problem("L201", said, str(path), int(found[2]), 1)
