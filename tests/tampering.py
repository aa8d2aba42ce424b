"""Random tamperings of a log's SQLite file, each of which a verification has to find.

    python -m tests.tampering --count 10000

Each is verified twice, as a whole and in little pieces, and the same has to be found.
The control is a file that nobody touched, in which nothing may be found. What is newer than the newest
checkpoint is the declared window: a tampering there that writes the chain anew is not found, and counted.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.stores import answer, arrivals, chance, fresh_sqlite

from flyball.adapters.checkpoint_files import KEYS, CheckpointFiles, keys_of, read
from flyball.adapters.sql import open_store
from flyball.core.chain import Head, Link, commitment_of, key_of, seal
from flyball.core.ids import Position
from flyball.errors import Unreachable
from flyball.ports import Commit, Draft
from flyball.work.evidence import Findings, Keeper, verified
from flyball.work.evidence_pieces import SPAN

ORIGIN = "flyball/tried"
#: Facts in all, when the old copy is taken, and up to where checkpoints reach.
FACTS, OLD, SIGNED = 120, 70, 110
EVENT = ("seq", "source", "event_id", "idem_key", "kind", "item_id", "schema_hash", "received_at")
LINK = (*EVENT, "commitment", "hash")
Connection = sqlite3.Connection


@dataclass(frozen=True)
class Scene:
    """A log's file, a copy of it as it once was, and where its checkpoints are."""

    file: Path
    old: Path
    checkpoints: Path


def scene(place: Path) -> Scene:
    """A little log with checkpoints, the last of them some facts before its end."""
    path = place / "loop.db"
    store = fresh_sqlite(path)
    now = [1_000.0]
    checkpoints = place / "checkpoints"
    notary = CheckpointFiles(checkpoints, place / "key", ORIGIN)
    keeper = Keeper(store.log, store.evidence, notary, lambda: now[0])
    store.log.append(arrivals([f"i-{number}" for number in range(20)]), 1_000.0)
    while (head := store.log.head().seq) < FACTS:
        if head % 20 == 10 and head <= SIGNED:
            keeper.sign(at_once=True)
        if head == OLD:
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("VACUUM INTO ?", (str(place / "old.db"),))
        now[0] += 7.0
        said = answer(f"i-{head % 20}", "fraud" if head % 3 else "fine", f"ann-{head}")
        named = f"e-{head}" if head % 5 else None
        store.log.append(Commit([Draft(said, "desk", named, b"received %d" % head)]), now[0])
    store.close()
    return Scene(path, place / "old.db", checkpoints)


def found_in(file: Path, checkpoints: Path, bodies: bool = True, size: int = SPAN) -> Findings | str:
    """What a verification of a file in pieces of that size finds; a sentence where it cannot be read."""
    kept = read(checkpoints, keys_of(checkpoints / KEYS))
    assert not kept.wrong
    try:
        with closing(open_store(file, salt=chance(), read_only=True)) as store:
            *_, found = verified(store.evidence, store.log, kept.signed, ORIGIN, bodies, size=size)
            return found
    except (Unreachable, sqlite3.DatabaseError) as error:
        return str(error)


# --- what an intruder may do, each given the file's connection and chance


def edits_a_column(connection: Connection, rng: random.Random) -> None:
    seq, name = rng.randint(1, FACTS), rng.choice([name for name in LINK if name != "seq"])
    (value,) = connection.execute(f"SELECT {name} FROM event WHERE seq = ?", (seq,)).fetchone()
    connection.execute(f"UPDATE event SET {name} = ? WHERE seq = ?", (_other(value, rng), seq))


def edits_bytes(connection: Connection, rng: random.Random) -> None:
    seq, name = rng.randint(2, FACTS), rng.choice(["salt", "body", "raw"])
    (value,) = connection.execute(f"SELECT {name} FROM event_body WHERE seq = ?", (seq,)).fetchone()
    connection.execute(f"UPDATE event_body SET {name} = ? WHERE seq = ?", (_other(value, rng), seq))


def erases_bytes_unsaid(connection: Connection, rng: random.Random) -> None:
    names = rng.choice([("salt", "body", "raw"), ("salt",), ("body",), ("raw",), ("salt", "body")])
    empty = ", ".join(f"{name} = NULL" for name in names)
    connection.execute(f"UPDATE event_body SET {empty} WHERE seq = ?", (rng.randint(2, FACTS),))


