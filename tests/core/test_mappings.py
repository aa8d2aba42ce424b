"""What labelling tools send and export, as who said what about which item; nothing is made of a null."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.mappings import SHAPES, Map, Mapped, Said, mapped, read_map

STUDIO: dict[str, Any] = {
    "action": "ANNOTATION_CREATED",
    "annotation": {
        "id": 17,
        "completed_by": 3,
        "result": [
            {
                "id": "r1",
                "from_name": "verdict",
                "to_name": "card",
                "type": "choices",
                "value": {"choices": ["fraud"]},
            },
            {
                "id": "r2",
                "from_name": "note",
                "to_name": "card",
                "type": "textarea",
                "value": {"textarea": ["looks odd"]},
            },
        ],
        "was_cancelled": False,
        "created_at": "2026-11-20T09:00:00Z",
        "updated_at": "2026-11-20T09:00:05Z",
        "lead_time": 12.5,
        "task": 4,
    },
    "task": {"id": 4, "data": {"amount": 12}, "meta": {"item": "tx-9", "batch": "batch-2"}},
    "project": {"id": 1, "title": "cards"},
}
BOX = {"name": "face", "bounding_box": {"top": 5.0, "left": 1, "height": 30, "width": 20}}
BOXES: dict[str, Any] = {
    "data_row": {"id": "clf9", "global_key": "tx-9", "external_id": "old-9"},
    "projects": {
        "p-1": {
            "name": "cards",
            "labels": [
                {
                    "id": "lab-1",
                    "label_details": {
                        "created_at": "2026-11-20T09:00:00.000+00:00",
                        "updated_at": "2026-11-20T09:00:05.000+00:00",
                        "created_by": "ann@example.org",
                    },
                    "performance_details": {"seconds_to_create": 40, "skipped": False},
                    "annotations": {
                        "objects": [BOX],
                        "classifications": [
                            {"name": "verdict", "radio_answer": {"name": "Fraud", "value": "fraud"}},
                            {"name": "notes", "text_answer": {"content": "odd"}},
                        ],
                    },
                }
            ],
        }
    },
}
LOOP: dict[str, Any] = {
    "id": "67ce",
    "itemId": "tx-9",
    "type": "class",
    "label": "fraud",
    "attributes": [],
    "creator": "ann@example.org",
    "updatedBy": "bob@example.org",
    "createdAt": "2026-11-20T09:00:00.000Z",
    "updatedAt": "2026-11-20T09:00:05.000Z",
}
SENT = {"label_studio": STUDIO, "labelbox": BOXES, "dataloop": LOOP, "rows": {"item": "a", "annotator": "b"}}


def read(shape: str, value: Any, **written: Any) -> Mapped:
    by, problems = read_map(written, shape)
    assert not problems
    return mapped(value, by)


def one(shape: str, value: Any, **written: Any) -> Said:
    found = read(shape, value, **written)
    assert not found.flaws, found.flaws
    (said,) = found.said
    return said


def codes(found: Mapped) -> list[tuple[str, str]]:
    return [(flaw.code, flaw.where) for flaw in found.flaws]


def changed(value: dict[str, Any], path: str, new: Any) -> dict[str, Any]:
    """A copy with another value at a place; `...` takes it away."""
    copy: dict[str, Any] = json.loads(json.dumps(value))
    inner: Any = copy
    *steps, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    for step in steps:
        inner = inner[step]
    if new is ...:
        del inner[last]
    else:
        inner[last] = new
    return copy


def test_a_label_studio_webhook_is_one_answer_with_what_else_was_said() -> None:
    said = one("label_studio", STUDIO)
    assert (said.item, said.annotator, said.label, said.batch) == ("tx-9", "3", "fraud", "batch-2")
    assert (said.word, said.version) == ("annotation-17", "2026-11-20T09:00:05Z")
    assert said.revision == said.said_at == 1795165205.0
    assert (said.seconds, said.fields) == (12.5, {"verdict": "fraud", "note": ["looks odd"]})


def test_what_could_be_said_in_the_project_travels_with_the_answer() -> None:
    controls = {"verdict": {"type": "Choices", "labels": ["fraud", "legit"]}}
    known = one("label_studio", {**STUDIO, "project": {"id": 1, "parsed_label_config": controls}})
    renamed = one("label_studio", {**STUDIO, "project": {"title": "x", "parsed_label_config": controls}})
    more = {"verdict": {"type": "Choices", "labels": ["fraud", "legit", "unsure"]}}
    other = one("label_studio", {**STUDIO, "project": {"parsed_label_config": more}})
    assert one("label_studio", STUDIO).definitions is None
    assert known.definitions == renamed.definitions != other.definitions


def test_a_label_studio_export_gives_each_annotation_of_each_task_its_own_answer() -> None:
    task = {**STUDIO["task"], "annotations": [STUDIO["annotation"], {**STUDIO["annotation"], "id": 18}]}
    found = read("label_studio", [task, {"id": 5, "data": {}, "annotations": []}])
    assert [said.word for said in found.said] == ["annotation-17", "annotation-18"]
    assert all(said.part["task"]["id"] == 4 for said in found.said)


def test_a_skipped_task_takes_back_what_was_said_and_an_empty_one_says_nothing() -> None:
    skipped = one("label_studio", changed(STUDIO, "annotation.was_cancelled", True))
    assert (skipped.withdrawn, skipped.label) == (True, "")
    empty = read("label_studio", changed(STUDIO, "annotation.result", []))
    assert codes(empty) == [("no_label", "/annotation/result")]


def test_deletions_in_label_studio_name_words_and_other_events_nothing() -> None:
    found = read("label_studio", {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 17}, {"id": 18}]})
    assert [gone.word for gone in found.gone] == ["annotation-17", "annotation-18"]
    about = read("label_studio", {"action": "TASKS_CREATED", "tasks": [{"id": 1}]})
    assert about.about and about == Mapped(about=about.about)


def test_two_choices_are_one_label_only_where_the_map_names_the_control_that_decides() -> None:
    more = [
        *STUDIO["annotation"]["result"],
        changed(STUDIO["annotation"]["result"][0], "from_name", "reason"),
    ]
    more[-1]["value"] = {"choices": ["stolen"]}
    two = changed(STUDIO, "annotation.result", more)
    assert codes(read("label_studio", two)) == [("many_labels", "/annotation/result")]
    assert one("label_studio", two, label="reason").label == "stolen"


def test_a_labelbox_row_is_read_through_its_nesting() -> None:
    said = one("labelbox", BOXES)
    assert (said.item, said.annotator, said.label, said.seconds) == ("tx-9", "ann@example.org", "fraud", 40)
    assert said.fields["face"] == {"x": 1, "y": 5.0, "width": 20, "height": 30}
    assert one("labelbox", BOXES, item="external_id").item == "old-9"


@pytest.mark.parametrize("name", ["dataRow", "data_row"])
@pytest.mark.parametrize("as_text", [True, False], ids=["label as text", "label as an object"])
def test_a_labelbox_webhook_is_read_in_each_of_its_spellings(name: str, as_text: bool) -> None:
    content = {"objects": [], "classifications": [{"title": "verdict", "answer": {"value": "fraud"}}]}
    sent = {
        "id": "lab-1",
        name: {"id": "clf9", "externalId": "tx-9"},
        "createdBy": "ann@example.org",
        "updatedAt": "2026-11-20T09:00:05.000Z",
        "label": json.dumps(content) if as_text else content,
    }
    said = one("labelbox", sent)
    assert (said.item, said.label, said.word) == ("tx-9", "fraud", "label-lab-1")


@pytest.mark.parametrize("corner", ["top", "left", "height", "width"])
def test_a_null_in_a_box_is_refused_with_its_place_and_never_zero(corner: str) -> None:
    at = f"projects.p-1.labels.0.annotations.objects.0.bounding_box.{corner}"
    assert codes(read("labelbox", changed(BOXES, at, None))) == [("null", "/" + at.replace(".", "/"))]
    assert codes(read("labelbox", changed(BOXES, at, ...))) == [
        ("missing", "/" + at.rpartition(".")[0].replace(".", "/"))
    ]
    whole = at.rpartition(".")[0]
    assert codes(read("labelbox", changed(BOXES, whole, None))) == [("null", "/" + whole.replace(".", "/"))]


def test_a_dataloop_annotation_is_the_same_alone_in_its_item_and_in_an_event() -> None:
    alone = one("dataloop", LOOP)
    assert (alone.item, alone.annotator, alone.label) == ("tx-9", "bob@example.org", "fraud")
    inside = one("dataloop", {"annotations": [LOOP]})
    event = one("dataloop", {"event": {"resource": "Annotation", "action": "Updated"}, "annotation": LOOP})
    assert alone == inside == event
    gone = read("dataloop", {"event": {"resource": "Annotation", "action": "Deleted"}, "annotation": LOOP})
    assert [each.word for each in gone.gone] == ["annotation-67ce"]


def test_a_dataloop_box_without_its_corners_is_refused_with_its_place() -> None:
    box = {**LOOP, "type": "box", "coordinates": [{"x": 1, "y": None}]}
    assert codes(read("dataloop", box)) == [("null", "/coordinates/0/y")]
    assert codes(read("dataloop", {**LOOP, "type": "box", "coordinates": None})) == [("null", "/coordinates")]


def test_rows_are_read_where_the_map_points() -> None:
    sent = {"batch": [{"task": {"key": "tx-9"}, "who": {"mail": "ann"}, "answers": [{"v": 1}], "when": 1.5}]}
    said = one(
        "rows",
        sent,
        rows="batch",
        item="task.key",
        annotator="who.mail",
        label="answers.0.v",
        said_at="when",
        fields={"all": "answers"},
    )
    assert (said.item, said.annotator, said.label, said.said_at) == ("tx-9", "ann", "1", 1.5)
    assert said.fields == {"all": [{"v": 1}]}


def test_everything_that_is_wrong_with_a_row_is_told_at_once_each_at_its_place() -> None:
    found = read("rows", {"item": None, "label": {"x": 1}, "seconds": "long"}, annotator="who")
    assert sorted(codes(found)) == [
        ("missing", "/who"),
        ("null", "/item"),
        ("wrong_type", "/label"),
        ("wrong_type", "/seconds"),
    ]


def test_one_bad_row_holds_no_other_up() -> None:
    rows = [
        {"item": "a", "annotator": "x", "label": "1"},
        {"item": "b"},
        {"item": "c", "annotator": "y", "label": 0},
    ]
    found = read("rows", rows)
    assert [(said.item, said.label) for said in found.said] == [("a", "1"), ("c", "0")]
    assert {flaw.where for flaw in found.flaws} == {"/1/annotator", "/1/label"}


def test_a_row_that_takes_back_needs_no_label_and_one_that_names_only_its_words_is_a_deletion() -> None:
    said = one("rows", {"item": "a", "annotator": "x", "withdrawn": True, "id": 7, "revision": 2})
    assert (said.withdrawn, said.label, said.word, said.version) == (True, "", "7", "2.000000")
    assert [gone.word for gone in read("rows", {"id": 7, "withdrawn": "yes"}).gone] == ["7"]


def test_a_constant_stands_for_what_is_the_same_everywhere() -> None:
    assert one("rows", {"item": "a", "label": "x"}, annotator="=team-1").annotator == "team-1"


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ({"lable": "a"}, "`map.lable` is no part of an answer; did you mean `label`?"),
        ({"shape": "labelstudio"}, "`map.shape` cannot be `labelstudio`; did you mean `label_studio`?"),
        ({"item": 3}, '`map.item` needs a path such as "data.0.id"'),
        ({"fields": {"x": ""}}, '`map.fields.x` needs a path such as "data.0.id"'),
        ({"fields": "x"}, '`map.fields` is a table, such as fields = { colour = "data.colour" }'),
    ],
)
def test_a_mistake_in_a_map_is_told_in_a_sentence(written: dict[str, Any], complaint: str) -> None:
    assert read_map(written)[1] == [complaint]


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [before] if before else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in items:
        found += places(inner, (*before, str(step)))
    return found


@given(st.sampled_from(sorted(SHAPES)), st.data())
def test_whatever_stands_anywhere_in_a_payload_it_is_read_or_told_and_nothing_breaks(
    shape: str, data: st.DataObject
) -> None:
    sent = SENT[shape]
    place = data.draw(st.sampled_from(places(sent)))
    bent = changed(sent, ".".join(place), data.draw(JSON | st.just(...)))
    found = mapped(bent, Map(shape=shape))
    assert found.said or found.gone or found.flaws or found.about
    for said in found.said:
        json.dumps(said.fields, allow_nan=False)
        assert said.item and said.annotator and (said.label or said.withdrawn)


@given(st.sampled_from(sorted(SHAPES)), JSON)
def test_any_payload_at_all_is_read_or_told(shape: str, value: Any) -> None:
    found = mapped(value, Map(shape=shape))
    assert found.said or found.gone or found.flaws or found.about
