"""Knobs and settings of integration do what they say: cadence, weights, workers, patience with parts."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest
from tests.commands import killed, run
from tests.loops import SETTINGS, little, write_loop
from tests.merging import ITEMS, label, loop_on, proved, say, standing
from tests.postgres import a_loop, needed
from tests.stores import KINDS, arrivals, released
from tests.work.test_integrate import one_pass
from tests.work.test_integrate_command import until

from flyball.bootstrap import App, open_loop
from flyball.cli.write import sent
from flyball.core.control import KnobState
from flyball.core.due import Go, Wait
from flyball.core.facts import KnobTurned
from flyball.ports import Commit, Draft
from flyball.work.reconcile import Reconciled, reconcile


def turn(app: App, knob: str, to: float, about: str | None = None, until: float | None = None) -> None:
    """A person turns a knob."""
    fact = KnobTurned(knob, "person:eva", to, "to see what it does", "eva", until=until, about=about)
    app.tools.tell(app.clock.now(), fact)


def later(app: App, seconds: float) -> None:
    app.clock.set(app.clock.now() + seconds)  # type: ignore[union-attr]


def test_answers_are_merged_as_they_come_and_with_a_cadence_no_sooner_than_it_says(tmp_path: Path) -> None:
    app = little(tmp_path)
    app.tools.write(arrivals(ITEMS), app.clock.now())
    for item in ("i-0", "i-1"):
        say(app, item)
        one_pass(app)  # in the same moment
    turn(app, "integrate.every", 30.0)
    say(app, "i-2")
    due = app.lanes["integrate"].due(app.clock.now())
    assert isinstance(due, Wait) and due.until == app.clock.now() + 30.0
    later(app, 29.0)
    assert isinstance(app.lanes["integrate"].due(app.clock.now()), Wait)
    later(app, 1.0)
    one_pass(app)
    assert label(app, "i-2") == "1"
    say(app, "i-3")
    app.tools.merged_at += 3600.0  # the clock was set back by an hour
    assert isinstance(app.lanes["integrate"].due(app.clock.now()), Go)


def test_whoever_asks_for_what_waits_now_is_not_made_to_wait_for_the_cadence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    knobs = '[knobs]\n"integrate.every" = "1h"\n"integrate.batch" = 1\n'
    write_loop(tmp_path, settings=SETTINGS.replace("[knobs]\n", knobs))
    with closing(open_loop(tmp_path)) as app:
        app.tools.write(arrivals(["i-0", "i-1", "i-2"]), app.clock.now())
        for name in ("i-0", "i-1", "i-2"):
            say(app, name)
    code, out = run(capsys, "integrate", "--loop", str(tmp_path))
    assert (code, "captured 3 = 3 merged" in out) == (0, True)


@pytest.mark.parametrize("kind", KINDS)
def test_an_annotator_who_is_trusted_less_is_outvoted(kind: str, tmp_path: Path) -> None:
    with loop_on(kind, tmp_path) as app:
        now = app.clock.now()
        batch = replace(released("b-1", ITEMS), answers_needed=2, due=now + 3600.0)
        app.tools.write(Commit([Draft(batch)]), now)

        def both_say(item: str) -> None:
            for who, word in (("ann-1", "0"), ("ann-2", "1")):
                say(app, item, word, who, batch=batch.batch)
                one_pass(app)

        both_say("i-0")
        assert label(app, "i-0") is None, "a tie"
        turn(app, "annotator.weight", 0.5, "ann-1")
        both_say("i-1")
        assert label(app, "i-1") == "1"
        turn(app, "annotator.weight", 0.25)  # of everybody: only ann-1 has another
        both_say("i-2")
        assert label(app, "i-2") == "0"
        turn(app, "annotator.weight", 1.0)
        turn(app, "annotator.weight", 0.1, "ann-2", until=now + 60.0)
        both_say("i-3")
        assert label(app, "i-3") == "0"
        later(app, 60.0)
        both_say("i-4")
        assert label(app, "i-4") == "1"
        found = again(app)
        assert found.fine and found.same == found.labels == 4
        proved(app)
        # And today's code would not give these labels to everybody alike.
        trusting = KnobState.start({"annotator.weight": 0.5})
        assert not again(app, trusting).fine


def again(app: App, knobs: KnobState | None = None) -> Reconciled:
    return reconcile(app.tools.store, app.tools.segments, app.tools.classes, 0.0, None, knobs)


def test_how_long_parts_may_take_to_come_is_a_setting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real = SETTINGS.replace('kind = "virtual"', 'kind = "real"').replace('until = "6d"', "")
    write_loop(tmp_path, settings=real.replace("[loop]\n", '[loop]\nparts_patience = "2ms"\n'))
    with closing(open_loop(tmp_path)) as app:
        app.tools.write(arrivals(["i-0"]), app.clock.now())
        say(app, "i-0", part=("e-1", 1, 2))
    words = ("integrate", "--loop", str(tmp_path), "--json")
    (late,) = json.loads(run(capsys, *words)[1])["late"]
    assert (late["envelope"], late["have"], late["of"]) == ("e-1", [1], 2)
    (tmp_path / "loop.toml").write_text(real)
    assert json.loads(run(capsys, *words)[1])["late"] == [], "a minute, where nothing is said"


@pytest.mark.slow
def test_the_knob_says_with_how_many_processes_answers_are_merged_and_may_be_turned(tmp_path: Path) -> None:
    with a_loop() as name:
        written = SETTINGS.replace('id = "little"', f'id = "{name}"') + f'[stores]\ndatabase = "{needed()}"\n'
        directory = write_loop(tmp_path, settings=written)
        open_loop(directory).close()
        words = ["integrate", "--loop", str(directory), "--watch", "--json"]
        first = subprocess.Popen([sys.executable, "-m", "flyball", *words], stdout=subprocess.PIPE, text=True)
        beside: list[psutil.Process] = []
        try:
            for count in (3, 2):
                asked = {"command": "knob-set", "knob": "integrate.workers", "value": str(count)}
                sent(directory, {**asked, "by": "eva", "because": "to see"})
                until(partial(_others, first, count - 1))
            beside = psutil.Process(first.pid).children()
            first.send_signal(signal.SIGTERM)
            out, _ = first.communicate(timeout=60)
            assert (first.returncode, json.loads(out)["proof"]["holds"]) == (0, True)
            assert psutil.wait_procs(beside, timeout=30)[1] == []
        finally:
            killed(first, beside)


def _others(first: subprocess.Popen[str], count: int) -> bool:
    assert first.poll() is None
    return len(psutil.Process(first.pid).children()) == count


def test_on_sqlite_the_knob_of_workers_asks_for_nothing_that_cannot_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_loop(tmp_path, settings=SETTINGS.replace("[knobs]\n", '[knobs]\n"integrate.workers" = 4\n'))
    with closing(open_loop(tmp_path)) as app:
        app.tools.write(arrivals(["i-0"]), app.clock.now())
        seq = say(app, "i-0")
    assert run(capsys, "integrate", "--loop", str(tmp_path))[0] == 0
    with closing(open_loop(tmp_path)) as app:
        assert standing(app, seq) == ["merged"]
