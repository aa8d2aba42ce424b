"""Events over HTTP: what is acknowledged stands in the log once, with its bytes, whatever comes how often."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from tests.postgres import a_loop as a_loop_in_postgres
from tests.postgres import fresh_postgres
from tests.stores import chance
from tests.web.process import tools_on
from tests.web.served import LOCAL, a_loop, an_api, asked, body, captured, event, posted

from flyball.core.facts import AlertRaised, CaptureMeasured
from flyball.core.gauges_labels import Integration
from flyball.core.ids import AnnotatorId, ItemId
from flyball.errors import Unreachable
from flyball.ports import Answer, Receipt
from flyball.settings.outside import ApiSettings
from flyball.web.app import Api, capture, make_app
from flyball.work.handed import SOURCE

LINES = "application/x-ndjson"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API for tests whose events have ids of their own."""
    with an_api(tmp_path_factory.mktemp("loop")) as api:
        yield api


def raw_of(api: Api, event_id: str) -> bytes | None:
    """The bytes that stand under an id."""
    (link,) = (each for each in api.tools.store.evidence.links() if each.event_id == event_id)
    return link.raw


def stands(api: Api, event_id: str) -> int:
    """How often an id of ours stands in the log."""
    links = api.tools.store.evidence.links(bodies=False)
    return sum(link.source == SOURCE and link.event_id == event_id for link in links)


def test_the_same_bytes_again_get_the_first_receipt_and_no_second_row(shared: Api) -> None:
    first, again = posted(shared, body(id="same")), posted(shared, b" \n" + body(id="same") + b"\n")
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["new"] and not again.json()["new"]
    assert first.json() | {"new": False} == again.json()
    assert stands(shared, "same") == 1


def test_other_bytes_under_an_id_are_a_conflict_and_both_are_kept(shared: Api) -> None:
    first = posted(shared, body(id="other"))
    other = posted(shared, body(id="other", label="fine"))
    assert other.status_code == 409
    assert other.json()["code"] == "idempotency_conflict"
    assert other.json()["first"]["seq"] == first.json()["seq"]
    assert raw_of(shared, "other") == body(id="other")
    assert body(id="other", label="fine") in [each.raw for each in shared.tools.store.evidence.contested()]
    shared.look()
    (alert,) = (r.fact for r in shared.tools.store.log.read(kinds=["alert-raised"]))
    assert isinstance(alert, AlertRaised) and "other of api" in alert.message


def test_two_clients_at_once_with_the_same_id_get_the_same_receipt(shared: Api) -> None:
    async def both(client: httpx.AsyncClient) -> list[httpx.Response]:
        headers = {"content-type": "application/json"}
        posts = [client.post("/v1/events", content=body(id="race"), headers=headers) for _ in range(20)]
        return await asyncio.gather(*posts)

    answers = asked(shared, both)
    assert sorted(answer.status_code for answer in answers) == [*([200] * 19), 202]
    assert len({answer.json()["hash"] for answer in answers}) == 1
    assert stands(shared, "race") == 1


def test_an_event_is_the_same_alone_in_an_array_and_on_a_line(shared: Api) -> None:
    one = '{ "id":"alone",  "item":"é", "annotator":"a","label":"l\\u00e4", "x-mine": [1.0,  2e1] }'.encode()
    assert posted(shared, one).status_code == 202
    assert posted(shared, b"[ " + one + b" ]").status_code == 200
    assert posted(shared, b"\n" + one + b"\r\n\n", LINES).status_code == 200
    assert raw_of(shared, "alone") == one


def test_of_many_each_stands_for_itself(shared: Api) -> None:
    posted(shared, body(id="m1"))
    several = [event(id="m1"), event(id="m1", label="fine"), event(id="m2"), event(id="m3", item=7)]
    # Python's json writes the first as `body` does, so it is a repeat, byte for byte.
    answer = posted(shared, json.dumps(several).encode())
    assert answer.status_code == 207
    assert [each["status"] for each in answer.json()] == [200, 409, 202, 400]
    assert answer.json()[3]["where"] == "/3/item"
    assert (stands(shared, "m1"), stands(shared, "m2"), stands(shared, "m3")) == (1, 1, 0)
    again = posted(shared, json.dumps(several[:1]).encode())
    assert (again.status_code, again.json()[0]["status"]) == (200, 200)


