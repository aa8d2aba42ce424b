"""What labelling tools send and export, in one form: who said what about which item."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flyball.core.mappings.dataloop import dataloop
from flyball.core.mappings.kept import kept
from flyball.core.mappings.label_studio import label_studio
from flyball.core.mappings.labelbox import labelbox
from flyball.core.mappings.paths import Map, read_map
from flyball.core.mappings.rows import rows
from flyball.core.mappings.told import Gone, Mapped, Said

__all__ = ["SHAPES", "Gone", "Map", "Mapped", "Said", "kept", "mapped", "read_map"]

#: How each shape is read. Each gives what it found, and what is wrong with the rest, at its place.
SHAPES: Mapping[str, Callable[[Any, Map], Mapped]] = {
    "rows": rows,
    "label_studio": label_studio,
    "labelbox": labelbox,
    "dataloop": dataloop,
}


def mapped(value: Any, by: Map) -> Mapped:
    """What a payload says, read in the shape that the map names."""
    found = SHAPES[by.shape](value, by)
    return found if found != Mapped() else Mapped(about="there is nothing in it")
