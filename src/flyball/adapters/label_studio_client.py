"""What Label Studio keeps for us: projects, tasks, annotations, people and webhooks, over its API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flyball.adapters.label_studio_http import Away, LabelStudioHttp
from flyball.core.ids import Instant

#: Tasks of one page, and tasks sent in one request.
PAGE, SENT = 200, 500
#: What a webhook of ours is told of.
ACTIONS = ("ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED")


@dataclass(frozen=True, slots=True)
class Project:
    """A project: what annotators may say there, and how many of them each new task asks."""

    id: int
    title: str
    config: str
    controls: Mapping[str, Any]
    maximum: int


class LabelStudio:
    """One Label Studio server, as one user of it; all that it is asked raises Away where it fails."""

    def __init__(self, http: LabelStudioHttp) -> None:
        self._http = http
        self._ask = http.ask

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def project(self, id: int) -> Project:
        """A project by its id."""
        return _project(self._ask("GET", f"/api/projects/{id}/"))

    def project_named(self, title: str) -> Project | None:
        """The oldest project of exactly this title; None where there is none."""
        for each in self._pages("/api/projects/", {"title": title}):
            if each.get("title") == title:
                return self.project(int(each["id"]))
        return None

    def make_project(self, title: str, config: str, about: str, maximum: int) -> Project:
        """A new project. What a model says of a task is kept with it and not shown to annotators."""
        settings = {
            "title": title,
            "description": about,
            "label_config": config,
            "maximum_annotations": maximum,
            "enable_empty_annotation": False,
            "show_collab_predictions": False,
        }
        return _project(self._ask("POST", "/api/projects/", json=settings))

    def tasks(
        self, project: int, since: Instant | None = None, where: Mapping[str, str] | None = None
    ) -> Iterator[list[Mapping[str, Any]]]:
        """The tasks that something happened to since then, in order of id, page by page.

        A page begins after the last id of the one before, so that none is left out while others change.
        `where`: values of task data, by name.
        """
        last = 0
        while True:
            filters = [_filter("id", "greater", "Number", last)]
            if since is not None:
                filters.append(_filter("updated_at", "greater", "Datetime", _written(since)))
            filters += [
                _filter(f"data.{name}", "equal", "String", each) for name, each in (where or {}).items()
            ]
            asked = {"fields": "all", **_asked(project, filters, PAGE)}
            got = self._ask("GET", "/api/tasks/", params=asked)
            tasks = [each for each in _list(got, "tasks") if isinstance(each.get("id"), int)]
            yield tasks
            if len(tasks) < PAGE:
                return
            last = tasks[-1]["id"]

    def drafts(self, project: int, after: int, most: int) -> list[Mapping[str, Any]]:
        """Up to so many tasks in which somebody wrote what is not submitted, in order of id, with `drafts`.

        Of whole projects Label Studio tells only one's own drafts; everybody's, of one task at a time.
        """
        filters = [
            _filter("id", "greater", "Number", after),
            _filter("draft_exists", "equal", "Boolean", True),
        ]
        asked = {"include": "id,meta,data", **_asked(project, filters, most)}
        tasks = _list(self._ask("GET", "/api/tasks/", params=asked), "tasks")
        return [{**task, "drafts": self._drafts(int(task["id"]))} for task in tasks]

    def _drafts(self, task: int) -> list[Mapping[str, Any]]:
        try:
            return _list(self._ask("GET", f"/api/tasks/{task}/drafts"))
        except Away as away:
            if away.status != 404:  # somebody deleted it there
                raise
            return []

    def annotations(self, project: int) -> int:
        """How many annotations the project has; skipped tasks do not count."""
        got = self._ask("GET", "/api/tasks/", params={"project": project, "page_size": 1, "include": "id"})
        return int(got.get("total_annotations") or 0)

    def add(self, project: int, tasks: Sequence[Mapping[str, Any]]) -> list[int]:
        """Put tasks into a project, each with `data`, `meta` and `predictions`; gives their ids."""
        made: list[int] = []
        for start in range(0, len(tasks), SENT):
            path, sent = f"/api/projects/{project}/import", list(tasks[start : start + SENT])
            got = self._ask("POST", path, params={"return_task_ids": "true"}, json=sent)
            made += [int(each) for each in got.get("task_ids", ())]
        return made

    def ask_for(self, task: int, annotators: int) -> None:
        """Ask so many annotators about one task."""
        self._ask("PATCH", f"/api/tasks/{task}/", json={"overlap": annotators})

    def delete(self, kind: str, id: int) -> None:
        """Delete an annotation, a task, a webhook or a project: `kind` is the word for several of them."""
        self._ask("DELETE", f"/api/{kind}/{id}/")

    def people(self) -> list[Mapping[str, Any]]:
        """The users whom this client's user can see, with `id` and `last_activity`."""
        return _list(self._ask("GET", "/api/users/"))

    def webhook(self, project: int, url: str, secret: str) -> int:
        """Have the project call an address with a secret; the same again changes nothing. Gives its id.

        One that is switched off, or has another secret or other actions, is set right.
        """
        wanted = {
            "project": project,
            "url": url,
            "send_payload": True,
            "send_for_all_actions": False,
            "actions": list(ACTIONS),
            "headers": {"Authorization": f"Bearer {secret}"},
            "is_active": True,
        }
        for each in _list(self._ask("GET", "/api/webhooks/", params={"project": project})):
            if each.get("url") != url or each.get("project") != project:
                continue
            same = {**each, "actions": sorted(each.get("actions", ()))}
            if any(same.get(name) != value for name, value in {**wanted, "actions": sorted(ACTIONS)}.items()):
                self._ask("PATCH", f"/api/webhooks/{each['id']}/", json=wanted)
            return int(each["id"])
        return int(self._ask("POST", "/api/webhooks/", json=wanted)["id"])

    def _pages(self, path: str, params: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        page = 1
        while True:
            got = self._ask("GET", path, params={**params, "page": page, "page_size": PAGE, "ordering": "id"})
            yield from _list(got, "results")
            if not got.get("next"):
                return
            page += 1


def _project(got: Mapping[str, Any]) -> Project:
    controls = got.get("parsed_label_config")
    return Project(
        id=int(got["id"]),
        title=str(got.get("title", "")),
        config=str(got.get("label_config") or ""),
        controls=controls if isinstance(controls, Mapping) else {},
        maximum=int(got.get("maximum_annotations") or 1),
    )


def _asked(project: int, filters: Sequence[Mapping[str, Any]], most: int) -> dict[str, Any]:
    """The first tasks of a project that pass, in order of id."""
    query = {"ordering": ["tasks:id"], "filters": {"conjunction": "and", "items": filters}}
    return {"project": project, "page": 1, "page_size": most, "query": json.dumps(query)}


def _filter(field: str, operator: str, kind: str, value: Any) -> dict[str, Any]:
    return {"filter": f"filter:tasks:{field}", "operator": operator, "type": kind, "value": value}


def _written(moment: Instant) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _list(got: Any, name: str = "results") -> list[Mapping[str, Any]]:
    found = got.get(name) if isinstance(got, Mapping) else got
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
