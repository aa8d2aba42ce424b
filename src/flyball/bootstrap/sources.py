"""The sources of a loop, made from its settings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flyball.core.mappings import Map
from flyball.errors import BadUsage
from flyball.ports.intake import Drop, Topic
from flyball.settings import Settings, SourceSettings
from flyball.work.intake import Files, Messages
from flyball.work.source_settings import map_of
from flyball.work.sources import Puller, Source, Sources
from flyball.work.tools import Tools


def make_sources(settings: Settings, tools: Tools) -> Sources | None:
    """The sources that the settings name; None where there are none. Raises BadUsage with what is wrong."""
    if not settings.sources:
        return None
    sources = Sources(tools, {name: source_of(settings, name, tools) for name in settings.sources})
    tools.pull = sources.hurry
    return sources


def source_of(settings: Settings, name: str, tools: Tools) -> Source:
    """One source. Nothing outside is touched before it is asked for something. Raises BadUsage."""
    written = settings.sources[name]
    by = map_of(name, written)
    make: Callable[[Callable[[], bool]], Puller] | None = None
    if written.kind in ("folder", "kafka"):
        if not written.place:
            example = '"exports" or "s3://bucket/prefix"' if written.kind == "folder" else '"host:9092/topic"'
            raise BadUsage(f"[sources.{name}] in loop.toml says no `place`, such as place = {example}")
        make = partial(_made, settings, name, tools, by)
    every = written.every if written.kind != "kafka" else min(1.0, written.every)
    return Source(name, every, by, make)


def _made(settings: Settings, name: str, tools: Tools, by: Map, stopped: Callable[[], bool]) -> Puller:
    written = settings.sources[name]
    if written.kind == "kafka":
        return Messages(tools, name, _topic(settings, name, written), by, stopped)
    return Files(tools, name, drop_of(settings, written), by, stopped)


def drop_of(settings: Settings, source: SourceSettings) -> Drop:
    """Where a source's files lie."""
    if source.place.startswith("s3://"):
        from flyball.adapters.intake_s3 import S3Drop
        from flyball.adapters.s3_files import open_bucket

        return S3Drop(*open_bucket(source.place))
    from flyball.adapters.intake_folder import FolderDrop

    return FolderDrop(settings.path(source.place))


def _topic(settings: Settings, name: str, source: SourceSettings) -> Topic:
    from flyball.adapters.intake_kafka import KafkaTopic

    servers, separator, topic = source.place.removeprefix("kafka://").rpartition("/")
    if not separator or not servers or not topic:
        raise BadUsage(f'`place` of [sources.{name}] needs HOST:PORT/TOPIC, not "{source.place}"')
    return KafkaTopic(servers, topic, group=f"flyball-{settings.id}-{name}")
