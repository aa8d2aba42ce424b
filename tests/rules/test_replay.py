"""What an edited file would have decided on recorded signals, and until when that can be told."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.loops import little, play
from tests.replays import CATALOGUES, decisions_of, looks_of, past_of, replayed, rules_of

from flyball.bootstrap import App
from flyball.core.control import KnobState
from flyball.core.facts import KnobTurned
from flyball.core.rules.sweep import read_sweep
from flyball.errors import BadUsage

DAY = 86400.0
#: Rules of every kind that a few days of payments set off.
MANY = """
version: 1
every: 1h
knobs:
  sampler.diversity: {min: 0, max: 0.6, step: 0.2 per 3h, safe: 0.1}
  sampler.reserve: {min: 0.05, max: 0.5}
conditions:
  crowded: queue.depth > 15 or annotators.load > 60%
rules:
  - {id: stale, because: "{answers.since_train} answers", when: answers.since_train > 30,
     then: [{do: retrain}], cooldown: 6h}
  - {id: busy, because: "{queue.depth} wait", when: crowded, until: queue.depth < 5,
     hold: {sampler.reserve: 0.5}, priority: 10}
  - {id: waits, because: "it waits", when: queue.depth < 10, for: 3 looks,
     then: [{add: sampler.diversity, by: 0.1}], repeat: 4h}
  - {id: rival, because: "it gives way", when: queue.depth > 10, hold: {sampler.reserve: 0.2}, priority: 5}
  - {id: silent, because: "never heard", when: drift.share > 1%, then: [{set: sampler.diversity, to: 0.5}]}
  - {id: past, because: "grew", when: "delta(answers.total, 3h) > 5 and not crowded",
     then: [{scale: batch.size, by: 1.2}], cooldown: 1 cycles}
  - {id: once, because: "once", when: answers.total > 20, then: [{do: alert, severity: warn}], once: true}
  - {id: tried, because: "in shadow", mode: shadow, when: queue.depth > 5, hold: {sampler.name: random}}
