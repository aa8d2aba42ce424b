"""What an operator can count on while the loop runs: files, decisions, models, restarts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from tests.furniture import furnished
from tests.loops import RULES, facts, little, play, write_loop

from flyball.adapters.rule_file import read
from flyball.bootstrap import driver, open_loop
from flyball.cli.rules import CATALOGUE
from flyball.core.facts import (
    AlertCleared,
    AlertRaised,
    DecisionMade,
    LabelSettled,
    Looked,
    ModelPromoted,
    ModelTrained,
    RulesLoaded,
    RulesRefused,
)
from flyball.core.ids import digest_of
from flyball.errors import BadUsage, NotFound
from flyball.ports import Answer
from flyball.work import promote, views
from flyball.work.capture import capture

DAY = 86400.0
EAGER = RULES.replace("answers.since_train > 30", "answers.since_train > 5")


def test_a_rule_file_saved_while_the_loop_runs_takes_effect_at_the_next_look(tmp_path: Path) -> None:
    app = little(tmp_path, loop__architecture="adaptive")
    play(app, 2 * DAY)
    (tmp_path / "rules.yaml").write_text(EAGER)
    saved_at = app.clock.now()
    play(app, 2 * DAY)
    loaded = [r for r in facts(app, "rules-loaded") if isinstance(r.fact, RulesLoaded)]
    looks = [r.fact for r in facts(app, "looked") if isinstance(r.fact, Looked)]
    digests = [digest_of(text.encode()) for text in (RULES, EAGER)]
    assert [r.fact.digest for r in loaded] == digests  # type: ignore[union-attr]
    assert loaded[1].at - saved_at <= 3600.0
    assert all(look.rules == digests[look.due > loaded[1].at - 1] for look in looks)


def test_a_broken_rule_file_changes_nothing_says_so_once_and_is_forgiven_when_mended(tmp_path: Path) -> None:
    app = little(tmp_path, loop__architecture="adaptive")
    play(app, DAY)
    (tmp_path / "rules.yaml").write_text(RULES.replace("answers.since_train", "answers.since_trian"))
    play(app, DAY)
    refused = [r.fact for r in facts(app, "rules-refused") if isinstance(r.fact, RulesRefused)]
    assert len(refused) == 1
    assert "did you mean" in refused[0].problems[0]
    assert "rules" in app.tools.state.alerts
    digests = {look.fact.rules for look in facts(app, "looked")}  # type: ignore[union-attr]
    assert digests == {digest_of(RULES.encode())}
    (tmp_path / "rules.yaml").write_text(RULES)
    play(app, DAY / 2)
    told = [
        r.fact for r in facts(app, "alert-raised", "alert-cleared") if getattr(r.fact, "key", "") == "rules"
    ]
    assert [type(fact) for fact in told] == [AlertRaised, AlertCleared]


def test_every_decision_says_which_file_which_numbers_and_why(tmp_path: Path) -> None:
    app = little(tmp_path, loop__architecture="adaptive")
    play(app)
    decisions = [r.fact for r in facts(app, "decision-made") if isinstance(r.fact, DecisionMade)]
    assert len({decision.rule for decision in decisions}) == 2
    for decision in decisions:
        assert decision.rules == digest_of(RULES.encode())
        assert decision.values
        assert decision.because
        assert "{" not in decision.because


def test_the_answers_that_a_rule_read_are_those_that_were_given(tmp_path: Path) -> None:
    app = little(tmp_path)
    play(app)
    looked = [r.fact for r in facts(app, "looked") if isinstance(r.fact, Looked)]
    given = [r.at for r in facts(app, "answer-given")]
    for look in looked[:: max(1, len(looked) // 20)]:
        assert look.values["answers.total"] == sum(at <= look.due for at in given)


def test_the_shipped_rule_files_are_right() -> None:
    for path in sorted((Path(__file__).parents[2] / "rules").glob("*.yaml")):
        _, warnings = read(path.read_bytes(), path.name, CATALOGUE)
        assert warnings == ()


def test_a_rollback_is_a_decision_and_the_next_training_goes_on_from_there(tmp_path: Path) -> None:
    app = little(tmp_path)
    play(app, 4 * DAY)
    tools = app.tools
    before, now = tools.state.champion, app.clock.now()
    assert before is not None
    assert tools.state.past_champions
    fact = promote.rollback(tools, None, "ana", "alerts doubled", now)
    told = views.decisions(tools.store.log)[-1]
    champions = [v.version for v in tools.shelf.versions() if "champion" in v.aliases]
    assert (told["because"], told["changes"]) == (
        "alerts doubled",
        [{"do": "rollback", "from": before, "to": fact.model}],
    )
    assert champions == [fact.model] == [tools.state.champion]
    play(app, 4 * DAY)
    newest = [r.fact for r in facts(app, "model-promoted") if isinstance(r.fact, ModelPromoted)][-1]
    assert newest.model > before


def test_a_rollback_to_nowhere_is_told_in_a_sentence(tmp_path: Path) -> None:
    app = little(tmp_path)
    with pytest.raises(BadUsage, match="no champion before"):
        promote.rollback(app.tools, None, "ana", "why not", 0.0)
    with pytest.raises(NotFound, match="no model version 99"):
        promote.rollback(app.tools, 99, "ana", "why not", 0.0)  # type: ignore[arg-type]


def test_from_a_model_one_walks_to_its_labels_answers_batches_and_rules(tmp_path: Path) -> None:
    app = little(tmp_path, loop__architecture="adaptive")
    play(app)
    log, items = app.tools.store.log, app.tools.store.items
    trained = [r.fact for r in facts(app, "model-trained") if isinstance(r.fact, ModelTrained)][-1]
    found = views.lineage(log, items, trained.model)
    snapshot = app.tools.segments.get(trained.snapshot)
    assert found["snapshot"] == {"sha256": trained.snapshot, "rows": len(snapshot)}
    assert {row["item"] for row in found["rows"]} >= set(snapshot["item"])
    assert sum(found["labels"]["by_source"].values()) == len(found["rows"])
    asked = [row for row in found["rows"] if row["source"] == "answers"]
    assert asked
    assert all(row["answers"] and row["batch"] for row in asked)
    assert found["rule_file"]["digest"] == digest_of(RULES.encode())
    with pytest.raises(NotFound):
        views.lineage(log, items, 99)  # type: ignore[arg-type]


def test_an_answer_sent_again_changes_nothing_and_a_contradiction_is_kept_apart(tmp_path: Path) -> None:
    app = little(tmp_path, team__source="none", loop__patience="30d")
    play(app, 2 * DAY)
    tools = app.tools
    batch = next(iter(tools.state.open.values())).released
    now = app.clock.now()
    answer = Answer("e1", batch.items[0], "ana", "1", batch.batch, now)  # type: ignore[arg-type]
    other = Answer("e1", batch.items[0], "ana", "0", batch.batch, now)  # type: ignore[arg-type]
    counts = [capture(tools, sent, now) for sent in ([answer], [answer], [other], [answer, other])]
    play(app, DAY)
    assert [(c.new, c.again, c.conflicts) for c in counts] == [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1)]
    settled = [r.fact for r in facts(app, "label-settled") if isinstance(r.fact, LabelSettled)]
    assert [(label.item, label.label) for label in settled] == [(batch.items[0], "1")]
    assert len(list(tools.store.evidence.contested())) == 1


def test_an_answer_that_cannot_be_merged_is_parked_with_its_reason(tmp_path: Path) -> None:
    app = little(tmp_path)
    play(app, DAY)
    now = app.clock.now()
    nobody = Answer("e1", "no-such-item", "ana", "1", None, now)  # type: ignore[arg-type]
    strange = Answer("e2", "payment-0000000", "ana", "purple", None, now)  # type: ignore[arg-type]
    capture(app.tools, [nobody, strange], now)
    play(app, DAY / 4)
    reasons = [r.fact.reason for r in facts(app, "answer-parked")]  # type: ignore[union-attr]
    assert reasons == ["item no-such-item never arrived", "label 'purple' is not one of 0, 1"]


@pytest.mark.slow
def test_a_loop_on_its_stores_goes_on_after_each_restart_as_if_nothing_had_been(tmp_path: Path) -> None:
    directory = furnished(write_loop(tmp_path / "loop"))
    for _ in range(4):
        app = open_loop(directory)
        try:
            started = app.clock.now()
            list(driver(app).play(started + 0.8 * DAY))
        finally:
            app.close()
    app = open_loop(directory)
    try:
        asked = Counter(item for r in facts(app, "batch-released") for item in r.fact.items)  # type: ignore[union-attr]
        labelled = Counter(r.fact.item for r in facts(app, "label-settled"))  # type: ignore[union-attr]
        trained = Counter(r.fact.pins for r in facts(app, "model-trained"))  # type: ignore[union-attr]
        out = {item for batch in app.tools.state.open.values() for item in batch.unsettled}
        assert set(asked.values()) == set(labelled.values()) == set(trained.values()) == {1}
        assert set(asked) == set(labelled) | out
        assert len(app.tools.shelf.versions()) == len(trained)
        assert not app.tools.state.alerts
        dues = [r.fact.due for r in facts(app, "looked")]  # type: ignore[union-attr]
        assert dues == sorted(set(dues))
    finally:
        app.close()
