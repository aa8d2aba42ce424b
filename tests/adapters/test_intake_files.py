"""Files that others put in a folder: never half-read, read once, and each bad row told with its line."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.loops import write_loop

from flyball.adapters.intake_folder import SETTLED, FolderDrop
from flyball.adapters.stream import OpenedStream, open_stream
from flyball.adapters.toml_file import load
from flyball.bootstrap import App, simulate
from flyball.core.facts import AnswerGiven, DeliveryUnread
from flyball.core.mappings import Map, read_map
from flyball.errors import NotFound, Unreachable
from flyball.ports.intake import Drop
from flyball.settings import Settings
from flyball.work.file_rows import LONGEST, BadRows, Row, Rows
from flyball.work.intake import Files, Pulled

HEAD = "item,annotator,label\n"


@dataclass
class Desk:
    """A folder and a loop that reads it, whose seconds pass when a test says so."""

    folder: Path
    app: App
    now: float = 0.0
    files: Files = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.begin()

    def begin(self, **written: Any) -> None:
        """As after a restart."""
        by = read_map(written)[0] if written else Map()
        self.files = Files(self.app.tools, "exports", FolderDrop(self.folder, lambda: self.now), by)

    def put(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def pull(self, again: bool = False) -> Pulled:
        """Two looks, with the time between them that tells that nobody writes any more."""
        self.files.pull(again)
        self.now += SETTLED
        return self.files.pull(again)

    def said(self) -> list[tuple[str, str, str]]:
        read = self.app.tools.store.log.read(kinds=["answer-given"])
        facts = [each.fact for each in read if isinstance(each.fact, AnswerGiven)]
        return [(fact.item, fact.annotator, fact.label) for fact in facts]

    def unread(self) -> list[DeliveryUnread]:
        read = self.app.tools.store.log.read(kinds=["delivery-unread"])
        return [each.fact for each in read if isinstance(each.fact, DeliveryUnread)]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, OpenedStream]:
    settings = load(write_loop(tmp_path_factory.mktemp("loop")), {"stream.options.transactions": 1000})
    return settings, open_stream(settings)


@pytest.fixture
def desk(opened: tuple[Settings, OpenedStream], tmp_path: Path) -> Iterator[Desk]:
    app = simulate(*opened)
    yield Desk(tmp_path / "exports", app)
    app.close()


def test_each_row_of_each_form_is_an_answer(desk: Desk) -> None:
    desk.put("a.csv", HEAD + "tx-1,ann-1,fraud\n")
    desk.put(
        "b/b.jsonl",
        '{"item":"tx-2","annotator":"ann-1","label":"legit"}\n{"item":3,"annotator":4,"label":0}\n',
    )
    desk.put("c.json", '[{"item":"tx-4","annotator":"ann-2","label":true}]')
    desk.put("d.tsv", HEAD.replace(",", "\t") + "tx-5\tann-1\tfraud\n")
    desk.put("e.csv", b"\xef\xbb\xbf" + HEAD.replace(",", ";").encode() + b"tx-6;ann-1;fraud\r\n")
    desk.put("notes.txt", "not for us\n")
    pulled = desk.pull()
    assert (pulled.new, pulled.read, pulled.waiting, pulled.bad) == (6, 5, (), ())
    assert sorted(desk.said()) == [
        ("3", "4", "0"),
        ("tx-1", "ann-1", "fraud"),
        ("tx-2", "ann-1", "legit"),
        ("tx-4", "ann-2", "true"),
        ("tx-5", "ann-1", "fraud"),
        ("tx-6", "ann-1", "fraud"),
    ]


def test_a_file_that_is_still_being_written_is_not_looked_into(desk: Desk) -> None:
    content = HEAD
    for number in range(4):
        content += f"tx-{number},ann-1,fraud\n"
        desk.put("a.csv", content)
        pulled = desk.files.pull()
        assert (pulled.new, pulled.waiting, pulled.more) == (0, ("a.csv",), True)
        desk.now += 5 * SETTLED
    desk.put("a.csv", content + "tx-5,ann-1,fraud\n")
    for passed in (0.0, 0.5, 0.4):
        desk.now += passed * SETTLED
        assert desk.files.pull().new == 0
    desk.now += 0.2 * SETTLED
    assert desk.files.pull().new == 5


@pytest.mark.parametrize("name", [".a.csv", "_a.csv", "a.csv.part", "a.csv.tmp", ".hidden/a.csv", "a.csv~"])
def test_a_name_that_says_unfinished_is_left_alone_until_it_is_renamed(desk: Desk, name: str) -> None:
    path = desk.put(name, HEAD + "tx-1,ann-1,fraud\n")
    assert desk.pull() == Pulled()
    path.rename(desk.folder / "a.csv")
    assert desk.pull().new == 1


def test_a_row_that_is_cut_anywhere_waits_and_is_taken_whole_once_it_is(desk: Desk) -> None:
    table, line = "tx-{},ann-1,fraud\n", '{{"item":"tx-{}","annotator":"x","label":1}}\n'
    for cut in range(1, 18):
        for name, row in ((f"{cut}.csv", table.format(cut)), (f"{cut}.jsonl", line.format(cut))):
            head = HEAD if name.endswith(".csv") else ""
            # An object that has its last brace is whole without the end of its line.
            whole = name == "1.jsonl"
            desk.put(name, head + row[:-cut])
            pulled = desk.pull()
            assert (pulled.new, name in pulled.waiting) == (int(whole), not whole)
            assert desk.files.pull().waiting == pulled.waiting  # nor is it read again and again
            desk.put(name, head + row)
            assert desk.pull().new == int(not whole)
    assert len(desk.said()) == 34
    assert {label for _, _, label in desk.said()} == {"fraud", "1"}
    assert not desk.unread()


def test_a_json_file_that_breaks_off_gives_nothing_and_is_told_in_a_sentence(desk: Desk) -> None:
    rows = json.dumps([{"item": f"tx-{n}", "annotator": "x", "label": "1"} for n in range(3)])
    desk.put("a.json", rows[:-1])
    pulled = desk.pull()
    assert pulled.new == 0 and "a.json: the body is no JSON at line 1" in pulled.bad[0]
    desk.begin()
    assert desk.pull().bad == pulled.bad  # after a restart it still lies there
    desk.put("a.json", rows)
    assert (desk.pull().new, desk.pull().bad) == (3, ())


def test_reading_again_whatever_it_is_called_changes_nothing(desk: Desk) -> None:
    desk.put("a.csv", HEAD + "tx-1,ann-1,fraud\ntx-2,ann-1,fraud\n")
    assert desk.pull().new == 2
    head = desk.app.tools.store.log.head()
    assert desk.pull() == Pulled()  # nothing is even opened
    desk.put("b.csv", HEAD + "tx-2,ann-1,fraud\n\ntx-1,ann-1,fraud\n")
    assert (desk.pull().new, desk.files.pull(again=True).again) == (0, 4)
    desk.begin()
    assert desk.pull(again=True).new == 0
    assert desk.app.tools.store.log.head() == head


def test_a_restart_reads_only_what_is_new(desk: Desk) -> None:
    desk.put("a.csv", HEAD + "tx-1,ann-1,fraud\n")
    desk.pull()
    desk.begin()
    desk.put("b.csv", HEAD + "tx-2,ann-1,fraud\n")
    pulled = desk.pull()
    assert (pulled.read, pulled.new, pulled.again) == (1, 1, 0)


def test_a_file_that_grows_gives_what_is_new_in_it(desk: Desk) -> None:
    desk.put("a.csv", HEAD + "tx-1,ann-1,fraud\n")
    desk.pull()
    desk.put("a.csv", HEAD + "tx-1,ann-1,fraud\ntx-2,ann-1,fraud\n")
    pulled = desk.pull()
    assert (pulled.new, pulled.again) == (1, 1)


def test_bad_rows_are_kept_with_their_lines_and_hold_no_other_up(desk: Desk) -> None:
    rows = [
        b"tx-1,ann-1,fraud",
        b"tx-2,ann-1",
        b",ann-1,fraud",
        b"tx-4,\xff,fraud",
        b'tx-5,"a"b,fraud',
        b"tx-6,ann-1,ok",
    ]
    desk.put("a.csv", HEAD.encode() + b"\n".join(rows) + b"\n")
    pulled = desk.pull()
    assert (pulled.new, pulled.unread) == (2, 4)
    assert [item for item, _, _ in desk.said()] == ["tx-1", "tx-6"]
    told = [(fact.where, fact.code) for fact in desk.unread()]
    assert told == [
        ("a.csv:3", "wrong_width"),
        ("a.csv:4", "empty"),
        ("a.csv:5", "not_utf8"),
        ("a.csv:6", "bad_csv"),
    ]


def test_a_better_map_reads_the_file_again_by_itself(desk: Desk) -> None:
    desk.put("a.csv", "task,who,answer\ntx-1,ann-1,fraud\n")
    assert (desk.pull().unread, desk.said()) == (1, [])
    desk.begin(item="task", annotator="who", label="answer")
    assert desk.pull().new == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("item,item\n1,2\n", "two have the same"),
        ("item,,label\n1,2,3\n", "no name"),
        ("\n1,2\n", "no line with"),
        ("\r\x00\n", "is no CSV"),
    ],
)
def test_a_table_whose_head_makes_no_sense_is_told_and_tried_again_when_it_changes(
    desk: Desk, content: str, complaint: str
) -> None:
    desk.put("a.csv", content)
    assert complaint in desk.pull().bad[0]
    desk.put("a.csv", HEAD + "tx-1,ann-1,fraud\n")
    assert desk.pull().new == 1


def test_a_folder_that_is_not_there_is_told_in_a_sentence(desk: Desk) -> None:
    with pytest.raises(Unreachable, match="is no folder; make it, or correct `place`"):
        list(FolderDrop(desk.folder / "nowhere").found())


def test_a_file_that_is_replaced_while_it_is_read_gives_no_mixture(desk: Desk) -> None:
    path = desk.put(
        "a.jsonl", "".join(f'{{"item":"{n}","annotator":"x","label":"1"}}\n' for n in range(1200))
    )

    class Replacing:
        """Replaces the file after its first rows were taken."""

        def __init__(self, drop: Drop) -> None:
            self.drop, self.asked = drop, 0
            self.found, self.opened = drop.found, drop.opened

        def still(self, found: Any) -> bool:
            self.asked += 1
            if self.asked == 2:
                path.write_text('{"item":"new","annotator":"x","label":"1"}\n')
            return self.drop.still(found)

    desk.files.drop = Replacing(desk.files.drop)
    pulled = desk.pull()
    assert (pulled.new, pulled.waiting, pulled.read) == (500, ("a.jsonl",), 0)
    assert desk.pull().new == 1


def rows_of(name: str, content: bytes) -> tuple[list[Row], bool]:
    rows = Rows(io.BytesIO(content), name, len(content))
    return list(rows), rows.unfinished


def test_a_line_without_end_is_read_in_bounded_memory_and_the_next_one_is_fine() -> None:
    long = b'{"a":"' + b"x" * (3 * LONGEST) + b'"}\n'
    rows, _ = rows_of("a.jsonl", long + b'{"a":1}\n')
    assert [(row.line, len(row.raw) <= LONGEST, bool(row.flaws)) for row in rows] == [
        (1, True, True),
        (2, True, False),
    ]


def test_a_quote_that_is_never_closed_does_not_eat_the_file() -> None:
    content = HEAD.encode() + b'tx-1,"ann,fraud\n' + b"tx-2,ann-1,fraud\n" * 20_000
    rows, _ = rows_of("a.csv", content)
    assert rows[0].flaws and sum(not row.flaws for row in rows) > 10_000


@given(
    st.lists(
        st.tuples(*[st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8)] * 3),
        max_size=6,
    )
)
def test_every_table_that_a_program_writes_is_read_back_as_it_was(cells: list[tuple[str, str, str]]) -> None:
    import csv

    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b", "c"), *cells])
    rows, unfinished = rows_of("a.csv", written.getvalue().encode())
    assert [tuple(row.value.values()) for row in rows] == cells
    assert not unfinished
    assert len({row.raw for row in rows}) == len(set(cells))


@given(st.sampled_from(["a.csv", "a.json", "a.jsonl", "a.tsv"]), st.binary(max_size=200))
def test_whatever_a_file_holds_its_rows_are_read_or_told(name: str, content: bytes) -> None:
    try:
        rows, _ = rows_of(name, content)
    except BadRows as error:
        assert str(error)
        return
    assert all(row.flaws or row.value is not None or row.raw == b"null" for row in rows)


@contextmanager
def no_longer_root() -> Iterator[None]:
    """Whoever may read everything is nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEAD)
    drop = FolderDrop(tmp_path, lambda: 0.0)
    assert [found.name for found in drop.found()] == ["a.csv"]
    tmp_path.chmod(0o000)
    try:
        with no_longer_root(), pytest.raises(Unreachable, match=re.escape(str(tmp_path))):
            list(drop.found())
    finally:
        tmp_path.chmod(0o700)


def test_a_pipe_or_a_link_to_a_device_among_the_files_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(HEAD)
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "zeros.csv").symlink_to("/dev/zero")
    (tmp_path / "linked.csv").symlink_to(tmp_path / "good.csv")
    drop = FolderDrop(tmp_path, lambda: 0.0)
    assert [found.name for found in drop.found()] == ["good.csv", "linked.csv"]
    good = next(drop.found())
    (tmp_path / "good.csv").unlink()
    os.mkfifo(tmp_path / "good.csv")  # between the look and the reading
    with pytest.raises(NotFound), drop.opened(good):
        pass
