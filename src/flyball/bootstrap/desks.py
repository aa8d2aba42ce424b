"""Desks at which people sit: what the settings of a source come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flyball.adapters.desk_label_studio import LabelStudioDesk
from flyball.adapters.label_studio_client import LabelStudio
from flyball.adapters.label_studio_http import LabelStudioHttp
from flyball.adapters.label_studio_tasks import Rows
from flyball.adapters.label_studio_turns import Workplace
from flyball.core.mappings.paths import read_map
from flyball.errors import BadUsage
from flyball.ports import Segments, Store
from flyball.settings import Settings

#: The longest title that a project of Label Studio may have.
_TITLE = 50


def label_studio_desk(
    settings: Settings,
    name: str,
    classes: Sequence[str],
    store: Store,
    segments: Segments,
    environment: Mapping[str, str],
) -> LabelStudioDesk:
    """The desk of `[sources.NAME]`. Nothing is asked yet. Raises BadUsage with every mistake at once."""
    source = settings.sources[name]
    where = f"sources.{name}"
    wrong = []
    token, secret = (_told(each, environment) for each in (source.token, next(iter(source.secrets), "")))
    if source.kind != "label_studio":
        wrong.append(
            f'team.source = "source:{name}" needs {where}.kind = "label_studio", not "{source.kind}"'
        )
    if settings.clock.kind != "real":
        wrong.append('people take their own time: a labelling tool needs clock.kind = "real"')
    if not source.url.startswith(("http://", "https://")):
        wrong.append(f"{where}.url is Label Studio's address, such as https://labels.example.org")
    if not token:
        wrong.append(
            _unset(f"{where}.token", source.token, "a token from your account's page in Label Studio")
        )
    if source.project and not (source.project.isascii() and source.project.isdigit()):
        wrong.append(f"{where}.project is the number in the project's address, not {source.project!r}")
    if not classes:
        wrong.append("stream.classes has to say what annotators may choose")
    if source.place and not source.place.startswith(("http://", "https://")):
        wrong.append(f"{where}.place is our own address as Label Studio reaches it, or nothing")
    if source.place and not secret:
        written = next(iter(source.secrets), "")
        wrong.append(_unset(f"{where}.secrets", written, "what Label Studio shows when it calls us"))
    mapped, problems = read_map(source.map, "label_studio")
    wrong += [f"{where}: {each}" for each in problems]
    if wrong:
        raise BadUsage("; ".join(wrong))
    place = Workplace(
        source=name,
        title=f"Flyball {settings.id}"[:_TITLE],
        classes=tuple(classes),
        project=source.project,
        every=source.every,
        map=mapped,
        calls=source.place,
        secret=secret,
    )
    studio = LabelStudio(LabelStudioHttp(source.url, token))
    rows = Rows(store.items, segments)
    return LabelStudioDesk(studio, place, rows, store.log, store.evidence, store.leads)


def _told(written: str, environment: Mapping[str, str]) -> str:
    return environment.get(written[1:], "") if written.startswith("$") else written


def _unset(key: str, written: str, what: str) -> str:
    if written.startswith("$"):
        there = f"{key} is {written}, and the environment has no {written[1:]}: {what}"
        return f"{there}. Export it, or write another name"
    return f"{key} is not set: {what}"
