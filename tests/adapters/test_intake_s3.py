"""A prefix of a bucket over real HTTP: each object read once and whole, and troubles told in sentences."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.buckets import SECRET, Proxy, a_proxy, client, emptied, fresh_bucket, known_here
from tests.loops import write_loop

from flyball.adapters.intake_s3 import S3Drop
from flyball.adapters.s3_files import Bucket
from flyball.adapters.stream import open_stream
from flyball.adapters.toml_file import load
from flyball.bootstrap import App, simulate
from flyball.bootstrap.sources import drop_of, make_sources
from flyball.core.facts import AnswerGiven
from flyball.core.mappings import Map
from flyball.errors import NotFound, Unreachable
from flyball.settings import SourceSettings
from flyball.work.intake import Files

pytestmark = pytest.mark.slow
HEAD = "item,annotator,label\n"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Proxy, str, App]]:
    settings = load(write_loop(tmp_path_factory.mktemp("loop")), {"stream.options.transactions": 1000})
    with pytest.MonkeyPatch.context() as patch, a_proxy() as before_it:
        known_here(patch, before_it.url)
        app = simulate(settings, open_stream(settings))
        yield before_it, fresh_bucket(), app
        app.close()


@pytest.fixture
def proxy(started: tuple[Proxy, str, App]) -> Proxy:
    started[0].faults.clear()
    started[0].away = False
    emptied(started[1])
    return started[0]


@pytest.fixture
def files(started: tuple[Proxy, str, App], proxy: Proxy, request: pytest.FixtureRequest) -> Files:
    drop = S3Drop(Bucket(started[1], lambda attempt: None), "labels/")
    return Files(started[2].tools, request.node.name, drop, Map())


def put(files: Files, key: str, content: str) -> None:
    assert isinstance(files.drop, S3Drop)
    client().put_object(Bucket=files.drop._bucket.name, Key=key, Body=content.encode())


def row(item: str) -> str:
    return json.dumps({"item": item, "annotator": "ann-1", "label": "fraud"}) + "\n"


def test_objects_of_the_prefix_are_read_once_and_again_when_they_change(files: Files) -> None:
    put(files, "labels/2026/a.jsonl", row("tx-1") + row("tx-2"))
    put(files, "labels/b.csv", HEAD + "tx-3,ann-1,fraud\n")
    put(files, "other/c.csv", HEAD + "tx-4,ann-1,fraud\n")
    assert (files.pull().new, files.pull().read) == (3, 0)
    put(files, "labels/b.csv", HEAD + "tx-3,ann-1,fraud\ntx-5,ann-1,fraud\n")
    pulled = files.pull()
    assert (pulled.new, pulled.again, pulled.read) == (1, 1, 1)


def test_what_was_read_is_not_fetched_again_after_a_restart(files: Files, proxy: Proxy) -> None:
    put(files, "labels/a.jsonl", row("tx-1"))
    files.pull()
    proxy.asked.clear()
    again = Files(files.tools, files.name, files.drop, files.by)
    assert again.pull().read == 0
    assert not any("a.jsonl" in each for each in proxy.asked)


@pytest.mark.parametrize("fault", ["cut", "drop", "500", "503"])
def test_a_download_that_breaks_goes_on_and_gives_every_row_once(
    files: Files, proxy: Proxy, fault: str
) -> None:
    rows = "".join(row(f"{fault}-{number}") for number in range(700))
    put(files, "labels/a.jsonl", rows)
    assert len(list(files.drop.found())) == 1
    proxy.faults.append("")  # the list comes through, the object does not at first
    proxy.faults.append(fault)
    pulled = files.pull()
    assert (pulled.new, pulled.again, pulled.read) == (700, 0, 1)


def test_a_server_that_is_away_is_a_sentence_without_secrets_and_nothing_is_lost(
    files: Files, proxy: Proxy
) -> None:
    put(files, "labels/a.jsonl", row("tx-away"))
    proxy.away = True
    with pytest.raises(Unreachable) as refused:
        files.pull()
    assert SECRET not in str(refused.value) and "s3://" in str(refused.value)
    proxy.away = False
    assert files.pull().new == 1


def test_an_object_that_is_replaced_between_list_and_read_is_no_mixture(files: Files) -> None:
    put(files, "labels/a.jsonl", row("tx-old"))
    (found,) = files.drop.found()
    put(files, "labels/a.jsonl", row("tx-new") * 3)
    with pytest.raises((Unreachable, NotFound)), files.drop.opened(found):
        raise AssertionError("it was read though it is another one")
    assert files.pull().new == 1
    read = files.tools.store.log.read(kinds=["answer-given"])
    assert [f.fact.item for f in read if isinstance(f.fact, AnswerGiven)][-1] == "tx-new"


def test_the_settings_make_a_source_of_a_prefix(
    started: tuple[Proxy, str, App], files: Files, tmp_path: Path
) -> None:
    put(files, "labels/a.csv", HEAD + "tx-7,ann-1,fraud\n")
    app = started[2]
    source = SourceSettings("folder", place=f"s3://{started[1]}/labels/")
    assert isinstance(drop_of(app.settings, source), S3Drop)
    sources = make_sources(replace(app.settings, sources={"s3-exports": source}), app.tools)
    assert sources is not None
    assert sources.pull("s3-exports").new == 1