def drops_the_bytes(connection: Connection, rng: random.Random) -> None:
    connection.execute("DELETE FROM event_body WHERE seq = ?", (rng.randint(1, FACTS),))


def deletes(connection: Connection, rng: random.Random) -> None:
    seq = rng.randint(1, FACTS - 1)
    for table in ("event_body", "event"):
        connection.execute(f"DELETE FROM {table} WHERE seq = ?", (seq,))
    if rng.random() < 0.5:
        _shift(connection, seq, -1)


def inserts(connection: Connection, rng: random.Random) -> None:
    links = _links(connection)
    seq = rng.randint(1, FACTS - 1)
    new = _said(links[seq - 1], rng)
    _shift(connection, seq, 1)
    _put(connection, new)


def exchanges_bytes(connection: Connection, rng: random.Random) -> None:
    one, two = rng.sample(range(2, FACTS + 1), 2)
    names = rng.choice([("body",), ("salt",), ("salt", "body", "raw")])
    links = {link.seq: link for link in _links(connection)}
    for here, there in ((one, two), (two, one)):
        other = links[Position(there)]
        values = [getattr(other, name) for name in names]
        changes = ", ".join(f"{name} = ?" for name in names)
        connection.execute(f"UPDATE event_body SET {changes} WHERE seq = ?", (*values, here))


def reorders(connection: Connection, rng: random.Random) -> None:
    one, two = rng.sample(range(1, FACTS + 1), 2)
    for table in ("event", "event_body"):
        for was, to in ((one, -1), (two, one), (-1, two)):
            connection.execute(f"UPDATE {table} SET seq = ? WHERE seq = ?", (to, was))


def cuts_the_end_off(connection: Connection, rng: random.Random) -> None:
    keep = rng.randint(0, SIGNED - 1)
    for table in ("event_body", "event"):
        connection.execute(f"DELETE FROM {table} WHERE seq > ?", (keep,))


def writes_the_rest_anew(connection: Connection, rng: random.Random) -> None:
    _anew(connection, rng.randint(1, SIGNED), rng)


def writes_the_window_anew(connection: Connection, rng: random.Random) -> None:
    """The one that nobody can find: it is newer than the newest checkpoint."""
    _anew(connection, rng.randint(SIGNED + 1, FACTS), rng)


TAMPERINGS: tuple[Callable[[Connection, random.Random], None], ...] = (
    *(edits_a_column, edits_bytes, erases_bytes_unsaid, drops_the_bytes, deletes, inserts),
    *(exchanges_bytes, reorders, cuts_the_end_off, writes_the_rest_anew),
)


def puts_the_old_file_back(scene: Scene, copy: Path) -> None:
    """A whole file as it once was."""
    shutil.copy(scene.old, copy)


def flips_a_byte(copy: Path, rng: random.Random) -> None:
    """In the file itself, without SQLite: in bytes as they were received."""
    content = bytearray(copy.read_bytes())
    place = content.index(b"received %d" % rng.randint(2, FACTS - 1)) + rng.randrange(8)
    content[place] ^= 1 << rng.randrange(8)
    copy.write_bytes(content)


def tampered(scene: Scene, copy: Path, number: int, seed: int) -> str:
    """Make a tampered copy, and say how."""
    rng = random.Random(f"{seed}-{number}")
    for path in copy.parent.glob(copy.name + "*"):
        path.unlink()
    shutil.copy(scene.file, copy)
    kind = number % (len(TAMPERINGS) + 2)
    if kind == len(TAMPERINGS):
        puts_the_old_file_back(scene, copy)
        return puts_the_old_file_back.__name__
    if kind == len(TAMPERINGS) + 1:
        flips_a_byte(copy, rng)
        return flips_a_byte.__name__
    apply(copy, TAMPERINGS[kind], rng)
    return TAMPERINGS[kind].__name__


def apply(copy: Path, tampering: Callable[[Connection, random.Random], None], rng: random.Random) -> None:
    """Do it as somebody with the file and without our triggers can."""
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("BEGIN")
        tampering(connection, rng)
        connection.execute("COMMIT")


def doing(*statements: str) -> Callable[[Connection, random.Random], None]:
    """A tampering that is chosen, and not left to chance."""

    def tampering(connection: Connection, _: random.Random) -> None:
        for statement in statements:
            assert connection.execute(statement).rowcount, statement

    return tampering


