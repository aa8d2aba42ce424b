"""A topic over a real broker of librdkafka's: safe before it is committed, whatever stops in between."""

from __future__ import annotations

import itertools
import json
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import confluent_kafka as kafka
import pytest
from tests.loops import write_loop

from flyball.adapters.intake_kafka import KafkaTopic
from flyball.adapters.stream import open_stream
from flyball.adapters.toml_file import load
from flyball.bootstrap import App, simulate
from flyball.bootstrap.sources import make_sources
from flyball.core.facts import AnswerGiven, DeliveryUnread
from flyball.core.mappings import Map
from flyball.errors import BadUsage, Unreachable
from flyball.ports import Log
from flyball.ports.intake import Message
from flyball.settings import SourceSettings
from flyball.work.intake import Messages, Pulled, schema_digest

pytestmark = pytest.mark.slow
_topics = itertools.count(1)
PATIENT = 15


@pytest.fixture(scope="module")
def broker() -> Iterator[tuple[str, Any]]:
    producer = kafka.Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 0})
    (known,) = producer.list_topics(timeout=10).brokers.values()
    yield f"{known.host}:{known.port}", producer
    producer.flush(5)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    settings = load(write_loop(tmp_path_factory.mktemp("loop")), {"stream.options.transactions": 1000})
    app = simulate(settings, open_stream(settings))
    yield app
    app.close()


@pytest.fixture
def topic() -> str:
    return f"labels-{next(_topics)}"


def put(broker: tuple[str, Any], topic: str, value: bytes | dict[str, Any], key: str | None = None) -> None:
    sent = value if isinstance(value, bytes) else json.dumps(value).encode()
    broker[1].produce(topic, sent, key)
    assert broker[1].flush(10) == 0


def opened(broker: tuple[str, Any], topic: str) -> KafkaTopic:
    return KafkaTopic(broker[0], topic, f"group-{topic}")


def pulled_until(messages: Messages, wanted: int) -> Pulled:
    """Passes until so many messages came, as joining a group takes a while."""
    total = Pulled()
    for _ in range(PATIENT * 2):
        pulled = messages.pull()
        total = replace(
            total,
            new=total.new + pulled.new,
            again=total.again + pulled.again,
            unread=total.unread + pulled.unread,
        )
        if total.new + total.again + total.unread >= wanted:
            return total
    raise AssertionError(f"{total} and no more came")


def said(app: App, source: str) -> list[AnswerGiven]:
    ours = {link.seq for link in app.tools.store.evidence.links() if link.source == f"source:{source}"}
    read = app.tools.store.log.read(kinds=["answer-given"])
    return [each.fact for each in read if each.seq in ours and isinstance(each.fact, AnswerGiven)]


def row(item: str | None = None, label: str = "fraud") -> dict[str, Any]:
    return {**({"item": item} if item else {}), "annotator": "ann-1", "label": label}


def test_messages_are_answers_keyed_by_task_with_the_definitions_of_their_schema(
    broker: tuple[str, Any], app: App, topic: str
) -> None:
    put(broker, topic, row("tx-1"))
    put(broker, topic, row(), key="tx-2")
    put(broker, topic, struct.pack(">bI", 0, 7) + json.dumps(row("tx-3")).encode())
    put(broker, topic, struct.pack(">bI", 0, 7) + b"\x02\x06avro")
    source = opened(broker, topic)
    pulled = pulled_until(Messages(app.tools, topic, source, Map()), 4)
    source.close()
    assert (pulled.new, pulled.unread) == (3, 1)
    found = said(app, topic)
    assert {fact.item: fact.definitions for fact in found} == {
        "tx-1": None,
        "tx-2": None,
        "tx-3": schema_digest(topic, 7),
    }
    unread = [each.fact for each in app.tools.store.log.read(kinds=["delivery-unread"])]
    assert isinstance(unread[-1], DeliveryUnread) and unread[-1].where.startswith(f"{topic}/")


