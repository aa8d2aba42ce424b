"""Whatever is done to a log's file behind its back shows, but for the tail that no checkpoint covers yet."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from tests.tampering import FACTS, SIGNED, Scene, apply, found_in, scene, tampered, writes_the_window_anew

from flyball.work.evidence import Findings


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return scene(tmp_path_factory.mktemp("log"))


def test_in_a_file_that_nobody_touched_nothing_is_found(made: Scene) -> None:
    for bodies in (True, False):
        found = found_in(made.file, made.checkpoints, bodies)
        assert isinstance(found, Findings)
        assert (found.count, found.facts, found.checkpoints) == (0, FACTS, 6)
        assert found.window == FACTS - SIGNED


def test_three_hundred_tamperings_are_found(made: Scene, tmp_path: Path) -> None:
    missed = []
    for number in range(300):
        how = tampered(made, tmp_path / "copy.db", number, seed=7)
        found = found_in(tmp_path / "copy.db", made.checkpoints)
        if isinstance(found, Findings) and not found.count:
            missed.append((number, how))
    assert not missed


def test_a_tail_that_was_written_anew_after_the_last_checkpoint_is_not_found_and_its_size_is_told(
    made: Scene, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(made.file, copy)
    apply(copy, writes_the_window_anew, random.Random(3))
    found = found_in(copy, made.checkpoints)
    assert isinstance(found, Findings)
    assert (found.count, found.window) == (0, FACTS - SIGNED)