def test_a_broken_line_holds_no_other_up_and_a_broken_array_is_not_taken_at_all(shared: Api) -> None:
    text = body(id="l1") + b'\n{"id": "l2", \n' + body(id="l3")
    answer = posted(shared, text, LINES)
    assert [each["status"] for each in answer.json()] == [202, 400, 202]
    told = posted(shared, b"\n\n" + b'{"id": "l2", \n' + body(id="l3"), LINES).json()[0]
    assert told["where"] == "/2" and "at line 3, column" in told["message"]
    broken = posted(shared, b"[" + body(id="l4") + b', {"id": ]')
    assert (broken.status_code, stands(shared, "l4")) == (400, 0)


def test_a_body_may_be_packed(shared: Api) -> None:
    packed = gzip.compress(body(id="packed"))
    assert posted(shared, packed, content_encoding="gzip").status_code == 202
    assert raw_of(shared, "packed") == body(id="packed")


@pytest.mark.parametrize(
    "said",
    [
        {"said_at": "2026-11-20T08:30:00+05:30", "batch": "batch-1", "seconds": 12.5, "revision": 3},
        {"said_at": 1795163400, "fields": {"box": [1, 2.5, None], "note": "ok"}, "draft": False},
        {"label": None, "withdrawn": True},
        {"label": "", "draft": True},
        {"label": None, "part": {"envelope": "e-1", "number": 1, "of": 2}, "fields": {"a": {}}},
        {"definitions": "AB" * 32, "x-tool": {"version": [1, {"a": None}]}},
        {"batch": None, "seconds": 0, "fields": {}},
        {"item": "名前 🙂", "label": "\u202eرمز", "annotator": "a" * 512},
    ],
)
def test_what_an_event_may_say_is_taken(shared: Api, said: dict[str, Any]) -> None:
    number = len(captured(shared))
    answer = posted(shared, body(id=f"may-{number}", **said))
    assert answer.status_code == 202, answer.text
    fact = captured(shared)[-1]
    assert fact.label == (said.get("label", "fraud") or "")
    if "definitions" in said:
        assert fact.definitions == "ab" * 32
    if "part" in said:
        assert fact.part == ("e-1", 1, 2)


def test_a_uuid_is_one_id_in_whatever_form(shared: Api) -> None:
    plain = "0f8fad5b-d9cb-469f-a165-70867728950e"
    assert posted(shared, body(id="{" + plain.upper() + "}")).json()["id"] == plain
    assert posted(shared, body(id=plain.replace("-", ""))).status_code == 409


def test_a_clock_that_is_off_is_told_and_orders_nothing(shared: Api) -> None:
    ahead = posted(shared, body(id="ahead", said_at="9999-12-31T23:59:60Z")).json()
    long_ago = posted(shared, body(id="long-ago", said_at="1970-01-01T00:00:00Z")).json()
    right = posted(shared, body(id="right", said_at=shared.tools.clock.now() - 5)).json()
    assert ahead["skew"] > 2e11 and long_ago["skew"] < -1e9 and "skew" not in right
    assert ahead["seq"] < long_ago["seq"] < right["seq"]
    assert ahead["at"] <= long_ago["at"] <= right["at"]


def test_capture_waits_for_nobody_who_decides(shared: Api) -> None:
    inside, done = threading.Event(), threading.Event()

    def decide() -> None:
        with shared.tools.lock:
            inside.set()
            done.wait(30)

    thread = threading.Thread(target=decide)
    thread.start()
    inside.wait(30)
    try:
        assert posted(shared, body(id="meanwhile")).status_code == 202
        assert shared.tools.behind, "the tools know that there is something to take in"
    finally:
        done.set()
        thread.join()


