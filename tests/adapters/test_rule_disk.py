"""However an editor saves a rule file, it is read whole; and it is replaced whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from flyball.adapters.rule_disk import RuleDisk
from flyball.errors import BadUsage


def disk(path: Path, meanwhile: Iterable[Callable[[], object]] = ()) -> RuleDisk:
    """A rule file; whenever it is waited for, the next thing happens to it."""
    steps = iter(meanwhile)

    def pause(seconds: float) -> None:
        next(steps, lambda: None)()

    return RuleDisk(path, "rules.yaml", pause)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "rules.yaml"
    found.write_text("old")
    return found


def test_a_file_in_the_middle_of_being_written_is_read_when_it_is_whole(path: Path) -> None:
    steps = [lambda part=part: path.write_text(part) for part in ("n", "ne", "new")]
    file = disk(path, [lambda: None, *steps])
    assert file.read()[0] == b"old"
    path.write_text("")
    assert file.read()[0] == b"new"


def test_a_file_that_is_being_written_for_long_is_left_for_the_next_look(path: Path) -> None:
    counted = iter(range(100))
    file = disk(path, [lambda: None, *[lambda: path.write_text(f"part {next(counted)}")] * 20])
    assert file.read()[0] == b"old"
    path.write_text("begun")
    assert file.read()[0] == b"old"
    path.write_text("whole")
    assert disk(path).read()[0] == b"whole"


def test_a_file_that_is_away_between_two_steps_of_a_rename_is_found(path: Path, tmp_path: Path) -> None:
    file = disk(path, [lambda: None, lambda: (tmp_path / "new").rename(path)])
    file.read()
    (tmp_path / "new").write_text("new")
    path.unlink()
    assert file.read() == (b"new", "rules.yaml")


def test_a_file_that_is_gone_is_told_to_be(path: Path) -> None:
    path.unlink()
    with pytest.raises(FileNotFoundError):
        disk(path).read()


def test_saved_twice_in_one_second_with_the_same_size_and_time_it_is_still_seen(path: Path) -> None:
    file = disk(path)
    read = []
    for text in ("one", "two", "two", "one"):
        path.write_text(text)
        os.utime(path, (1e9, 1e9))
        read.append(file.read()[0])
    assert read == [b"one", b"two", b"two", b"one"]


def test_an_unchanged_file_is_not_waited_for(path: Path) -> None:
    waits: list[float] = []
    file = RuleDisk(path, "rules.yaml", waits.append)
    for _ in range(5):
        file.read()
    assert len(waits) == 1


def test_replacing_keeps_the_permissions_and_the_link_and_leaves_nothing_behind(
    path: Path, tmp_path: Path
) -> None:
    path.chmod(0o640)
    link = tmp_path / "linked.yaml"
    link.symlink_to(path)
    disk(link).replace(b"new")
    assert link.is_symlink()
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o640)
    assert {each.name for each in tmp_path.iterdir()} == {"rules.yaml", "linked.yaml"}


def test_a_directory_that_nobody_may_write_is_told_and_the_file_stays(path: Path) -> None:
    (path.parent / ".rules.yaml.new").mkdir()  # stands where the new file would be written
    with pytest.raises(BadUsage, match=r"rules\.yaml cannot be written: .*; nothing was changed"):
        disk(path).replace(b"new")
    assert path.read_bytes() == b"old"


def test_what_is_set_aside_is_named_and_kept_beside_the_file(path: Path) -> None:
    name = disk(path).set_aside(b"broken")
    assert Path(name).read_bytes() == b"broken"
    assert Path(name).name.startswith("rules.yaml.")
    assert Path(name).name.endswith(".unused")
