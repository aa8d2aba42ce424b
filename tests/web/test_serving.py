"""A real server: who may ask, clients that are slow or lie, and an end in order."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from tests.stores import fresh_sqlite
from tests.web.process import a_process, tools_on
from tests.web.served import an_api, body, event, posted

from flyball.adapters.sql import open_store
from flyball.core.chain import verify
from flyball.errors import BadUsage, Unreachable
from flyball.ports import Commit, Log, Receipt
from flyball.settings.outside import ApiSettings
from flyball.web.app import Api
from flyball.web.server import _bound, _Server, serving, token_of
from flyball.work.capture import QUIET, collect

JSON = {"content-type": "application/json"}
TOKEN = "canary-9d1f0e7a4b5c"


@contextmanager
def a_server(directory: Path, token: str = "", silent: float = 15.0) -> Iterator[tuple[Api, str, int]]:
    """A server on a store of its own; its API, address and port."""
    store = fresh_sqlite(directory / "flyball.db")
    environment = {"FLYBALL_TOKEN": token} if token else {}
    with serving(tools_on(store), ApiSettings(port=0), environment, silent=silent) as (api, address):
        yield api, address, int(address.rpartition(":")[2])
    store.close()


def spoken(port: int, said: bytes, patience: float = 10.0) -> bytes:
    """Say bytes to a server, and hear what it says until it hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as line:
        line.sendall(said)
        heard = b""
        while piece := line.recv(65536):
            heard += piece
        return heard


