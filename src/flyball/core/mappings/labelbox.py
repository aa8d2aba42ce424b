"""Labelbox: the rows of its NDJSON export, those of its older export, and what its webhooks send.

The same things have three spellings: `data_row`, `dataRow` and `DataRow ID`. What a call is about stands in
a header that is not signed; only the body is believed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flyball.core.mappings import values
from flyball.core.mappings.paths import Absent, Map
from flyball.core.mappings.told import Gone, Mapped, Said, together
from flyball.core.mappings.values import Wrong
from flyball.core.strict_json import pointer

_BOX = {"x": "left", "y": "top", "width": "width", "height": "height"}
#: What the older export calls things, and what they are called here.
_OLDER = {
    "ID": "id",
    "Label": "label",
    "Created By": "createdBy",
    "Created At": "createdAt",
    "Updated At": "updatedAt",
    "Seconds to Label": "secondsToLabel",
    "Skipped": "skipped",
}


def labelbox(value: Any, by: Map) -> Mapped:
    """An export's row, a list of them, or a webhook's body.

    The item is the data row's global key, its external id, or its id, where the map names no other place
    in the data row; the label is the answer of the one radio classification, or of that which `map.label`
    names. What else was said is kept as fields by the names of their features. A box with a null in it is
    refused, with its place.
    """
    try:
        if isinstance(value, list):
            return values.each(value, "", lambda row, where: _row(row, by, where, alone=False))
        return _row(value, by, "", alone=True)
    except Wrong as wrong:
        return Mapped(flaws=(wrong.flaw,))


def _row(row: Any, by: Map, where: str, alone: bool) -> Mapped:
    if not isinstance(row, Mapping):
        raise Wrong("wrong_type", f"a row is {values.kind(row)}; it is an object", where)
    if "projects" not in row:
        return _flat(row, by, where, alone)
    data_row, where_row = _data_row(row, where)
    projects = values.thing(row["projects"], where + "/projects")

    def read(project: str, told: Any) -> Mapped:
        place = where + pointer("projects", project)
        labels = values.listed(values.get(told, "labels", place), place + "/labels")
        only = alone and len(projects) == 1 and len(labels) == 1
        return values.each(
            labels, place + "/labels", lambda label, at: _label(label, data_row, where_row, by, at, only)
        )

    found = [read(str(project), told) for project, told in projects.items()]
    if not any(part.said or part.gone or part.flaws for part in found):
        return Mapped(about="a data row without labels")
    return together(found)


def _label(label: Any, data_row: Any, where_row: str, by: Map, where: str, alone: bool) -> Mapped:
    label = values.thing(label, where)
    details = values.thing(label.get("label_details") or {}, where + "/label_details")
    spent = values.thing(label.get("performance_details") or {}, where + "/performance_details")
    at = details.get("content_last_updated_at") or details.get("updated_at") or details.get("created_at")
    return _told(
        identity=values.get(label, "id", where),
        content=values.get(label, "annotations", where),
        content_at=where + "/annotations",
        annotator=(details.get("created_by"), where + "/label_details/created_by"),
        moment=(at, where + "/label_details/updated_at"),
        seconds=(spent.get("seconds_to_create"), where + "/performance_details/seconds_to_create"),
        skipped=spent.get("skipped"),
        data_row=(data_row, where_row),
        by=by,
        part=None if alone else {"data_row": data_row, "label": label},
    )


def _flat(row: Mapping[str, Any], by: Map, where: str, alone: bool) -> Mapped:
    """A webhook's body or a row of the older export: one label, with its data row beside it."""
    named = {_OLDER.get(name, name): value for name, value in row.items()}
    identity = values.get(named, "id", where)
    if values.flag(named.get("deleted", named.get("isDeleted")), "deleted", where + "/deleted"):
        return Mapped(gone=(Gone(_word(identity, where + "/id")),))
    content = values.get(named, "label", where)
    if isinstance(content, str):
        try:
            content = json.loads(content)
        except (ValueError, RecursionError):
            raise Wrong("wrong_type", "the label is text and no JSON", where + "/label") from None
    return _told(
        identity=identity,
        content=content,
        content_at=where + "/label",
        annotator=(named.get("createdBy"), where + "/createdBy"),
        moment=(named.get("updatedAt") or named.get("createdAt"), where + "/updatedAt"),
        seconds=(named.get("secondsToLabel"), where + "/secondsToLabel"),
        skipped=named.get("skipped"),
        data_row=_data_row(row, where),
        by=by,
        part=None if alone else dict(row),
    )


