"""`flyball rules check`: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flyball.cli.rules import check

RULES = Path(__file__).parents[2] / "rules"
GOOD = "version: 1\nevery: 30s\nrules: []\n"
UNWISE = """version: 1
every: 30s
rules:
  - {id: a, because: so, when: drift.share > 30, then: {do: retrain}}
"""
BAD = """version: 1
every: 30s
conditions:
  deep: queue.dept > 200
rules: []
"""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "unwise.yaml").write_text(UNWISE)
    (tmp_path / "bad.yaml").write_text(BAD)
    (tmp_path / "binary.yaml").write_bytes(b"\xff")
    return tmp_path


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["good.yaml"], 0),
        (["unwise.yaml"], 0),
        (["good.yaml", "bad.yaml"], 1),
        (["bad.yaml", "binary.yaml"], 2),
        (["nowhere.yaml"], 2),
    ],
    ids=["fine", "warnings only", "mistakes", "not text", "not there"],
)
def test_the_exit_code_says_how_it_went(written: Path, names: list[str], code: int) -> None:
    assert check([written / name for name in names]) == code


def test_it_points_at_the_mistake_and_names_the_likely_word(
    written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check([written / "bad.yaml"])
    assert capsys.readouterr().out == (
        f"{written}/bad.yaml:4:9: R101 unknown signal `queue.dept`; did you mean `queue.depth`?\n"
        "      deep: queue.dept > 200\n"
        "            ^^^^^^^^^^\n"
        "\n"
        "1 file: 1 mistake, 0 warnings\n"
    )


def test_a_file_without_mistakes_is_said_to_be_fine(
    written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check([written / "good.yaml"])
    assert capsys.readouterr().out.endswith(": fine\n")


def test_programs_get_json(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check([written / "bad.yaml", written / "unwise.yaml"], format="json")
    first, second = json.loads(capsys.readouterr().out)
    assert (first["code"], first["line"], first["severity"]) == ("R101", 4, "error")
    assert (second["code"], second["column"], second["severity"]) == ("W101", 46, "warning")


def test_a_forge_gets_annotations_that_hold_no_line_breaks(
    written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check([written / "bad.yaml", written / "unwise.yaml"], format="github")
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"::error file={written}/bad.yaml,line=4,col=9,title=R101::unknown signal")
    assert second.startswith(f"::warning file={written}/unwise.yaml,line=4,col=46,title=W101::")
    assert second.endswith("did you mean `30%25`?")


def test_the_shipped_rules_are_without_mistakes_and_without_warnings(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert check(sorted(RULES.glob("*.yaml"))) == 0
    assert capsys.readouterr().out.endswith(": fine\n")


def test_checking_wakes_nothing_heavy() -> None:
    heavy = {
        "prefect",
        "mlflow",
        "pandas",
        "numpy",
        "sklearn",
        "sqlalchemy",
        "pyarrow",
        "durable_rules_engine",
    }
    code = "import sys, flyball.cli.rules; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], env=dict(os.environ), capture_output=True, check=True, text=True
    )
    assert not heavy & set(loaded.stdout.split())