def test_lanes_take_in_what_came_and_are_woken(tmp_path: Path) -> None:
    with a_loop(tmp_path) as app:
        woken: list[bool] = []
        app.tools.changed = lambda: woken.append(True)
        api = Api(app.tools, app.settings.api)
        before = app.tools.state.seq
        assert posted(api, body()).status_code == 202
        assert woken == [True] and app.tools.state.seq == before
        app.lanes["train"].due(app.clock.now())
        assert app.tools.state.seq == app.tools.store.log.head().seq and not app.tools.behind
        api.close()


def test_how_long_callers_wait_is_a_signal_that_a_replay_sees_too(tmp_path: Path) -> None:
    with an_api(tmp_path) as api:
        for number in range(20):
            posted(api, body(id=f"m-{number}"))
        api.look()
        assert not list(api.tools.store.log.read(kinds=["capture-measured"])), "once a minute is enough"
        api._measured_at -= 61
        api.look()
        integration = Integration()
        for recorded in api.tools.store.log.read():
            integration.observe(recorded)
        fact = recorded.fact
        assert isinstance(fact, CaptureMeasured) and fact.calls == 20
        assert 0 < fact.p50 <= fact.p99 <= fact.longest < 10
        assert integration.read(recorded.at + 1)["capture.latency_p99"] == fact.p99
        assert integration.read(recorded.at + 3_601)["capture.latency_p99"] is None


def test_a_store_that_takes_nothing_is_told_and_mends(tmp_path: Path) -> None:
    with an_api(tmp_path) as api:
        assert posted(api, body(id="before")).status_code == 202
        # The file may not grow any more: as a full disk, and as real as SQLite can have it.
        (engine,) = [api.tools.store.log._database._writing]  # type: ignore[attr-defined]
        with engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        large = {"fields": {"text": "x" * 100_000}}
        refused = posted(api, body(id="full", **large))
        assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
        assert refused.headers["retry-after"] == "5"
        assert str(tmp_path) not in refused.text
        ready = asked(api, lambda client: client.get("/readyz"))
        assert (ready.status_code, ready.json()["code"]) == (503, "store_unavailable")
        assert stands(api, "full") == 0 and stands(api, "before") == 1, "reading goes on"
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        api.look()
        assert asked(api, lambda client: client.get("/readyz")).status_code == 200
        assert posted(api, body(id="full", **large)).status_code == 202


@pytest.mark.slow
def test_several_processes_on_postgresql_give_one_receipt_for_one_id() -> None:
    with a_loop_in_postgres() as loop:
        stores = [fresh_postgres(chance(seed), loop) for seed in (1, 2)]
        apis = [Api(tools_on(store), ApiSettings()) for store in stores]

        async def both() -> list[dict[str, Any]]:
            answers = []
            for number in range(20):
                given = [Answer(f"pg-{number}", ItemId("i"), AnnotatorId("a"), "x", None, None, raw=b"same")]
                answers += await asyncio.gather(*(capture(api, given, SOURCE) for api in apis))
            return [vars_of(receipt) for (receipt,) in answers]

        def vars_of(receipt: Receipt) -> dict[str, Any]:
            return {"seq": receipt.seq, "hash": receipt.hash, "new": receipt.new}

        told = asyncio.run(both())
        assert len({each["seq"] for each in told}) == 20 == sum(each["new"] for each in told)
        assert len({each["hash"] for each in told}) == 20
        for api, store in zip(apis, stores, strict=True):
            api.close()
            store.close()


def test_a_bug_is_told_as_one_and_says_nothing_of_what_is_inside(tmp_path: Path) -> None:
    with an_api(tmp_path) as api:

        def broken(request: Request) -> Response:
            raise RuntimeError("secret-inside")

        app = make_app(api)
        app.add_route("/broken", broken)
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)

        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=transport, base_url=LOCAL) as client:
                return await client.get("/broken")

        answer = asyncio.run(ask())
        assert (answer.status_code, answer.json()["code"]) == (500, "bug")
        assert "secret-inside" not in answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_nothing_is_taken_while_the_process_ends(tmp_path: Path) -> None:
    with an_api(tmp_path) as api:
        api.writer.close()
        refused = posted(api, body())
        assert (refused.status_code, refused.json()["code"]) == (503, "ending")
        assert api.unready() is not None
        with pytest.raises(Unreachable):
            api.writer.written([])
