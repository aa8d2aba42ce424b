"""`flyball rules test`: what it prints, writes, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.rules.catalogue import CATALOGUE
from tests.rules.scenarios import RULES, written

from flyball.cli.rules_scenarios import play
from flyball.errors import BadFile, BadUsage

GOOD = """  - name: two minutes deep
    rule: deep
    signals: {queue.depth: 200 201x4 100 99}
    verdict: . wait wait FIRE on on clear
"""
BAD = GOOD.replace("verdict: . wait wait", "verdict: . wait FIRE").replace("two minutes", "one minute & more")


def run(*files: Path, mutation: bool = False, **more: object) -> int:
    options = {"fail_under": None, "junit": None, "json": False, **more}
    return play(files, mutation=mutation, catalogue=CATALOGUE, **options)  # type: ignore[arg-type]


def test_scenarios_that_come_out_as_expected_end_with_0_and_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = written(tmp_path, GOOD)
    assert run(rules) == 0
    assert capsys.readouterr().out == (
        f"{rules}: 1 scenario, all as expected, with all three engines\n"
        "\n"
        "rule   fires  clears  held back  no data  nudges noticed\n"
        "-----  -----  ------  ---------  -------  --------------\n"
        "deep   ✓ yes  ✓ yes   ✗ no       ✗ no     -\n"
        "idle   ✗ no   ✗ no    ✗ no       ✗ no     -\n"
        "gold   ✗ no   ✗ no    ✗ no       ✗ no     -\n"
        "watch  ✗ no   ✗ no    ✗ no       ✗ no     -\n"
        "\n"
        "coverage         12.5%  2 of 16\n"
        "mutation score      -   not asked for\n"
        "\n"
    )


def test_a_failed_expectation_ends_with_1_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = written(tmp_path, GOOD + BAD)
    assert run(rules, mutation=True) == 1
    out = capsys.readouterr().out
    assert f"✗ FAILED  one minute & more deep  ({tmp_path}/tests/rules.yaml:7)" in out
    assert "deep differs at 2m (look 3)" in out
    assert "2 scenarios, 1 failed" in out
    assert "not tried while scenarios fail" in out


@pytest.mark.parametrize(("least", "code"), [(10, 0), (20, 1)], ids=["enough", "too little"])
def test_too_little_coverage_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], least: float, code: int
) -> None:
    rules = written(tmp_path, GOOD)
    assert run(rules, fail_under=least) == code
    assert ("coverage is 12.5%, under 20%" in capsys.readouterr().out) is bool(code)


def test_a_mutation_score_that_is_too_low_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = "{id: deep, because: b, when: queue.depth > 9, then: {do: retrain}}"
    rules = f"version: 1\nevery: 1m\nrules:\n  - {rule}\n"
    scenario = (
        '  - {name: x, rule: deep, signals: {queue.depth: _ 1 99 1 99}, verdict: "? . FIRE clear FIRE"}\n'
    )
    assert run(written(tmp_path, scenario, rules), mutation=True, fail_under=100) == 1
    out = capsys.readouterr().out
    assert "deep  ✓ yes  ✓ yes   ✓ yes      ✓ yes    0 of 3" in out
    assert "line 4: [deep when] queue.depth > 9 → >= 9" in out
    assert "the mutation score is 0.0%, under 100%" in out


def test_a_rule_file_without_scenarios_is_said_to_have_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    assert run(tmp_path / "rules.yaml") == 0
    assert "no scenarios; write some in tests/ beside it" in capsys.readouterr().out


def test_a_scenario_file_is_played_with_the_rules_that_it_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = written(tmp_path, GOOD)
    (tmp_path / "tests" / "other.yaml").write_text(
        f"rules: ../rules.yaml\nscenarios:\n{GOOD.replace('two', '2')}"
    )
    assert run(tmp_path / "tests" / "other.yaml") == 0
    assert "1 scenario," in capsys.readouterr().out
    assert run(rules) == 0
    assert "2 scenarios," in capsys.readouterr().out


def test_programs_get_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(written(tmp_path, GOOD + BAD), json=True) == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert [each["passed"] for each in found["scenarios"]] == [True, False]
    assert found["scenarios"][1]["differences"][0] == {
        "at": 120.0,
        "look": 3,
        "line": 7,
        "what": "verdict",
        "of": "deep",
        "expected": "FIRE",
        "got": "wait",
    }
    assert found["coverage"]["rules"]["deep"] == {
        "fires": True,
        "clears": True,
        "held back": False,
        "no data": False,
    }
    assert found["mutation"] is None


def test_a_ci_server_gets_junit(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    run(written(tmp_path, GOOD + BAD), junit=report)
    suite = ElementTree.parse(report).getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    good, bad = suite
    assert (good.get("name"), len(good)) == ("two minutes deep", 0)
    assert bad.get("name") == "one minute & more deep"
    assert "expected" in (bad[0].text or "")


def test_a_report_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(BadUsage, match="the report cannot be written"):
        run(written(tmp_path, GOOD), junit=tmp_path / "nowhere" / "report.xml")


def test_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    written(tmp_path, GOOD.replace("queue.depth", "queue.dept"))
    (tmp_path / "tests" / "other.yaml").write_text("rules: ../rules.yaml\nscenarios:\n  - {name: x}\n")
    with pytest.raises(BadFile) as caught:
        run(tmp_path / "rules.yaml")
    assert [each.code for each in caught.value.problems] == ["R201", "S109", "R101"]
