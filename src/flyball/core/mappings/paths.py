"""Where in a payload each part of an answer stands, as an operator writes it under `[sources.NAME.map]`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flyball.core.strict_json import pointer

#: The parts of an answer that a map may name.
PARTS = (
    "item",
    "annotator",
    "label",
    "id",
    "revision",
    "said_at",
    "seconds",
    "batch",
    "draft",
    "withdrawn",
    "definitions",
)
#: What else stands in a map: the shape, the list in which the rows are, and fields by name.
OTHERS = ("shape", "rows", "fields")
SHAPES = ("rows", "label_studio", "labelbox", "dataloop")
#: A path that is a value itself.
CONSTANT = "="


class Absent(Exception):
    """Nothing stands at a path."""


@dataclass(frozen=True, slots=True)
class Path:
    """Steps from a value to one inside it; or `value`, where it is the same for every row."""

    written: str
    steps: tuple[str, ...] = ()
    value: str | None = None

    def of(self, value: Any) -> Any:
        """What stands there. Raises Absent."""
        if self.value is not None:
            return self.value
        for step in self.steps:
            if isinstance(value, Mapping) and step in value:
                value = value[step]
            elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
                value = value[int(step)]
            else:
                raise Absent
        return value

    @property
    def where(self) -> str:
        """The place as a JSON pointer."""
        return pointer(*self.steps)


@dataclass(frozen=True, slots=True)
class Map:
    """How a source is read: its shape, the list in which its rows are, and what stands where."""

    shape: str = "rows"
    rows: Path | None = None
    parts: Mapping[str, Path] = field(default_factory=dict)
    fields: Mapping[str, Path] = field(default_factory=dict)


def path(written: str) -> Path:
    r"""A path as it is written: `a.b.0`, `/a/b/0`, or `=text` for what is the same everywhere.

    >>> path("data.0.id").steps, path("/a.b/0").steps, path("=ann-1").value
    (('data', '0', 'id'), ('a.b', '0'), 'ann-1')
    """
    if written.startswith(CONSTANT):
        return Path(written, value=written[1:])
    if written.startswith("/"):
        steps = (step.replace("~1", "/").replace("~0", "~") for step in written[1:].split("/"))
        return Path(written, tuple(steps))
    return Path(written, tuple(written.split(".")))


def read_map(written: Mapping[str, Any], shape: str = "rows") -> tuple[Map, list[str]]:
    """A map as the settings have it, and a sentence for each mistake in it."""
    problems = [
        f"`map.{name}` is no part of an answer; {_near(name, (*PARTS, *OTHERS))}"
        for name in written
        if name not in (*PARTS, *OTHERS)
    ]
    said = written.get("shape", shape)
    if said not in SHAPES:
        problems.append(f"`map.shape` cannot be `{said}`; {_near(str(said), SHAPES)}")
    inner = written.get("fields", {})
    if not isinstance(inner, Mapping):
        problems.append('`map.fields` is a table, such as fields = { colour = "data.colour" }')
        inner = {}
    named = {name: written[name] for name in (*PARTS, "rows") if name in written}
    for name, value in [*named.items(), *((f"fields.{name}", value) for name, value in inner.items())]:
        if not isinstance(value, str) or not value:
            problems.append(f'`map.{name}` needs a path such as "data.0.id"')
    if problems:
        return Map(), problems
    parts = {name: path(value) for name, value in named.items() if name != "rows"}
    fields = {str(name): path(value) for name, value in inner.items()}
    return Map(str(said), path(named["rows"]) if "rows" in named else None, parts, fields), []


def _near(wrong: str, known: Sequence[str]) -> str:
    found = difflib.get_close_matches(wrong, known, n=1)
    return f"did you mean `{found[0]}`?" if found else f"known: {', '.join(known)}"
