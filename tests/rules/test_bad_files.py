"""Bad rule files beside the complaint that each must cause."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules.catalogue import CATALOGUE

from flyball.adapters.rule_file import read
from flyball.core.rules.codes import CODES
from flyball.errors import BadFile

BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))


def complaint(path: Path) -> str:
    """What a person is told about a file."""
    with pytest.raises(BadFile) as caught:
        read(path.read_bytes(), path.name, CATALOGUE)
    return f"{caught.value}\n"


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_file_is_answered_with_every_mistake_at_its_place(path: Path) -> None:
    assert complaint(path) == path.with_suffix(".txt").read_text()


def test_ten_mistakes_in_one_file_are_told_at_once() -> None:
    path = Path(__file__).parent / "bad" / "ten-at-once.yaml"
    with pytest.raises(BadFile) as caught:
        read(path.read_bytes(), path.name, CATALOGUE)
    assert len(caught.value.problems) >= 10


def test_every_code_of_a_mistake_is_caused_by_a_bad_file_or_a_hostile_one() -> None:
    caused = " ".join(path.with_suffix(".txt").read_text() for path in BAD)
    untried = {code for code in CODES if code.startswith("R") and f" {code} " not in caused}
    assert untried == {"R000", "R001", "R002", "R007", "R008", "R009"}
