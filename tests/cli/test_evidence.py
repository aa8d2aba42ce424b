"""The commands about the evidence, as an operator meets them: what they say and how they end."""

from __future__ import annotations

import csv
import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.commands import asked, run
from tests.loops import write_loop
from tests.stores import answer, arrivals, chance, release, settle
from tests.tampering import apply, edits_bytes

from flyball.adapters.clock import RealClock
from flyball.adapters.sql import open_store
from flyball.bootstrap import notary_of, settings_of
from flyball.cli.audit import safe
from flyball.core.facts import AnswerParked, LetterDropped
from flyball.ports import Commit, Draft, NewJob
from flyball.work.evidence import Keeper

FORMULAS = ("=1+1", "+1", "-1", "@SUM(1)", "\tx", "\rx")


@pytest.fixture
def loop(tmp_path: Path) -> Path:
    """A loop whose log holds a few answers, with one checkpoint."""
    directory = write_loop(tmp_path / "loop")
    settings = settings_of(directory)
    with closing(open_store(settings.path(settings.stores.database), salt=chance())) as store:
        store.log.append(arrivals(["a", "b", *FORMULAS]), 10.0)
        release(store, "b-1", "a", "b", *FORMULAS)
        for number in range(120):
            said = answer(["a", "b", *FORMULAS][number % 8], annotator=f"ann-{number % 3}")
            store.log.append(Commit([Draft(said, "desk", f"e-{number}", b"raw")]), 30.0)
        settle(store, "a", "fraud", "b-1")
        store.log.append(Commit([Draft(answer("b"))], [NewJob("merge", "b", 0)]), 40.0)
        (job,) = store.jobs.claim("merge", 41.0, 1, 60.0)
        store.jobs.fail(job, "ValueError", "poison", 42.0, None)
        keeper = Keeper(store.log, store.evidence, notary_of(settings), RealClock().now)
        assert keeper.sign(at_once=True)
    return directory