def test_a_stop_between_our_commit_and_theirs_brings_everything_again_and_changes_nothing(
    broker: tuple[str, Any], app: App, topic: str
) -> None:
    for number in range(5):
        put(broker, topic, row(f"tx-{number}"))

    class Stopped:
        """Hears nothing of what is safe, as if the process had ended before."""

        def __init__(self, topic: KafkaTopic) -> None:
            self.take, self.close = topic.take, topic.close

        def done(self, messages: Sequence[Message]) -> None:
            """Nothing."""

    stopped = Stopped(opened(broker, topic))
    assert pulled_until(Messages(app.tools, topic, stopped, Map()), 5).new == 5
    stopped.close()
    put(broker, topic, row("tx-5"))
    after = opened(broker, topic)
    pulled = pulled_until(Messages(app.tools, topic, after, Map()), 6)
    after.close()
    assert (pulled.new, pulled.again) == (1, 5)
    assert sorted(fact.item for fact in said(app, topic)) == [f"tx-{number}" for number in range(6)]


def test_what_is_committed_does_not_come_again(broker: tuple[str, Any], app: App, topic: str) -> None:
    put(broker, topic, row("tx-1"))
    first = opened(broker, topic)
    assert pulled_until(Messages(app.tools, topic, first, Map()), 1).new == 1
    first.close()
    put(broker, topic, row("tx-2"))
    second = opened(broker, topic)
    pulled = pulled_until(Messages(app.tools, topic, second, Map()), 1)
    second.close()
    assert (pulled.new, pulled.again) == (1, 0)


def test_nothing_is_committed_of_what_the_store_did_not_take(
    broker: tuple[str, Any], app: App, topic: str
) -> None:
    put(broker, topic, row("tx-1"))
    source = opened(broker, topic)
    committed: list[Message] = []

    class Watched:
        def __init__(self) -> None:
            self.take, self.close = source.take, source.close

        def done(self, messages: Sequence[Message]) -> None:
            committed.extend(messages)

    class Away:
        def append(self, *given: Any) -> Any:
            raise Unreachable("the disk is full")

    store = replace(app.tools.store, log=cast("Log", Away()))
    whole, app.tools.store = app.tools.store, store
    try:
        with pytest.raises(Unreachable, match="disk is full"):
            pulled_until(Messages(app.tools, topic, Watched(), Map()), 1)
    finally:
        app.tools.store = whole
    source.close()
    assert not committed


def test_what_a_task_is_said_of_comes_in_the_order_in_which_it_was_said(
    broker: tuple[str, Any], app: App, topic: str
) -> None:
    for number in range(30):
        put(broker, topic, row(label=f"label-{number}"), key=f"tx-{number % 3}")
    source = opened(broker, topic)
    pulled_until(Messages(app.tools, topic, source, Map()), 30)
    source.close()
    for task in range(3):
        labels = [fact.label for fact in said(app, topic) if fact.item == f"tx-{task}"]
        assert labels == [f"label-{number}" for number in range(task, 30, 3)]


def test_a_broker_that_is_not_there_is_a_sentence() -> None:
    far = KafkaTopic("127.0.0.1:1", "labels", "group", patience=0.5)
    with pytest.raises(Unreachable, match=r"Kafka's topic labels at 127\.0\.0\.1:1 cannot be read: \S+"):
        far.take(1, 0.1)
    far.close()


def test_without_the_extra_a_sentence_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(BadUsage, match=r"pip install 'flyball\[kafka\]'"):
        KafkaTopic("host:9092", "labels", "group")


@pytest.mark.parametrize("place", ["labels", "host:9092", "host:9092/", ""])
def test_a_place_that_is_no_topic_is_told(app: App, place: str, tmp_path: Path) -> None:
    with pytest.raises(BadUsage, match=r"place"):
        sources = make_sources(
            replace(app.settings, sources={"k": SourceSettings("kafka", place=place)}), app.tools
        )
        assert sources is not None
        sources.pull("k")


def test_messages_in_front_of_an_error_are_kept_and_the_error_is_told_after_them(
    broker: tuple[str, Any], app: App, topic: str
) -> None:
    put(broker, topic, row("tx-1"))
    source = opened(broker, topic)
    real = source._consumer

    class Broken:
        """What was read so far, and then the end of a connection."""

        def error(self) -> Any:
            return kafka.KafkaError(kafka.KafkaError._TRANSPORT)

    class Breaking:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def consume(self, limit: int, patience: float) -> list[Any]:
            found = real.consume(limit, patience)
            return [*found, Broken()] if found else []

    source._consumer = cast("Any", Breaking())
    taken: Sequence[Message] = ()
    for _ in range(PATIENT * 2):
        taken = taken or source.take(10, 0.5)
    assert len(taken) == 1
    with pytest.raises(Unreachable):
        source.take(10, 0.5)
    source.close()
