"""Which rule files were in force, what each did, and what a rule in shadow would have done."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rulings import RULES, Station

from flyball.adapters.rule_file import read
from flyball.cli.rules import CATALOGUE
from flyball.core.rules.model import Ruleset
from flyball.errors import BadUsage, NotFound
from flyball.work.rule_history import before, content_of, named, previous, reigns, shadow_record, told

A, B, C = (RULES.replace("queue.depth > 20", f"queue.depth > {limit}") for limit in (20, 2, 3))


def rules_of(content: bytes, name: str) -> Ruleset:
    return read(content, name, CATALOGUE)[0]


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path)


def test_each_file_is_listed_with_its_time_its_owner_and_its_decisions(station: Station) -> None:
    for _ in range(3):
        station.look(queue_depth=30.0)
    station.put(B, "the team is larger")
    for _ in range(2):
        station.look(queue_depth=30.0)
    listed = [told(reign, station.now + 60.0) for reign in reigns(station.store.log)]
    assert [(each["seconds"], each["by"], each["because"], each["in_force"]) for each in listed] == [
        (180.0, "", "the file the loop began with", False),
        (180.0, "ana", "the team is larger", True),
    ]
    assert [each["decisions"] for each in listed] == [{"fired": 1}, {"fired": 1}]
    assert [each["not_applied"] for each in listed] == [1, 0]


STEPS = {
    "one back": ("AB", "A"),
    "two back": ("ABCB", "A"),
    "a file that came back": ("ABA", None),
    "over a detour": ("ABACB", "C"),
    "the first": ("A", None),
}


@pytest.mark.parametrize("name", STEPS)
def test_rollbacks_go_back_file_by_file(name: str, station: Station) -> None:
    steps, wanted = STEPS[name]
    files = {"A": A, "B": B, "C": C}
    for step in steps[1:]:
        station.put(files[step])
    if wanted is None:
        with pytest.raises(BadUsage, match="there is no rule file before"):
            previous(station.loaded())
    else:
        assert previous(station.loaded()).text == files[wanted]


def test_a_file_is_named_by_the_beginning_of_its_digest(station: Station) -> None:
    station.put(B)
    files = station.loaded()
    assert named(files, files[0].digest[:8]).text == A
    assert before(files, files[1].digest) == files[0]
    assert before(files, files[0].digest) is None
    with pytest.raises(NotFound, match="no rule file 0123 was ever in force"):
        named(files, "0123")
    with pytest.raises(NotFound):
        named(files, "")


def test_a_file_comes_back_byte_for_byte_also_with_a_byte_order_mark(station: Station) -> None:
    station.put("\ufeff" + RULES)
    assert [content_of(file).decode() for file in station.loaded()] == [RULES, "\ufeff" + RULES]


def test_the_record_of_a_rule_in_shadow_counts_from_its_last_change(station: Station) -> None:
    station.look(queue_depth=30.0)
    station.put(RULES.replace("queue.depth > 10", "queue.depth > 5"), "the tried one, sooner")
    for depth in (7.0, 0.0, 30.0, 0.0):
        station.look(queue_depth=depth)
    station.put(B.replace("queue.depth > 10", "queue.depth > 5"), "of no matter to it")
    station.look(queue_depth=7.0)
    rules = station.steering.rulebook.evaluator.rules
    tried = next(rule for rule in rules.rules if rule.id == "tried")
    record = shadow_record(station.store.log, tried, rules, rules_of, station.now)
    assert (record["since"], record["looks"], record["seconds"]) == (60.0, 5, 300.0)
    assert record["verdicts"] == {"fired": 3, "cleared": 2}
    assert [(each["knob"], each["from"], each["to"], each["times"]) for each in record["changes"]] == [
        ("batch.size", 100, 200, 3)
    ]


def test_a_rule_that_was_never_looked_at_so_has_no_record(station: Station) -> None:
    rules = rules_of(RULES.replace("queue.depth > 10", "queue.depth > 5").encode(), "")
    record = shadow_record(station.store.log, rules.rules[-1], rules, rules_of, 0.0)
    assert (record["since"], record["looks"], record["changes"]) == (None, 0, [])
