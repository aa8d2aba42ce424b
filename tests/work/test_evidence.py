"""Checkpoints of a log that grows: signed in time, never of a log that was changed, and found again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.stores import answer, chance, fresh_sqlite
from tests.wall import Wall

from flyball.adapters.checkpoint_files import KEYS, CheckpointFiles, keys_of, read
from flyball.adapters.memory_store import memory_store
from flyball.core.facts import BodyErased
from flyball.core.ids import Position
from flyball.errors import BadUsage, NotFound, Unreachable
from flyball.ports import Commit, Draft, Store
from flyball.work.evidence import Findings, Keeper, verified

ORIGIN = "flyball/cards"


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def store() -> Iterator[Store]:
    with closing(memory_store(chance())) as one:
        yield one


def say(store: Store, count: int) -> None:
    store.log.append(Commit([Draft(answer(f"i-{number}")) for number in range(count)]), 10.0)


def notary(place: Path) -> CheckpointFiles:
    return CheckpointFiles(place / "checkpoints", place / "key", ORIGIN)


def keeper(store: Store, place: Path, wall: Wall) -> Keeper:
    return Keeper(store.log, store.evidence, notary(place), wall)


def found(store: Store, place: Path, bodies: bool = True) -> Findings:
    kept = read(place / "checkpoints", keys_of(place / "checkpoints" / KEYS))
    *_, last = verified(store.evidence, store.log, kept.signed, ORIGIN, bodies)
    return last


def sizes(place: Path) -> list[int]:
    kept = read(place / "checkpoints", keys_of(place / "checkpoints" / KEYS))
    assert not kept.wrong
    return [each.checkpoint.size for each in kept.signed]


def test_a_checkpoint_is_signed_after_a_thousand_facts_or_a_minute(
    store: Store, tmp_path: Path, wall: Wall
) -> None:
    keep = keeper(store, tmp_path, wall)
    assert not keep.sign()
    say(store, 999)
    assert not keep.sign()
    say(store, 1)
    assert keep.sign()
    say(store, 5)
    wall.now += 59.0
    assert not keep.sign()
    wall.now += 1.0
    assert keep.sign()
    assert sizes(tmp_path) == [1000, 1005]
    assert (found(store, tmp_path).count, found(store, tmp_path).window) == (0, 0)


def test_the_next_process_goes_on_where_the_last_one_was(store: Store, tmp_path: Path, wall: Wall) -> None:
    for _ in range(3):
        say(store, 7)
        assert keeper(store, tmp_path, wall).sign(at_once=True)
        assert not keeper(store, tmp_path, wall).sign(at_once=True)
    assert sizes(tmp_path) == [7, 14, 21]
    assert found(store, tmp_path).checkpoints == 3


def test_a_checkpoint_that_was_cut_off_by_a_crash_is_made_good(
    store: Store, tmp_path: Path, wall: Wall
) -> None:
    say(store, 7)
    keeper(store, tmp_path, wall).sign(at_once=True)
    (day,) = (tmp_path / "checkpoints").glob("*.checkpoints")
    whole = day.read_bytes()
    day.write_bytes(whole + whole[:90])
    say(store, 7)
    assert keeper(store, tmp_path, wall).sign(at_once=True)
    kept = read(day.parent, keys_of(day.parent / KEYS))
    assert [each.checkpoint.size for each in kept.signed] == [7, 14]
    assert [("cut off" in each) for each in kept.wrong] == [True]


def test_a_log_that_is_not_the_one_that_was_signed_is_signed_no_more(tmp_path: Path, wall: Wall) -> None:
    first = memory_store(chance())
    say(first, 9)
    keeper(first, tmp_path, wall).sign(at_once=True)
    for count, why in ((4, "it is shorter"), (9, "its fact 9 is another one")):
        other = memory_store(chance(1))
        say(other, count)
        keep = keeper(other, tmp_path, wall)
        assert why in keep.fault
        assert not keep.sign(at_once=True)
        assert found(other, tmp_path).count == 1
    assert sizes(tmp_path) == [9]


def test_checkpoints_that_nobody_can_vouch_for_do_not_count(store: Store, tmp_path: Path, wall: Wall) -> None:
    say(store, 9)
    keeper(store, tmp_path, wall).sign(at_once=True)
    other = tmp_path / "other"
    other.mkdir()
    notary(other)
    kept = read(tmp_path / "checkpoints", keys_of(other / "checkpoints" / KEYS))
    assert (kept.signed, kept.wrong[0].partition(": ")[2]) == (
        (),
        "the checkpoint of 9 facts has no good signature",
    )


def test_a_private_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    notary(tmp_path)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(BadUsage, match=r"0640.*chmod 600"):
        notary(tmp_path)


@pytest.mark.parametrize("damage", ["", "zz" * 32, "ab" * 31])
def test_a_damaged_private_key_is_refused_and_never_replaced(tmp_path: Path, damage: str) -> None:
    notary(tmp_path)
    (tmp_path / "key").write_text(damage)
    with pytest.raises(BadUsage, match="64 hexadecimal digits"):
        notary(tmp_path)
    assert (tmp_path / "key").read_text() == damage


def test_a_lost_key_is_replaced_and_both_public_keys_are_kept(
    store: Store, tmp_path: Path, wall: Wall
) -> None:
    say(store, 3)
    keeper(store, tmp_path, wall).sign(at_once=True)
    (tmp_path / "key").unlink()
    say(store, 3)
    assert keeper(store, tmp_path, wall).sign(at_once=True)
    assert len(keys_of(tmp_path / "checkpoints" / KEYS)) == 2
    assert sizes(tmp_path) == [3, 6]


def test_where_checkpoints_cannot_be_kept_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("a file")
    with pytest.raises(Unreachable, match="checkpoints cannot be kept"):
        notary(tmp_path)


def test_no_checkpoints_at_all_are_no_proof(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no checkpoints"):
        read(tmp_path / "nowhere", [])


def test_erased_bytes_are_found_unless_a_fact_tells_who_erased_them(tmp_path: Path, wall: Wall) -> None:
    with closing(fresh_sqlite(tmp_path / "loop.db")) as store:
        say(store, 5)
        keeper(store, tmp_path, wall).sign(at_once=True)
        record = BodyErased((Position(2),), "annotator", "me", "case 7")
        store.evidence.erase([Position(2)], [], record, 11.0)
        told = found(store, tmp_path)
        assert (told.count, told.erased, told.window) == (0, 1, 1)
        store.evidence.erase([Position(4)], [], record, 12.0)
        (broken,) = found(store, tmp_path).breaks
        assert (broken.seq, "no fact tells who erased them" in broken.what) == (4, True)
        assert found(store, tmp_path, bodies=False).count == 0


def test_after_erasing_and_sweeping_no_file_of_the_store_holds_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "loop.db"
    with closing(fresh_sqlite(path)) as store:
        for number in range(300):
            said = answer(f"i-{number}", annotator=f"secret-person-{number % 3}")
            store.log.append(Commit([Draft(said, "desk", f"secret-person-{number}", os.urandom(700))]), 1.0)
        seqs = [recorded.seq for recorded in store.log.read()]
        store.evidence.erase(seqs, [], BodyErased(tuple(seqs), "annotator", "me", "case 7"), 2.0)
        assert store.evidence.sweep()
        for file in tmp_path.iterdir():
            assert b"secret-person" not in file.read_bytes(), file
        assert store.log.append(Commit([Draft(answer("a"))]), 3.0)[0].seq == 302


def test_a_clock_that_was_set_back_stops_no_signing(store: Store, tmp_path: Path, wall: Wall) -> None:
    keep = keeper(store, tmp_path, wall)
    say(store, 1)
    assert keep.sign(at_once=True)
    wall.now -= 900.0
    say(store, 1)
    assert keep.sign()
    assert not keep.sign()
