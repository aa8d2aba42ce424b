"""Label Studio: what its webhooks send, and the tasks of its JSON export.

A webhook names its action and holds an annotation with its task; a deletion holds ids only. An export is a
list of tasks, each with its annotations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flyball.core.mappings import values
from flyball.core.mappings.label_config import definitions_of
from flyball.core.mappings.paths import Absent, Map, path
from flyball.core.mappings.told import Gone, Mapped, Said
from flyball.core.mappings.values import Wrong
from flyball.core.strict_json import pointer

#: Where a task keeps the item's name and its batch, in order of preference.
_ITEM, _BATCH = ("meta.item", "data.item"), ("meta.batch", "data.batch")
_SPOKEN = ("ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED")
_DELETED = ("ANNOTATIONS_DELETED", "ANNOTATION_DELETED")
_BOX = {"x": "x", "y": "y", "width": "width", "height": "height"}


def label_studio(value: Any, by: Map) -> Mapped:
    """A webhook's body, a task of an export, or a list of tasks.

    The item is the task's `meta.item` or `data.item`, where the map names no other place in the task; the
    label is the one choice that was made, or that of the control which `map.label` names. What else was
    said is kept as fields by the names of their controls. A skipped task takes back what was said.
    """
    try:
        if isinstance(value, list):
            return values.each(value, "", lambda task, where: _task(task, by, where, alone=False))
        if isinstance(value, Mapping) and "action" in value:
            return _event(value, by)
        return _task(value, by, "", alone=True)
    except Wrong as wrong:
        return Mapped(flaws=(wrong.flaw,))


def _event(event: Mapping[str, Any], by: Map) -> Mapped:
    action = event["action"]
    if action in _DELETED:
        if "annotations" not in event:
            return Mapped(gone=(_gone(values.get(event, "annotation"), "/annotation"),))
        return values.each(
            event["annotations"], "/annotations", lambda one, at: Mapped(gone=(_gone(one, at),))
        )
    if action not in _SPOKEN:
        return Mapped(about=f"{action} says nothing about an item's label")
    task, project = event.get("task", {}), event.get("project")
    controls = project.get("parsed_label_config") if isinstance(project, Mapping) else None
    meant = definitions_of(controls)
    if "annotations" not in event:
        said = _said(values.get(event, "annotation"), task, by, "/annotation", alone=True)
        return Mapped((replace(said, definitions=meant),))

    def of(one: Any, at: str) -> Mapped:
        around = values.thing(one, at).get("task", task)
        return Mapped((replace(_said(one, around, by, at, alone=False), definitions=meant),))

    return values.each(event["annotations"], "/annotations", of)


def _task(task: Any, by: Map, where: str, alone: bool) -> Mapped:
    spoken = values.listed(values.get(task, "annotations", where), where + "/annotations")
    if not spoken:
        return Mapped(about="a task without annotations")
    return values.each(
        spoken,
        where + "/annotations",
        lambda one, at: Mapped((_said(one, task, by, at, alone=alone and len(spoken) == 1),)),
    )


def _gone(annotation: Any, where: str) -> Gone:
    return Gone(_word(annotation, where))


def _word(annotation: Any, where: str) -> str:
    named = values.name(values.get(annotation, "id", where), "the annotation id", where + "/id")
    return f"annotation-{named}"


def _said(annotation: Any, task: Any, by: Map, where: str, alone: bool) -> Said:
    annotation = values.thing(annotation, where)
    at = annotation.get("updated_at") or annotation.get("created_at")
    moment = None if at is None else values.moment(at, "updated_at", where + "/updated_at")
    skipped = values.flag(annotation.get("was_cancelled"), "was_cancelled", where + "/was_cancelled")
    results = [] if skipped else values.listed(values.get(annotation, "result", where), where + "/result")
    said = _results(results, where + "/result")
    spent = annotation.get("lead_time")
    batch = _of_task(task, by, "batch", _BATCH)
    return Said(
        item=_item(task, by),
        annotator=_annotator(annotation, by, where),
        label="" if skipped else _label(results, said, by, where + "/result"),
        word=_word(annotation, where),
        version="" if at is None else str(at),
        batch=None if batch in (None, "") else values.name(batch, "the batch", "/task"),
        said_at=moment,
        revision=moment,
        seconds=None if spent is None else values.number(spent, "lead_time", where + "/lead_time"),
        withdrawn=skipped,
        fields=said,
        part=None if alone else {"annotation": annotation, "task": _short(task)},
    )


def _item(task: Any, by: Map) -> str:
    if not isinstance(task, Mapping):
        raise Wrong("missing", "the task is told by its number only; the next pull brings it", "/task")
    return values.name(_of_task(task, by, "item", _ITEM), "the item of the task", "/task")


def _of_task(task: Any, by: Map, part: str, usual: tuple[str, ...]) -> Any:
    named = by.parts.get(part)
    for place in (named,) if named else map(path, usual):
        try:
            return place.of(task)
        except Absent:
            continue
    if part == "batch":
        return None
    wanted = named.written if named else " nor ".join(f"`{each}`" for each in usual)
    raise Wrong("missing", f"the task has no {wanted}; say where it names the item with `map.item`", "/task")


def _short(task: Any) -> Any:
    return {name: task.get(name) for name in ("id", "data", "meta")} if isinstance(task, Mapping) else task


def _annotator(annotation: Mapping[str, Any], by: Map, where: str) -> str:
    named = by.parts.get("annotator")
    place = named or path("completed_by")
    try:
        value = place.of(annotation)
    except Absent:
        raise Wrong("missing", f"the annotation has no `{place.written}`", where + place.where) from None
    if isinstance(value, Mapping) and named is None:
        value = values.get(value, "id", where + place.where)
    return values.name(value, "who annotated", where + place.where)


def _results(results: Any, where: str) -> dict[str, Any]:
    """What was said, by the names of the controls; several regions of one control are a list."""
    found: dict[str, list[Any]] = {}
    for number, result in enumerate(results):
        place = where + pointer(number)
        kind = values.get(result, "type", place)
        if kind == "relation":
            continue
        control = values.name(values.get(result, "from_name", place), "the control", place + "/from_name")
        value = values.get(result, "value", place)
        found.setdefault(control, []).extend(_values(str(kind), value, place + "/value"))
    return {control: said[0] if len(said) == 1 else said for control, said in found.items()}


def _values(kind: str, value: Any, where: str) -> list[Any]:
    if kind == "choices":
        chosen = values.listed(values.get(value, "choices", where), where + "/choices")
        return [values.label(each, "a choice", where + "/choices") for each in chosen]
    if kind.startswith("rectangle"):
        box = dict(values.box(value, _BOX, where))
        return [{**box, "labels": value.get(kind, [])}]
    only = value.get(kind) if isinstance(value, Mapping) and set(value) == {kind} else value
    return [values.field_value(only, where)]


def _label(results: Any, said: Mapping[str, Any], by: Map, where: str) -> str:
    named = by.parts.get("label")
    kinds = ("choices",) if any(each["type"] == "choices" for each in results) else None
    words: list[str] = []
    for each in results:
        kind, value = each["type"], each.get("value")
        if (named and each["from_name"] != named.written) or (kinds and kind not in kinds and not named):
            continue
        if isinstance(value, Mapping) and isinstance(kind, str) and isinstance(value.get(kind), list):
            words.extend(str(word) for word in value[kind])
    distinct = sorted(set(words))
    if len(distinct) == 1:
        return values.label(distinct[0], "the label", where)
    control = f" of `{named.written}`" if named else ""
    if distinct:
        told = f"{len(distinct)} labels{control} ({', '.join(distinct[:4])}) where one is expected"
        raise Wrong("many_labels", f"{told}; name the control that decides with `map.label`", where)
    raise Wrong("no_label", f"nothing was chosen{control}; name the control with `map.label`", where)
