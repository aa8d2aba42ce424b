"""Let the power go at every moment of a store's life on SQLite, and see whether it kept what it acknowledged.

The store's own code runs on a disk that remembers (`tests.crash.disk`). For each moment the files are made
as they would be found, in three ways: nothing that was not synced is there, all of it is, any of its sectors
are. Each is opened by the store as any other. NORMAL and OFF are the controls: what SQLite does where the
setting that the store asks for is not honoured must be seen as a loss.

Run as `python -m tests.crash.powerloss`; exit code 1 where anything was lost, or a control lost nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np
from tests.crash.disk import Acked, Left, RecordingDisk, Replay, all_of, none_of, some_of
from tests.stores import answer, chance, fresh_sqlite, settled

from flyball.adapters.sql import open_store, sqlite
from flyball.adapters.sql.store import _store
from flyball.cli.show import print_line
from flyball.core.chain import verify
from flyball.ports import Commit, Draft, NewJob, Receipt, Store

SETTINGS = {"OFF": 0, "NORMAL": 1, "FULL": 2}
#: Far fewer pages than in life, so that there are many checkpoints to lose the power in.
CHECKPOINT_PAGES = 40
_names = count()


@dataclass(frozen=True, slots=True)
class Recording:
    """What a store did to its disk, and the files before."""

    files: dict[str, bytes]
    tape: list[object]


@dataclass(slots=True)
class Found:
    """How many images there were, how many of them lost what was acknowledged, what else was wrong."""

    images: int = 0
    lost: int = 0
    most: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.images} images: {self.lost} lost what was acknowledged (at most {self.most} facts),"
            f" {len(self.wrong)} inconsistent" + "".join(f"\n    {each}" for each in self.wrong[:3])
        )


@dataclass(frozen=True, slots=True)
class Checked:
    """What an image holds: the hashes in order, or why it is no store any more."""

    hashes: tuple[str, ...]
    wrong: str


def recorded(directory: Path, synchronous: int, steps: int, seed: int) -> Recording:
    """Write to a store on such a disk: answers, labels, jobs that are claimed, done and given up."""
    path = directory / "loop.db"
    fresh_sqlite(path).close()
    files = {path.name: path.read_bytes()}
    disk = RecordingDisk(f"recording-{next(_names)}")
    database = sqlite.opened(path, False, disk.connect(synchronous))
    with database.alone_on(lambda engine: engine).connect() as connection:
        connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    with closing(_store(database, chance())) as store:
        disk.tape.clear()
        _work(store, disk, steps, np.random.default_rng(seed))
        tape: list[object] = list(disk.tape)
    return Recording(files, tape)


def _work(store: Store, disk: RecordingDisk, steps: int, draw: np.random.Generator) -> None:
    def write(commit: Commit, now: float) -> None:
        acked: tuple[Receipt, ...] = store.log.append(commit, now)
        disk.acked(*((receipt.seq, receipt.hash) for receipt in acked))

    for step in range(steps):
        now = 100.0 + step
        kind = draw.choice(["answers", "answers", "answers", "merge", "give up"])
        if kind == "answers":
            items = [f"item-{step}-{number}" for number in range(draw.integers(1, 4))]
            drafts = [Draft(answer(item), "desk", item) for item in items]
            write(Commit(drafts, [NewJob("merge", item, of) for of, item in enumerate(items)]), now)
        elif jobs := store.jobs.claim("merge", now, 2, 60.0):
            if kind == "give up":
                store.jobs.fail(jobs.pop(), "code", "why", now, None if draw.random() < 0.5 else now + 5)
            write(Commit([Draft(settled(job.lock, "fine")) for job in jobs], done=jobs), now)


def tried(recording: Recording, directory: Path, seed: int = 0, every: int = 1, torn: int = 1) -> Found:
    """Lose the power at every moment of a recording (or one in so many), and open what is left."""
    draw = np.random.default_rng(seed)
    found, seen = Found(), dict[bytes, Checked]()
    ways: list[Left] = [none_of, all_of, *([some_of(draw)] * torn)]
    for number, replay in enumerate(_moments(recording)):
        if number % every:
            continue
        for left in ways:
            image = replay.image(left)
            name = _digest(image)
            if name not in seen:
                seen[name] = _opened(image, directory)
            _judge(found, seen[name], replay.acked)
    return found


def _moments(recording: Recording) -> Iterator[Replay]:
    """The disk after each step; two that are told apart by nothing but an acknowledgement are one."""
    replay = Replay(recording.files)
    for step, following in zip(recording.tape, [*recording.tape[1:], None], strict=True):
        replay.take(step)  # type: ignore[arg-type]
        if not isinstance(following, Acked):
            yield replay


def _judge(found: Found, checked: Checked, acked: dict[int, str]) -> None:
    found.images += 1
    if checked.wrong:
        found.wrong.append(checked.wrong)
        return
    hashes = checked.hashes
    lost = sum(seq > len(hashes) or hashes[seq - 1] != hashed for seq, hashed in acked.items())
    found.lost += lost > 0
    found.most = max(found.most, lost)


def _opened(image: dict[str, bytes], directory: Path) -> Checked:
    with tempfile.TemporaryDirectory(dir=directory) as place:
        for name, content in image.items():
            (Path(place) / name).write_bytes(content)
        path = Path(place) / "loop.db"
        try:
            return _read(path)
        except Exception as error:  # a file in shreds may raise anything
            return Checked((), f"{type(error).__name__}: {error}")


def _read(path: Path) -> Checked:
    with closing(open_store(path, salt=chance())) as store:
        links = list(store.evidence.links())
        wrong = [f"fact {each.seq}: {each.what}" for each in verify(links)]
        asked = sum(link.kind == "answer-given" for link in links)
        with closing(sqlite3.connect(path)) as by_hand:
            (whole,) = by_hand.execute("PRAGMA integrity_check").fetchone()
            (jobs,) = by_hand.execute("SELECT count(*) FROM job").fetchone()
        wrong += [] if whole == "ok" else [whole]
        wrong += [] if jobs == asked else [f"{asked} answers asked for a job each, and there are {jobs}"]
        if not wrong:
            store.log.append(Commit([Draft(answer("later"))]), 1e9)  # it goes on from there
    return Checked(tuple(link.hash.hex() for link in links), "; ".join(wrong))


def _digest(image: dict[str, bytes]) -> bytes:
    return hashlib.sha256(b"".join(name.encode() + image[name] for name in sorted(image))).digest()


def fast_place() -> str | None:
    """A directory in memory, where there is one: the images need no disk of their own."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def main() -> int:
    """Try all three settings as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=14_000, help="at least so many with FULL")
    parser.add_argument("--steps", type=int, default=60, help="what a store does in one life")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flyball-power-", dir=fast_place()) as place:
        full = Found()
        for seed in count(1):
            life = _life(Path(place), "FULL", asked.steps, seed)
            full = Found(
                full.images + life.images,
                full.lost + life.lost,
                max(full.most, life.most),
                full.wrong + life.wrong,
            )
            print_line(f"FULL, after {seed} lives: {full}")
            if full.images >= asked.images:
                break
        controls = {name: _life(Path(place), name, asked.steps, 1) for name in ("NORMAL", "OFF")}
    for name, found in controls.items():
        print_line(f"{name} (control): {found}")
    blind = [name for name, found in controls.items() if not (found.lost or found.wrong)]
    return 1 if full.lost or full.wrong or blind else 0


def _life(place: Path, setting: str, steps: int, seed: int) -> Found:
    with tempfile.TemporaryDirectory(dir=place) as directory:
        recording = recorded(Path(directory), SETTINGS[setting], steps, seed)
        return tried(recording, place, seed)


if __name__ == "__main__":
    sys.exit(main())
