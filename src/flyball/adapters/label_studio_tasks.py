"""Items as tasks of Label Studio, and its tasks as what was said about items."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flyball.core.ids import Digest, Instant, ItemId, canonical, digest_of
from flyball.core.mappings.label_studio import label_studio
from flyball.core.mappings.paths import Map
from flyball.core.mappings.told import Said
from flyball.ports import Items, Offer, Segments

#: What Label Studio says of an annotation as time goes by, though nobody changed it.
_PASSING = ("created_ago", "created_username")


@dataclass(frozen=True, slots=True)
class Pulled:
    """What Label Studio held when it was asked, from `began` on: words, each with what it is kept as.

    `looked_at`: batch and item of the tasks that were looked at; None: of all there are.
    """

    began: Instant
    looked_at: frozenset[tuple[str | None, str]] | None
    said: Sequence[tuple[Said, bytes]]
    annotations: int
    people: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Drafted:
    """What people wrote and did not submit. `nobodys`: ids of drafts whose author is not told."""

    said: Sequence[tuple[Said, bytes]]
    nobodys: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """What annotators are shown of items: their columns, by item."""

    items: Items
    segments: Segments

    def of(self, wanted: Sequence[ItemId]) -> Mapping[ItemId, Mapping[str, Any]]:
        """The columns of these items as JSON values; unknown items have none."""
        places: dict[Digest, list[tuple[ItemId, int]]] = defaultdict(list)
        for item, state in self.items.find(wanted).items():
            places[state.segment].append((item, state.row))
        shown: dict[ItemId, Mapping[str, Any]] = {}
        for segment, rows in places.items():
            table = self.segments.get(segment)
            for item, row in rows:
                shown[item] = {
                    name: _plain(table[name][row]) for name in table.names if name not in ("item", "time")
                }
        return shown


def tasks_of(
    offer: Offer,
    items: Iterable[ItemId],
    shown: Mapping[ItemId, Mapping[str, Any]],
    chosen: tuple[str, str] | None,
) -> list[Any]:
    """These items of a batch as tasks to import, each with what the model said of it, if it did.

    `chosen`: the control with which a class is chosen, and what that is about. An item's columns stand
    under their own names, for labelling pages of an operator's making, and together as `features`, for ours.
    """
    tasks = []
    for item in items:
        named = {"item": str(item), "batch": str(offer.batch)}
        features = dict(shown.get(item, {}))
        task: dict[str, Any] = {"data": {**features, "features": features, **named}, "meta": named}
        if chosen is not None and (guess := _guess(offer, item, *chosen)) is not None:
            task["predictions"] = [guess]
        tasks.append(task)
    return tasks


def said_in(
    tasks: Iterable[Mapping[str, Any]], by: Map, definitions: Digest | None
) -> Iterator[tuple[Said, bytes]]:
    """What annotators said in tasks, each with the bytes that it is kept as.

    An annotation that cannot be read, such as an empty one, is a word without a label: it is captured,
    and parked where it is merged, so that it is seen. Without an author or an item it cannot be even that.
    """
    for task in tasks:
        about = {name: task.get(name) for name in ("id", "meta", "data")}
        for annotation in task.get("annotations") or ():
            if not isinstance(annotation, Mapping):
                continue
            read = label_studio({**about, "annotations": [annotation]}, by)
            kept = {name: each for name, each in annotation.items() if name not in _PASSING}
            # Of a task of ours, what it shows stands in our own segments.
            named = {name: each for name, each in about.items() if name != "data" or not about["meta"]}
            raw = canonical({"annotation": kept, "task": named})
            for said in read.said or _unread(about, annotation, by):
                yield replace(said, definitions=definitions), raw


def drafts_in(tasks: Iterable[Mapping[str, Any]], by: Map, definitions: Digest | None) -> Drafted:
    """What annotators wrote in tasks and did not submit, each with the bytes that it is kept as.

    A draft may lack everything but its author; what of it cannot be read yet is left open. Who wrote it is
    known by number, as everywhere; where Label Studio does not say that number, the draft is passed over.
    """
    found: list[tuple[Said, bytes]] = []
    nobodys = []
    for task in tasks:
        about = {name: task.get(name) for name in ("id", "meta", "data")}
        for draft in task.get("drafts") or ():
            author = str(draft.get("created_username", "")).rpartition(", ")[2]
            if not author.isdecimal():
                nobodys.append(str(draft.get("id")))
                continue
            kept = {name: each for name, each in draft.items() if name not in _PASSING and name != "user"}
            kept["completed_by"] = int(author)
            read = label_studio({**about, "annotations": [kept]}, by)
            named = {name: each for name, each in about.items() if name != "data" or not about["meta"]}
            raw = canonical({"draft": kept, "task": named})
            for said in read.said or _unread(about, kept, by):
                word = f"draft-{draft.get('id')}"
                said = replace(said, word=word, draft=True, withdrawn=False, definitions=definitions)
                found.append((said, raw))
    return Drafted(found, nobodys)


def about_of(task: Mapping[str, Any]) -> tuple[str | None, str]:
    """The batch and the item that a task of ours is about."""
    named = {**(task.get("data") or {}), **(task.get("meta") or {})}
    batch = named.get("batch")
    return (None if batch in (None, "") else str(batch), str(named.get("item")))


def id_of(source: str, said: Said, raw: bytes) -> str:
    """The name of a word: the annotation's, its version, and a digest of what it says."""
    return f"{source}/{said.word}@{said.version}#{digest_of(raw)[:16]}"


def _unread(about: Mapping[str, Any], annotation: Mapping[str, Any], by: Map) -> tuple[Said, ...]:
    """An annotation as if it had been skipped, then as a word that stands and names no label."""
    skipped = {**annotation, "result": [], "was_cancelled": True, "lead_time": None}
    read = label_studio({**about, "annotations": [skipped]}, by)
    return tuple(replace(each, withdrawn=False) for each in read.said)


def _guess(offer: Offer, item: ItemId, control: str, about: str) -> Mapping[str, Any] | None:
    scores = offer.scores.get(item)
    if scores is None or len(scores) != len(offer.classes):
        return None
    best = max(range(len(scores)), key=scores.__getitem__)
    result = {"from_name": control, "to_name": about, "type": "choices"}
    return {
        "model_version": str(offer.model),
        "score": float(scores[best]),
        "result": [{**result, "value": {"choices": [offer.classes[best]]}}],
    }


def _plain(value: Any) -> Any:
    """A cell as JSON has it; no number is null."""
    plain = value.item() if hasattr(value, "item") else value
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain
