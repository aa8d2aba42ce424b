"""Scenario files: what their rows mean, and what is told of mistakes in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.catalogue import CATALOGUE
from tests.rules.scenarios import RULES, suite

from flyball.adapters import scenario_file
from flyball.core.rules.codes import CODES
from flyball.core.rules.scenario.model import Scenario
from flyball.core.signal import Reading
from flyball.errors import BadFile


def scenario(body: str) -> Scenario:
    return suite(f"  - name: x\n    rule: watch\n{body}").scenarios[0]


def readings(row: str, signal: str = "queue.depth") -> list[Reading]:
    found = scenario(f"    signals: {{{signal}: {row}}}\n    verdict: .\n")
    return [snapshot.values[signal] for snapshot in found.snapshots]


@pytest.mark.parametrize(
    ("row", "signal", "means"),
    [
        ("1 2.5 1_000", "queue.depth", [1.0, 2.5, 1000.0]),
        ("_ 5 _x2", "queue.depth", [None, 5.0, None, None]),
        ("250x3", "queue.depth", [250.0] * 3),
        ("0+80x4", "queue.depth", [0.0, 80.0, 160.0, 240.0]),
        ("10-5x3", "queue.depth", [10.0, 5.0, 0.0]),
        ("0.1+0.1x3", "annotators.idle", [0.1, 0.2, 0.3]),
        ("20% 5%+5%x2", "annotators.idle", [0.2, 0.05, 0.1]),
        ("true false 1 0x2", "drift.changed", [1.0, 0.0, 1.0, 0.0, 0.0]),
        ("10m 1h+30mx2 90", "queue.age", [600.0, 3600.0, 5400.0, 90.0]),
        ("1e-3 1e-3+1e-3x2", "annotators.idle", [0.001, 0.001, 0.002]),
    ],
    ids=["numbers", "no data", "again", "up", "down", "no stray digits", "percent", "flags", "times", "tiny"],
)
def test_a_row_says_one_reading_for_each_look(row: str, signal: str, means: list[Reading]) -> None:
    assert readings(row, signal) == means


@given(st.lists(st.tuples(st.integers(0, 999), st.integers(1, 9)), min_size=1, max_size=9))
def test_a_row_in_short_is_the_row_in_full(runs: list[tuple[int, int]]) -> None:
    short = " ".join(f"{value}x{times}" for value, times in runs)
    full = " ".join(str(value) for value, times in runs for _ in range(times))
    assert readings(short) == readings(full)


def test_a_single_value_stands_for_all_looks_and_what_is_not_listed_reads_no_data() -> None:
    found = scenario(
        "    signals: {queue.depth: 7, gold.seen@ana: 1 2 3}\n    cycle: . x x\n"
        "    verdict: .\n    every: 30s\n"
    )
    assert [s.values for s in found.snapshots] == [{"queue.depth": 7.0}] * 3
    assert [s.each for s in found.snapshots] == [{"ana": {"gold.seen": n}} for n in (1.0, 2.0, 3.0)]
    assert [(s.at, s.cycle) for s in found.snapshots] == [(0.0, 0), (30.0, 1), (60.0, 2)]
    assert list(found.words.values()) == [(".", ".", ".")]


BAD = """  - name: rows
    rule: watch
    signals: {queue.depht: 1, queue.depth: 1 x9 0+5 1x0, annotators.idle: 60, drift.changed: 0.5}
    verdict: . waits fire
  - name: rows
    signals: {queue.depth: 1x3, annotators.idle: 0.1x4, gold.seen: 1, queue.age@ana: 1}
    cycle: . y x
    verdict: .
  - name: moments
    rule: idel
    signals: {queue.depth: 1x3}
    expect:
      - {at: 90s, fired: [gold, watch@ana]}
      - {at: 5, knobs: {batch.size: 1, batch.sise: 3, batch.size@ana: 20}}
      - {at: 7m, asked: [retrian, alert pge]}
      - {at: 1m}
    people:
      - {set: {sampler.name: foo}, pause: [idel], for: 3 looks}
  - {name: nothing, evry: 1m}
  - 3
"""

TOLD = """5:15: R101 [rows] unknown signal `queue.depht`; did you mean `queue.depth`?
5:46: S104 [rows] `x9` is no reading of `queue.depth`; a row is written `_ 5 250x9 0+80x30 20%`
5:49: S104 [rows] `0+5` does not say how far it counts: `0+5x5` has five readings
5:53: S105 [rows] `1x0`: a scenario has 1 to 10,000 looks
5:75: S104 [rows] `annotators.idle` reads 0 to 1, never 60; did you mean `60%`?
5:94: S104 [rows] `drift.changed` is yes or no: `true` or `false`, `1` or `0`
6:16: S104 [rows] `waits` is no verdict; did you mean `wait`?
6:22: S104 [rows] `fire` is no verdict; did you mean `FIRE`?
7:5: S110 the name `rows` stands in line 3 already
8:15: S106 [rows] `queue.depth` has 3 looks and `annotators.idle` has 4; a row has one for each look, or a \
single one for all
8:57: S108 [rows] `gold.seen` is read for each annotator: say for whom, `gold.seen@ana`
8:71: S108 [rows] `queue.age` is one for the loop: write it without `@ana`
9:14: S104 [rows] `y` is no mark; a cycle that ended is `x`, a look without one is `.`
10:5: S103 [rows] `verdict` is a row for one rule: name it with `rule`
12:11: S102 [moments] the rule file has no rule `idel`; did you mean `idle`?
15:14: S107 [moments] no look is taken at 90s: they are 1m apart, the first at 0
15:27: S108 [moments] `gold` is there for each annotator: say for whom, `gold@ana`
15:33: S108 [moments] `watch` is one rule for the loop: write it without `@ana`
16:14: S107 [moments] `5` is no moment; did you mean `look 5` or `5m`?
16:37: R204 [moments] `batch.size` is 10 to 5000 items, not `1`
16:40: R102 [moments] unknown knob `batch.sise`; did you mean `batch.size`?
16:55: S108 [moments] `batch.size` is one for the loop: write it without `@ana`
17:14: S107 [moments] `7m` is not in this scenario: it has 3 looks, the last at 2m
17:26: R103 [moments] unknown action `retrian`; did you mean `retrain`?
17:35: R107 [moments] `alert` is never `pge`; did you mean `page`?
18:9: S109 [moments] this expects nothing
20:9: R201 [moments] `at` is missing: at which look, such as `6m` or `look 7`?
20:30: R106 [moments] `sampler.name` cannot be `foo`; it is `random`, `entropy`, `margin` or `hybrid`
20:44: S102 [moments] the rule file has no rule `idel`; did you mean `idle`?
20:56: R203 [moments] `3 looks` is not a time; times are written `30s`, `10m`, `6h`, `2d`
21:5: R201 [nothing] `signals` is missing: what do the rules read?
21:5: S109 [nothing] nothing is expected: it has neither `verdict` nor `expect`
21:21: R105 [nothing] unknown key `evry`; did you mean `every`?
22:5: R202 a scenario is a mapping with `name`, `signals` and `verdict` or `expect`"""


def told(error: BadFile) -> list[str]:
    return [f"{each.line}:{each.column}: {each.code} {each.message}" for each in error.problems]


def test_all_mistakes_of_a_file_are_told_at_once_each_at_its_place() -> None:
    with pytest.raises(BadFile) as caught:
        suite(BAD)
    assert told(caught.value) == TOLD.splitlines()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules: ../gone.yaml\nscenarios: []\n", "1:8: S101 there is no rule file `../gone.yaml`"),
        ("scenarios: []\n", "1:1: S101 `rules` names the rule file to try"),
        ("rules: [a]\nscenarios: []\n", "1:8: S101 `rules` names the rule file to try"),
        ("rules: ../rules.yaml\nverdict: ? .\n", "2:10: S111 a row that begins with `?` stands in quotes"),
        (
            "rules: ../rules.yaml\nx: {verdict: ? .}\n",
            "2:14: S111 a row that begins with `?` stands in quotes",
        ),
    ],
    ids=["no such file", "names none", "names several", "question mark", "question mark within braces"],
)
def test_a_file_that_cannot_be_begun_says_what_to_write(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "tests").mkdir()
    path = tmp_path / "tests" / "x.yaml"
    path.write_text(text)
    with pytest.raises(BadFile) as caught:
        scenario_file.parsed(path)
    assert told(caught.value)[0].startswith(message)


def test_every_code_of_scenarios_is_shown_here() -> None:
    shown = f"{TOLD} S101 S111"
    assert {code for code in CODES if code.startswith("S")} == {
        word for word in shown.replace("[", " ").split() if word.startswith("S1")
    }


def test_a_rule_file_is_no_scenario_file(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    assert scenario_file.parsed(tmp_path / "rules.yaml") is None
    assert len(scenario_file.read_rules(tmp_path / "rules.yaml", CATALOGUE).rules.rules) == 4
