"""The settings about what is outside the loop: where it keeps things, and where answers come in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flyball.core.ids import Seconds
from flyball.settings import values
from flyball.settings.stream import place

#: How many bytes of bodies are held whose senders are not known yet; one body is smaller.
STRANGERS = 16 << 20


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where things are kept; paths start at the loop's directory."""

    database: str = field(
        default="flyball.db",
        metadata=values.key(values.database, "A SQLite file, or postgresql://USER@HOST/DATABASE."),
    )
    segments: str = field(
        default="segments",
        metadata=values.key(place, "The directory of the content-addressed tables, or s3://BUCKET/PREFIX."),
    )
    checkpoints: str = field(
        default="checkpoints",
        metadata=values.key(
            place, "The directory of the signed checkpoints, or s3://BUCKET/PREFIX; elsewhere is better."
        ),
    )
    cache: str = field(
        default="cache",
        metadata=values.key(
            values.text, "The directory of copies of what is on S3; it may be removed while nothing runs."
        ),
    )
    cache_bytes: int = field(
        default=2 << 30, metadata=values.key(values.whole(0), "How large these copies may become together.")
    )
    mlflow: str = field(
        default="mlflow", metadata=values.key(values.text, "MLflow's directory, or its server's URL.")
    )
    prefect: str = field(
        default="local", metadata=values.key(values.text, "`local`, `none`, or the URL of a Prefect server.")
    )


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Where answers come in over HTTP."""

    host: str = field(
        default="127.0.0.1",
        metadata=values.key(values.text, "The address to listen on; one that others reach needs a token."),
    )
    port: int = field(
        default=8710, metadata=values.key(values.whole(0, 65535), "The port; 0: any that is free.")
    )
    token: str = field(
        default="$FLYBALL_TOKEN",
        metadata=values.key(
            values.text, "What callers show as their bearer token; `$NAME` is read from there."
        ),
    )
    body_bytes: int = field(
        default=1 << 20, metadata=values.key(values.whole(1024), "The largest body with one event in it.")
    )
    batch_bytes: int = field(
        default=10 << 20,
        metadata=values.key(values.whole(1024, STRANGERS - 1024), "The largest body with many events in it."),
    )
    run: bool = field(
        default=False,
        metadata=values.key(values.flag, "Whether `flyball run` listens too; `serve` always does."),
    )


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """A place outside from which answers come: a labelling tool, a folder of exported files, a topic."""

    kind: str = field(
        metadata=values.key(
            values.word("label_studio", "labelbox", "dataloop", "signed", "folder", "kafka"),
            "A labelling tool that calls us, anybody who signs what they send, files, or a Kafka topic.",
        )
    )
    secrets: tuple[str, ...] = field(
        default=(),
        metadata=values.key(
            values.texts, "What its calls are signed with; two while one replaces the other."
        ),
    )
    scheme: str = field(
        default="",
        metadata=values.key(
            values.word("standard", "timestamped", "hmac", "hub", "secret"),
            "How its calls are signed, where that does not follow from the kind.",
        ),
    )
    header: str = field(
        default="",
        metadata=values.key(values.text, "The header with the signature, where it has another name."),
    )
    tolerance: Seconds = field(
        default=300.0,
        metadata=values.key(values.lasting, "How old a signed call may be, where it says its time."),
    )
    place: str = field(
        default="",
        metadata=values.key(
            values.text,
            "A folder, s3://BUCKET/PREFIX, for Kafka HOST:PORT/TOPIC; for Label Studio, where it calls us.",
        ),
    )
    url: str = field(default="", metadata=values.key(values.text, "Where a labelling tool is."))
    token: str = field(
        default="",
        metadata=values.key(values.text, "What we show to it; `$NAME` is read from the environment."),
    )
    project: str = field(default="", metadata=values.key(values.text, "Its project, by its own id."))
    every: Seconds = field(
        default=3600.0,
        metadata=values.key(values.lasting, "How often it is asked for what we may have missed."),
    )
    map: Mapping[str, Any] = field(
        default_factory=dict,
        metadata=values.key(
            values.table, "Where in a row each field stands: item, annotator, label, said_at, id."
        ),
    )
