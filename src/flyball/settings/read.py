"""From what a person wrote to settings, or to the list of everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from flyball.core.ids import Digest, canonical, digest_of
from flyball.core.knobs import KNOBS, Knob, Value
from flyball.errors import BadFile, Problem
from flyball.settings import values
from flyball.settings.model import LoopSettings, Settings
from flyball.settings.places import Places


def read(written: Mapping[str, Any], directory: Path = Path(), places: Places | None = None) -> Settings:
    """Settings from a mapping as TOML gives it. Raises BadFile with every mistake at its place."""
    places = places or Places()
    problems: list[Problem] = []
    read_values = _read(Settings, written, "", places, problems)
    knobs = _knobs(read_values.get("knobs", {}), places, problems)
    if problems:
        raise BadFile(sorted(problems, key=lambda problem: (problem.line, problem.column)))
    read_values["knobs"] = knobs | {"loop.architecture": read_values.get("loop", LoopSettings()).architecture}
    settings = Settings(**read_values, directory=directory, written=written, places=places)
    if contradictions := list(_contradictions(settings)):
        raise BadFile(contradictions)
    return settings


def with_overrides(settings: Settings, overrides: Mapping[str, Any]) -> Settings:
    """The same with some keys set anew, by dotted names such as `clock.speed`; checked as the file is."""
    if not overrides:
        return settings
    written = _nested(settings.written)
    for name, value in overrides.items():
        place = written
        *sections, key = name.split(".", 1) if name.startswith("knobs.") else name.split(".")
        for section in sections:
            inner = place.setdefault(section, {})
            if not isinstance(inner, dict):
                raise BadFile([Problem("L102", f"`{name}`: `{section}` is not a section")])
            place = inner
        place[key] = value
    found = read(written, settings.directory, settings.places.without(overrides))
    return replace(found, overrides={**settings.overrides, **overrides})


def config_digest(settings: Settings) -> Digest:
    """One name for everything that decides what the loop does; where things are kept is no part of it."""
    plain = {
        each.name: getattr(settings, each.name) for each in fields(settings) if "read" in each.metadata
    } | {
        each.name: asdict(getattr(settings, each.name))
        for each in fields(settings)
        if "section" in each.metadata and each.name not in ("stores", "api")
    }
    return digest_of(canonical(plain))


@dataclass(frozen=True, slots=True)
class Described:
    """One key for the reference page. `default` None where it is not required: not set."""

    name: str
    meaning: str
    default: Any
    required: bool


def described(of: type[Any] = Settings, prefix: str = "") -> Iterator[Described]:
    """Every key of the file in its order."""
    for each in fields(of):
        if "section" in each.metadata:
            yield from described(each.metadata["section"], f"{prefix}{each.name}.")
        elif "sections" in each.metadata:
            yield from described(each.metadata["sections"], f"{prefix}{each.name}.NAME.")
        elif "read" in each.metadata:
            required = each.default is MISSING and each.default_factory is MISSING
            default = each.default if each.default is not MISSING else None
            yield Described(f"{prefix}{each.name}", each.metadata["meaning"], default, required)


def _read(
    of: type[Any], written: Mapping[str, Any], prefix: str, places: Places, problems: list[Problem]
) -> dict[str, Any]:
    keys = {each.name: each for each in fields(of) if each.metadata}
    found: dict[str, Any] = {}
    for name in written:
        if name not in keys:
            hint = values.near(name, list(keys))
            message = f"unknown key `{prefix}{name}`; {hint}"
            problems.append(places.problem("L102", f"{prefix}{name}", message))
    for name, each in keys.items():
        if name in written:
            _read_key(each, written[name], f"{prefix}{name}", places, problems, found)
        elif each.default is MISSING and each.default_factory is MISSING:
            what = f"section `[{prefix}{name}]`" if "section" in each.metadata else f"`{prefix}{name}`"
            problems.append(places.problem("L103", prefix.rstrip("."), f"{what} is missing{_meant(each)}"))
    return found


def _read_key(
    each: Field[Any], value: Any, name: str, places: Places, problems: list[Problem], found: dict[str, Any]
) -> None:
    section = each.metadata.get("section")
    if section is not None and isinstance(value, Mapping):
        before = len(problems)
        inner = _read(section, value, f"{name}.", places, problems)
        if len(problems) == before:
            found[each.name] = section(**inner)
        return
    many = each.metadata.get("sections")
    if many is not None and isinstance(value, Mapping):
        found[each.name] = _read_many(many, value, name, places, problems)
        return
    try:
        found[each.name] = (values.table if section or many else each.metadata["read"])(value)
    except ValueError as error:
        problems.append(places.problem("L104", name, f"`{name}` {error}"))


def _read_many(
    section: type[Any], written: Mapping[str, Any], name: str, places: Places, problems: list[Problem]
) -> dict[str, Any]:
    """Sections that a person names."""
    found: dict[str, Any] = {}
    for key, value in written.items():
        place = f"{name}.{key}"
        if not isinstance(value, Mapping):
            problems.append(places.problem("L104", place, f"`{place}` is not a section; write `[{place}]`"))
            continue
        before = len(problems)
        inner = _read(section, value, f"{place}.", places, problems)
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", key):
            problems.append(places.problem("L104", place, f"`{key}` is no name: a-z, 0-9 and dashes"))
        if len(problems) == before:
            found[key] = section(**inner)
    return found


def _meant(each: Field[Any]) -> str:
    meaning = each.metadata.get("meaning", "")
    return f": {meaning[0].lower()}{meaning[1:]}" if meaning else ""


def _knobs(written: Mapping[str, Any], places: Places, problems: list[Problem]) -> dict[str, Value]:
    knobs: dict[str, Value] = {}
    for name, value in _flat(written):
        knob = KNOBS.get(name)
        place = f"knobs.{name}"
        if name == "loop.architecture":
            problems.append(places.problem("L107", place, "write this under [loop], as `architecture`"))
            continue
        if knob is None:
            hint = values.near(name, list(KNOBS))
            problems.append(places.problem("L105", place, f"unknown knob `{name}`; {hint}"))
            continue
        try:
            knobs[name] = _knob_value(knob, value)
        except ValueError as error:
            problems.append(places.problem("L106", place, f"`{name}` {error}"))
    return knobs


def _knob_value(knob: Knob, value: Any) -> Value:
    match knob.kind:
        case "flag":
            return values.flag(value)
        case "word":
            return values.word(*knob.words)(value)
        case "integer":
            low, high = (None if bound is None else int(bound) for bound in (knob.low, knob.high))
            return values.whole(0 if low is None else low, high)(value)
        case "number" if knob.unit == "share":
            return values.share(1.0 if knob.high is None else knob.high, knob.low or 0.0)(value)
        case "number":
            seconds = values.duration(value) if knob.unit == "seconds" and isinstance(value, str) else value
            return values.number(knob.low, knob.high)(seconds)


def _contradictions(settings: Settings) -> Iterator[Problem]:
    stream, team = settings.stream, settings.team
    problem = settings.places.problem
    for code, key, message in stream.contradictions():
        yield problem(code, f"stream.{key}".rstrip("."), message)
    if settings.start.labelled and stream.label is None:
        yield problem("L107", "start.labelled", "`start.labelled` needs `stream.label`, the true labels")
    if team.source == "simulated" and stream.label is None:
        yield problem("L107", "team.source", "a simulated team needs `stream.label`: it answers what is true")
    if team.source.startswith("source:") and team.source[7:] not in settings.sources:
        hint = values.near(team.source[7:], list(settings.sources)) if settings.sources else "there is none"
        message = f"`team.source` names a source that is not there; {hint}"
        yield problem("L107", "team.source", message)
    if isinstance(team.accuracy, tuple) and len(team.accuracy) != team.size:
        message = f"`team.accuracy` lists {len(team.accuracy)} annotators, `team.size` is {team.size}"
        yield problem("L107", "team.accuracy", message)


def _flat(written: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names with and without quotes: `"batch.size" = 1` and `batch.size = 1` mean the same."""
    for name, value in written.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _nested(written: Mapping[str, Any]) -> dict[str, Any]:
    copied = {
        name: _nested(value) if isinstance(value, Mapping) else value for name, value in written.items()
    }
    if isinstance(copied.get("knobs"), dict):
        copied["knobs"] = dict(_flat(copied["knobs"]))
    return copied
