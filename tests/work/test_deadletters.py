"""Dead letters: grouped by reason, tried again or dropped by somebody for a reason, and never lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.loops import little
from tests.stores import ids

from flyball.adapters.checkpoint_files import CheckpointFiles
from flyball.bootstrap import App, performed
from flyball.core.due import Go
from flyball.core.facts import AnswerGiven, AnswerParked, LabelSettled, LetterDropped, LetterRequeued
from flyball.core.ids import AnnotatorId
from flyball.errors import BadUsage, NotFound
from flyball.ports import Answer, Log
from flyball.work import deadletters
from flyball.work.asked import carry_out
from flyball.work.capture import capture
from flyball.work.evidence import Keeper


def say(app: App, *items: str, label: str = "1", who: str = "ann-9") -> None:
    now = app.clock.now()
    answers = [
        Answer(f"{item}/{who}/{label}", item, AnnotatorId(who), label, None, now) for item in ids(*items)
    ]
    capture(app.tools, answers, now)


def integrate(app: App) -> None:
    lane = app.lanes["integrate"]
    due = lane.due(app.clock.now())
    assert isinstance(due, Go)
    begun = lane.begin(due, app.clock.now())
    assert begun is not None
    performed(lane, begun, app.clock.now)


def dead(app: App) -> list[deadletters.Dead]:
    return deadletters.dead(app.tools.store)


def ask(app: App, what: str, *facts: int) -> dict[str, Any]:
    request = {"command": "dlq", "what": what, "facts": list(facts), "by": "me", "because": "mended"}
    return carry_out(app.steering, request, app.clock.now())


@pytest.fixture
def app(tmp_path: Path) -> App:
    app = little(tmp_path)
    say(app, "nobody", "no-one")
    say(app, "nobody", label="what")
    integrate(app)
    for job in app.tools.store.jobs.claim("merge", 1e12, 99, 60.0):
        app.tools.store.jobs.fail(job, "ValueError", "poison", app.clock.now(), None)
    return app


def test_letters_of_one_cause_are_one_group(app: App) -> None:
    groups = deadletters.groups(dead(app))
    assert {group["reason"]: group["count"] for group in groups} == {
        "parked: item … never arrived": 2,
        "ValueError": 1,
    }


def test_letters_are_chosen_by_the_code_of_their_reason_as_well_as_by_its_sentence(app: App) -> None:
    codes = {group["code"]: group["count"] for group in deadletters.groups(dead(app))}
    assert codes == {"unknown-item": 2, "ValueError": 1}
    by_code = deadletters.chosen(dead(app), (), "unknown-item", False)
    assert by_code == deadletters.chosen(dead(app), (), "parked: item … never arrived", False) != []
    with pytest.raises(NotFound, match="unknown-label"):
        deadletters.chosen(dead(app), (), "unknown-label", False)


def test_a_letter_that_is_tried_again_and_fails_again_lies_there_again(app: App) -> None:
    first = dead(app)[0]
    assert ask(app, "requeue", first.fact)["facts"] == [first.fact]
    assert first.fact not in [each.fact for each in dead(app)]
    integrate(app)
    assert first.fact in [each.fact for each in dead(app)]
    (told,) = [r.fact for r in app.tools.store.log.read(kinds=[LetterRequeued.kind])]
    assert isinstance(told, LetterRequeued)
    assert (told.fact, told.by, told.because) == (first.fact, "me", "mended")


def test_what_lies_apart_is_what_stands_as_parked(app: App) -> None:
    first, second = dead(app)[:2]
    # Another answer decided, and this one does not count any more.
    label = LabelSettled(first.answer.item, "1", (), "majority", None, 1.0, (first.fact,))
    app.tools.tell(app.clock.now(), label)
    assert first.fact not in [each.fact for each in dead(app)]
    stand = {each.seq for each in app.tools.store.items.standing_as("parked")}
    letters = {each.fact for each in app.tools.store.jobs.letters("merge")}
    assert second.fact in stand
    assert {each.fact for each in dead(app)} == stand | letters


class Counted:
    """A log that counts how often it is asked."""

    def __init__(self, log: Log) -> None:
        self._log, self.asked = log, 0

    def __getattr__(self, name: str) -> Any:
        self.asked += 1
        return getattr(self._log, name)


def test_many_letters_are_told_in_a_few_questions(tmp_path: Path) -> None:
    app = little(tmp_path)
    store = app.tools.store
    say(app, *(f"nobody-{number}" for number in range(60)))
    for job in store.jobs.claim("merge", 1e12, 30, 60.0):
        store.jobs.fail(job, "ValueError", "poison", app.clock.now(), None)
    integrate(app)
    log = Counted(store.log)
    assert len(deadletters.dead(replace(store, log=log))) == 60
    assert log.asked <= 2


def test_a_letter_that_is_dropped_is_gone_and_its_answer_is_in_the_log(app: App) -> None:
    first = dead(app)[0]
    ask(app, "drop", first.fact)
    assert first.fact not in [each.fact for each in dead(app)]
    with pytest.raises(NotFound, match=f"about fact {first.fact}"):
        ask(app, "drop", first.fact)
    answers = {r.seq: r.fact for r in app.tools.store.log.read(kinds=[AnswerGiven.kind])}
    assert answers[first.fact] == first.answer
    assert len(list(app.tools.store.log.read(kinds=[LetterDropped.kind]))) == 1


def test_a_job_that_was_given_up_is_a_letter_with_its_error(tmp_path: Path) -> None:
    app = little(tmp_path)
    say(app, "nobody")
    (job,) = app.tools.store.jobs.claim("merge", 1e12, 1, 60.0)
    app.tools.store.jobs.fail(job, "ValueError", "poison", app.clock.now(), None)
    (letter,) = dead(app)
    told = deadletters.told(app.tools.store.log, letter)
    assert (told["reason"], told["detail"], told["attempts"], told["item"]) == (
        "ValueError",
        "poison",
        1,
        "nobody",
    )
    assert len(told["rules"]) == 64
    ask(app, "requeue", letter.fact)
    assert app.tools.store.jobs.waiting("merge").ready == 1
    assert dead(app) == []


@pytest.mark.parametrize(
    ("facts", "reason", "everything", "complaint"),
    [((), None, False, "--all"), ((1,), None, True, "--all"), ((), "what", False, "for 'what'")],
    ids=["nothing", "two ways", "unknown reason"],
)
def test_what_to_resolve_is_named_in_one_way(
    facts: tuple[int, ...], reason: str | None, everything: bool, complaint: str
) -> None:
    with pytest.raises((BadUsage, NotFound), match=complaint):
        deadletters.chosen([], facts, reason, everything)


@pytest.mark.parametrize("code", ["", "unknown-item", "class-blocked", "unknown-definitions"])
def test_more_than_fifty_letters_raise_an_alert_for_as_long_as_they_lie_there(
    tmp_path: Path, code: str
) -> None:
    app = little(tmp_path)
    store, now = app.tools.store, app.clock.now()
    keeper = Keeper(
        store.log, store.evidence, CheckpointFiles(tmp_path / "c", tmp_path / "k", "o"), lambda: 1.0
    )
    say(app, *(f"nobody-{number}" for number in range(51)))
    for job in store.jobs.claim("merge", now, 99, 60.0):
        if code:  # parked for whatever reason, it counts as much as one that was given up
            app.tools.tell(now, AnswerParked(job.cause.seq, "it waits", code), done=[job])
        else:
            store.jobs.fail(job, "ValueError", "poison", now, None)
    assert deadletters.count(store) == len(dead(app)) == 51
    keeper.look(app.tools, now)
    assert "dead-letters" in app.tools.state.alerts
    ask(app, "drop", dead(app)[0].fact)
    keeper.look(app.tools, now + 59.0)
    assert "dead-letters" in app.tools.state.alerts
    keeper.look(app.tools, now + 60.0)
    assert "dead-letters" not in app.tools.state.alerts


def test_a_log_that_is_not_the_signed_one_raises_an_alert_that_stays(tmp_path: Path) -> None:
    notary = CheckpointFiles(tmp_path / "c", tmp_path / "k", "o")
    other = little(tmp_path / "other")
    say(other, *(f"nobody-{number}" for number in range(9)))
    store = other.tools.store
    assert Keeper(store.log, store.evidence, notary, lambda: 1.0).sign(at_once=True)
    app = little(tmp_path / "loop")
    keeper = Keeper(app.tools.store.log, app.tools.store.evidence, notary, lambda: 1.0)
    keeper.look(app.tools, app.clock.now())
    message = getattr(app.tools.state.alerts["checkpoints"].fact, "message", "")
    assert "is not the one whose" in message and "flyball verify" in message
