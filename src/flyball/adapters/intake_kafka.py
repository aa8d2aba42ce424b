"""A topic of Kafka: all of its partitions, which hear what is safe only after it is."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from flyball.core.ids import Seconds
from flyball.errors import BadUsage, Unreachable
from flyball.ports.intake import Message

if TYPE_CHECKING:
    from confluent_kafka import Consumer

#: In front of a message that names its schema: a zero byte and the schema's id, as Confluent writes it.
_SCHEMA = struct.Struct(">bI")
#: How often a broker is asked for partitions that are new.
_LOOK = 60.0
_INSTALL = "Kafka needs the extra `kafka`: pip install 'flyball[kafka]'"


class _Token(NamedTuple):
    """Where a message stands."""

    topic: str
    partition: int
    offset: int


class KafkaTopic:
    """The `Topic` port over all partitions of a topic, from their beginning on where nothing is committed.

    Partitions are taken without joining a group: one process at a time reads a loop's sources. What is
    safe is committed under the group's name, for operators to see how far behind it is.
    """

    def __init__(
        self,
        servers: str,
        topic: str,
        group: str,
        patience: Seconds = 5.0,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises BadUsage where the client is not installed. `patience`: how long a broker may be silent."""
        try:
            from confluent_kafka import Consumer, KafkaError, KafkaException
        except ImportError as error:
            raise BadUsage(_INSTALL) from error
        self._topic, self._servers, self._patience, self._ticks = topic, servers, patience, ticks
        self._failed, self._end = KafkaException, KafkaError._PARTITION_EOF
        self._trouble = ""
        self._assigned: set[int] = set()
        self._looked = float("-inf")
        self._consumer: Consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": group,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                "allow.auto.create.topics": False,
                "socket.connection.setup.timeout.ms": 5000,
                "error_cb": self._hear,
                "log_level": 0,
            }
        )

    def take(self, limit: int, patience: Seconds) -> Sequence[Message]:
        """See `ports.intake.Topic`."""
        taken: list[Message] = []
        try:
            if self._ticks() - self._looked >= _LOOK:
                self._look()
            messages = self._consumer.consume(limit, patience)
        except self._failed as error:
            raise self._unreachable(self._trouble or error.args[0]) from None
        for message in messages:
            problem = message.error()
            if problem is None:
                taken.append(_message(message))
            elif problem.code() != self._end:
                self._trouble = problem.str()
        if taken:  # they do not come again; what is wrong is told where there is nothing else
            return taken
        trouble, self._trouble = self._trouble, ""
        if trouble:
            raise self._unreachable(trouble)
        return taken

    def _look(self) -> None:
        """Take on the partitions that are new."""
        from confluent_kafka import OFFSET_STORED, TopicPartition

        known = self._consumer.list_topics(self._topic, timeout=self._patience).topics[self._topic]
        if known.error is not None:
            raise self._unreachable(known.error)
        new = set(known.partitions) - self._assigned
        if new:
            self._consumer.incremental_assign(
                [TopicPartition(self._topic, each, OFFSET_STORED) for each in sorted(new)]
            )
            self._assigned |= new
        self._looked = self._ticks()

    def done(self, messages: Sequence[Message]) -> None:
        """See `ports.intake.Topic`."""
        from confluent_kafka import TopicPartition

        ends: dict[tuple[str, int], int] = {}
        for message in messages:
            assert isinstance(message.token, _Token)
            at = (message.token.topic, message.token.partition)
            ends[at] = max(ends.get(at, 0), message.token.offset + 1)
        offsets = [TopicPartition(topic, partition, end) for (topic, partition), end in ends.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except self._failed as error:
            raise self._unreachable(error.args[0]) from None

    def close(self) -> None:
        """See `ports.intake.Topic`."""
        self._consumer.close()

    def _hear(self, error: Any) -> None:
        """Called within `consume` when something is wrong with the connections."""
        self._trouble = error.str()

    def _unreachable(self, error: Any) -> Unreachable:
        said = " ".join((error if isinstance(error, str) else error.str()).split())
        return Unreachable(f"Kafka's topic {self._topic} at {self._servers} cannot be read: {said}")


def _message(message: Any) -> Message:
    value = message.value() or b""
    schema = None
    if len(value) > _SCHEMA.size and value[0] == 0:
        _, schema = _SCHEMA.unpack_from(value)
        value = value[_SCHEMA.size :]
    key = message.key()
    token = _Token(message.topic(), message.partition(), message.offset())
    place = f"{token.topic}/{token.partition}@{token.offset}"
    return Message(None if key is None else key.decode("utf-8", "replace"), value, place, schema, token)