def _told(
    *,
    identity: Any,
    content: Any,
    content_at: str,
    annotator: tuple[Any, str],
    moment: tuple[Any, str],
    seconds: tuple[Any, str],
    skipped: Any,
    data_row: tuple[Any, str],
    by: Map,
    part: Any,
) -> Mapped:
    at = None if moment[0] is None else values.moment(moment[0], "the time of the label", moment[1])
    silent = values.flag(skipped, "skipped", content_at)
    said = {} if silent else _content(content, content_at)
    who = (
        annotator[0].get("email", annotator[0].get("id"))
        if isinstance(annotator[0], Mapping)
        else annotator[0]
    )
    return Mapped(
        (
            Said(
                item=_item(data_row[0], by, data_row[1]),
                annotator=values.name(who, "who labelled", annotator[1]),
                label="" if silent else _chosen(content, said, by, content_at),
                word=_word(identity, content_at),
                version="" if moment[0] is None else str(moment[0]),
                said_at=at,
                revision=at,
                seconds=None if seconds[0] is None else values.number(seconds[0], "the seconds", seconds[1]),
                withdrawn=silent,
                fields=said,
                part=part,
            ),
        )
    )


def _word(identity: Any, where: str) -> str:
    return f"label-{values.name(identity, 'the label id', where)}"


def _data_row(row: Mapping[str, Any], where: str) -> tuple[Mapping[str, Any], str]:
    for name in ("data_row", "dataRow"):
        if isinstance(row.get(name), Mapping):
            return row[name], where + pointer(name)
    if "DataRow ID" in row:
        return {"id": row["DataRow ID"], "external_id": row.get("External ID")}, where
    raise Wrong("missing", "there is no `data_row`, and no `dataRow`", where)


def _item(data_row: Mapping[str, Any], by: Map, where: str) -> str:
    named = by.parts.get("item")
    if named is not None:
        try:
            return values.name(named.of(data_row), "the item", where + named.where)
        except Absent:
            raise Wrong("missing", f"the data row has no `{named.written}`", where + named.where) from None
    for name in ("global_key", "globalKey", "external_id", "externalId", "id"):
        if data_row.get(name) not in (None, ""):
            return values.name(data_row[name], "the item", where + pointer(name))
    raise Wrong("missing", "the data row has no global key, external id or id", where)


def _content(content: Any, where: str) -> dict[str, Any]:
    """What was said, by the names of the features; several objects of one kind are a list."""
    content = values.thing(content, where)
    found: dict[str, list[Any]] = {}
    for number, each in enumerate(values.listed(content.get("classifications", []), where)):
        place = where + pointer("classifications", number)
        found.setdefault(_feature(each, place), []).append(_answer(each, place))
    for number, each in enumerate(values.listed(content.get("objects", []), where)):
        place = where + pointer("objects", number)
        found.setdefault(_feature(each, place), []).append(_object(each, place))
    return {name: said[0] if len(said) == 1 else said for name, said in found.items()}


def _feature(each: Any, where: str) -> str:
    for name in ("name", "title", "value"):
        if isinstance(each, Mapping) and isinstance(each.get(name), str) and each[name]:
            return str(each[name])
    raise Wrong("missing", "a feature has neither name nor title nor value", where)


def _object(each: Mapping[str, Any], where: str) -> Any:
    for name in ("bounding_box", "bbox"):
        if name in each:
            return values.box(each[name], _BOX, where + pointer(name))
    for name in ("polygon", "line", "point", "location", "mask", "geometry", "data", "rectangle"):
        if name in each:
            return values.field_value(each[name], where + pointer(name))
    raise Wrong("missing", "an object has no box, and nothing else that says where it is", where)


def _answer(each: Mapping[str, Any], where: str) -> Any:
    for name in ("radio_answer", "answer"):
        if name in each:
            return _word_of(each[name], where + pointer(name))
    for name in ("checklist_answers", "answers"):
        if name in each:
            listing = values.listed(each[name], where + pointer(name))
            return [_word_of(one, where + pointer(name, n)) for n, one in enumerate(listing)]
    if "text_answer" in each:
        return values.field_value(values.get(each["text_answer"], "content", where), where)
    raise Wrong("missing", "a classification has no answer", where)


def _word_of(answer: Any, where: str) -> Any:
    if isinstance(answer, list):
        return [_word_of(each, where + pointer(number)) for number, each in enumerate(answer)]
    if isinstance(answer, Mapping):
        named = (answer.get(name) for name in ("value", "name", "title"))
        return values.label(next((each for each in named if each), None), "the answer", where)
    return values.label(answer, "the answer", where)


def _chosen(content: Any, said: Mapping[str, Any], by: Map, where: str) -> str:
    named = by.parts.get("label")
    radios = [
        _feature(each, where)
        for each in content.get("classifications", [])
        if isinstance(each.get("radio_answer", each.get("answer")), Mapping | str)
    ]
    name = named.written if named else radios[0] if len(radios) == 1 else None
    if name is None:
        what = f"{len(radios)} radio classifications" if radios else "no radio classification"
        raise Wrong("no_label", f"{what}; name the one that decides with `map.label`", where)
    if not isinstance(said.get(name), str):
        raise Wrong("no_label", f"`{name}` has no single answer, and `map.label` names it", where)
    return values.label(said[name], "the label", where)
