"""A new rule file on a share of the batches: what it turns there, and how it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.loops import RULES, SETTINGS, facts, little, play, write_loop

from flyball.adapters.shelf_memory import MemoryShelf
from flyball.bootstrap import App, driver, open_loop
from flyball.core.facts import BatchReleased, CanaryEnded, DecisionMade, KnobTurned
from flyball.core.ids import digest_of
from flyball.errors import BadUsage
from flyball.work import canary, transition

DAY = 86400.0
BIGGER = (
    RULES
    + """
  - id: bigger
    because: "try more at once"
    when: answers.total >= 0
    until: answers.total < 0
    hold: {batch.size: 120, release.max_open: 3000}
    priority: 5
"""
)
WORDS = RULES.replace("items wait", "items are waiting")


def begin(app: App, text: str, **options: Any) -> None:
    rules = app.steering.rulebook.read(text.encode(), "rules.yaml")
    asked = {"share": 0.5, "signal": "cycle.seconds", "better": "lower", "batches": 6, "because": "to see"}
    canary.begin(app.tools, rules, {**asked, **options}, "ana", app.clock.now())


def play_to_its_end(app: App) -> None:
    """Play until the canary is over."""
    for _ in driver(app).play(app.until):
        if app.steering.canary.began is None:
            return


def released(app: App) -> list[BatchReleased]:
    return [each.fact for each in facts(app, "batch-released") if isinstance(each.fact, BatchReleased)]


def ended(app: App) -> list[CanaryEnded]:
    return [each.fact for each in facts(app, "canary-ended") if isinstance(each.fact, CanaryEnded)]


def test_a_canary_that_makes_batches_slower_goes_back_by_itself_and_says_why(tmp_path: Path) -> None:
    app = little(tmp_path, loop__architecture="adaptive", budget__share=0.5)
    play(app, DAY)
    begin(app, BIGGER)
    play_to_its_end(app)
    play(app, DAY / 2)
    (end,) = ended(app)
    assert end.verdict == "rolled-back"
    assert end.figures["canary"] > end.figures["others"]
    assert end.figures["low"] > 0
    assert "worse" in end.because
    assert "canary" in app.tools.state.alerts
    assert (tmp_path / "rules.yaml").read_text() == RULES
    after = [fact for fact in released(app) if fact.number > 1 and fact.rules == digest_of(RULES.encode())]
    assert after[-1].number == released(app)[-1].number


def test_only_its_own_batches_have_what_it_turns_and_all_else_waits(
    tmp_path: Path,
) -> None:
    app = little(tmp_path, loop__architecture="adaptive", budget__share=0.5)
    play(app, DAY)
    begin(app, BIGGER, batches=50)
    first = app.tools.state.released + 1
    play(app, 1.5 * DAY)
    digests = {digest_of(text.encode()): text for text in (RULES, BIGGER)}
    sizes = {
        text: {int(fact.knobs["batch.size"]) for fact in released(app)[first:] if digests[fact.rules] == text}
        for text in digests.values()
    }
    assert sizes == {RULES: {40}, BIGGER: {120}}
    turned = [each.fact for each in facts(app, "knob-turned") if isinstance(each.fact, KnobTurned)]
    assert not [fact for fact in turned if fact.by == "bigger"]
    decided = [each.fact for each in facts(app, "decision-made") if isinstance(each.fact, DecisionMade)]
    assert [fact.live for fact in decided if fact.rule == "bigger" and fact.verdict == "fired"] == [True]
    assert app.tools.knobs.value("release.max_open", app.clock.now()) != 3000


def test_a_canary_that_is_no_worse_is_put_in_force(tmp_path: Path) -> None:
    app = little(tmp_path, loop__architecture="adaptive", budget__share=0.5)
    play(app, DAY)
    begin(app, WORDS)
    play_to_its_end(app)
    (end,) = ended(app)
    assert end.verdict == "promoted"
    assert "not clearly worse" in end.because
    assert (tmp_path / "rules.yaml").read_text() == WORDS
    assert app.tools.state.rules == digest_of(WORDS.encode())


def test_a_canary_is_stopped_by_a_person_and_governs_nothing_from_then_on(tmp_path: Path) -> None:
    app = little(tmp_path, loop__architecture="adaptive", budget__share=0.5)
    play(app, DAY)
    begin(app, BIGGER, batches=50)
    play(app, DAY)
    canary.stop(app.tools, "ana", "it is Friday", app.clock.now())
    last = app.tools.state.released
    play(app, DAY)
    assert {fact.rules for fact in released(app)[last:]} == {digest_of(RULES.encode())}
    with pytest.raises(BadUsage, match="no canary"):
        canary.stop(app.tools, "ana", "again", app.clock.now())


def test_everything_that_is_wrong_with_a_canary_is_told_at_once(tmp_path: Path) -> None:
    app = little(tmp_path, loop__architecture="adaptive")
    play(app, DAY / 4)
    with pytest.raises(BadUsage) as said:
        begin(app, RULES, share=0.9, batches=2)
    for words in ("at most 50%", "at least 5 batches", "in force already"):
        assert words in str(said.value)


def test_a_canary_goes_on_after_a_restart_as_if_nothing_had_been(tmp_path: Path) -> None:
    settings = SETTINGS.replace('"parallel"', '"adaptive"').replace("share = 0.1", "share = 0.5")
    directory = write_loop(tmp_path / "loop", settings=settings)
    shelf = MemoryShelf()

    def started() -> App:
        app = open_loop(directory)
        app.tools.shelf = shelf
        return app

    app = started()
    play(app, DAY)
    begin(app, BIGGER, batches=50)
    for _ in range(2):
        play(app, 0.8 * DAY)
        app.close()
        app = started()
    fired = [each.fact for each in facts(app, "decision-made") if isinstance(each.fact, DecisionMade)]
    own = [fact for fact in released(app) if fact.rules == digest_of(BIGGER.encode())]
    app.close()
    assert [fact.verdict for fact in fired if fact.rule == "bigger"] == ["fired"]
    assert len(own) > 1
    assert {int(fact.knobs["batch.size"]) for fact in own} == {120}


@pytest.mark.parametrize("signal", ["train.regret", "al.gain_vs_random"])
def test_a_canary_that_nothing_speaks_for_is_not_put_in_force(tmp_path: Path, signal: str) -> None:
    app = little(tmp_path, loop__architecture="adaptive", budget__share=0.5)
    play(app, DAY)
    begin(app, WORDS, signal=signal)
    play_to_its_end(app)
    (end,) = ended(app)
    assert end.verdict == "undecided"
    assert "too few" in end.because
    assert "canary" in app.tools.state.alerts
    assert (tmp_path / "rules.yaml").read_text() == RULES


def test_a_loop_whose_rules_turn_nothing_has_no_canary(tmp_path: Path) -> None:
    app = little(tmp_path, loop__architecture="parallel")
    play(app, DAY / 4)
    with pytest.raises(BadUsage, match="only in the adaptive architecture"):
        begin(app, WORDS)


def test_a_canary_ends_when_the_loop_is_not_adaptive_any_more(tmp_path: Path) -> None:
    app = little(tmp_path, loop__architecture="adaptive", budget__share=0.5)
    play(app, DAY)
    begin(app, BIGGER, batches=50)
    play(app, DAY)
    transition.begin(app.tools, "parallel", 0, "bob", "too lively", app.clock.now())
    play(app, DAY)
    assert [end.verdict for end in ended(app)] == ["stopped"]


def test_a_marked_file_is_put_in_force_as_it_is(tmp_path: Path) -> None:
    app = little(tmp_path, loop__architecture="adaptive", budget__share=0.5)
    play(app, DAY)
    marked = "\ufeff" + WORDS
    begin(app, marked)
    play_to_its_end(app)
    (end,) = ended(app)
    assert (end.verdict, end.digest) == ("promoted", digest_of(marked.encode()))
    assert app.tools.state.rules == end.digest


def test_a_batch_names_the_decision_of_the_file_that_governs_it(tmp_path: Path) -> None:
    app = little(tmp_path, loop__architecture="adaptive", budget__share=0.5)
    play(app, DAY)
    begin(app, BIGGER, batches=50)
    play(app, 1.5 * DAY)
    made = {
        each.seq: each.fact for each in facts(app, "decision-made") if isinstance(each.fact, DecisionMade)
    }
    named = [fact for fact in released(app) if fact.decision is not None]
    assert {fact.rules for fact in named} == {digest_of(text.encode()) for text in (RULES, BIGGER)}
    assert all(made[fact.decision].rules == fact.rules for fact in named if fact.decision is not None)


def test_a_canary_stops_when_the_file_it_is_compared_with_is_not_in_force_any_more(tmp_path: Path) -> None:
    app = little(tmp_path, loop__architecture="adaptive", budget__share=0.5)
    play(app, DAY)
    begin(app, BIGGER, batches=50)
    play(app, DAY)
    (tmp_path / "rules.yaml").write_text(WORDS)
    play_to_its_end(app)
    (end,) = ended(app)
    assert end.verdict == "stopped"
    assert "not in force any more" in end.because
    assert app.tools.state.rules == digest_of(WORDS.encode())
