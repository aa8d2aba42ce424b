"""`flyball integrate` as an operator meets it, and `reconcile` under every policy."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.commands import killed, run
from tests.loops import SETTINGS, little, write_loop
from tests.merging import proved
from tests.postgres import a_loop, by_hand, needed
from tests.stores import answer, arrivals, released
from tests.work.test_integrate import item, one_pass, say, with_items

from flyball.adapters.contract_file import read
from flyball.bootstrap import App, open_loop
from flyball.core.facts import LabelSettled, Looked
from flyball.core.labels.contract import POLICIES, Contract, Policy
from flyball.ports import Commit, Draft
from flyball.work import served
from flyball.work.reconcile import Reconciled, reconcile

CONTRACT = """
name: cards
version: 1
labels: {"0": fine, "1": fraud, "?": {definition: nobody can tell, abstains: true}}
ambiguous: [note]
settle:
  policy: POLICY
history: [{version: 1, at: 2026-11-01, by: me, because: first}]
"""
MORE: dict[Policy, str] = {
    "majority": "",
    "newest": "",
    "weighted": "\n  weights: {ann-1: 3}",
    "senior": "\n  seniority: [ann-1, ann-2]",
}


def filled(directory: Path) -> Path:
    """A loop on its own store, with three answers about two items that came and one that did not."""
    with closing(open_loop(directory)) as app:
        app.tools.write(arrivals(["i-0", "i-1"]), app.clock.now())
        for name in ("i-0", "i-1", "nobody"):
            say(app, name)
    return directory


def test_the_command_merges_what_waits_and_tells_the_proof(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = ("--loop", str(filled(write_loop(tmp_path))))
    code, out = run(capsys, "integrate", *loop, "--dry-run", "--json")
    told = json.loads(out)
    assert (code, told["waiting"], told["proof"]["pending"], told["dry_run"]) == (0, 3, 3, True)
    code, out = run(capsys, "integrate", *loop)
    assert (code, "2 labels from 3 answers, 1 parked" in out) == (0, True)
    assert "proved: captured 3 = 2 merged + 1 parked + 0 pending + 0 dead + 0 superseded" in out
    assert run(capsys, "integrate", *loop, "--workers", "2")[0] == 2
    code, out = run(capsys, "integrate", "allow", "1", "--because", "x", *loop, "--dry-run")
    assert (code, "no class is held back" in out) == (2, True)


def test_beside_a_process_that_serves_the_proof_is_told_and_who_merges(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = ("--loop", str(filled(write_loop(tmp_path))))
    me = os.getpid()
    with closing(open_loop(tmp_path)) as app:
        # A command that has it open for a moment merges nothing: then nobody may be told that it will.
        assert run(capsys, "integrate", *loop)[0] == 3
        code, out = run(capsys, "status", *loop)
        assert (code, f"process {me} has it open" in out) == (0, True)
        app.started()
        app.tools.tell(app.clock.now(), Looked(0.0, 0, app.tools.config, {"pool.items": 2.0}))
        assert "signals   " in (out := run(capsys, "status", *loop)[1]) and "as of" not in out
        served.begun(app.tools, me, app.clock.now())  # as after `flyball run` was killed
        code, out = run(capsys, "integrate", *loop)
        assert (code, "merges by itself" in out, "captured 3 = 0 merged" in out) == (0, True, True)
        out = run(capsys, "status", *loop)[1]
        assert f"served by process {me} since" in out and "signals   as of the last look" in out
        app.tools.write(Commit([Draft(answer("i-7"))]), app.clock.now())
        assert run(capsys, "integrate", *loop)[0] == 1, "the proof fails"
        served.ended(app.tools, me, app.clock.now())
        assert "served by" not in run(capsys, "status", *loop)[1]


def test_status_and_the_list_of_dead_letters_lead_to_what_is_parked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = ("--loop", str(filled(write_loop(tmp_path / "a loop"))))
    assert "parked" not in run(capsys, "status", *loop)[1]
    run(capsys, "integrate", *loop)
    assert "1 answer is parked: flyball dlq ls" in run(capsys, "status", *loop)[1]
    listed = run(capsys, "dlq", "ls", *loop)[1]
    assert "unknown-item" in listed and "fact " in listed
    hint = next(line for line in listed.splitlines() if "requeue" in line).partition("flyball ")[2]
    assert run(capsys, *shlex.split(hint), "--dry-run")[0] == 0, "it works as it is typed"
    (one,) = json.loads(run(capsys, "dlq", "ls", "--reason", "unknown-item", *loop, "--json")[1])
    assert (one["code"], one["item"]) == ("unknown-item", "nobody")


def test_after_an_erasure_both_commands_tell_the_same_sum(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = ("--loop", str(filled(write_loop(tmp_path))))
    run(capsys, "integrate", *loop)
    assert "erased" not in run(capsys, "reconcile", *loop)[1]
    assert run(capsys, "erase", "nobody", "--because", "case 7", *loop)[0] == 0
    proof = "captured 3 = 2 merged + 0 parked + 0 pending + 0 dead + 0 superseded + 1 erased"
    assert f"proved: {proof}" in run(capsys, "integrate", *loop)[1]
    code, out = run(capsys, "reconcile", *loop)
    assert (code, f"1 answer was erased, and nobody can run it again; in all: {proof}" in out) == (0, True)


def test_the_command_ends_with_1_where_an_answer_is_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = filled(write_loop(tmp_path))
    with closing(open_loop(directory)) as app:
        app.tools.write(Commit([Draft(answer("i-7"))]), app.clock.now())
    code, out = run(capsys, "integrate", "--loop", str(directory))
    assert (code, "NOT PROVED" in out, "1 LOST" in out) == (1, True, True)


@pytest.mark.slow
def test_several_processes_merge_on_postgresql_and_nothing_is_lost_or_done_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with a_loop() as name:
        written = SETTINGS.replace('id = "little"', f'id = "{name}"') + f'[stores]\ndatabase = "{needed()}"\n'
        directory = write_loop(tmp_path, settings=written)
        with closing(open_loop(directory)) as app:
            app.tools.write(arrivals([f"i-{number}" for number in range(60)]), app.clock.now())
            for number in range(60):
                say(app, f"i-{number}")
        code, out = run(capsys, "integrate", "--loop", str(directory), "--workers", "2", "--json")
        proof = json.loads(out)["proof"]
        assert (code, proof["merged"], proof["captured"], proof["holds"]) == (0, 60, 60, True)
        with closing(open_loop(directory)) as app:
            assert len(list(app.tools.store.log.read(kinds=[LabelSettled.kind]))) == 60


@pytest.mark.slow
@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
def test_the_processes_beside_one_end_with_it_however_it_ends(tmp_path: Path, by: signal.Signals) -> None:
    with a_loop() as name:
        written = SETTINGS.replace('id = "little"', f'id = "{name}"') + f'[stores]\ndatabase = "{needed()}"\n'
        directory = write_loop(tmp_path, settings=written)
        open_loop(directory).close()
        words = ["integrate", "--loop", str(directory), "--workers", "3", "--watch", "--json"]
        first = subprocess.Popen([sys.executable, "-m", "flyball", *words], stdout=subprocess.PIPE, text=True)
        beside: list[psutil.Process] = []
        try:
            until(lambda: len(psutil.Process(first.pid).children()) == 2)
            beside = psutil.Process(first.pid).children()
            with by_hand(needed()) as connection:
                until(lambda: _open_for_writing(connection, name) >= 3)
            first.send_signal(by)
            out, _ = first.communicate(timeout=60)
            assert first.returncode == (0 if by == signal.SIGTERM else -by), out
            assert by == signal.SIGKILL or json.loads(out)["proof"]["holds"]
            assert psutil.wait_procs(beside, timeout=30)[1] == []
        finally:
            killed(first, beside)


def until(so: Callable[[], bool], patience: float = 60.0) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + patience
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _open_for_writing(connection: Any, loop: str) -> int:
    asked = "SELECT count(DISTINCT pid) FROM pg_stat_activity WHERE application_name = %s"
    return int(connection.execute(asked, (f"flyball {loop}",)).fetchone()[0])


def _read(content: bytes, name: str) -> Contract:
    return read(content, name)[0]


def again(app: App) -> Reconciled:
    return reconcile(app.tools.store, app.tools.segments, app.tools.classes, 0.0, _read)


@pytest.mark.parametrize("policy", POLICIES)
def test_todays_code_gives_the_labels_that_stand_under_every_policy(policy: Policy, tmp_path: Path) -> None:
    (tmp_path / "contract.yaml").write_text(CONTRACT.replace("POLICY", policy + MORE[policy]))
    app = with_items(little(tmp_path))
    note: dict[str, Any] = {"fields": {"note": "x"}}
    for who, label, more in [
        ("ann-2", "0", {}),
        ("ann-1", "1", note),
        ("ann-3", "0", {"revision": 2.0}),
        ("ann-3", "1", {"revision": 1.0}),
        ("ann-4", "?", {}),
        ("ann-2", "0", {"withdrawn": True}),
        ("ann-5", "what", {}),
    ]:
        say(app, item(0), label, who=who, **more)
        one_pass(app)
    found = again(app)
    assert found.fine and found.labels > 1
    assert found.same == found.labels
    assert found.proof == proved(app)
    settled = [r.fact for r in app.tools.store.log.read(kinds=[LabelSettled.kind])]
    assert {each.policy for each in settled} == {policy}  # type: ignore[union-attr]
    # Under another policy some of them do not follow.
    other: Policy = "newest" if policy == "majority" else "majority"
    store, segments = app.tools.store, app.tools.segments
    assert not reconcile(
        store, segments, app.tools.classes, 0.0, lambda *file: replace(_read(*file), policy=other)
    ).fine


AWAY = SETTINGS.replace('"flyball.streams.card_fraud"', '"nowhere.csv"').replace(
    SETTINGS[SETTINGS.index("[stream.options]") : SETTINGS.index("[start]")], ""
)


@pytest.mark.parametrize(
    ("contract", "never_wins", "known"),
    [(True, "0", True), (False, "0", True), (False, "1", False)],
    ids=["a contract", "every label was voted for", "a label that nobody gave"],
)
def test_reconciling_needs_no_stream(
    contract: bool, never_wins: str, known: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_loop(tmp_path)
    if contract:
        (tmp_path / "contract.yaml").write_text(CONTRACT.replace("POLICY", "majority"))
    with closing(open_loop(tmp_path)) as app:
        now = app.clock.now()
        batch = replace(released("b-1", ["i-0"]), answers_needed=3, due=now + 3600.0)
        app.tools.write(arrivals(["i-0", "i-1"]), now)
        app.tools.write(Commit([Draft(batch)]), now)
        words = [("ann-1", "1"), ("ann-2", never_wins), ("ann-3", "1"), ("ann-4", "what")]
        for who, word in words:
            say(app, "i-0", word, who, batch=batch.batch)
            one_pass(app)
        for word in ("what", "1"):
            say(app, "i-1", word)
            one_pass(app)
        assert proved(app).parked == 2
    there = run(capsys, "reconcile", "--loop", str(tmp_path), "--json")
    (tmp_path / "loop.toml").write_text(AWAY)
    code, out = run(capsys, "reconcile", "--loop", str(tmp_path), "--json")
    told = json.loads(out)
    assert (code, told["same"], told["labels"], told["captured"]) == (0, 2, 2, 6)
    assert told["definitions_compared"] == known
    assert (there[0], json.loads(there[1])) == (0, told | {"definitions_compared": True})
    said = "which labels could be given is not known while the stream is away: not compared"
    assert (said in run(capsys, "reconcile", "--loop", str(tmp_path))[1]) != known


def test_without_a_stream_a_label_that_does_not_follow_is_still_a_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = ("--loop", str(filled(write_loop(tmp_path))))
    run(capsys, "integrate", *loop)
    with closing(open_loop(tmp_path)) as app:
        (settled, *_) = [each.fact for each in app.tools.store.log.read(kinds=[LabelSettled.kind])]
        assert isinstance(settled, LabelSettled)
        app.tools.tell(app.clock.now(), replace(settled, label="0"))
    (tmp_path / "loop.toml").write_text(AWAY)
    code, out = run(capsys, "reconcile", *loop)
    assert (code, "label: 0 stands, 1 today" in out) == (1, True)
