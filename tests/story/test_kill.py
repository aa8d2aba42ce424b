"""A loop whose process is killed goes on as if nothing had been, and the check that says so can fail."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.faults import hunt
from tests.loops import little, play
from tests.promises import Account, account_of, broken, unfinished

from flyball.adapters.clock import VirtualClock
from flyball.adapters.stream import open_stream
from flyball.bootstrap import assemble, driver
from flyball.core.facts import (
    AnswerGiven,
    BatchReleased,
    BatchSettled,
    ItemsArrived,
    LabelSettled,
    ModelTrained,
    Recorded,
    RunBegan,
    RunEnded,
)
from flyball.core.ids import Position, RunId
from flyball.core.sampling.budget import Budget

BUDGET = Budget(share=0.1)
Tamper = Callable[[Account], Account]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """What a loop that nobody disturbed has written down, and a shelf that fits it."""
    app = little(tmp_path_factory.mktemp("loop"))
    play(app)
    found = account_of(app.tools.store)
    pins = tuple(str(model.pins) for model in found.of(ModelTrained))
    return replace(found, versions=pins, finished=pins)


def test_a_loop_that_nobody_disturbed_keeps_every_promise(account: Account) -> None:
    assert broken(account, BUDGET, before=replace(account, links=account.links[:100])) == []
    assert len(account.of(ModelTrained)) > 2


def _one(account: Account, kind: type, which: int) -> Recorded:
    return [recorded for recorded in account.facts if isinstance(recorded.fact, kind)][which]


def _again(kind: type) -> Tamper:
    """The newest fact of a kind stands in the log twice, as another process would have written it."""

    def tamper(account: Account) -> Account:
        twice = replace(_one(account, kind, -1), seq=Position(account.facts[-1].seq + 1))
        return replace(account, facts=(*account.facts, twice))

    return tamper


def _without(kind: type) -> Tamper:
    def tamper(account: Account) -> Account:
        seq = _one(account, kind, -2).seq
        return replace(
            account,
            facts=tuple(recorded for recorded in account.facts if recorded.seq != seq),
            links=tuple(link for link in account.links if link.seq != seq),
        )

    return tamper


def _edited(account: Account) -> Account:
    seq = _one(account, AnswerGiven, -1).seq
    other = (link._replace(body=b"{}") if link.seq == seq else link for link in account.links)
    return replace(account, links=tuple(other))


def _cut(account: Account) -> Account:
    return replace(account, facts=account.facts[:-50], links=account.links[:-50])


def _sent_again(account: Account) -> Account:
    """The newest answer was kept once more, under the name that it had."""
    link = next(link for link in reversed(account.links) if link.kind == AnswerGiven.kind)
    return replace(account, links=(*account.links, link))


def _trained_anew(account: Account) -> Account:
    """The newest training was done again on the same pins, and made a second version of them."""
    pins = str(_one(account, ModelTrained, -1).fact.pins)  # type: ignore[union-attr]
    assert account.versions is not None
    return replace(account, versions=(*account.versions, pins), finished=(*account.finished, pins))


def _off_the_shelf(account: Account) -> Account:
    assert account.versions is not None
    return replace(account, versions=account.versions[:-1])


def _unknown_on_the_shelf(account: Account) -> Account:
    assert account.versions is not None
    return replace(account, versions=(*account.versions, "one", "another"))


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (_without(AnswerGiven), "facts between them are missing"),
        (_without(AnswerGiven), r"answer \S+ is lost"),
        (_without(ModelTrained), "facts between them are missing"),
        (_cut, r"fact \d+ \(\S+ \S*\) is lost"),
        (_edited, "its bytes are not those that were written"),
        (_edited, r"fact \d+ is not what it was"),
        (_sent_again, r"the answer \S+ is kept 2 times"),
        (_again(AnswerGiven), r"\('\S+', '\S+'\) answered 2 times"),
        (_again(BatchReleased), r"\S+ was released 2 times"),
        (_again(BatchReleased), r"\S+ asks for \d+ answers where \d+ are left"),
        (_again(LabelSettled), r"\S+ was settled 2 times"),
        (_again(ItemsArrived), r"\d+ items arrived between rows \d+ and \d+"),
        (_without(ItemsArrived), r"\d+ items arrived between rows \d+ and \d+"),
        (_again(ModelTrained), r"\w{64} was trained on 2 times"),
        (_trained_anew, r"\w{64} has 2 model versions"),
        (_trained_anew, r"\w{64} has 2 finished runs"),
        (_off_the_shelf, r"the model of \w{64} is not on the shelf"),
        (_unknown_on_the_shelf, "2 models on the shelf are of no training: one, another"),
    ],
)
def test_the_check_finds_what_was_lost_or_done_twice(account: Account, tamper: Tamper, said: str) -> None:
    problems = broken(tamper(account), BUDGET, before=account)
    assert any(re.search(said, problem) for problem in problems), problems


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (_without(AnswerGiven), r"\S+ has 0 answers"),
        (_without(LabelSettled), r"\S+ has 0 labels"),
        (_without(BatchSettled), r"batch-\d+ is not settled"),
        (_without(RunEnded), r"\S+ is not at its end"),
        (_unknown_on_the_shelf, "the model of another is of no training"),
        (lambda account: replace(account, jobs=(0, 0, 1)), r"jobs are ready, running or dead: \(0, 0, 1\)"),
    ],
)
def test_the_check_finds_what_was_left_undone(account: Account, tamper: Tamper, said: str) -> None:
    problems = unfinished(tamper(account))
    assert any(re.fullmatch(said, problem) for problem in problems), problems


def _trained(account: Account) -> set[RunId]:
    return {model.run for model in account.of(ModelTrained)}


@pytest.mark.parametrize("again", [True, False], ids=["to be tried again", "given up"])
def test_a_training_killed_while_it_gave_its_job_back_does_not_hold_up_the_next(
    again: bool, tmp_path: Path
) -> None:
    app = little(tmp_path)
    next(each for each in driver(app).play(app.until) if app.tools.state.run_of("train"))
    run, now, store = app.tools.state.run_of("train"), app.clock.now(), app.tools.store
    store.jobs.recover(now, everyone=True)
    (job,) = store.jobs.claim("train", now, 1, 60.0)
    store.jobs.fail(job, "learner", "it failed", now, now + 900 if again else None)
    opened = open_stream(app.settings)
    play(assemble(app.settings, opened, store, app.tools.segments, app.tools.shelf, VirtualClock(now)))
    account = account_of(store)
    assert broken(account, BUDGET) == []
    assert run is not None
    assert (run.fact in [r for r in account.of(RunBegan) if r.run in _trained(account)]) is again
    assert len(_trained(account)) > 2


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("kills", "prefect"), [(3, False), (1, True)], ids=["alone", "with Prefect"])
def test_a_loop_that_is_killed_and_started_again_loses_nothing_and_does_nothing_twice(
    kills: int, prefect: bool, tmp_path: Path
) -> None:
    lines: list[str] = []
    broken = hunt(tmp_path, 3, kills, prefect, lines.append, transactions=1000, days=2)
    assert broken == [], "\n".join(lines)
