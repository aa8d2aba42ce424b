"""What the settings of a source come to: its map, how its calls are signed, and its secrets as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import cast

from flyball.core.mappings import Map, read_map
from flyball.core.signatures import Scheme, key_of
from flyball.errors import BadUsage
from flyball.settings import SourceSettings

#: How the calls of each kind are signed, where the settings say nothing else.
_SCHEMES: Mapping[str, Scheme] = {
    "label_studio": "secret",
    "dataloop": "secret",
    "labelbox": "hub",
    "signed": "standard",
}
#: What the settings of each kind are used for; `place` of a source that calls is told to it by the desk.
_CALLS = ("secrets", "scheme", "header", "tolerance")
_USED: Mapping[str, tuple[str, ...]] = {
    "folder": ("place", "every", "map"),
    "kafka": ("place", "every", "map"),
    "label_studio": ("every", "map"),
    "labelbox": ("every", "map"),
    "dataloop": ("every", "map"),
    "signed": ("every", "map"),
}
_OF_DESK = ("place", "url", "token", "project")
_SHAPES = {"label_studio": "label_studio", "labelbox": "labelbox", "dataloop": "dataloop"}


def map_of(name: str, source: SourceSettings) -> Map:
    """How what it sends is read. Raises BadUsage with every mistake in its map."""
    found, problems = read_map(source.map, _SHAPES.get(source.kind, "rows"))
    if problems:
        listed = "\n".join(f"  {each}" for each in problems)
        raise BadUsage(f"[sources.{name}] in loop.toml cannot be used:\n{listed}")
    return found


def calls(source: SourceSettings) -> bool:
    """Whether it is of a kind that calls us."""
    return source.kind in _SCHEMES


def scheme_of(name: str, source: SourceSettings) -> Scheme:
    """How its calls are signed. Raises BadUsage for a kind that does not call."""
    if source.scheme:
        return cast("Scheme", source.scheme)
    if source.kind not in _SCHEMES:
        raise BadUsage(
            f"[sources.{name}] is of kind {source.kind}, which calls nobody, and has secrets;"
            ' take them away, or make it kind = "signed"'
        )
    return _SCHEMES[source.kind]


def remarks(name: str, source: SourceSettings, team: str) -> tuple[str, ...]:
    """What a person may not expect of a source as it is written. `team`: where the annotators come from."""
    found = []
    calling, desk = calls(source), team == f"source:{name}"
    if calling and source.secrets and scheme_of(name, source) == "secret":
        found.append(
            "unauthenticated: its calls show a secret and are not signed; keep them on TLS, as who reads one"
            " can send others"
        )
    if calling and not source.secrets and not desk:
        found.append("unauthenticated: it has no secrets, and what calls us in its name is refused")
    if source.kind == "label_studio" and not desk:
        found.append(
            f'it is not pulled: a call that is lost stays lost; with team.source = "source:{name}" it is'
        )
    used = {"kind", *_USED[source.kind], *(_OF_DESK if desk else ()), *(_CALLS if source.secrets else ())}
    plain = SourceSettings(source.kind)
    idle = [
        each.name
        for each in fields(source)
        if each.name not in used and getattr(source, each.name) != getattr(plain, each.name)
    ]
    if idle:
        found.append(f"without effect here: {', '.join(f'`{each}`' for each in idle)}")
    return tuple(found)


def secrets_of(name: str, source: SourceSettings, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Its secrets; `$NAME` is read from the environment. Raises BadUsage, which never shows one."""
    found = []
    for number, written in enumerate(source.secrets, 1):
        where = f"secret {number} of [sources.{name}]"
        secret = environment.get(written[1:], "") if written.startswith("$") else written
        if not secret:
            raise BadUsage(
                f"{where} is read from {written}, and that is not set: export {written[1:]} before, or write"
                " another name"
                if written.startswith("$")
                else f"{where} is empty: write $NAME, and export that variable"
            )
        try:
            key_of(secret)
        except ValueError as error:
            raise BadUsage(f"{where} cannot be used: {error}") from None
        found.append(secret)
    return tuple(found)
