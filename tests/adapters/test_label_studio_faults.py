"""Label Studio away, refusing, or something else altogether: a sentence each time, and the loop goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import Event
from typing import cast

import pytest
from tests.meddling import Asked, Told, answering
from tests.stores import answer, chance

from flyball.adapters.desk_label_studio import LabelStudioDesk
from flyball.adapters.label_studio_client import LabelStudio
from flyball.adapters.label_studio_http import Away, LabelStudioHttp
from flyball.adapters.label_studio_tasks import Rows
from flyball.adapters.label_studio_turns import FIRST_REST, PAUSE, Errand, Workplace
from flyball.adapters.memory_store import memory_store
from flyball.adapters.segments import MemorySegments
from flyball.core.chain import Link
from flyball.core.ids import START, BatchId, ItemId, Position
from flyball.errors import BadUsage, Unreachable
from flyball.ports import Commit, Draft, Evidence, Offer

TOKEN = "a-token-that-nobody-may-see"
HTML = {"Content-Type": "text/html; charset=utf-8"}
PROJECT = {"id": 3, "title": "Flyball x", "parsed_label_config": {}, "maximum_annotations": 1}


def studio_at(url: str, token: str = TOKEN, patience: float = 5.0) -> LabelStudio:
    return LabelStudio(LabelStudioHttp(url, token, patience))


@contextmanager
def desk_at(
    url: str, patience: float = 5.0, classes: tuple[str, ...] = (), calls: str = ""
) -> Iterator[LabelStudioDesk]:
    """A desk of project 3, where nothing has been said yet."""
    store = memory_store(chance())
    place = Workplace(
        "studio", "Flyball x", classes, project="3", every=60.0, calls=calls, secret="what it shows us"
    )
    rows = Rows(store.items, MemorySegments())
    desk = LabelStudioDesk(studio_at(url, patience=patience), place, rows, store.log, store.evidence)
    try:
        yield desk
    finally:
        desk.close()
        store.close()


def told(desk: LabelStudioDesk, now: float) -> str:
    """What an operator is told after a turn that begins now; "" where all is well."""
    failure = ""
    for _ in range(2):
        failure = ""
        try:
            assert desk.collect(now) == ()
        except Unreachable as error:
            failure = str(error)
        desk.wait()
    return failure


def well(asked: Asked) -> Told:
    """What Label Studio answers when it is well and project 3 is empty."""
    if asked.path.startswith("/api/projects/3/"):
        return Told(body=json.dumps(PROJECT).encode())
    if asked.path.startswith("/api/tasks/"):
        return Told(body=b'{"tasks": [], "total_annotations": 0, "total": 0}')
    return Told(body=b"[]")


def test_a_server_that_is_well_is_asked_what_was_said_and_nothing_is_wrong() -> None:
    with answering(well) as (url, asked), desk_at(url) as desk:
        assert told(desk, 0.0) == ""
        assert {each.headers["Authorization"] for each in asked} == {f"Token {TOKEN}"}
        before = len(asked)
        assert told(desk, 59.0) == ""
        assert len(asked) == before
        assert told(desk, 60.0) == ""
        assert len(asked) > before


WRONG = {
    "refused": (Told(401, b'{"detail": "Invalid token."}'), "refuses our token (401"),
    "forbidden": (Told(403, b"{}"), "refuses our token (403"),
    "busy": (Told(429, b"{}", {"Retry-After": "7"}), "asks to be left alone for a while (429)"),
    "unknown project": (Told(404, b"{}"), "look at the source's `project`"),
    "html": (
        Told(200, b"<html>Sign in</html>", HTML),
        "answers with text/html where Label Studio answers with JSON",
    ),
    "a login page": (Told(302, b"", {"Location": "/user/login"}), "A login page is not its API"),
    "broken": (Told(500, b"<h1>Server Error (500)</h1>", HTML), "with 500"),
    "a mistake of ours": (Told(400, b'{"validation_errors": {"x": ["no"]}}'), 'with 400: {"x": ["no"]}'),
    "cut off": (Told(200, b'{"id": 3', cut=True), "cannot be reached"),
    "not an object": (Told(200, b"17"), "in a form that is not known to us"),
    "another object": (Told(200, b'{"hello": "world"}'), "in a form that is not known to us"),
    "not JSON after all": (Told(200, b'{"id": '), "where Label Studio answers with JSON"),
}


@pytest.mark.parametrize(("answer", "sentence"), WRONG.values(), ids=WRONG)
def test_whatever_it_answers_is_told_in_a_sentence_without_the_token(answer: Told, sentence: str) -> None:
    with answering(lambda asked: answer) as (url, _), desk_at(url) as desk:
        failure = told(desk, 0.0)
        assert sentence in failure
        assert TOKEN not in failure
        assert failure.endswith((".", "?"))


def test_nobody_there_is_told_and_asked_again_later_and_later() -> None:
    with answering(well) as (url, _):
        pass
    with desk_at(url) as desk:
        assert "cannot be reached" in told(desk, 0.0)
        assert desk.next_at(0.0) == FIRST_REST
        assert "cannot be reached" in told(desk, FIRST_REST)
        assert desk.next_at(0.0) == FIRST_REST + 2 * FIRST_REST


def test_one_that_does_not_answer_in_time_holds_nobody_up() -> None:
    def slow(asked: Asked) -> Told:
        time.sleep(0.5)
        return well(asked)

    with answering(slow) as (url, _), desk_at(url, patience=0.1) as desk:
        began = time.monotonic()
        assert desk.collect(0.0) == ()
        desk.offer(Offer(BatchId("b"), (ItemId("a"),), 1), 0.0)
        assert time.monotonic() - began < 0.1
        desk.wait()
        assert "does not answer in time" in told(desk, 0.0)


@pytest.mark.parametrize(
    ("status", "headers", "rests"),
    [
        (429, {"Retry-After": "7"}, 7.0),
        (
            503,
            {"Retry-After": "Sat, 21 Nov 2026 12:00:30 GMT", "Date": "Sat, 21 Nov 2026 12:00:00 GMT"},
            30.0,
        ),
        (429, {}, FIRST_REST),
        (429, {"Retry-After": "soon"}, FIRST_REST),
        (401, {}, PAUSE),
    ],
    ids=["so many seconds", "until a date", "not said", "nonsense", "our token is refused"],
)
def test_it_is_left_alone_for_as_long_as_it_asks(status: int, headers: dict[str, str], rests: float) -> None:
    with answering(lambda asked: Told(status, b"{}", headers)) as (url, asked), desk_at(url) as desk:
        told(desk, 100.0)
        assert desk.next_at(100.0) == 100.0 + rests
        told(desk, 99.0 + rests)
        assert len(asked) == 1
        told(desk, 100.0 + rests)
        assert len(asked) == 2


def test_a_refused_token_is_shown_once_and_not_again_for_an_hour() -> None:
    with answering(lambda asked: Told(401, b"{}")) as (url, asked), desk_at(url) as desk:
        for second in range(0, 3600, 60):
            assert "refuses our token" in told(desk, float(second))
        assert len(asked) == 1
        told(desk, PAUSE)
        assert len(asked) == 2


def test_what_was_offered_meanwhile_goes_out_when_it_is_back() -> None:
    down = True

    def answer(asked: Asked) -> Told:
        if down:
            return Told(502, b"<html>", HTML)
        if asked.path.startswith("/api/projects/3/import"):
            return Told(201, json.dumps({"task_ids": [1, 2]}).encode())
        return well(asked)

    with answering(answer) as (url, asked), desk_at(url) as desk:
        desk.offer(Offer(BatchId("b"), (ItemId("a"), ItemId("c")), 1), 0.0)
        assert "with 502" in told(desk, 0.0)
        down = False
        assert told(desk, FIRST_REST) == ""
        (sent,) = [json.loads(each.body) for each in asked if "/import" in each.path]
        assert [(task["meta"]["item"], task["data"]["batch"]) for task in sent] == [("a", "b"), ("c", "b")]


def test_an_offer_that_is_refused_does_not_keep_answers_from_coming_in() -> None:
    def answer(asked: Asked) -> Told:
        refused = Told(400, b'{"detail": "key `image` is expected"}')
        return refused if "/import" in asked.path else well(asked)

    with answering(answer) as (url, asked), desk_at(url) as desk:
        desk.offer(Offer(BatchId("b"), (ItemId("a"),), 1), 0.0)
        assert "key `image` is expected" in told(desk, 0.0)
        before = len(asked)
        assert "key `image` is expected" in told(desk, 60.0)
        later = [each.path for each in asked[before:]]
        assert any(path.startswith("/api/tasks/") for path in later)
        assert not any("/import" in path for path in later)


def test_a_personal_token_is_exchanged_and_renewed_once_when_it_has_run_out() -> None:
    access = iter(["first", "second"])

    def answer(asked: Asked) -> Told:
        if asked.path == "/api/token/refresh/":
            assert json.loads(asked.body) == {"refresh": "eyJ.personal.token"}
            return Told(body=json.dumps({"access": next(access)}).encode())
        old = asked.headers["Authorization"] == "Bearer first" and len(asked_for) > 3
        return Told(401, b"{}") if old else well(asked)

    with answering(answer) as (url, asked_for):
        studio = studio_at(url, "eyJ.personal.token")
        assert [studio.project(3).id for _ in range(4)] == [3, 3, 3, 3]
        shown = [each.headers.get("Authorization") for each in asked_for if "refresh" not in each.path]
        studio.close()
    assert shown == ["Bearer first"] * 3 + ["Bearer second"] * 2


def test_a_personal_token_that_was_taken_back_is_refused_in_a_sentence() -> None:
    with answering(lambda asked: Told(401, b"{}")) as (url, asked):
        studio = studio_at(url, "eyJ.personal.token")
        with pytest.raises(Away, match="refuses our token") as refused:
            studio.project(3)
        studio.close()
    assert refused.value.paused
    assert len(asked) == 1


def test_a_project_in_which_a_class_cannot_be_chosen_gets_no_tasks_and_its_answers_still_come_in() -> None:
    with answering(well) as (url, asked), desk_at(url, classes=("no", "yes")) as desk:
        assert told(desk, 0.0) == ""
        desk.offer(Offer(BatchId("b"), (ItemId("a"),), 1), 60.0)
        assert "nobody can choose no, yes" in told(desk, 60.0)
        assert not any("/import" in each.path for each in asked)
        before = len(asked)
        told(desk, 120.0)
        assert any(each.path.startswith("/api/tasks/") for each in asked[before:])


def test_a_draft_of_nobody_knows_whom_is_passed_over_and_told_once_and_all_else_comes_in() -> None:
    task = {"id": 1, "meta": {"item": "a", "batch": "b"}, "data": {}}
    word = {"id": 7, "completed_by": 1, "result": [], "updated_at": "2026-11-20T09:00:00Z"}
    mine = {**word, "id": 8, "created_username": " me@example.org, 2"}
    bare = {**word, "id": 9, "created_username": "somebody"}

    def answer(asked: Asked) -> Told:
        if asked.path == "/api/tasks/1/drafts":
            return Told(body=json.dumps([bare, mine, {**bare, "created_username": None}]).encode())
        if asked.path.startswith("/api/tasks/"):
            drafts = "draft_exists" in asked.path
            tasks = [task if drafts else {**task, "annotations": [word]}]
            return Told(body=json.dumps({"tasks": tasks, "total_annotations": 1, "total": 1}).encode())
        return well(asked)

    with answering(answer) as (url, _), desk_at(url) as desk:
        desk.collect(0.0)
        desk.wait()
        found = desk.collect(1.0)
        assert sorted((each.annotator, each.draft) for each in found) == [("1", False), ("2", True)]
        with pytest.raises(Unreachable, match="who wrote the drafts 9: they are passed over"):
            desk.collect(2.0)
        assert told(desk, 61.0) == told(desk, 122.0) == ""


def test_a_pull_that_cannot_be_read_is_told_and_marks_nothing_as_heard() -> None:
    task = {"id": 1, "meta": {"item": "a", "batch": "b"}, "data": {}}
    word = {"id": 7, "completed_by": 1, "result": [], "updated_at": "2026-11-20T09:00:00Z"}
    tasks = [{**task, "annotations": [word]}, {**task, "annotations": 5}]

    def answer(asked: Asked) -> Told:
        if asked.path.startswith("/api/tasks/") and "draft_exists" not in asked.path:
            return Told(body=json.dumps({"tasks": tasks, "total_annotations": 1, "total": 1}).encode())
        return well(asked)

    with answering(answer) as (url, _), desk_at(url) as desk:
        assert "in a form that is not known to us" in told(desk, 0.0)
        tasks.pop()
        with suppress(Unreachable):  # what went wrong the last time
            desk.collect(100.0)
        desk.wait()
        assert [each.annotator for each in desk.collect(101.0)] == ["1"]


HOOK = {
    "id": 5,
    "project": 3,
    "url": "https://us.example.org/v1/sources/studio",
    "send_payload": True,
    "send_for_all_actions": False,
    "actions": ["ANNOTATIONS_CREATED", "ANNOTATIONS_DELETED", "ANNOTATION_CREATED", "ANNOTATION_UPDATED"],
    "headers": {"Authorization": "Bearer what it shows us"},
    "is_active": True,
}


@pytest.mark.parametrize(
    ("there", "done"),
    [
        ([], "POST /api/webhooks/"),
        ([HOOK], None),
        ([{**HOOK, "is_active": False}], "PATCH /api/webhooks/5/"),
        ([{**HOOK, "headers": {"Authorization": "Bearer an old secret"}}], "PATCH /api/webhooks/5/"),
        ([{**HOOK, "id": 4, "url": "https://others.example.org/"}], "POST /api/webhooks/"),
    ],
    ids=["none", "as it should be", "switched off", "with an old secret", "somebody else's"],
)
def test_the_webhook_is_kept_as_it_should_be(there: list[object], done: str | None) -> None:
    def answer(asked: Asked) -> Told:
        if not asked.path.startswith("/api/webhooks/"):
            return well(asked)
        return Told(body=json.dumps(there if asked.method == "GET" else HOOK).encode())

    with answering(answer) as (url, asked), desk_at(url, calls=str(HOOK["url"])) as desk:
        assert told(desk, 0.0) == ""
        changes = [each for each in asked if each.method != "GET"]
        assert [f"{each.method} {each.path}" for each in changes] == ([done] if done else [])
        for each in changes:
            sent = json.loads(each.body)
            assert {**HOOK, **sent, "actions": sorted(sent["actions"])} == HOOK


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("labels.example.org", TOKEN),
        ("ftp://labels.example.org", TOKEN),
        ("http://x", ""),
        ("http://x", "a\nb"),
    ],
    ids=["no scheme", "another scheme", "no token", "a token with a line break"],
)
def test_an_address_or_a_token_that_cannot_be_one_is_refused_at_once(url: str, token: str) -> None:
    with pytest.raises(BadUsage):
        studio_at(url, token)


class SlowEvidence:
    """A log whose chain is long in coming."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence, self.ready = evidence, Event()

    def links(self, after: Position = START, bodies: bool = True) -> Iterator[Link]:
        assert self.ready.wait(20)
        yield from self.evidence.links(after, bodies)


