"""The settings of the stream: where items come from, and which column is what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from flyball.core.ids import Instant, Seconds
from flyball.settings import values

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")


def place(value: object) -> str:
    """A directory, or a place on S3.

    >>> place("s3://labels/segments")
    's3://labels/segments'
    """
    named = values.text(value)
    scheme, separator, _ = named.partition("://")
    if separator and scheme != "s3":
        raise ValueError(f'needs a directory or s3://BUCKET/PREFIX, not "{scheme}://…"')
    if separator:
        bucket_and_key(named)
    return named


def source(value: object) -> str:
    """Where a stream comes from; of a place on S3 its bucket's name is checked."""
    named = values.text(value)
    if named.startswith("s3://"):
        bucket_and_key(named)
    return named


def bucket_and_key(url: str) -> tuple[str, str]:
    """The two parts of a place on S3. Raises ValueError where no bucket can have such a name.

    >>> bucket_and_key("s3://labels/2024/a.csv")
    ('labels', '2024/a.csv')
    """
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise ValueError(
            f'needs s3://BUCKET/PREFIX, not "{url}"; the name of a bucket is 3 to 63 of a-z, 0-9, dots and'
            " dashes"
        )
    return bucket, key


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Where items come from and which column is what."""

    source: str = field(
        metadata=values.key(
            source,
            "A .parquet or .csv file here or at s3://BUCKET/…, s3://BUCKET/PREFIX/ with many of them,"
            " a database's URL, or a Python function as `package.module:function`.",
        )
    )
    query: str | None = field(
        default=None,
        metadata=values.key(values.text, "With a database's URL: the SELECT that gives the rows."),
    )
    every: Seconds = field(
        default=60.0,
        metadata=values.key(
            values.lasting, "How often a prefix or a query is looked at for what has come, in real time."
        ),
    )
    late: Seconds = field(
        default=10.0,
        metadata=values.key(
            values.duration, "With a query, in real time: how long after its time a row may still be written."
        ),
    )
    item: str | None = field(
        default=None,
        metadata=values.key(values.text, "The column that names items; without it, the row's number."),
    )
    time: str | None = field(
        default=None, metadata=values.key(values.text, "The column with the time at which an item came.")
    )
    unit: str = field(
        default="seconds",
        metadata=values.key(
            values.word("seconds", "milliseconds", "iso", "rows"),
            "What times are: numbers since 1970, dates (`iso`), or row by row.",
        ),
    )
    row_lasts: Seconds | None = field(
        default=None, metadata=values.key(values.lasting, 'With unit = "rows": the time between two rows.')
    )
    begins: Instant = field(
        default=1704067200.0,
        metadata=values.key(values.moment, 'With unit = "rows": when the first row comes.'),
    )
    features: tuple[str, ...] = field(
        default=("*",),
        metadata=values.key(
            values.texts, "Columns that a model may read, by name or pattern; `*`: all that have no part."
        ),
    )
    categories: tuple[str, ...] = field(
        default=(), metadata=values.key(values.texts, "Features that are categories though not text.")
    )
    missing: tuple[str | float, ...] = field(
        default=(), metadata=values.key(values.scalars, "Values that stand for a missing one in categories.")
    )
    label: str | None = field(
        default=None,
        metadata=values.key(values.text, "The column with the true label: for simulated teams and reports."),
    )
    label_time: str | None = field(
        default=None,
        metadata=values.key(
            values.text, "The column with the time at which a label becomes known by itself."
        ),
    )
    natural_label: str | None = field(
        default=None,
        metadata=values.key(
            values.text, "The label that becomes known by itself, where it can differ from the true one."
        ),
    )
    classes: tuple[str, ...] = field(
        default=(), metadata=values.key(values.labels, "The labels there are; without it, those in the file.")
    )
    positive: str | None = field(
        default=None,
        metadata=values.key(
            values.text, "The class whose ranking is measured; of two, else the last by name."
        ),
    )
    limit: int | None = field(default=None, metadata=values.key(values.whole(1), "Read only so many rows."))
    options: Mapping[str, Any] = field(
        default_factory=dict, metadata=values.key(values.table, "What a Python source is called with.")
    )

    @property
    def kind(self) -> Literal["s3", "sql", "here"]:
        """Where the rows are: on S3, in a database, or in this file system or program."""
        if self.source.startswith("s3://"):
            return "s3"
        return "sql" if "://" in self.source else "here"

    def contradictions(self) -> Iterator[tuple[str, str, str]]:
        """What cannot stand together in this section: code, key, sentence."""
        if self.unit == "rows":
            if self.row_lasts is None:
                yield "L103", "unit", 'unit = "rows" needs `row_lasts`, such as row_lasts = "30m"'
            if self.label_time is not None:
                yield "L107", "label_time", '`label_time` cannot be read where unit = "rows"'
        elif self.time is None:
            yield (
                "L103",
                "",
                '`stream.time` is missing: name the column with the time, or write unit = "rows"',
            )
        for name in ("label_time", "natural_label"):
            if getattr(self, name) is not None and self.label is None:
                yield "L107", name, f"`{name}` needs `label`, the column with the label"
        if self.natural_label is not None and self.label_time is None:
            yield "L107", "natural_label", "`natural_label` needs `label_time`: when it is known"
        if self.kind == "sql":
            yield from self._of_a_query()
        elif self.query is not None:
            yield (
                "L107",
                "query",
                "`query` needs a database's URL as `source`, such as postgresql://HOST/NAME",
            )

    def _of_a_query(self) -> Iterator[tuple[str, str, str]]:
        if self.query is None:
            yield "L103", "", "`stream.query` is missing: the SELECT that gives the rows"
        if self.item is None:
            yield "L103", "", "`stream.item` is missing: rows of a query come in order of time and item"
        if self.unit == "rows":
            yield (
                "L107",
                "unit",
                'unit = "rows" needs rows that have an order; those of a query have a `time`',
            )
