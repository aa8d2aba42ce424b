"""When the power goes, a store on SQLite has what it acknowledged; where it has not, this is seen."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crash.powerloss import SETTINGS, Found, fast_place, recorded, tried


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="flyball-power-", dir=fast_place()) as directory:
        yield Path(directory)


def life(place: Path, setting: str, every: int) -> Found:
    home = place / "home"
    home.mkdir()
    return tried(recorded(home, SETTINGS[setting], 14, seed=3), place, seed=3, every=every)


@pytest.mark.slow
def test_what_was_acknowledged_is_there_after_the_power_went_at_any_moment(place: Path) -> None:
    found = life(place, "FULL", every=3)
    assert found.images > 150
    assert (found.lost, found.wrong) == (0, [])


@pytest.mark.parametrize("setting", ["NORMAL", "OFF"])
def test_a_disk_that_is_not_waited_for_is_seen_to_lose(place: Path, setting: str) -> None:
    """The control of the test before: the same moments, with a driver that says FULL and does less."""
    found = life(place, setting, every=9)
    assert found.lost or found.wrong
    if setting == "NORMAL":
        assert not found.wrong, "it loses what is new, and breaks nothing"
