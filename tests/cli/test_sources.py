"""`flyball sources`, as an operator meets it: what is there, what came of it, what a map makes of a file."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from tests.commands import asked, run
from tests.core.test_mappings import STUDIO
from tests.loops import write_loop
from tests.stores import answer, chance
from tests.web.served import REAL

from flyball.adapters.sql import open_store
from flyball.core.facts import AlertRaised
from flyball.ports import Commit, Draft

SOURCES = """
[sources.exports]
kind = "folder"
place = "exports"
map = { annotator = "who" }
[sources.studio]
kind = "label_studio"
secrets = ["$FLYBALL_TEST_SECRET"]
"""
ROWS = "item,who,label\ntx-1,ann-1,fraud\ntx-2,ann-1\n"


@pytest.fixture
def loop(tmp_path: Path) -> Path:
    directory = write_loop(tmp_path / "loop", settings=REAL + SOURCES)
    (directory / "exports").mkdir()
    (directory / "exports" / "a.csv").write_text(ROWS)
    return directory


def test_a_file_is_tried_on_a_map_and_nothing_is_written(
    loop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = run(
        capsys, "sources", "test", "exports", str(loop / "exports" / "a.csv"), "--loop", str(loop)
    )
    assert code == 1
    assert "tx-1  ann-1      fraud" in out and "2 rows, 1 answer; 1 mistake. Nothing was written." in out
    assert "a.csv:3: the row has 2 cells, and 3 columns have names" in out
    assert not (loop / "flyball.db").exists()


def test_the_body_of_a_call_is_tried_as_it_would_be_read(
    loop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (loop / "call.json").write_text(json.dumps(STUDIO))
    words = ("sources", "test", "studio", str(loop / "call.json"), "--loop", str(loop))
    code, out = run(capsys, *words)
    assert code == 0 and "tx-9  3          fraud  2026-11-20 09:00:05  annotation-17@" in out
    (answer,) = asked(capsys, *words)[0]["answers"]
    assert (answer["item"], answer["batch"]) == ("tx-9", "batch-2")


def test_what_was_pulled_is_listed_with_what_could_not_be_read(
    loop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = asked(capsys, "sources", "pull", "exports", "--loop", str(loop))
    assert (first["new"], first["unread"]) == (1, 1)
    again = asked(capsys, "sources", "pull", "exports", "--again", "--loop", str(loop))
    assert (again["new"], again["again"]) == (0, 1)
    exports, studio = asked(capsys, "sources", "ls", "--loop", str(loop))
    assert (exports["last"]["new"], exports["unread"]) == (1, 1)
    assert exports["problems"][0]["where"] == "a.csv:3"
    assert studio["from"] == "/v1/sources/studio"
    code, out = run(capsys, "sources", "ls", "--loop", str(loop))
    assert code == 0 and "exports: 1 unread, such as a.csv:3: the row has 2 cells" in out


MORE = """
[sources.open]
kind = "signed"
url = "https://example.org"
tolerance = "1m"
[sources.sure]
kind = "signed"
secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
"""


def test_what_a_person_may_not_expect_of_a_source_is_told_and_nothing_of_one_that_is_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = write_loop(tmp_path / "loop", settings=REAL + SOURCES + MORE)
    (loop / "exports").mkdir()
    asked(capsys, "sources", "pull", "exports", "--loop", str(loop))
    code, out = run(capsys, "sources", "ls", "--loop", str(loop))
    assert code == 0
    told = [line for line in out.splitlines() if ": " in line]
    assert [line.split(": ")[0] for line in told] == ["studio", "studio", "open", "open"]
    assert "studio: unauthenticated: its calls show a secret and are not signed" in out
    assert (
        'studio: it is not pulled: a call that is lost stays lost; with team.source = "source:studio"' in out
    )
    assert "open: unauthenticated: it has no secrets, and what calls us in its name is refused" in out
    assert "open: without effect here: `tolerance`, `url`" in out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("pull", "export"), "there is no [sources.export] in loop.toml; there are: exports, studio"),
        (("test", "export", "x.csv"), "there is no [sources.export] in loop.toml"),
        (("test", "exports", "x.csv"), "x.csv is no file"),
        (("test", "exports", "loop.toml"), "is not read; files end in .csv"),
    ],
)
def test_what_is_not_there_is_told(
    loop: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], complaint: str
) -> None:
    named = [str(loop / word) if word == "loop.toml" else word for word in words]
    code, out = run(capsys, "sources", *named, "--loop", str(loop))
    assert code == 2 and complaint in out


def test_a_source_that_cannot_be_used_as_written_keeps_the_loop_from_opening(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = '[sources.exports]\nkind = "folder"\nmap = { lable = "x" }\n'
    directory = write_loop(tmp_path / "loop", settings=REAL + broken)
    code, out = run(capsys, "sources", "pull", "exports", "--loop", str(directory))
    assert code == 2 and "did you mean `label`?" in out
    # What was opened on the way is free again.
    open_store(directory / "flyball.db", salt=chance()).close()


def test_a_line_that_is_cut_off_is_told_by_its_place_in_the_file_and_ends_a_try_with_1(
    loop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = '{"item": "tx-1", "who": "ann-1", "label": "fraud"}\n'
    (loop / "l.jsonl").write_text(row + "\n" + row[:36] + "\n" + row[:20])
    code, out = run(capsys, "sources", "test", "exports", str(loop / "l.jsonl"), "--loop", str(loop))
    assert code == 1 and "l.jsonl:3: the body is no JSON at column 34: it is cut off" in out
    assert "l.jsonl: the file ends in the middle of a line" in out and ": here:" not in out


def test_a_file_that_is_wrong_as_a_whole_ends_a_try_and_a_pull_with_1(
    loop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (loop / "exports" / "b.json").write_text('[{"item": ')
    words = ("exports", str(loop / "exports" / "b.json"), "--loop", str(loop))
    code, out = run(capsys, "sources", "test", *words)
    assert code == 1 and "b.json: the body is no JSON" in out and "1 mistake. " in out
    code, out = run(capsys, "sources", "pull", "exports", "--loop", str(loop))
    assert code == 1 and out.count("b.json: ") == 1


def test_columns_that_the_header_lacks_are_told_once(loop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (loop / "c.csv").write_text("key,who,label\n" + "tx-1,ann-1,fraud\n" * 3)
    code, out = run(capsys, "sources", "test", "exports", str(loop / "c.csv"), "--loop", str(loop))
    assert code == 1 and out.count("no item here") == 1 and "3 rows, 0 answers; 3 mistakes" in out


def test_what_called_us_is_listed_with_its_answers_and_the_time_of_the_last(
    loop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(open_store(loop / "flyball.db", salt=chance())) as store:
        for number in range(3):
            said = answer("tx-1", annotator=f"ann-{number}")
            store.log.append(Commit([Draft(said, "source:studio", f"e-{number}", b"raw")]), 30.0 + number)
    studio = asked(capsys, "sources", "ls", "--loop", str(loop))[1]
    assert (studio["last"]["new"], studio["last"]["at"]) == (3, 32.0)


def test_one_fault_of_a_source_is_told_once(loop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fault = "b.json: the body is no JSON at line 1, column 11: it is cut off"
    with closing(open_store(loop / "flyball.db", salt=chance())) as store:
        noted = json.dumps({"at": 1.0, "new": 0, "bad": [fault], "waiting": []})
        raised = AlertRaised("source-exports", "warn", f"exports: {fault}")
        store.log.append(Commit([Draft(raised)], notes={"source/exports": noted}), 1.0)
    code, out = run(capsys, "sources", "ls", "--loop", str(loop))
    assert code == 0 and out.count(fault) == 1 and f"\nexports: {fault}" in out
