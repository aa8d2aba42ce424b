"""Where files and messages with answers come from: a folder, a prefix of a bucket, a topic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, Protocol

from flyball.core.ids import AnnotatorId, BatchId, Digest, ItemId, Seconds
from flyball.core.mappings import Said
from flyball.ports.world import Answer


@dataclass(frozen=True, slots=True)
class Found:
    """A file that lies there. `stamp` changes with its content; `settled`: nobody is still writing it."""

    name: str
    size: int
    stamp: str
    settled: bool


class Drop(Protocol):
    """Files that somebody puts somewhere. Every method may raise Unreachable."""

    def found(self) -> Iterator[Found]:
        """What lies there now, in order of names."""

    def opened(self, found: Found) -> AbstractContextManager[IO[bytes]]:
        """The content as it was found, to be read from its beginning on. Raises NotFound."""

    def still(self, found: Found) -> bool:
        """Whether what was read so far is what was found."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a topic. `place`: topic, partition and offset for people; `token`: for who gave it."""

    key: str | None
    value: bytes
    place: str
    schema: int | None = None
    token: object = None


class Topic(Protocol):
    """Messages in order. Every method may raise Unreachable."""

    def take(self, limit: int, patience: Seconds) -> Sequence[Message]:
        """Up to so many messages that were not taken before; waits so long for the first."""

    def done(self, messages: Sequence[Message]) -> None:
        """These are safe with us; after a restart they need not come again."""

    def close(self) -> None:
        """Let go of the connection."""


def answer_of(said: Said, event_id: str, raw: bytes, definitions: Digest | None) -> Answer:
    """What a tool told as an answer to be captured, under this id and with these bytes."""
    return Answer(
        event_id=event_id,
        item=ItemId(said.item),
        annotator=AnnotatorId(said.annotator),
        label=said.label,
        batch=None if said.batch is None else BatchId(said.batch),
        said_at=said.said_at,
        seconds=said.seconds,
        draft=said.draft,
        fields={str(name): value for name, value in said.fields.items()},
        definitions=definitions,
        withdrawn=said.withdrawn,
        revision=said.revision,
        raw=raw,
    )
