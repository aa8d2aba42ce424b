"""`flyball verify` by several processes: they find what one finds, and one that is killed is told."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.loops import write_loop
from tests.postgres import a_loop, by_hand, fresh_postgres, needed
from tests.stores import answer, chance, fresh_sqlite
from tests.tampering import apply, doing

from flyball.adapters.checkpoint_files import KEYS, CheckpointFiles, keys_of, read
from flyball.bootstrap import settings_of
from flyball.cli.evidence_pieces import MANY, chosen, side_by_side
from flyball.cli.main import main
from flyball.core.facts import BodyErased
from flyball.core.ids import Position
from flyball.errors import CutShort
from flyball.ports import Commit, Draft, Store
from flyball.work.evidence import Findings, Keeper, verified

pytestmark = pytest.mark.slow
FACTS = 95
#: At a seam between pieces of ten, in the middle of one, of what was erased, and of bytes.
EDITS = (
    "UPDATE event SET kind = 'x' WHERE seq = 41",
    "UPDATE event SET item_id = 'i-9' WHERE seq = 75",
    "DELETE FROM event_body WHERE seq IN (31, 61)",
    "UPDATE event_body SET raw = NULL WHERE seq = 50",
)


@dataclass(frozen=True)
class Place:
    """A log in a store, where that is, and how somebody edits it behind its back."""

    store: Store
    address: str
    loop: str
    checkpoints: Path
    origin: str
    edit: Callable[[Sequence[str]], None]

    def found(self, bodies: bool, processes: int) -> Findings:
        """What is found in pieces of ten facts."""
        kept = read(self.checkpoints, keys_of(self.checkpoints / KEYS))
        pieces = side_by_side(self.address, self.loop, bodies, processes) if processes > 1 else None
        *_, last = verified(
            self.store.evidence, self.store.log, kept.signed, self.origin, bodies, pieces, size=10
        )
        return last


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Place]:
    """In a loop of its own, as the command finds it."""
    directory = write_loop(tmp_path / "loop")
    path = directory / "flyball.db"

    def edit(statements: Sequence[str]) -> None:
        apply(path, doing(*statements), random.Random(0))

    with closing(fresh_sqlite(path)) as store:
        yield _filled(store, str(path), settings_of(directory).id, directory, edit)


@pytest.fixture
def on_postgres(tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        loop = stack.enter_context(a_loop())
        store = stack.enter_context(closing(fresh_postgres(chance(), loop)))

        def edit(statements: Sequence[str]) -> None:
            with by_hand(needed(), loop) as connection:
                for table in ("event", "event_body"):
                    connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
                for statement in statements:
                    connection.execute(statement.encode())

        yield _filled(store, needed(), loop, tmp_path, edit)


@pytest.fixture(params=["on_sqlite", "on_postgres"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


def _filled(
    store: Store, address: str, loop: str, directory: Path, edit: Callable[[Sequence[str]], None]
) -> Place:
    notary = CheckpointFiles(directory / "checkpoints", directory / "checkpoints.key", f"flyball/{loop}")
    keeper = Keeper(store.log, store.evidence, notary, float)
    for start in range(0, FACTS - 1, 10):
        numbers = range(start, min(start + 10, FACTS - 1))
        drafts = [Draft(answer(f"i-{number}"), "desk", f"e-{number}", b"raw") for number in numbers]
        store.log.append(Commit(drafts), 1.0 + start)
        keeper.sign(at_once=True)
    record = BodyErased((Position(31),), "annotator", "me", "case 7")
    store.evidence.erase([Position(31)], [], record, 200.0)
    return Place(store, address, loop, directory / "checkpoints", notary.origin, edit)


def run(capsys: pytest.CaptureFixture[str], place: Place, *words: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main(["verify", "--loop", str(place.checkpoints.parent), "--json", *words])
    assert isinstance(end.value.code, int)
    told = json.loads(capsys.readouterr().out or "{}")
    told.pop("seconds", None)
    return end.value.code, told


def test_two_processes_find_what_one_finds(place: Place) -> None:
    good = place.found(bodies=True, processes=2)
    assert (good.count, good.facts, good.erased, good.checkpoints) == (0, FACTS, 1, 10)
    assert good == place.found(bodies=True, processes=1)
    place.edit(EDITS)
    for bodies in (True, False):
        bad = place.found(bodies, processes=2)
        assert bad == place.found(bodies, processes=1)
        assert {each.seq for each in bad.breaks} >= ({41, 50, 61, 75} if bodies else {41, 75})


def test_the_command_says_the_same_with_two_processes_and_ends_the_same(
    on_sqlite: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = run(capsys, on_sqlite, "--processes", "2")
    assert (code, told["holds"], told["facts"]) == (0, True, FACTS)
    assert run(capsys, on_sqlite, "--processes", "1") == (code, told)
    on_sqlite.edit(EDITS)
    code, told = run(capsys, on_sqlite, "--processes", "2")
    assert (code, told["holds"]) == (1, False)
    assert run(capsys, on_sqlite) == (code, told)
    assert run(capsys, on_sqlite, "--processes", "0")[0] == 2


def test_a_file_that_a_process_cannot_read_is_a_finding(
    on_sqlite: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    on_sqlite.store.close()
    path = Path(on_sqlite.address)
    content = bytearray(path.read_bytes())
    start = content.index(b"e-80") // 4096 * 4096
    content[start : start + 4096] = bytes(4096)
    path.write_bytes(content)
    code, told = run(capsys, on_sqlite, "--processes", "2")
    assert (code, told["holds"]) == (1, False)
    assert "malformed" in told["unread"]


def test_of_a_process_that_is_killed_it_is_told_and_the_log_does_not_count_as_verified(
    on_sqlite: Place,
) -> None:
    kept = read(on_sqlite.checkpoints, keys_of(on_sqlite.checkpoints / KEYS))
    pieces = side_by_side(on_sqlite.address, on_sqlite.loop, True, 2)
    store = on_sqlite.store
    found = verified(store.evidence, store.log, kept.signed, on_sqlite.origin, True, pieces, size=1)
    next(found)
    for child in active_children():
        child.kill()
    with pytest.raises(CutShort, match="ended from outside, and nothing is proven"):
        list(found)


BEGUN = """
import sys, time
from multiprocessing import active_children
from flyball.cli.evidence_pieces import side_by_side
from flyball.work.evidence_pieces import spans
if __name__ == "__main__":
    pieces = side_by_side(sys.argv[1], sys.argv[2], True, 2)(spans(95, 1))
    next(pieces)
    print(*(child.pid for child in active_children()), flush=True)
    time.sleep(600)
"""


def test_no_process_outlives_the_one_that_was_killed(on_sqlite: Place, tmp_path: Path) -> None:
    script = tmp_path / "begun.py"
    script.write_text(BEGUN)
    words = [sys.executable, str(script), on_sqlite.address, on_sqlite.loop]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as begun:
        assert begun.stdout is not None
        pids = [int(pid) for pid in begun.stdout.readline().split()]
        assert len(pids) == 2 and all(map(psutil.pid_exists, pids))
        os.kill(begun.pid, signal.SIGKILL)
    until = time.monotonic() + 30.0
    while any(map(psutil.pid_exists, pids)):
        assert time.monotonic() < until, "they are still there"
        time.sleep(0.05)


def test_a_log_that_is_verified_before_others_have_begun_is_verified_alone() -> None:
    assert chosen("somewhere", "loop", True, MANY, None) is None
    assert chosen("somewhere", "loop", True, 100 * MANY, 1) is None
    assert chosen("somewhere", "loop", True, 10, 2) is not None