"""
EDITED = MANY.replace("when: crowded", "when: queue.depth > 45")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> App:
    """Six days of the adaptive loop with all kinds of rules."""
    app = little(tmp_path_factory.mktemp("loop"), MANY, loop__architecture="adaptive")
    play(app)
    return app


@pytest.mark.parametrize("days", [0, 1, 2.5, 4], ids=lambda days: f"from day {days} on")
def test_an_unchanged_file_decides_what_was_recorded(played: App, days: float) -> None:
    found = replayed(played, MANY, days * DAY)
    told = {each.rule: each.after.fired for each in found.rules if each.after is not None}
    assert len(decisions_of(played)) > 40
    assert (found.differences, found.unlike, dict(found.beyond)) == ((), 0, {})
    assert days or min(told[name] for name in ("stale", "busy", "waits", "past", "once", "tried")) > 0


def test_edited_words_and_places_change_no_decision(played: App) -> None:
    words = MANY.replace('"it waits"', '"other words"').replace("every: 1h", "# a comment\nevery: 1h")
    assert replayed(played, words).differences == ()


def test_an_edited_threshold_differs_first_where_the_reading_lies_between_the_old_and_the_new(
    played: App,
) -> None:
    found = replayed(played, EDITED)
    first = found.differences[0]
    seen = next(look for look in looks_of(played) if look.due == first.at)
    reading = seen.values["queue.depth"]
    assert reading is not None
    assert (first.rule, [made.verdict for made in first.before], first.after) == ("busy", ["fired"], ())
    assert 15 < reading <= 45
    assert f"`queue.depth > 45` ({reading:g} now, {45 - reading:g} below)" in first.because
    assert first.beyond == ()


def test_from_the_first_divergence_on_each_difference_names_the_knobs_that_the_recording_left(
    played: App,
) -> None:
    found = replayed(played, EDITED)
    parted = found.beyond["sampler.reserve"]
    assert parted == found.differences[0].at
    assert all(("sampler.reserve" in each.beyond) == (each.at > parted) for each in found.differences)
    curve = next(each for each in found.curves if each.knob == "sampler.reserve")
    assert curve.parted == parted


def test_before_the_first_divergence_nothing_differs(played: App) -> None:
    found = replayed(played, EDITED)
    first = found.differences[0].at
    old, new = found.stretches
    assert [each for each in old if each.end < first] == [each for each in new if each.end < first]


def test_a_rule_that_is_gone_and_a_rule_that_is_new_are_told_as_such(played: App) -> None:
    found = replayed(played, MANY.replace("id: stale", "id: fresh"))
    told = {each.rule: each for each in found.rules}
    assert (told["stale"].after, told["fresh"].before) == (None, None)
    assert {each.rule for each in found.differences} == {"stale", "fresh"}
    gone = next(each for each in found.differences if each.rule == "stale")
    assert gone.because == "the new file has no such rule"
    assert not found.beyond  # the same was asked for in the same looks


def test_what_people_turned_stays_in_force(tmp_path: Path) -> None:
    app = little(tmp_path, MANY, loop__architecture="adaptive")
    play(app, DAY)
    override = KnobTurned("sampler.reserve", "person:ana", 0.3, "a trial", "ana", until=app.clock.now() + DAY)
    app.tools.tell(app.clock.now(), override)
    pause = KnobTurned("rule.paused", "person:ana", True, "let it rest", "ana", about="stale")
    app.tools.tell(app.clock.now(), pause)
    play(app, 3 * DAY)
    assert replayed(app, MANY).differences == ()
    found = replayed(app, EDITED)
    during = [at for curve in found.curves for at, _ in curve.after if curve.knob == "sampler.reserve"]
    assert during
    assert all(
        value == 0.3
        for curve in found.curves
        if curve.knob == "sampler.reserve"
        for at, value in curve.after
        if override.until is not None and override.until - DAY < at < override.until - 7200
    )
    assert not [each for each in found.differences if each.rule == "stale"]


def test_files_that_took_effect_on_the_way_are_followed(tmp_path: Path) -> None:
    app = little(tmp_path, MANY, loop__architecture="adaptive")
    play(app, 2 * DAY)
    (tmp_path / "rules.yaml").write_text(EDITED)
    play(app, 2 * DAY)
    (tmp_path / "rules.yaml").write_text(MANY)
    play(app, 2 * DAY)
    found = replayed(app, MANY)
    assert len(found.files) == 3
    assert found.unlike == 0
    assert all(each.at >= found.files[1][0] - 3600 for each in found.differences)
    assert replayed(app, EDITED, 2.2 * DAY).unlike == 0


def test_outside_the_adaptive_architecture_nothing_is_applied_and_the_replay_says_so(tmp_path: Path) -> None:
    app = little(tmp_path, MANY)
    play(app, 3 * DAY)
    found = replayed(app, EDITED)
    assert found.shadowed == found.looks
    assert found.differences
    assert not found.beyond
    assert not any(made.live for each in found.differences for made in each.after)


def test_a_process_that_began_in_another_architecture_than_the_settings_now_name_is_followed(
    tmp_path: Path,
) -> None:
    app = little(tmp_path, MANY, loop__architecture="adaptive")
    app.started()
    play(app, 2 * DAY)
    past = past_of(app)
    past.recording.settings = KnobState.start({**app.settings.knobs, "loop.architecture": "parallel"})
    first, last = past.recording.ends()
    found = past.replay(rules_of(MANY), first.due, last.due)
    assert (found.shadowed, found.unlike, found.differences) == (0, 0, ())


def test_two_files_are_compared_with_each_other_and_not_with_the_recording(played: App) -> None:
    assert replayed(played, EDITED, old=EDITED).differences == ()
    forth, back = replayed(played, EDITED, old=MANY), replayed(played, MANY, old=EDITED)
    assert {(each.at, each.rule): (each.before, each.after) for each in forth.differences} == {
        (each.at, each.rule): (each.after, each.before) for each in back.differences
    }
    beside_log = replayed(played, EDITED)
    assert [each.at for each in forth.differences] == [each.at for each in beside_log.differences]


def test_a_sweep_counts_what_a_replay_of_each_value_counts(played: App) -> None:
    past = past_of(played)
    first, last = past.recording.ends()
    sweep = read_sweep("tried.queue.depth=5..45/5", rules_of(MANY), past.catalogues)
    for swept in past.sweep(sweep, rules_of(MANY), first.due, last.due):
        text = MANY.replace("when: queue.depth > 5,", f"when: queue.depth > {swept.value:g},")
        told = next(each for each in replayed(played, text).rules if each.rule == "tried")
        assert told.after is not None
        assert (swept.tally.fired, swept.tally.active) == (told.after.fired, told.after.active)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        pytest.param("waits.for=1 looks..4 looks", ["1 look", "2 looks", "3 looks", "4 looks"], id="looks"),
        pytest.param("stale.cooldown=0s..6h/4", ["0s", "2h", "4h", "6h"], id="times, from none on"),
        pytest.param(
            "busy.annotators.load=20%..80%/4", ["20%", "40%", "60%", "80%"], id="a share, by a name"
        ),
        pytest.param("past.answers.total=2..4/3", ["2", "3", "4"], id="a function of the past"),
        pytest.param("busy.until.queue.depth=1..3/3", ["1", "2", "3"], id="the other condition"),
        pytest.param(
            "busy.for=1h..1d",
            ["1h", "2h", "3h", "4h", "6h", "8h", "12h", "1d"],
            id="times that people would try",
        ),
        pytest.param(
            "busy.queue.depth=100..400",
            ["100", "150", "200", "250", "300", "350", "400"],
            id="counts that people would try",
        ),
        pytest.param(
            "busy.annotators.load=60%..70%",
            [f"{percent}%" for percent in range(60, 71)],
            id="shares that people would try",
        ),
    ],
)
def test_what_can_be_swept(text: str, values: list[str]) -> None:
    sweep = read_sweep(text, rules_of(MANY), CATALOGUES)
    assert [each.text for each in sweep.variants] == values


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("busy", "a sweep is", id="nothing to sweep"),
        pytest.param("bussy.for=1m..3m", "did you mean `busy`", id="a rule misspelt"),
        pytest.param(
            "busy.queue.dept=1..3",
            "it compares `queue.depth > 15`, `annotators.load > 60%`",
            id="a signal misspelt",
        ),
        pytest.param("busy.for=3m..1m", "from 3m to 1m it does not", id="downwards"),
        pytest.param("busy.annotators.load=80%..20%", "from 80% to 20% it does not", id="a share, downwards"),
        pytest.param("busy.for=1m..3", "no length of time", id="a time without a unit"),
        pytest.param("busy.for=1m..3m/1", "2 to 200 steps", id="one step"),
        pytest.param("busy.for=1m..3 looks", "both ends", id="two units"),
    ],
)
def test_what_cannot_be_swept_is_told_with_what_can(text: str, told: str) -> None:
    with pytest.raises(BadUsage, match=told.replace("(", r"\(")):
        read_sweep(text, rules_of(MANY), CATALOGUES)
