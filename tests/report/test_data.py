"""What the report reads from the log."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.loops import little

from flyball.core.facts import AlertCleared, AlertRaised, DriftMeasured, KnobTurned, Recorded
from flyball.core.ids import Position
from flyball.report.data import Alert, Look, alerts_of, drifts_of, knob_lines
from flyball.report.plots_quality import is_applied
from flyball.report.plots_work import idle_share, queue_title, thinned


def drift(at: float, share: float | None, changed: bool = False) -> Recorded:
    features = {"amount": 0.4, "hour": 2.0}
    return Recorded(Position(1), at, DriftMeasured(share, 1.0, 0.1, changed, 0.0, features))


def test_drift_is_marked_when_it_begins_and_not_as_long_as_it_lasts() -> None:
    measured = [drift(1, 0.1), drift(2, 0.4), drift(3, 0.5), drift(4, None), drift(5, 0.2), drift(6, 0.31)]
    found = list(drifts_of(measured))
    assert [(each.at, each.error) for each in found] == [(2, False), (6, False)]
    assert found[0].moved[0] == ("hour", 2.0)


def test_a_changed_error_is_drift_whatever_the_features_do() -> None:
    assert [each.error for each in drifts_of([drift(1, 0.1, True), drift(2, 0.1)])] == [True]


def turned(at: float, to: int | None, layer: str = "base", until: float | None = None) -> Recorded:
    fact = KnobTurned("batch.size", layer, to, "because", "ana", until=until)
    return Recorded(Position(1), at, fact)


def test_a_knob_that_is_held_for_a_while_comes_back_by_itself() -> None:
    lines = knob_lines({"batch.size": 60}, [turned(10, 200, "person:ana", until=20)], began=0)
    assert [(at, value) for at, value, *_ in lines[0].steps] == [(0, 60), (10, 200), (20, 60)]


def test_a_knob_that_was_set_to_what_it_was_did_not_move() -> None:
    assert knob_lines({"batch.size": 60}, [turned(10, 60)], began=0) == ()


def test_an_alert_lasts_until_it_is_cleared_and_may_come_again(tmp_path: Path) -> None:
    app = little(tmp_path)
    raised = AlertRaised("rules", "warn", "a mistake")
    for at, fact in ((1.0, raised), (2.0, AlertCleared("rules")), (3.0, raised)):
        app.tools.tell(at, fact)
    found = alerts_of(app.tools.store.log)
    assert [alert.until is None for alert in found] == [False, True]
    assert isinstance(found[0], Alert)


@pytest.mark.parametrize(
    ("told", "applied"),
    [
        ({"live": True, "changes": [{"do": "retrain"}]}, True),
        ({"live": True, "changes": [{"knob": "batch.size", "from": 60, "to": 75}]}, True),
        ({"live": True, "changes": [{"knob": "batch.size", "from": 200, "to": 200}]}, False),
        ({"live": False, "changes": [{"do": "retrain"}]}, False),
        ({"live": True, "changes": [{"do": "retrain"}], "overruled_by": "other"}, False),
        ({"live": True, "changes": []}, False),
    ],
    ids=["an action", "a knob moved", "held back by a limit", "in shadow", "overruled", "only said"],
)
def test_a_decision_was_applied_when_it_moved_something(told: dict[str, object], applied: bool) -> None:
    assert is_applied(told) is applied


def look(at: float, depth: float | None, idle: float | None, active: float | None) -> Look:
    values = {
        "queue.depth": depth,
        "backlog.depth": 0.0,
        "annotators.idle": idle,
        "annotators.active": active,
    }
    return Look(at, values)


def test_idle_time_is_that_of_people_on_shift() -> None:
    looks = [look(0, 5, 1.0, 1), look(1, 9, 0.0, 3), look(2, 0, None, 0)]
    assert idle_share(looks) == 0.25
    assert queue_title(looks) == (
        "At most 9 items waited for annotators, and those on shift had no work 25% of the time"
    )
    assert idle_share(looks[2:]) is None


def test_a_long_run_is_thinned_to_means_and_what_is_missing_stays_missing() -> None:
    looks = [look(at, float(at), None, None) for at in range(10)]
    found = thinned(looks, most=5)
    assert [each.values["queue.depth"] for each in found] == [0.5, 2.5, 4.5, 6.5, 8.5]
    assert all(each.values["annotators.idle"] is None for each in found)
    assert thinned(looks, most=10) is looks
