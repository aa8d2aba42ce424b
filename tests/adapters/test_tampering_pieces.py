"""A log that is verified in pieces: the same is found as in one, and what is done at a seam shows as well."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from tests.stores import answer, chance, fresh_sqlite
from tests.tampering import (
    FACTS,
    ORIGIN,
    SIGNED,
    TAMPERINGS,
    Scene,
    apply,
    doing,
    found_in,
    scene,
    tampered,
    writes_the_window_anew,
)

from flyball.adapters.checkpoint_files import CheckpointFiles
from flyball.adapters.sql import open_store
from flyball.core.ids import Position
from flyball.ports import Commit, Draft, Store
from flyball.work.evidence import Findings, Keeper, verified
from flyball.work.evidence_pieces import Piece, Span, one_by_one, read, spans

#: Facts in a piece; the last is more than there are.
SIZES = (1, 7, 10, FACTS + 1)
#: With pieces of ten, the facts on both sides of a seam; and the piece after it.
LAST, FIRST = 60, 61
PIECE = "seq BETWEEN 61 AND 70"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return scene(tmp_path_factory.mktemp("log"))


@pytest.fixture
def store(made: Scene) -> Iterator[Store]:
    with closing(open_store(made.file, salt=chance(), read_only=True)) as one:
        yield one


def moved(*moves: tuple[str, str]) -> list[str]:
    """Facts to other places, both what the chain keeps of them and their bytes."""
    return [
        f"UPDATE {table} SET seq = {to} WHERE {which}"
        for which, to in moves
        for table in ("event", "event_body")
    ]


def copied(seq: int) -> list[str]:
    """A fact once more behind itself, under another key."""
    columns = "source, event_id, kind, item_id, schema_hash, received_at, commitment, hash"
    same = f"{columns} FROM event WHERE seq = {seq}"
    return [
        *moved((f"seq > {seq}", "-(seq + 1)"), ("seq < 0", "-seq")),
        f"INSERT INTO event (seq, idem_key, {columns}) SELECT seq + 1, zeroblob(32), {same}",
        f"INSERT INTO event_body SELECT seq + 1, salt, body, raw FROM event_body WHERE seq = {seq}",
    ]


EVENT = {
    **dict.fromkeys(("source", "event_id", "kind", "item_id", "schema_hash"), "'x'"),
    **dict.fromkeys(("idem_key", "commitment", "hash"), "zeroblob(32)"),
    "received_at": "received_at + 1",
}
BODY = {"salt": "zeroblob(16)", "body": "NULL", "raw": "body"}
AT_A_SEAM = {
    **{
        f"{name} of {seq}": [f"UPDATE {table} SET {name} = {value} WHERE seq = {seq}"]
        for table, columns in (("event", EVENT), ("event_body", BODY))
        for name, value in columns.items()
        for seq in (LAST, FIRST)
    },
    **{f"{seq} twice": copied(seq) for seq in (LAST, FIRST)},
    **{
        f"{what} gone": [f"DELETE FROM {table} WHERE {which}" for table in ("event_body", "event")]
        for what, which in {"last": "seq = 60", "first": "seq = 61", "a piece": PIECE}.items()
    },
    "the two exchanged": moved(("seq = 60", "-60"), ("seq = 61", "60"), ("seq = -60", "61")),
    "two pieces exchanged": moved(
        (PIECE, "-seq"), ("seq BETWEEN 71 AND 80", "seq - 10"), ("seq < 0", "10 - seq")
    ),
    "a piece gone and the rest moved up": [
        f"DELETE FROM event_body WHERE {PIECE}",
        f"DELETE FROM event WHERE {PIECE}",
        *moved(("seq > 70", "10 - seq"), ("seq < 0", "-seq")),
    ],
    "the newest put far away": moved((f"seq = {FACTS}", str(2**61))),
}


def done(made: Scene, copy: Path, statements: Sequence[str]) -> None:
    """A copy in which this was done."""
    shutil.copy(made.file, copy)
    apply(copy, doing(*statements), random.Random(0))


@pytest.mark.parametrize("statements", AT_A_SEAM.values(), ids=AT_A_SEAM)
def test_what_is_done_at_a_seam_is_found_wherever_the_seams_are(
    made: Scene, tmp_path: Path, statements: Sequence[str]
) -> None:
    copy = tmp_path / "copy.db"
    done(made, copy, statements)
    whole, *pieces = (found_in(copy, made.checkpoints, size=size) for size in reversed(SIZES))
    assert isinstance(whole, Findings) and whole.count
    assert pieces == [whole] * len(pieces)


def test_no_piece_alone_shows_that_another_one_is_gone_but_the_seams_do(made: Scene, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    done(made, copy, AT_A_SEAM["a piece gone"])
    with closing(open_store(copy, salt=chance(), read_only=True)) as store:
        pieces = list(one_by_one(store.evidence, True)(spans(Position(FACTS), 10)))
        assert not any(piece.breaks for piece in pieces if piece)
        *_, found = verified(store.evidence, store.log, [], "", size=10)
    assert [each.seq for each in found.breaks] == [71, 71]


@pytest.mark.parametrize("bodies", [True, False])
def test_whatever_is_done_the_same_is_found_in_pieces_of_any_size(
    made: Scene, tmp_path: Path, bodies: bool
) -> None:
    copy = tmp_path / "copy.db"
    for number in range(2 * (len(TAMPERINGS) + 2)):
        how = tampered(made, copy, number, seed=11)
        whole, *pieces = (found_in(copy, made.checkpoints, bodies, size) for size in reversed(SIZES))
        assert pieces == [whole] * len(pieces), (number, how)


def test_the_window_is_the_same_in_pieces(made: Scene, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(made.file, copy)
    apply(copy, writes_the_window_anew, random.Random(3))
    for size in SIZES:
        found = found_in(copy, made.checkpoints, size=size)
        assert isinstance(found, Findings)
        assert (found.count, found.window, found.checkpoints) == (0, FACTS - SIGNED, 6)


def test_of_a_log_that_is_broken_everywhere_it_is_still_told_which_checkpoint_does_not_hold(
    tmp_path: Path,
) -> None:
    with closing(fresh_sqlite(tmp_path / "loop.db")) as store:
        keeper = Keeper(
            store.log, store.evidence, CheckpointFiles(tmp_path / "kept", tmp_path / "key", ORIGIN), float
        )
        store.log.append(Commit([Draft(answer(f"i-{number}")) for number in range(1_500)]), 1.0)
        assert keeper.sign(at_once=True)
    apply(tmp_path / "loop.db", doing("UPDATE event SET hash = zeroblob(32)"), random.Random(0))
    whole, *pieces = (
        found_in(tmp_path / "loop.db", tmp_path / "kept", size=size) for size in (2_000, 999, 70)
    )
    assert isinstance(whole, Findings)
    assert whole.count == 1_501 and len(whole.breaks) == 1_001
    assert "was changed after fact 0" in whole.breaks[-1].what
    assert pieces == [whole] * len(pieces)


def test_a_piece_that_got_lost_on_its_way_is_never_taken_for_a_piece_without_faults(store: Store) -> None:
    def without(lost: int, wanted: Iterable[Span]) -> Iterator[Piece | None]:
        for number, span in enumerate(wanted):
            yield None if number == lost else read(store.evidence, span, True)

    for lost in range(12):
        pieces = partial(without, lost)
        *_, found = verified(store.evidence, store.log, [], "", pieces=pieces, size=10)
        assert found.count, lost
    with pytest.raises(ValueError, match="shorter"):
        list(verified(store.evidence, store.log, [], "", pieces=lambda _: iter(()), size=10))


def test_however_far_away_the_newest_fact_was_put_a_log_has_a_thousand_pieces() -> None:
    assert len(list(spans(Position(2**62)))) <= 1_001
    assert list(spans(Position(0))) == list(spans(Position(1))) == [Span(Position(0), Position(2**62))]