def test_without_the_token_nobody_is_heard_and_it_is_in_no_answer(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with a_server(tmp_path, TOKEN) as (api, address, _), httpx.Client(base_url=address) as client:
        answers = [
            client.post("/v1/events", content=body(), headers=JSON | {"authorization": shown})
            for shown in ("", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x")
        ]
        assert [answer.status_code for answer in answers] == [401] * 6
        assert {answer.json()["code"] for answer in answers} == {"unauthorized"}
        assert answers[0].headers["www-authenticate"].startswith("Bearer")
        assert client.get("/metrics").status_code == 401
        assert api.tools.store.log.head().seq == 0, "nothing of it is kept"
        # Those who look whether it lives have no token.
        assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
        right = {"authorization": f"Bearer {TOKEN}"}
        assert client.post("/v1/events", content=body(), headers=JSON | right).status_code == 202
        bad = [
            client.post("/v1/events", content=b'{"id":', headers=JSON | right),
            client.post(f"/v1/{TOKEN}", headers=right),
            client.get("/metrics", headers=right),
        ]
        assert 'flyball_refused_total{code="unauthorized"} 7' in bad[-1].text
        assert TOKEN not in repr(api)
        said = capfd.readouterr()
        for text in (*(each.text for each in (*answers, *bad)), said.out, said.err):
            assert TOKEN not in text
        links = list(api.tools.store.evidence.links())
        assert TOKEN.encode() not in b"".join((link.body or b"") + (link.raw or b"") for link in links)


@pytest.mark.parametrize(
    ("host", "token", "environment", "said"),
    [
        ("0.0.0.0", "$FLYBALL_TOKEN", {}, "there is no token"),
        ("192.168.1.5", "", {}, "there is no token"),
        ("::", "$FLYBALL_TOKEN", {"FLYBALL_TOKEN": ""}, "there is no token"),
        ("127.0.0.1", "$OURS", {}, "OURS, and that is not set"),
        ("0.0.0.0", "tiny-one", {}, "shorter than 16"),
        ("127.0.0.1", "with a space in it", {}, "cannot be sent"),
        ("127.0.0.1", "geheimß" * 5, {}, "cannot be sent"),
    ],
)
def test_an_address_that_others_reach_needs_a_token_that_can_be_sent(
    host: str, token: str, environment: dict[str, str], said: str
) -> None:
    with pytest.raises(BadUsage, match=said) as refused:
        token_of(ApiSettings(host=host, token=token), environment)
    assert token.startswith("$") or not token or token not in str(refused.value)


def test_a_token_comes_from_where_the_settings_say() -> None:
    given = {"FLYBALL_TOKEN": "a" * 20, "OURS": "b" * 20}
    assert token_of(ApiSettings(host="0.0.0.0"), given) == "a" * 20
    assert token_of(ApiSettings(token="$OURS"), given) == "b" * 20
    assert token_of(ApiSettings(token="c" * 20, host="0.0.0.0"), given) == "c" * 20
    assert token_of(ApiSettings(), {}) == "" == token_of(ApiSettings(host="::1"), {})


def test_a_page_that_points_its_name_here_is_not_let_in(tmp_path: Path) -> None:
    with a_server(tmp_path) as (_, address, port), httpx.Client(base_url=address) as client:
        for host, status in (("evil.example", 403), (f"localhost:{port}", 202), (f"[::1]:{port}", 200)):
            answer = client.post("/v1/events", content=body(), headers=JSON | {"host": host})
            assert answer.status_code == status, host
        refused = spoken(port, b"POST /v1/events HTTP/1.1\r\nHost:\r\nContent-Length: 0\r\n\r\n")
        assert b"403" in refused.partition(b"\r\n")[0]


def test_every_answer_is_kept_by_nobody_and_taken_for_nothing_else(tmp_path: Path) -> None:
    with a_server(tmp_path) as (_, address, _), httpx.Client(base_url=address) as client:
        for answer in (
            client.post("/v1/events", content=body(), headers=JSON),
            client.post("/v1/events", content=b"", headers=JSON),
            client.get("/v1/events"),
            client.get("/nothing/here"),
            client.get("/healthz"),
            client.get("/metrics"),
        ):
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "server" not in answer.headers
        assert (client.get("/v1/events").status_code, client.get("/v1/events/").status_code) == (405, 404)


def test_metrics_count_what_happened(tmp_path: Path) -> None:
    with a_server(tmp_path) as (_, address, _), httpx.Client(base_url=address) as client:
        for content in (body(), body(), body(label="fine"), b"{", b"{", b"[1]"):
            client.post("/v1/events", content=content, headers=JSON)
        text = client.get("/metrics").text
    for line in (
        'flyball_capture_events_total{outcome="new"} 1',
        'flyball_capture_events_total{outcome="again"} 1',
        'flyball_capture_events_total{outcome="conflict"} 1',
        'flyball_refused_total{code="not_json"} 2',
        'flyball_refused_total{code="not_an_object"} 1',
        'flyball_capture_seconds_bucket{le="+Inf"} 3',
        "flyball_capture_queue 0",
        "flyball_backlog 1",
        "flyball_dead_letters 0",
        "flyball_ready 1",
    ):
        assert line in text.splitlines(), line


def _request(length: int | str, content: bytes, *more: str) -> bytes:
    head = ["POST /v1/events HTTP/1.1", "Host: localhost", "Content-Type: application/json", *more]
    return "\r\n".join([*head, f"Content-Length: {length}", "", ""]).encode() + content


def test_a_length_that_is_a_lie_harms_nobody(tmp_path: Path) -> None:
    with a_server(tmp_path) as (api, address, port):
        api.patience = 0.3
        good = body()
        slow = spoken(port, _request(len(good) + 10, good))
        assert b" 408 " in slow and b"slow_body" in slow
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(_request(len(good) + 10, good))  # and hangs up
        assert b" 400 " in spoken(port, _request("many", good))
        assert b" 400 " in spoken(port, _request(-1, good))
        assert b" 413 " in spoken(port, _request(10**9, good, "Connection: close"))
        assert api.tools.store.log.head().seq == 0, "of none of these anything was kept"
        # What follows a body that was too short for its bytes is no event, but a broken request.
        assert b"400" in spoken(port, _request(len(good), good + b"more\r\n\r\n"))
        until(lambda: api.tools.store.log.head().seq == 1)
        assert httpx.get(f"{address}/readyz").status_code == 200
        until(lambda: api.held.bytes == 0)


def test_a_large_body_is_refused_while_it_comes_and_the_sender_hears_why(tmp_path: Path) -> None:
    with a_server(tmp_path) as (api, address, _):

        def endless() -> Iterator[bytes]:
            yield b"["
            for _ in range(14_000):
                yield b" " * 1024

        answer = httpx.post(f"{address}/v1/events", content=endless(), headers=JSON, timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        assert api.held.bytes == 0


def test_a_connection_that_asks_for_nothing_ends(tmp_path: Path) -> None:
    with a_server(tmp_path, silent=0.3) as (_, address, port):
        began = time.monotonic()
        assert spoken(port, b"") == b""
        assert spoken(port, b"POST /v1/events HTTP/1.1\r\nHost: loc") == b""
        assert time.monotonic() - began < 5
        # One request, and then half of another one.
        heard = spoken(port, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /hea")
        assert heard.startswith(b"HTTP/1.1 200")
        assert httpx.get(f"{address}/healthz").status_code == 200


def test_a_port_that_is_taken_is_told_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        store = fresh_sqlite(tmp_path / "flyball.db")
        with (
            pytest.raises(Unreachable, match=f"port {port} cannot be listened on.*--port"),
            serving(tools_on(store), ApiSettings(port=port), {}),
        ):
            pass
        store.close()


def test_what_was_accepted_is_answered_before_the_end(tmp_path: Path) -> None:
    store = fresh_sqlite(tmp_path / "flyball.db")
    answers: list[int] = []

    def ask(address: str) -> None:
        answer = httpx.post(f"{address}/v1/events", content=body(), headers=JSON, timeout=20)
        answers.append(answer.status_code)

    with serving(tools_on(store), ApiSettings(port=0), {}) as (api, address):
        asking = threading.Thread(target=ask, args=(address,))
        with store.log._database.write("log"):  # type: ignore[attr-defined]
            asking.start()
            deadline = time.monotonic() + 10
            while not api.writer.waiting and time.monotonic() < deadline:
                time.sleep(0.005)
            assert api.writer.waiting == 1 and not answers
    asking.join()
    assert answers == [202] and store.log.head().seq == 1
    store.close()


def _lost(directory: Path, acked: list[str]) -> list[str]:
    store = open_store(directory / "flyball.db", salt=lambda count: bytes(count))
    try:
        links = list(store.evidence.links())
        assert verify(links) == ()
        kept = {link.event_id for link in links}
        assert store.jobs.waiting("merge").ready == len(links), "each with its job"
        return [name for name in acked if name not in kept]
    finally:
        store.close()


def _killed(directory: Path, *words: str) -> list[str]:
    """The ids that were acknowledged before a kill and are not there after it."""
    acked: list[str] = []
    for number in range(2):
        with a_process(directory, *words) as served:
            until = threading.Event()
            threads = served.hammer(8, until, f"run{number}")
            deadline = time.monotonic() + 20
            while len(served.acked) < 400 and time.monotonic() < deadline:
                time.sleep(0.005)
            served.process.kill()
            until.set()
            for thread in threads:
                thread.join()
            acked += served.acked
    assert len(acked) >= 800, "the kills came while much was acknowledged"
    return _lost(directory, acked)


@pytest.mark.slow
def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    assert _killed(tmp_path) == []


@pytest.mark.slow
def test_the_kill_finds_a_server_that_answers_before_it_writes(tmp_path: Path) -> None:
    assert _killed(tmp_path, "--eager") != []


@pytest.mark.slow
def test_a_disk_that_takes_no_more_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with a_process(tmp_path, "--largest", "1000000") as served:
        until = threading.Event()
        threads = served.hammer(4, until, "full")
        deadline = time.monotonic() + 20
        while not served.others and time.monotonic() < deadline:
            time.sleep(0.05)
        until.set()
        for thread in threads:
            thread.join()
        assert served.others, "the disk was full"
        with httpx.Client(base_url=served.address) as client:
            refused = client.post("/v1/events", content=body(), headers=JSON)
            assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
            assert client.get("/readyz").status_code == 503
            assert client.get("/healthz").status_code == 200
            assert json.loads(client.get("/readyz").text)["message"]
    assert served.acked and _lost(tmp_path, served.acked) == []


class Away:
    """A log that can be read, and takes nothing."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def append(self, commit: Commit, now: float) -> tuple[Receipt, ...]:
        raise Unreachable("the disk is full")


def until(holds: Callable[[], bool]) -> None:
    """Wait for a condition, up to ten seconds."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "it did not happen within ten seconds"
        time.sleep(0.005)


def test_many_conflicts_of_a_source_are_one_alert_that_goes_after_a_quiet_hour(tmp_path: Path) -> None:
    with an_api(tmp_path / "loop") as api:
        posted(api, json.dumps([event(id=f"e-{n}") for n in range(50)]).encode())
        for n in range(50):
            assert posted(api, body(id=f"e-{n}", label="legit")).status_code == 409
            api.look()
        tools, now = api.tools, api.tools.clock.now()
        raised = list(tools.store.log.read(kinds=["alert-raised"]))
        assert len(raised) == 1 and "e-0 of api" in str(raised[0].fact)
        collect(tools, now + QUIET - 60)
        assert "conflict-api" in tools.state.alerts
        collect(tools, now + QUIET + 60)
        assert "conflict-api" not in tools.state.alerts


def test_conflicts_that_could_not_be_told_are_told_later(tmp_path: Path) -> None:
    with an_api(tmp_path / "loop") as api:
        posted(api, body())
        posted(api, body(label="legit"))
        whole = api.tools.store
        api.tools.store = replace(whole, log=cast(Log, Away(whole.log)))
        with pytest.raises(Unreachable):
            api.look()
        api.tools.store = whole
        api.look()
        assert "e-1 of api" in str(api.tools.state.alerts["conflict-api"].fact)


def test_a_bug_in_telling_the_loop_is_told_and_ends_nothing(tmp_path: Path) -> None:
    class Odd(Api):
        """Cannot tell anything at first."""

        def look(self) -> None:
            if not mended.is_set():
                raise ZeroDivisionError("oh")
            Api.look(self)

    mended = threading.Event()
    store = fresh_sqlite(tmp_path / "flyball.db")
    tools = tools_on(store)
    with serving(tools, ApiSettings(port=0), {}, made=Odd) as (api, address):
        until(lambda: "api-look" in tools.state.alerts)
        assert "ZeroDivisionError: oh" in str(tools.state.alerts["api-look"].fact)
        assert httpx.post(f"{address}/v1/events", content=body(), headers=JSON).status_code == 202
        mended.set()
        until(lambda: "api-look" not in tools.state.alerts)
        assert api.over is None
    store.close()


def test_a_server_that_ends_by_itself_is_told_so_that_its_process_ends(tmp_path: Path) -> None:
    store = fresh_sqlite(tmp_path / "flyball.db")
    tools = tools_on(store)
    api = Api(tools, ApiSettings(port=0))
    with closing(_bound("127.0.0.1", 0)) as listening:
        server = _Server(api, listening, 15.0)
        server.start()
        try:
            server._server.should_exit = True  # and nobody asked for it
            until(lambda: api.over is not None and "api" in tools.state.alerts)
        finally:
            server.stop()
            api.close()
    assert "the API is not served any more" in str(api.over)
    with serving(tools, ApiSettings(port=0), {}):
        assert "api" not in tools.state.alerts
    store.close()