def test_a_long_past_is_taken_up_beside_the_loop_and_nothing_is_asked_before() -> None:
    store = memory_store(chance())
    said = replace(answer("a"), batch=BatchId("b"), revision=100.0)
    store.log.append(Commit([Draft(said, "source:studio", "w-1")]), 100.0)
    slow, rows = SlowEvidence(store.evidence), Rows(store.items, MemorySegments())
    place = Workplace("studio", "Flyball x", (), project="3")
    with answering(well) as (url, asked):
        desk = LabelStudioDesk(studio_at(url), place, rows, store.log, cast(Evidence, slow))
        desk.offer(Offer(BatchId("b"), (ItemId("a"), ItemId("c")), 1), 101.0)
        began = time.monotonic()
        assert desk.collect(101.0) == () and desk.collect(101.1) == ()
        assert (time.monotonic() - began < 10, asked, desk.team(101.2).waiting) == (True, [], 2)
        slow.ready.set()
        desk.wait()
        assert (len(asked) > 0, desk.team(103.0).waiting) == (True, 1)
        desk.close()
    store.close()


def test_a_clock_that_was_set_back_makes_no_errand_wait_for_as_long_as_it_jumped() -> None:
    errand = Errand()
    errand.done(next_at=10_060.0, now=10_000.0)
    assert [errand.due(now) for now in (10_030.0, 10_060.0, 6_400.0)] == [False, True, True]
    errand.failed(Unreachable("away"), now=6_400.0)
    assert [errand.due(now) for now in (6_401.0, 6_400.0 + FIRST_REST, 0.0)] == [False, True, True]
