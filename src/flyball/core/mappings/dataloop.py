"""Dataloop: annotations as its JSON has them, alone, in their item, or in what a trigger sends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flyball.core.mappings import values
from flyball.core.mappings.paths import Absent, Map, Path, path
from flyball.core.mappings.told import Gone, Mapped, Said
from flyball.core.mappings.values import Wrong
from flyball.core.strict_json import pointer

#: What an annotation says beside its label, where it says it.
_SAID = ("coordinates", "attributes")


def dataloop(value: Any, by: Map) -> Mapped:
    """An annotation, `{"annotation": …}`, an item or a file with `annotations`, or a list of these.

    Each annotation is one answer: its label about its `itemId`, by who updated or made it. The map may name
    other places for item and annotator, in the annotation; `item.` in front means the item around it. An
    `action` that ends in "deleted" takes the words back. Coordinates and attributes are kept as fields.
    """
    try:
        return _any(value, by, "", {}, alone=True)
    except Wrong as wrong:
        return Mapped(flaws=(wrong.flaw,))


def _any(value: Any, by: Map, where: str, item: Mapping[str, Any], alone: bool) -> Mapped:
    if isinstance(value, list):
        return values.each(value, where, lambda one, at: _any(one, by, at, item, alone=False))
    if not isinstance(value, Mapping):
        raise Wrong("wrong_type", f"here is {values.kind(value)}; it is an annotation or an item", where)
    if "annotations" in value:
        inside = values.listed(value["annotations"], where + "/annotations")
        if not inside:
            return Mapped(about="an item without annotations")
        only = alone and len(inside) == 1
        return values.each(inside, where + "/annotations", lambda one, at: _any(one, by, at, value, only))
    if "annotation" in value:
        around = value["item"] if isinstance(value.get("item"), Mapping) else item
        if _action(value).lower().endswith("deleted"):
            identity = values.get(value["annotation"], "id", where + "/annotation")
            return Mapped(gone=(Gone(_word(identity, where + "/annotation/id")),))
        return Mapped((_said(value["annotation"], by, where + "/annotation", around, alone),))
    return Mapped((_said(value, by, where, item, alone),))


def _action(value: Mapping[str, Any]) -> str:
    event = value.get("event")
    action = event.get("action") if isinstance(event, Mapping) else value.get("action", event)
    return action if isinstance(action, str) else ""


def _said(annotation: Any, by: Map, where: str, item: Mapping[str, Any], alone: bool) -> Said:
    annotation = values.thing(annotation, where)
    at = annotation.get("updatedAt") or annotation.get("createdAt")
    moment = None if at is None else values.moment(at, "updatedAt", where + "/updatedAt")
    fields: dict[str, Any] = {}
    for name in _SAID:
        if annotation.get(name) or (annotation.get("type") == "box" and name == "coordinates"):
            if annotation.get(name) is None:
                raise Wrong("null", f"a box without {name}; nothing is made of it", where + pointer(name))
            fields[name] = values.field_value(annotation[name], where + pointer(name))
    spoken = {**annotation, "item": item}
    return Said(
        item=values.name(
            _part(spoken, by.parts.get("item"), ("itemId", "item.id"), "the item", where), "the item", where
        ),
        annotator=values.name(
            _part(spoken, by.parts.get("annotator"), ("updatedBy", "creator"), "who annotated", where),
            "who annotated",
            where,
        ),
        label=values.label(
            _part(spoken, by.parts.get("label"), ("label",), "the label", where), "the label", where
        ),
        word=_word(values.get(annotation, "id", where), where + "/id"),
        version="" if at is None else str(at),
        said_at=moment,
        revision=moment,
        fields=fields,
        part=None if alone else {"annotation": annotation, "item": item.get("id")},
    )


def _part(
    spoken: Mapping[str, Any], named: Path | None, usual: tuple[str, ...], what: str, where: str
) -> Any:
    for place in (named,) if named else map(path, usual):
        try:
            found = place.of(spoken)
        except Absent:
            continue
        if found is not None:
            return found
    wanted = f"`{named.written}`" if named else " nor ".join(f"`{each}`" for each in usual)
    raise Wrong("missing", f"{what}: there is no {wanted}", where)


def _word(identity: Any, where: str) -> str:
    return f"annotation-{values.name(identity, 'the annotation id', where)}"
