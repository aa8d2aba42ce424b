"""Rows of any source: a CSV line, an object of a JSON file, a payload; read by the map of the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flyball.core.mappings import values
from flyball.core.mappings.paths import Absent, Map, Path, path
from flyball.core.mappings.told import Gone, Mapped, Said, together
from flyball.core.mappings.values import Wrong
from flyball.core.strict_json import Flaw, pointer

#: Without these there is no answer; the label may be missing where the words are taken back.
_NEEDED = ("item", "annotator", "label")
_READERS: Mapping[str, Callable[[Any, str, str], Any]] = {
    "withdrawn": values.flag,
    "item": values.name,
    "annotator": values.name,
    "label": values.label,
    "id": values.name,
    "revision": values.revision,
    "batch": values.name,
    "definitions": values.name,
    "said_at": values.moment,
    "seconds": values.number,
    "draft": values.flag,
}


def rows(value: Any, by: Map) -> Mapped:
    """The rows that a payload holds: itself, its elements where it is a list, or those of the map's list."""
    where = ""
    if by.rows is not None:
        where = by.rows.where
        try:
            value = by.rows.of(value)
        except Absent:
            flaw = Flaw("missing", f"no rows stand at `{by.rows.written}`, where `map.rows` points", where)
            return Mapped(flaws=(flaw,))
    if not isinstance(value, list):
        return _row(value, by, where, None)
    return together(_row(each, by, where + pointer(number), each) for number, each in enumerate(value))


def _row(row: Any, by: Map, where: str, part: Any) -> Mapped:
    if not isinstance(row, Mapping):
        what = f"a row is {values.kind(row)}; it is an object"
        return Mapped(flaws=(Flaw("wrong_type", what, where),))
    reading = _Reading(row, by, where)
    found = reading.parts()
    fields = reading.fields()
    word = found.pop("id", "")
    if found.get("withdrawn") and word and not {"item", "annotator"} & found.keys():
        reading.flaws = [flaw for flaw in reading.flaws if flaw.code != "missing"]
        if not reading.flaws:
            return Mapped(gone=(Gone(word),))
    if reading.flaws:
        return Mapped(flaws=tuple(reading.flaws))
    version = "" if found.get("revision") is None else f"{found['revision']:.6f}"
    said = Said(
        **{"label": "", **found}, word=word, version=version, exact=bool(word), fields=fields, part=part
    )
    return Mapped((said,))


@dataclass(slots=True)
class _Reading:
    """One row, and what is wrong in it."""

    row: Mapping[str, Any]
    by: Map
    where: str
    flaws: list[Flaw] = field(default_factory=list)

    def parts(self) -> dict[str, Any]:
        """The parts that stand in the row; empty ones that are not needed are left out."""
        found: dict[str, Any] = {}
        for name, read in _READERS.items():
            needed = name in _NEEDED and not (name == "label" and found.get("withdrawn"))
            place = self.by.parts.get(name)
            at = place or path(name)
            try:
                value = at.of(self.row)
                if needed or value not in (None, ""):
                    found[name] = read(value, f"`{at.written}` ({name})", self.where + at.where)
            except Absent:
                if needed:
                    self._miss(name, place)
            except Wrong as wrong:
                self.flaws.append(wrong.flaw)
        return found

    def fields(self) -> dict[str, Any]:
        """The fields of the map that stand in the row; of an empty cell of a CSV nothing is made."""
        found: dict[str, Any] = {}
        for name, at in self.by.fields.items():
            try:
                value = at.of(self.row)
                if value is not None and value != "":
                    value = values.field_value(value, self.where + at.where)
                if value != "":
                    found[name] = value
            except Absent:
                continue
            except Wrong as wrong:
                self.flaws.append(
                    Flaw(wrong.flaw.code, f"field `{name}`: {wrong.flaw.message}", wrong.flaw.where)
                )
        return found

    def _miss(self, name: str, place: Path | None) -> None:
        if place is None:
            what = f"no {name} here; say where it stands with `map.{name}`"
            self.flaws.append(Flaw("missing", what, self.where + pointer(name)))
        else:
            what = f"no {name} stands at `{place.written}`, where `map.{name}` points"
            self.flaws.append(Flaw("missing", what, self.where + place.where))
