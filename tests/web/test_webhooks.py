"""Calls of labelling tools: believed only where they are rightly signed, kept once, and never lost."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.core.test_mappings import BOXES, LOOP, STUDIO, changed
from tests.forged_signatures import BODY, SECRET, STANDARD, forged, plain, standard
from tests.loops import write_loop
from tests.web.served import REAL, a_loop, asked, captured

from flyball.adapters.clock import RealClock
from flyball.adapters.toml_file import load
from flyball.bootstrap.sources import make_sources
from flyball.core.facts import DeliveryUnread, Recorded
from flyball.errors import BadFile, BadUsage, StoreStopped, Unreachable
from flyball.ports import Commit, Log, Receipt
from flyball.settings import SourceSettings
from flyball.settings.outside import ApiSettings
from flyball.web.api import Api
from flyball.web.callers import Callers, callers_of
from flyball.work.withdrawals import Withdrawals

SOURCES = {
    "studio": SourceSettings("label_studio", (SECRET,)),
    "box": SourceSettings("labelbox", (SECRET, "the-secret-before-it")),
    "loop": SourceSettings("dataloop", (SECRET,), scheme="hmac"),
    "own": SourceSettings("signed", (STANDARD,)),
    "twin": SourceSettings("signed", (STANDARD,)),
}


def sections(sources: Mapping[str, SourceSettings]) -> str:
    """These sources as `loop.toml` has them."""
    return "".join(
        f"[sources.{name}]\nkind = {source.kind!r}\nsecrets = {list(source.secrets)}\n"
        + (f"scheme = {source.scheme!r}\n" if source.scheme else "")
        for name, source in sources.items()
    )


@contextmanager
def served(directory: Path) -> Iterator[Api]:
    with a_loop(directory) as app:
        app.tools.settings = load(write_loop(directory, settings=REAL + sections(SOURCES)))
        api = Api(app.tools, ApiSettings(), "token-of-the-loop-itself")
        try:
            yield api
        finally:
            api.close()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with served(tmp_path / "loop") as api:
        yield api


def called(api: Api, name: str, body: bytes, headers: Sequence[tuple[str, str]]) -> httpx.Response:
    sent = [(header.encode(), value.encode("utf-8", "replace")) for header, value in headers]
    return asked(api, lambda client: client.post(f"/v1/sources/{name}", content=body, headers=sent))


def studio(api: Api, sent: Any) -> httpx.Response:
    return called(api, "studio", json.dumps(sent).encode(), [("authorization", f"Bearer {SECRET}")])


def own(api: Api, sent: Any, identity: str = "msg_1", late: float = 0.0, name: str = "own") -> httpx.Response:
    body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    now = str(int(RealClock().now() - late))
    return called(api, name, body, standard(identity=identity, timestamp=now, body=body))


def facts(api: Api, kind: str) -> list[Recorded]:
    return list(api.tools.store.log.read(kinds=[kind]))


EVENT = {"item": "tx-1", "annotator": "ann-1", "label": "fraud"}


def test_nothing_of_a_forged_call_is_kept_but_a_count(api: Api) -> None:
    before = api.tools.store.log.head()

    async def ask(client: httpx.AsyncClient) -> list[tuple[str, int]]:
        found = []
        for call in (call for call in forged() if call.scheme == "standard" and call.secrets == (STANDARD,)):
            headers = [(h.encode(), v.encode("utf-8", "replace")) for h, v in call.headers]
            sent = await client.post("/v1/sources/own", content=call.body, headers=headers)
            found.append((call.name, sent.status_code))
        return found

    statuses = asked(api, ask)
    assert len(statuses) > 80
    assert {status for _, status in statuses} == {401}
    assert api.tools.store.log.head() == before
    assert api.metrics.refused["bad_signature"] == len(statuses)


def test_who_is_not_known_hears_the_same_as_who_forges(api: Api) -> None:
    unknown = called(api, "nobody", BODY, [("authorization", f"Bearer {SECRET}")])
    wrong = called(api, "studio", BODY, [("authorization", "Bearer wrong-wrong-wrong-wrong")])
    assert (unknown.status_code, unknown.json()) == (wrong.status_code, wrong.json())
    assert unknown.status_code == 401


def test_a_call_is_safe_before_it_is_answered_and_again_is_the_first_receipt(api: Api) -> None:
    first, again = own(api, EVENT), own(api, EVENT)
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["seq"] == again.json()["seq"] and first.json()["id"] == "delivery-msg_1"
    assert len(captured(api)) == 1


def test_an_old_call_that_was_right_once_is_refused_when_it_is_replayed(api: Api) -> None:
    assert own(api, EVENT, late=290).status_code == 202
    assert own(api, EVENT, late=310).status_code == 401
    assert len(captured(api)) == 1


def test_two_sources_with_the_same_ids_are_two_things(api: Api) -> None:
    assert own(api, EVENT).json()["new"] and own(api, EVENT, name="twin").json()["new"]
    assert len(captured(api)) == 2


def test_the_same_id_with_other_content_is_a_conflict_and_both_are_kept(api: Api) -> None:
    own(api, EVENT)
    other = own(api, {**EVENT, "label": "legit"})
    assert other.status_code == 409
    assert [fact.label for fact in captured(api)] == ["fraud"]
    assert len(list(api.tools.store.evidence.contested())) == 1


def test_a_captured_labelbox_call_without_a_time_can_be_replayed_for_ever_to_no_effect(api: Api) -> None:
    body = json.dumps(BOXES).encode()
    signed = [("x-hub-signature", "sha1=" + plain(body=body, how="sha1"))]
    statuses = [called(api, "box", body, [*signed, ("x-labelbox-id", str(n))]).status_code for n in range(4)]
    assert statuses == [202, 200, 200, 200]
    old = hmac.new(b"the-secret-before-it", body, "sha256").hexdigest()
    assert called(api, "box", body, [("x-hub-signature-256", f"sha256={old}")]).status_code == 200
    assert len(captured(api)) == 1


def test_what_a_header_says_that_is_not_signed_changes_nothing(api: Api) -> None:
    body = json.dumps(BOXES).encode()
    signed = ("x-hub-signature-256", "sha256=" + plain(body=body))
    assert called(api, "box", body, [signed, ("x-labelbox-event", "LABEL_DELETED")]).status_code == 202
    assert [fact.withdrawn for fact in captured(api)] == [False]


def test_label_studio_calls_with_a_secret_and_its_counters_may_change(api: Api) -> None:
    first = studio(api, STUDIO)
    assert first.status_code == 202
    assert studio(api, STUDIO).status_code == 200
    # The same annotation in a call whose project counts one task more is another call, with the same effect.
    assert studio(api, changed(STUDIO, "project.title", "cards!")).status_code == 202
    assert [(fact.item, fact.revision) for fact in captured(api)] == [("tx-9", 1795165205.0)] * 2
    assert not list(api.tools.store.evidence.contested())


def test_dataloop_calls_are_read_in_their_shape(api: Api) -> None:
    body = json.dumps({"annotation": LOOP}).encode()
    assert called(api, "loop", body, [("x-signature", plain(body=body))]).status_code == 202
    assert captured(api)[0].annotator == "bob@example.org"


def test_what_nobody_can_read_is_kept_once_with_its_bytes_and_what_is_wrong(api: Api) -> None:
    sent = changed(BOXES, "projects.p-1.labels.0.annotations.objects.0.bounding_box.top", None)
    body = json.dumps(sent).encode()
    signed = [("x-hub-signature-256", "sha256=" + plain(body=body))]
    first, again = (called(api, "box", body, signed) for _ in range(2))
    assert first.status_code == again.status_code == 202
    assert first.json()["unread"][0]["code"] == "null"
    assert first.json()["unread"][0]["where"].endswith("/bounding_box/top")
    (kept,) = facts(api, "delivery-unread")
    assert isinstance(kept.fact, DeliveryUnread) and kept.fact.code == "null"
    (link,) = [link for link in api.tools.store.evidence.links() if link.seq == kept.seq]
    assert link.raw == body
    assert not captured(api)


def test_a_rightly_signed_body_that_is_no_json_is_kept_too_and_breaks_nothing(api: Api) -> None:
    bodies = [b"", b"no json", b"[" * 5000, b'{"a":1,"a":2}', b"\xff", b'{"item":NaN}', b"7"]
    assert {own(api, body, f"msg_{number}").status_code for number, body in enumerate(bodies)} == {202}
    kept = [link.raw for link in api.tools.store.evidence.links() if link.kind == "delivery-unread"]
    assert kept == bodies


def test_an_event_that_says_nothing_about_labels_leaves_nothing_behind(api: Api) -> None:
    before = api.tools.store.log.head()
    told = studio(api, {"action": "PROJECT_UPDATED", "project": {"id": 1}})
    assert told.status_code == 202 and "PROJECT_UPDATED" in told.json()["about"]
    assert api.tools.store.log.head() == before


def test_several_answers_in_one_call_are_each_answered_for(api: Api) -> None:
    told = own(api, [EVENT, {**EVENT, "item": "tx-2"}, {"item": "tx-3"}])
    assert told.status_code == 202
    assert [each["status"] for each in told.json()["results"]] == [202, 202]
    assert {flaw["where"] for flaw in told.json()["unread"]} == {"/2/annotator", "/2/label"}
    assert len({each["id"] for each in told.json()["results"]}) == 2


@pytest.mark.parametrize("order", ["said first", "deleted first", "deleted, then two versions"])
def test_words_that_are_deleted_in_the_tool_are_taken_back_in_whatever_order_they_come(
    api: Api, order: str
) -> None:
    gone = {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 17}]}
    later = changed(STUDIO, "annotation.updated_at", "2026-11-20T10:00:00Z")
    back = Withdrawals(api.tools, "source:studio")
    other = changed(STUDIO, "annotation.id", 170)
    sent = {
        "said first": [STUDIO, gone],
        "deleted first": [gone, STUDIO],
        "deleted, then two versions": [gone, later, STUDIO],
    }
    for each in [other, *sent[order]]:
        assert studio(api, each).status_code == 202
        back.look(api.tools.clock.now())
    words = [fact for fact in captured(api) if fact.withdrawn]
    said = [fact for fact in captured(api) if not fact.withdrawn]
    assert len(words) == len(said) - 1
    for fact in words:
        assert (fact.item, fact.annotator, fact.label) == ("tx-9", "3", "")
    last = max(said[1:], key=lambda fact: fact.revision or 0)
    newest = max(words, key=lambda fact: fact.revision or 0)
    assert newest.revision is not None and last.revision is not None and newest.revision > last.revision
    # Looked at again from the beginning, nothing is taken back a second time.
    assert Withdrawals(api.tools, "source:studio").look(api.tools.clock.now()) == 0


def test_a_deletion_that_could_not_be_carried_out_is_carried_out_the_next_time(api: Api) -> None:
    class Away:
        """A log that can be read, and takes nothing."""

        def __init__(self, log: Log) -> None:
            self.read, self.at, self.head, self.note = log.read, log.at, log.head, log.note

        def append(self, commit: Commit, now: float) -> tuple[Receipt, ...]:
            raise Unreachable("the disk is full")

    studio(api, STUDIO)
    back = Withdrawals(api.tools, "source:studio")
    back.look(1.0)
    studio(api, {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 17}]})
    whole = api.tools.store
    api.tools.store = replace(whole, log=Away(whole.log))
    with pytest.raises(Unreachable):
        back.look(2.0)
    api.tools.store = whole
    assert (back.look(3.0), back.look(4.0)) == (1, 0)


def test_a_better_map_reads_what_could_not_be_read_before(api: Api) -> None:
    own(api, {"task": {"id": "tx-1"}, "annotator": "ann-1", "label": "fraud"})
    assert not captured(api)
    better = replace(SOURCES["own"], map={"item": "task.id"})
    api.tools.settings = replace(api.tools.settings, sources={"own": better})
    sources = make_sources(api.tools.settings, api.tools)
    assert sources is not None
    assert sources.pull("own").new == 0
    assert sources.pull("own", again=True).new == 1
    assert sources.pull("own", again=True).new == 0
    assert captured(api)[0].item == "tx-1"


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (
            SourceSettings("signed", ("$FLYBALL_NOT_SET",)),
            "is read from $FLYBALL_NOT_SET, and that is not set",
        ),
        (SourceSettings("signed", ("canary-short",)), "at least 16 characters"),
        (SourceSettings("signed", ("whsec_canary!",)), "base64"),
        (SourceSettings("folder", ("canary-canary-canary",)), "of kind folder, which calls nobody"),
        (SourceSettings("signed", (STANDARD,), map={"lable": "x"}), "did you mean `label`?"),
    ],
)
def test_a_source_that_cannot_be_used_is_told_before_anything_is_served_without_its_secret(
    source: SourceSettings, complaint: str
) -> None:
    with pytest.raises(BadUsage) as error:
        callers_of({"own": source}, {})
    assert complaint in str(error.value) and "[sources.own]" in str(error.value)
    assert "canary" not in str(error.value)


NEW, OLD = "the-secret-that-is-new", "the-secret-before-it"
WRITTEN = '[sources.tool]\nkind = "labelbox"\nsecrets = [{}]\n'


def test_a_secret_is_exchanged_while_calls_come_and_none_of_them_is_refused(tmp_path: Path) -> None:
    loop = write_loop(tmp_path / "loop", settings=REAL + WRITTEN.format(f'"{OLD}"'))
    file = loop / "loop.toml"
    body = json.dumps(BOXES).encode()
    said: list[tuple[str, int]] = []

    def write(*secrets: str, more: str = "") -> None:
        listed = ", ".join(f'"{each}"' for each in secrets)
        fresh = file.with_suffix(".new")
        fresh.write_text(REAL + WRITTEN.format(listed) + more)
        fresh.replace(file)

    async def ask(client: httpx.AsyncClient) -> None:
        async def call(step: str, secret: str) -> None:
            signature = "sha256=" + hmac.new(secret.encode(), body, "sha256").hexdigest()
            sent = await client.post(
                "/v1/sources/tool", content=body, headers={"x-hub-signature-256": signature}
            )
            said.append((f"{step}, {'new' if secret == NEW else 'old'}", sent.status_code))

        async def both(step: str) -> None:
            await call(step, OLD)
            await call(step, NEW)

        await both("before")
        write(NEW, OLD)
        await both("both stand")
        for more in ('[sources.broken]\nkind = "what"\n', f'[sources.broken]\nsecrets = "{NEW}\n'):
            write(NEW, more=more)
            await both("a broken file")
            raised.append(str(api.tools.state.alerts["secrets"].fact))
        write(NEW, more="[sources.tool2]\nkind = 'signed'\nsecrets = ['$FLYBALL_NOT_SET']\n")
        await both("one that another source spoils, which is not there yet")
        write(NEW)
        await both("after")
        file.unlink()
        await call("no file", NEW)

    raised: list[str] = []
    with served(tmp_path / "other") as api:
        api.tools.settings = load(file)
        asked(api, ask)
        assert "secrets" not in api.tools.state.alerts
    assert said == [
        ("before, old", 202),
        ("before, new", 401),
        ("both stand, old", 200),
        ("both stand, new", 200),
        ("a broken file, old", 200),
        ("a broken file, new", 200),
        ("a broken file, old", 200),
        ("a broken file, new", 200),
        ("one that another source spoils, which is not there yet, old", 401),
        ("one that another source spoils, which is not there yet, new", 200),
        ("after, old", 401),
        ("after, new", 200),
        ("no file, new", 200),
    ]
    assert all("the secrets of sources stay as they were: line " in each for each in raised)
    assert not any(NEW in each for each in raised)


def boxed(api: Api, secret: str) -> int:
    body = json.dumps(BOXES).encode()
    return called(api, "tool", body, [("x-hub-signature-256", "sha256=" + signed(secret, body))]).status_code


def signed(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, "sha256").hexdigest()


def told(api: Api) -> str:
    """What the alert about secrets says; "" where there is none."""
    standing = api.tools.state.alerts.get("secrets")
    return "" if standing is None else str(getattr(standing.fact, "message", ""))


@pytest.fixture
def tool(tmp_path: Path) -> Iterator[tuple[Api, Path]]:
    """A loop whose settings were read from a file, and that file."""
    with served(tmp_path / "loop") as api:
        file = write_loop(tmp_path / "other", settings=REAL + WRITTEN.format(f'"{OLD}"')) / "loop.toml"
        api.tools.settings = load(file)
        yield api, file


def test_a_secret_that_is_exchanged_while_the_process_starts_is_taken_in(tool: tuple[Api, Path]) -> None:
    api, file = tool
    file.write_text(REAL + WRITTEN.format(f'"{NEW}"'))  # its settings are read, and nobody listens yet
    assert (boxed(api, OLD), boxed(api, NEW), told(api)) == (401, 202, "")


def test_a_secret_that_a_flag_sets_stays_whatever_the_file_says(tool: tuple[Api, Path]) -> None:
    api, file = tool
    api.tools.settings = load(file, {"sources.tool.secrets": [NEW]})
    file.write_text(REAL + WRITTEN.format(f'"{OLD}", "the-third-of-the-secrets"'))
    assert (boxed(api, NEW), boxed(api, OLD)) == (202, 401)


def test_a_source_that_is_taken_out_of_the_file_is_refused_as_an_unknown_one_until_it_is_back(
    tool: tuple[Api, Path],
) -> None:
    api, file = tool
    body = json.dumps(BOXES).encode()
    headers = [("x-hub-signature-256", "sha256=" + signed(OLD, body))]

    async def ask(client: httpx.AsyncClient) -> list[httpx.Response]:
        found = []
        for text, name in [(with_it, "tool"), (REAL, "tool"), (REAL, "nobody"), (with_it, "tool")]:
            file.write_text(text)
            found.append(await client.post(f"/v1/sources/{name}", content=body, headers=headers))
            alerts.append(told(api))
        return found

    with_it, alerts = file.read_text(), list[str]()
    before, gone, unknown, after = asked(api, ask)
    assert (before.status_code, after.status_code) == (202, 200)
    assert (gone.status_code, gone.content, gone.headers.raw) == (401, *_told(unknown))
    assert alerts[1].startswith("[sources.tool]: not in loop.toml any more")
    assert (alerts[0], alerts[2], alerts[3]) == ("", alerts[1], "")


@pytest.mark.parametrize("text", [REAL, "no TOML"], ids=["a source is gone", "a file with a mistake"])
def test_a_file_counts_as_read_only_once_what_it_brings_is_told(tool: tuple[Api, Path], text: str) -> None:
    class Away:
        """A log that can be read, and takes nothing for good."""

        def __init__(self, log: Log) -> None:
            self.read, self.at, self.head, self.note = log.read, log.at, log.head, log.note

        def append(self, commit: Commit, now: float) -> tuple[Receipt, ...]:
            raise StoreStopped("the disk fails")

    api, file = tool
    callers, whole = Callers(api.tools, {}), api.tools.store
    callers.look()
    file.write_text(text)
    api.tools.store = replace(whole, log=Away(whole.log))
    with pytest.raises(StoreStopped):
        callers.look()
    api.tools.store = whole
    assert callers.changed and not told(api)
    callers.look()
    assert not callers.changed and told(api)


def test_no_secret_is_in_anything_that_is_said_or_kept(api: Api) -> None:
    said = [own(api, EVENT).text, own(api, b"x").text, called(api, "own", BODY, standard()).text]
    said += ["\n".join(api.metrics.lines()), repr(api.metrics), studio(api, STUDIO).text]
    kept = [bytes(link.body or b"") + bytes(link.raw or b"") for link in api.tools.store.evidence.links()]
    for secret in (SECRET, STANDARD, STANDARD[6:]):
        assert not any(secret in each for each in said)
        assert not any(secret.encode() in each for each in kept)


TOKEN = "aB3" * 13 + "x"


def test_a_project_token_that_label_studio_tells_with_each_call_is_nowhere_in_the_log(api: Api) -> None:
    told = {**STUDIO, "project": {**STUDIO["project"], "token": TOKEN, "color": "red"}}
    gone = {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 17}], "project": told["project"]}
    broken = changed(told, "annotation.result", None)
    bodies = [json.dumps(each).encode() for each in (told, gone, broken)]
    bodies.append(bodies[0][:-20])  # the rest got lost, so that this is no JSON
    bearer = [("authorization", f"Bearer {SECRET}")]
    assert {called(api, "studio", body, bearer).status_code for body in bodies} == {202}
    links = [link for link in api.tools.store.evidence.links() if link.source == "source:studio"]
    assert len(links) == len(bodies)
    for link, body in zip(links, bodies, strict=True):
        assert link.raw is not None and TOKEN.encode() not in link.raw + (link.body or b"")
        # All else is there, and who has the whole of it can show that it came.
        words = b"not kept; with it, the SHA-256 is " + hashlib.sha256(body).hexdigest().encode()
        assert link.raw.replace(words, TOKEN.encode()) == body
    before = api.tools.store.log.head()
    assert {called(api, "studio", body, bearer).status_code for body in bodies} <= {200, 202}
    assert api.tools.store.log.head() == before
    other = bodies[0].replace(b"red", b"green")  # another token with the same name is somebody's own data
    assert own(api, {**EVENT, "fields": {"token": TOKEN}}).status_code == 202
    assert called(api, "studio", other, bearer).json()["new"]
    (mine,) = [link for link in api.tools.store.evidence.links() if link.source == "source:own"]
    assert TOKEN.encode() in (mine.raw or b"")


def test_what_could_not_be_read_is_the_same_answer_when_it_is_read_again_and_when_it_is_sent_again(
    api: Api,
) -> None:
    told = {**STUDIO, "project": {**STUDIO["project"], "token": TOKEN}}
    told["task"] = {"id": 4, "data": {"key": "tx-9"}}
    assert studio(api, told).json()["unread"]
    better = replace(SOURCES["studio"], map={"item": "data.key"})
    api.tools.settings = replace(api.tools.settings, sources={"studio": better})
    sources = make_sources(api.tools.settings, api.tools)
    assert sources is not None and sources.pull("studio", again=True).new == 1
    assert studio(api, told).status_code == 200
    assert len(captured(api)) == 1


class Heard:
    """A body that counts how much of it was asked for."""

    def __init__(self, pieces: int = 300, size: int = 65536) -> None:
        self.pieces, self.size, self.given = pieces, size, 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self.pieces):
            self.given += 1
            yield bytes(self.size)


@pytest.mark.parametrize(
    ("name", "headers"),
    [("nobody", []), ("studio", [("authorization", "Bearer wrong-wrong-wrong")]), ("own", []), ("loop", [])],
    ids=["unknown source", "wrong secret", "no signature", "no signature of another scheme"],
)
def test_who_cannot_be_believed_whatever_the_body_takes_no_room_from_the_known_and_none_for_long(
    api: Api, name: str, headers: list[tuple[str, str]]
) -> None:
    api.held.most = 0
    # It is longer than a body may be, which nobody would hear of without reading it.
    sent = asked(
        api,
        lambda client: client.post(
            f"/v1/sources/{name}", content=Heard(), headers=[(h.encode(), v.encode()) for h, v in headers]
        ),
    )
    assert (sent.status_code, sent.json()["code"]) == (401, "bad_signature")
    assert (api.strange.bytes, api.held.bytes) == (0, 0)


PACKED = [("content-encoding", "gzip")]
UNHEARD: dict[str, tuple[bytes, list[tuple[str, str]]]] = {
    "larger than any body may be": (b" " * ((10 << 20) + 1), []),
    "announced as larger": (b"{}", [("content-length", "99999999")]),
    "larger than one event may be": (b"{" + b" " * (2 << 20), []),
    "larger when it is unpacked": (gzip.compress(b" " * (11 << 20)), PACKED),
    "no gzip": (b"no gzip", PACKED),
    "cut short": (gzip.compress(b"{}")[:-3], PACKED),
    "packed in another way": (b"{}", [("content-encoding", "br")]),
    "just not signed by it": (b"{}", []),
}


@pytest.mark.parametrize(("body", "more"), UNHEARD.values(), ids=UNHEARD)
def test_whatever_is_wrong_with_a_body_a_stranger_cannot_tell_by_it_which_sources_there_are(
    api: Api, body: bytes, more: list[tuple[str, str]]
) -> None:
    now = str(int(RealClock().now()))
    signed = standard(timestamp=now, body=b"another body")
    hub = [("x-hub-signature-256", "sha256=" + plain(body=b"another body"))]
    for name, headers in {"own": signed, "box": hub}.items():
        known, unknown = (called(api, each, body, [*headers, *more]) for each in (name, "nobody"))
        assert (known.status_code, known.content, known.headers.raw) == (401, *_told(unknown))
    proved = called(api, "studio", body, [("authorization", f"Bearer {SECRET}"), *more])
    assert proved.status_code in (202, 400, 413, 415)  # one who is known is told what is wrong


@pytest.mark.parametrize("left", [0, 1, 40])
def test_while_strangers_take_the_room_whoever_is_not_known_is_told_so_alike(api: Api, left: int) -> None:
    api.strange.bytes = api.strange.most - left  # room for no body that is as long as this
    body = json.dumps(EVENT).encode()
    right, unknown = own(api, EVENT), own(api, EVENT, name="nobody")
    wrong = called(api, "studio", body, [("authorization", "Bearer wrong-wrong-wrong")])
    unsigned = called(api, "own", body, [])
    assert (right.status_code, right.json()["code"]) == (503, "busy")
    for each in (unknown, wrong, unsigned):
        assert (each.status_code, each.content, each.headers.raw) == (503, *_told(right))
    api.strange.bytes -= len(body)
    assert own(api, EVENT).status_code == 202
    assert own(api, EVENT, name="nobody").status_code == 401


def test_a_body_takes_as_much_room_while_it_comes_whoever_sends_it(api: Api) -> None:
    seen: dict[str, list[int]] = {}
    now = str(int(RealClock().now()))

    async def pieces(name: str) -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"n" * 1000
            seen.setdefault(name, []).append(api.strange.bytes)

    async def ask(client: httpx.AsyncClient) -> None:
        for name in ("own", "nobody"):
            headers = [(h.encode(), v.encode()) for h, v in standard(timestamp=now, body=b"another")]
            await client.post(f"/v1/sources/{name}", content=pieces(name), headers=headers)

    asked(api, ask)
    assert seen["own"] == seen["nobody"] and max(seen["own"]) >= 2000
    assert api.strange.bytes == 0


def test_a_body_that_strangers_never_have_room_for_cannot_be_allowed(api: Api, tmp_path: Path) -> None:
    allowed = load(
        write_loop(tmp_path / "large", settings=REAL), {"api.batch_bytes": 15 << 20}
    ).api.batch_bytes
    assert allowed < api.strange.most
    with pytest.raises(BadFile, match=r"`api\.batch_bytes` needs .* 16776192"):
        load(tmp_path / "large", {"api.batch_bytes": 16 << 20})


def _told(sent: httpx.Response) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    return sent.content, sent.headers.raw


def test_bodies_whose_senders_are_not_proved_take_no_room_from_those_who_are(api: Api) -> None:
    api.strange.bytes = api.strange.most  # strangers send all they may
    assert own(api, EVENT).status_code == 503
    assert studio(api, STUDIO).status_code == 202  # known by its secret before its body is read
    event = json.dumps({"id": "e-1", "item": "tx-1", "annotator": "ann-1", "label": "fraud"}).encode()
    headers = {"content-type": "application/json", "authorization": f"Bearer {api.token}"}
    sent = asked(api, lambda client: client.post("/v1/events", content=event, headers=headers))
    assert sent.status_code == 202
    api.strange.bytes = 0
    api.held.bytes = api.held.most
    assert own(api, EVENT).status_code == 202
    assert (api.strange.bytes, api.held.bytes) == (0, api.held.most)


def test_a_large_call_is_believed_and_forged_as_a_small_one_is(api: Api) -> None:
    body = json.dumps({**EVENT, "fields": {"note": "n" * 40_000}}).encode()
    assert own(api, body).status_code in (202, 207)
    now = str(int(RealClock().now()))
    assert called(api, "own", body + b" ", standard(timestamp=now, body=body)).status_code == 401