def _other(value: Any, rng: random.Random) -> Any:
    if isinstance(value, int):
        return value + rng.choice([-1, 1, 1_000_000])
    if isinstance(value, bytes) and value:
        place = rng.randrange(len(value))
        changed = bytes([value[place] ^ (1 << rng.randrange(8))])
        return rng.choice([value[:place] + changed + value[place + 1 :], value[:-1], value + b"x"])
    if isinstance(value, bytes) or value is None:
        return rng.choice([b"x", b"{}"]) if isinstance(value, bytes) else "somebody"
    return rng.choice([value + "x", value[:-1] or "x", "x" + value])


def _links(connection: Connection) -> list[Link]:
    columns = ", ".join(f"e.{name}" for name in LINK)
    query = f"SELECT {columns}, b.salt, b.body, b.raw FROM event e JOIN event_body b USING (seq) ORDER BY seq"
    found = []
    for seq, source, event_id, key, kind, item, schema, at, *rest in connection.execute(query):
        found.append(Link(seq, at, source, event_id, key, kind, item or "", schema, *rest))
    return found


def _said(link: Link, rng: random.Random) -> Link:
    """The same fact with something else said in it, with a commitment and a key that fit."""
    salt, body = rng.randbytes(16), b'{"item":"i-1","annotator":"me","label":"%d"}' % rng.randrange(10**9)
    commitment = commitment_of(salt, body, link.raw)
    name = f"forged-{rng.randrange(10**9)}"
    new = link._replace(salt=salt, body=body, commitment=commitment, event_id=name)
    return new._replace(key=key_of(link.source, name))


def _anew(connection: Connection, seq: int, rng: random.Random) -> None:
    links = _links(connection)
    last: Head | Link = links[seq - 2] if seq > 1 else Head()
    links[seq - 1] = _said(links[seq - 1], rng)
    connection.execute("DELETE FROM event_body WHERE seq >= ?", (seq,))
    connection.execute("DELETE FROM event WHERE seq >= ?", (seq,))
    for old in links[seq - 1 :]:
        assert old.salt is not None and old.body is not None
        last = seal(
            last,
            old.at,
            old.salt,
            source=old.source,
            event_id=old.event_id,
            key=None if old.event_id is None else old.key,
            kind=old.kind,
            item=old.item,
            body=old.body,
            raw=old.raw,
        )
        _put(connection, last)


def _shift(connection: Connection, seq: int, by: int) -> None:
    for table in ("event_body", "event"):
        connection.execute(f"UPDATE {table} SET seq = -(seq + ?) WHERE seq >= ?", (by, seq))
        connection.execute(f"UPDATE {table} SET seq = -seq WHERE seq < 0")


def _put(connection: Connection, link: Link) -> None:
    row = (link.seq, link.source, link.event_id, link.key, link.kind, link.item or None, link.schema, link.at)
    connection.execute(
        f"INSERT INTO event ({', '.join(LINK)}) VALUES ({', '.join('?' * len(LINK))})",
        (*row, link.commitment, link.hash),
    )
    body = (link.seq, link.salt, link.body, link.raw)
    connection.execute("INSERT INTO event_body (seq, salt, body, raw) VALUES (?, ?, ?, ?)", body)


def main() -> int:
    """Tamper, verify, count; 1 where something was not found, or the control is not clean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--piece", type=int, default=10, help="so many facts in each piece, the second time")
    chosen = parser.parse_args()
    done: Counter[str] = Counter()
    missed: list[str] = []
    with tempfile.TemporaryDirectory() as place:
        made = scene(Path(place))
        control = found_in(made.file, made.checkpoints)
        clean = isinstance(control, Findings) and control.count == 0
        copy = Path(place) / "tampered.db"
        for number in range(chosen.count):
            how = tampered(made, copy, number, chosen.seed)
            found = found_in(copy, made.checkpoints)
            done[how] += 1
            if isinstance(found, Findings) and not found.count:
                missed.append(f"{how}, number {number}")
            if found_in(copy, made.checkpoints, size=chosen.piece) != found:
                missed.append(f"{how}, number {number}, in pieces")
    lines = [f"{count:7,} {how}" for how, count in sorted(done.items())]
    lines += [f"control: {'nothing found' if clean else control}", f"missed: {missed[:20] or 'none'}"]
    sys.stdout.write("\n".join(lines) + "\n")
    return int(bool(missed) or not clean)


if __name__ == "__main__":
    sys.exit(main())
