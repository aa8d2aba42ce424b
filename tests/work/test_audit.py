"""What an auditor asks of a loop that ran: lineage up and down, answers with outcomes, labels given again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.loops import facts, little, play
from tests.stores import chance

from flyball.adapters.memory_store import memory_store
from flyball.bootstrap import App
from flyball.cli.audit import _lineage
from flyball.cli.progress import Progress
from flyball.core.chain import verify
from flyball.core.facts import (
    AnswerGiven,
    AnswerGivenUp,
    AnswerParked,
    ClassAllowed,
    DefinitionsApproved,
    DeliveryUnread,
    Fact,
    LabelSettled,
    LetterDropped,
    LetterRequeued,
    ModelTrained,
)
from flyball.core.ids import AnnotatorId, Digest, ItemId, ModelVersion, Position
from flyball.errors import BadUsage, NotFound
from flyball.ports import Commit, Draft
from flyball.work import audit as auditing
from flyball.work import latency, lineage, views
from flyball.work.audit import COLUMNS, Wanted
from flyball.work.capture import contest
from flyball.work.erase import about_of, erase, traces
from flyball.work.reconcile import reconcile, told


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    app = little(tmp_path_factory.mktemp("loop"))
    play(app)
    yield app
    app.close()


def audit(app: App, wanted: Wanted) -> list[dict[str, object]]:
    return list(auditing.audit(app.tools.store.log, app.tools.store.items, wanted))


def said(app: App) -> list[AnswerGiven]:
    return [each.fact for each in facts(app, AnswerGiven.kind) if isinstance(each.fact, AnswerGiven)]


def test_the_models_of_an_item_are_those_whose_lineage_has_the_item(app: App) -> None:
    store = app.tools.store
    trained = [each.fact for each in facts(app, ModelTrained.kind) if isinstance(each.fact, ModelTrained)]
    rows = {
        model.model: {row["item"] for row in views.lineage(store.log, store.items, model.model)["rows"]}
        for model in trained
    }
    assert len(rows) > 1
    for item in {answer.item for answer in said(app)[::9]}:
        found = {each["model"] for each in lineage.of_item(store.log, store.items, item)["models"]}
        assert found == {model for model, items in rows.items() if item in items}


def test_the_way_of_an_item_is_told_from_its_arrival_to_its_label(app: App) -> None:
    answer = said(app)[0]
    found = lineage.of_item(app.tools.store.log, app.tools.store.items, answer.item)
    assert found["answers"][0]["annotator"] == answer.annotator
    assert found["answers"][0]["settled_in"] == [found["labels"][0]["fact"]]
    assert found["batches"][0]["batch"] == answer.batch
    assert found["rule_files"][0]["digest"] == found["batches"][0]["rules"]
    with pytest.raises(NotFound, match="no item nobody"):
        lineage.of_item(app.tools.store.log, app.tools.store.items, ItemId("nobody"))


def settled_by(*answers: Position, superseded: Sequence[Position] = ()) -> LabelSettled:
    return LabelSettled(ItemId("x"), "1", answers, "majority", None, 1.0, tuple(superseded))


ONE, TWO = Position(1), Position(2)
PARKED, GIVEN_UP = AnswerParked(ONE, "held back"), AnswerGivenUp(ONE, "ValueError", "poison", 3)
DROPPED = LetterDropped(ONE, "", "", 1, "me", "of no use")


@pytest.mark.parametrize(
    ("after", "outcome", "later"),
    [
        ([PARKED], "parked", ""),
        ([GIVEN_UP], "given up", ""),
        ([PARKED, DROPPED], "dropped", "; dropped later"),
        ([GIVEN_UP, LetterRequeued(ONE, "", "", 3, "me", "mended")], "open", "; tried again later"),
        ([PARKED, ClassAllowed("1", "me", "a wave", (ONE,))], "open", "; let in later"),
        ([PARKED, DefinitionsApproved(Digest("ab"), "me", "alike", (ONE,), {})], "open", "; let in later"),
        ([PARKED, settled_by(ONE)], "settled", "; let in later, and settled"),
        ([GIVEN_UP, settled_by(TWO, superseded=[ONE])], "superseded", "; superseded later"),
        ([settled_by(ONE), settled_by(TWO, superseded=[ONE])], "superseded", None),
        ([settled_by(ONE), PARKED], "parked", ""),
    ],
    ids=[
        *(
            "parked",
            "given up",
            "dropped",
            "tried again",
            "its class is let in",
            "its definitions are approved",
        ),
        *("settled", "superseded", "settled and then superseded", "settled and then not as captured"),
    ],
)
def test_an_audit_and_a_lineage_tell_the_last_that_came_of_an_answer(
    after: Sequence[Fact], outcome: str, later: str | None
) -> None:
    store = memory_store(chance())
    for who in ("ann-1", "ann-2"):
        store.log.append(Commit([Draft(AnswerGiven(ItemId("x"), AnnotatorId(who), "1"))]), 1.0)
    for fact in after:
        store.log.append(Commit([Draft(fact)]), 2.0)
    first, _ = auditing.audit(store.log, store.items, Wanted())
    assert first["outcome"] == outcome
    told = _lineage(lineage.of_item(store.log, store.items, ItemId("x"))).splitlines()
    apart = [line for line in told if line.startswith(("  parked ", "  given up ")) and "answer 1:" in line]
    assert [line.partition(";")[1] + line.partition(";")[2] for line in apart] == (
        [] if later is None else [later]
    )


def test_an_audit_without_limits_has_every_answer_once_and_in_order(app: App) -> None:
    rows = audit(app, Wanted())
    assert [row["fact"] for row in rows] == [each.seq for each in facts(app, AnswerGiven.kind)]
    assert all(tuple(row) == COLUMNS for row in rows)
    assert {row["outcome"] for row in rows} == {"settled"}


@pytest.mark.parametrize("name", ["annotator", "item", "cohort", "document"])
def test_an_audit_is_limited_to_what_is_asked_for(app: App, name: str) -> None:
    column = "batch" if name == "cohort" else name
    everything = audit(app, Wanted())
    value = str(everything[3][column])
    rows = audit(app, Wanted(**{name: value}))  # type: ignore[arg-type]
    assert rows == [row for row in everything if row[column] == value] != []


def test_an_audit_of_a_time_has_its_beginning_and_not_its_end(app: App) -> None:
    everything = audit(app, Wanted())
    first, last = everything[5]["received_at"], everything[-5]["received_at"]
    assert isinstance(first, float) and isinstance(last, float)
    rows = audit(app, Wanted(since=first, until=last))
    times = [row["received_at"] for row in rows]
    assert times[0] == first and last not in times


def test_an_audit_of_a_model_has_the_answers_behind_its_labels(app: App) -> None:
    store = app.tools.store
    rows = audit(app, Wanted(model=ModelVersion(3)))
    behind = views.lineage(store.log, store.items, ModelVersion(3))["rows"]
    assert {row["fact"] for row in rows} == {a["answer"] for row in behind for a in row["answers"]}
    with pytest.raises(NotFound, match="no model version 99"):
        audit(app, Wanted(model=ModelVersion(99)))


def test_todays_code_gives_the_labels_that_stand_and_every_answer_has_its_account(app: App) -> None:
    found = reconcile(app.tools.store, app.tools.segments, app.tools.classes, 0.0)
    assert (found.differences, found.lost, found.unknowable) == ([], [], 0)
    assert found.same == found.labels == len(facts(app, LabelSettled.kind))
    assert found.captured == sum(found.accounts.values()) == len(said(app))
    assert next(told(found)).startswith(f"captured {found.captured} = ")


def test_a_label_that_does_not_follow_is_a_difference_and_an_answer_without_a_job_is_lost(
    tmp_path: Path,
) -> None:
    app = little(tmp_path)
    play(app, 2 * 86400.0)
    first = facts(app, LabelSettled.kind)[0].fact
    assert isinstance(first, LabelSettled)
    other = "1" if first.label == "0" else "0"
    forged = replace(first, label=other)
    item = ItemId(str(app.tools.store.items.pool(1).table["item"][0]))
    alone = AnswerGiven(item, said(app)[0].annotator, "0")
    receipts = app.tools.store.log.append(Commit([Draft(forged), Draft(alone)]), app.clock.now())
    found = reconcile(app.tools.store, app.tools.segments, app.tools.classes, 0.0)
    (difference,) = found.differences
    assert difference.today is not None and difference.stands is not None
    assert (difference.item, difference.today["label"]) == (first.item, first.label)
    assert receipts[1].seq in found.lost


def test_the_stages_of_each_size_of_batch_are_measured_from_the_log(app: App) -> None:
    (row,) = [row for row in latency.latency(app.tools.store.log) if row["size"] == 40]
    assert row["captured_to_integrated"]["count"] == len(said(app))
    assert all(row[stage]["p50"] <= row[stage]["p95"] for stage in latency.STAGES if row[stage]["count"])
    assert row["labels_per_hour"] > 0 and not row["chokes"]


def test_who_was_erased_is_in_no_answer_the_labels_stand_and_an_erased_item_teaches_nobody(
    tmp_path: Path,
) -> None:
    app = little(tmp_path)
    play(app, 2 * 86400.0)
    store, now = app.tools.store, app.clock.now()
    who = said(app)[0].annotator
    item = next(answer.item for answer in said(app) if answer.annotator != who)
    labels = facts(app, LabelSettled.kind)
    assert about_of(store.log, store.evidence, who, None) == "annotator"
    with pytest.raises(BadUsage, match="must not name"):
        erase(app.tools, who, "annotator", "me", f"{who} asked for it", now)
    expected = traces(store.log, store.evidence, who, "annotator")
    assert expected.named["looked"] > 0
    assert erase(app.tools, who, "annotator", "me", "case 7", now)["facts"] == len(expected.facts)
    assert who not in {answer.annotator for answer in said(app)}
    assert facts(app, LabelSettled.kind) == labels
    found = reconcile(store, app.tools.segments, app.tools.classes, 0.0)
    assert (found.differences, found.lost, found.unknowable > 0) == ([], [], True)
    with pytest.raises(NotFound):
        about_of(store.log, store.evidence, who, None)

    erase(app.tools, item, about_of(store.log, store.evidence, item, None), "me", "case 8", now)
    assert item not in set(store.items.labelled(store.log.head().seq).table["item"])
    assert store.items.answers(item) == ()
    assert verify(store.evidence.links()) == ()
    assert play(app, 43200.0)


def test_what_could_not_be_read_is_erased_where_it_names_who_is_erased(tmp_path: Path) -> None:
    app = little(tmp_path)
    play(app, 86400.0)
    store, now, who = app.tools.store, app.clock.now(), said(app)[0].annotator
    unread = DeliveryUnread("source:tool", "webhook", "no_item", ("no item is named",))
    theirs, others = (
        Draft(unread, "source:tool", f"d-{name}", f'{{"by": "{name}"}}'.encode()) for name in (who, "else")
    )
    receipts = app.tools.write(Commit([theirs, others]), now)
    erase(app.tools, who, "annotator", "me", "case 9", now)
    kept = {link.seq: link.raw for link in store.evidence.links() if link.kind == DeliveryUnread.kind}
    assert kept == {receipts[0].seq: None, receipts[1].seq: b'{"by": "else"}'}
    assert verify(store.evidence.links()) == ()


def test_reconciling_tells_how_many_answers_are_older_than_it_looked(app: App) -> None:
    store, given = app.tools.store, facts(app, AnswerGiven.kind)
    middle = given[len(given) // 2].at
    found = reconcile(store, app.tools.segments, app.tools.classes, middle)
    assert found.older == sum(each.at < middle for each in given) > 0
    assert found.captured + found.older == len(given)


def test_a_standing_alert_is_told_once_and_then_counted(tmp_path: Path) -> None:
    app = little(tmp_path)
    progress = Progress(app, app.clock.now())
    assert "alert" not in progress.line().lower()
    app.tools.alert(app.clock.now(), "source-a", "a: /nowhere is no folder")
    assert progress.line().endswith("ALERT a: /nowhere is no folder")
    assert progress.line().endswith("  1 alert stands")
    app.tools.alert(app.clock.now(), "source-b", "b: another")
    assert progress.line().endswith("ALERT b: another")


def test_the_alert_of_conflicts_names_an_id_once(tmp_path: Path) -> None:
    app = little(tmp_path)
    contest(app.tools, "api", ["e-1", "e-1", "e-2"], app.clock.now())
    (alert,) = (each.fact for each in app.tools.state.alerts.values())
    assert getattr(alert, "message", "").startswith("e-1, e-2 of api: ")