def test_verify_of_a_log_that_holds_says_so_and_what_it_rests_on(
    loop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = run(capsys, "verify", "--loop", str(loop))
    assert code == 0
    assert "the chain holds" in out and "1 of 1 hold" in out and "signed by    flyball/little+" in out
    assert all(len(line) <= 110 for line in out.splitlines())
    told = asked(capsys, "verify", "--loop", str(loop), "--no-bodies")
    assert (told["holds"], told["window"], told["bodies"]) == (True, 0, False)


def test_verify_of_a_tampered_log_names_the_fact_and_ends_with_1(
    loop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    apply(loop / "flyball.db", edits_bytes, random.Random(5))
    code, out = run(capsys, "verify", "--loop", str(loop))
    assert code == 1
    assert "BROKEN" in out and "fact " in out


def test_verify_trusts_the_key_that_is_named_and_no_other(
    loop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right = (loop / "checkpoints" / "keys.pub").read_text().strip()
    assert run(capsys, "verify", "--loop", str(loop), "--key", right)[0] == 0
    (loop / "checkpoints.key").unlink()
    notary_of(settings_of(loop))
    other = (loop / "checkpoints" / "keys.pub").read_text().splitlines()[1]
    (tmp_path / "other.pub").write_text(other)
    code, out = run(capsys, "verify", "--loop", str(loop), "--key", str(tmp_path / "other.pub"))
    assert (code, "no good signature" in out) == (1, True)
    assert run(capsys, "verify", "--loop", str(loop), "--key", "x+y")[0] == 2


def test_a_damaged_file_is_a_finding(loop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = loop / "flyball.db"
    content = bytearray(path.read_bytes())
    for start in range(4096, len(content), 4096):
        content[start : start + 200] = bytes(200)
    path.write_bytes(content)
    code, out = run(capsys, "verify", "--loop", str(loop))
    assert code != 0 and "Traceback" not in out


def test_an_audit_in_csv_holds_no_formula(
    loop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "audit.csv"
    code, out = run(capsys, "audit", "--loop", str(loop), "--output", str(path))
    assert (code, "121 answers" in out) == (0, True)
    with path.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert {row["item"] for row in rows} == {"a", "b", *(f"'{formula}" for formula in FORMULAS)}
    assert not any(
        (cell or "").startswith(("=", "+", "-", "@", "\t", "\r")) for r in rows for cell in r.values()
    )


@pytest.mark.parametrize("text", [*FORMULAS, "\n=1"])
def test_a_cell_that_a_spreadsheet_would_run_is_text(text: str) -> None:
    assert safe(text) == "'" + text


def test_an_audit_that_finds_nothing_ends_with_1_and_a_wrong_time_with_2(
    loop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--loop", str(loop))
    assert run(capsys, "audit", *where, "--annotator", "nobody")[0] == 1
    assert run(capsys, "audit", *where, "--since", "yesterday")[0] == 2
    assert run(capsys, "audit", *where, "--since", "2026-02-01", "--until", "2026-01-01")[0] == 2
    assert len(asked(capsys, "audit", *where, "--item", "a")) == 15


def test_lineage_of_an_item_and_of_one_that_never_came(
    loop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = run(capsys, "lineage", "a", "--loop", str(loop))
    assert code == 0
    assert "item a: labelled, label fraud (from answers)" in out and "no model learned from it" in out
    assert run(capsys, "lineage", "7", "--item", "--loop", str(loop))[0] == 2


def test_dead_letters_are_listed_a_dry_run_changes_nothing_and_what_is_dropped_is_gone(
    loop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--loop", str(loop))
    (group,) = asked(capsys, "dlq", "ls", *where)
    assert (group["reason"], group["count"]) == ("ValueError", 1)
    assert "poison" in run(capsys, "dlq", "show", str(group["example"]), *where)[1]
    for what in ("requeue", "drop"):
        code, out = run(capsys, "dlq", what, "--all", "--because", "a try", "--dry-run", *where)
        assert (code, "1 dead letter would be" in out) == (0, True)
    assert asked(capsys, "dlq", "ls", *where) == [group]
    assert run(capsys, "dlq", "drop", *where, "--because", "x")[0] == 2
    assert run(capsys, "dlq", "drop", "1", *where, "--because", "x")[0] == 2
    assert run(capsys, "dlq", "drop", "--all", *where, "--because", " ")[0] == 2
    code, out = run(capsys, "dlq", "drop", "--all", *where, "--because", "of no use")
    assert (code, "1 dead letter is dropped" in out) == (0, True)
    assert asked(capsys, "dlq", "ls", *where) == []


def test_what_would_be_erased_is_listed_first(loop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("--loop", str(loop), "--because", "case 7", "--dry-run")
    told = asked(capsys, "erase", "ann-2", *where)
    assert (told["about"], told["facts"], told["dry_run"]) == ("annotator", 40, True)
    assert asked(capsys, "erase", "a", *where)["about"] == "item"
    assert run(capsys, "erase", "nobody", *where)[0] == 2


@pytest.mark.slow
def test_a_sweep_that_was_owed_is_made_up_for_by_erasing_once_more(
    loop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--loop", str(loop), "--because", "case 7")
    with closing(sqlite3.connect(settings_of(loop).path("flyball.db"))) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM event").fetchall()
        code, out = run(capsys, "erase", "ann-2", *where)
        assert (code, "40 facts lost" in out, "NOT SWEPT" in out, "a reader" in out) == (0, True, True, True)
    told = asked(capsys, "erase", "ann-2", *where)
    assert (told["facts"], told["fact"], told["swept"], told["why"]) == (0, None, True, "")
    code, out = run(capsys, "erase", "ann-2", *where)
    assert (code, "nothing in the log" in out) == (2, True)


def test_latency_writes_a_page_of_its_own(
    loop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "latency.html"
    code, out = run(capsys, "latency", "--loop", str(loop), "--html", str(page))
    assert (code, "labels/h" in out) == (0, True)
    assert "<svg" in page.read_text() and "script" not in page.read_text()


def test_the_way_of_an_item_that_never_arrived_tells_who_took_what_back_and_who_dropped_what(
    loop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(open_store(settings_of(loop).path("flyball.db"), salt=chance())) as store:
        said = [replace(answer("ghost"), draft=True), replace(answer("ghost"), label="", withdrawn=True)]
        first, back = (store.log.append(Commit([Draft(each)]), 50.0)[0].seq for each in said)
        late = store.log.append(Commit([Draft(answer("ghost"))]), 51.0)[0].seq
        for fact in (
            AnswerParked(late, "item ghost never arrived"),
            LetterDropped(
                late, "parked: item … never arrived", "item ghost never arrived", 1, "eve", "a typo"
            ),
        ):
            store.log.append(Commit([Draft(fact)]), 52.0)
    code, out = run(capsys, "lineage", "ghost", "--loop", str(loop))
    assert code == 0 and "item ghost: it never arrived" in out
    assert f"took back what they said (fact {back})" in out and f", a draft (fact {first})" in out
    assert "never arrived; dropped later" in out and f"answer {late} by eve: a typo" in out
    outcomes = [row["outcome"] for row in asked(capsys, "audit", "--item", "ghost", "--loop", str(loop))]
    assert outcomes == ["draft", "withdrawn", "dropped"]
