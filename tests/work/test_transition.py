"""The architecture is changed while the loop runs: the new one in shadow first, then in force."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.loops import facts, little, play

from flyball.bootstrap import App
from flyball.core.facts import BatchReleased, Recorded, RunBegan, ShadowDue, TransitionEnded
from flyball.errors import BadUsage
from flyball.work import transition
from flyball.work.commands import obey

DAY = 86400.0


def architecture(app: App) -> object:
    return app.tools.knobs.value("loop.architecture", app.clock.now())


def begin(app: App, to: str, cycles: int = 2) -> None:
    transition.begin(app.tools, to, cycles, "ana", "annotators wait", app.clock.now())


def ended(app: App) -> list[Recorded]:
    return facts(app, "transition-ended")


def test_the_new_architecture_runs_in_shadow_for_its_cycles_and_then_takes_over(tmp_path: Path) -> None:
    app = little(tmp_path, loop__architecture="sequential")
    play(app, DAY)
    begin(app, "parallel")
    play(app)
    assert architecture(app) == "parallel"
    (over,) = ended(app)
    (began,) = facts(app, "transition-began")
    (turned,) = facts(app, "knob-turned")
    assert over.seq == turned.seq + 1
    cycles = [each for each in facts(app, "batch-settled") if began.seq < each.seq < over.seq]
    assert len(cycles) == 2
    assert isinstance(over.fact, TransitionEnded)
    assert over.fact.verdict == "switched"
    assert "parallel took over from sequential after 2 cycles in shadow" in over.fact.because
    assert "release" in over.fact.because
    assert "sooner" in over.fact.because


def test_of_each_start_it_is_told_once_what_the_new_architecture_would_have_done(tmp_path: Path) -> None:
    app = little(tmp_path, loop__architecture="sequential")
    play(app, DAY)
    begin(app, "parallel", cycles=4)
    play(app)
    waiting: set[str] = set()
    told = 0
    for recorded in facts(app, "shadow-due", "batch-released", "run-began"):
        match recorded.fact:
            case ShadowDue(work=work, architecture=to):
                assert work not in waiting
                assert to == "parallel"
                waiting.add(work)
                told += 1
            case BatchReleased():
                waiting.discard("release")
            case RunBegan(work=work):
                waiting.discard(work)
            case _:
                pass
    assert told >= 2


def test_without_cycles_of_shadow_it_takes_over_at_once(tmp_path: Path) -> None:
    app = little(tmp_path, loop__architecture="sequential")
    play(app, DAY)
    begin(app, "adaptive", cycles=0)
    assert architecture(app) == "adaptive"
    assert not facts(app, "transition-began")


def test_who_asks_for_the_architecture_there_is_calls_the_transition_off(tmp_path: Path) -> None:
    app = little(tmp_path, loop__architecture="sequential")
    play(app, DAY)
    begin(app, "parallel", cycles=50)
    begin(app, "sequential")
    play(app)
    assert architecture(app) == "sequential"
    (over,) = ended(app)
    assert isinstance(over.fact, TransitionEnded)
    assert over.fact.verdict == "called-off"
    with pytest.raises(BadUsage, match="sequential already"):
        begin(app, "sequential")


def test_whoever_turns_the_architecture_in_its_midst_calls_the_transition_off(tmp_path: Path) -> None:
    app = little(tmp_path, loop__architecture="sequential")
    play(app, DAY)
    begin(app, "parallel")
    order = {"knob": "loop.architecture", "value": "sequential", "by": "bob", "because": "an incident"}
    obey(app.steering, {"command": "knob-set", **order}, app.clock.now())
    play(app)
    assert architecture(app) == "sequential"
    (over,) = ended(app)
    assert isinstance(over.fact, TransitionEnded)
    assert "bob called it off" in over.fact.because
