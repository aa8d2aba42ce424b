"""Take in what sources outside have put somewhere: files of a folder or a bucket, messages of a topic."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from flyball.core.facts import DeliveryUnread
from flyball.core.ids import Digest, canonical, digest_of
from flyball.core.mappings import Map, kept
from flyball.errors import NotFound
from flyball.ports import Commit, Receipt
from flyball.ports.intake import Drop, Found, Topic
from flyball.work.deliveries import (
    Delivery,
    Origin,
    definitions_of,
    of_bytes,
    of_value,
    source_of,
    take,
    unread,
)
from flyball.work.file_rows import KINDS, BadRows, Row, Rows, suffix_of
from flyball.work.tools import Tools

#: Rows that are written together, and messages that are taken at once, in so many rounds of a pass.
TOGETHER, ROUNDS = 500, 40
#: Rows that are larger together than this are not written together.
BYTES = 8 << 20
#: How long a topic may be silent before a pass over it ends.
PATIENCE = 0.5


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one pass over a source came to. `waiting`: files by name; `bad`: a sentence for each file.

    `more`: there is something to do at once.
    """

    new: int = 0
    again: int = 0
    conflicts: int = 0
    unread: int = 0
    read: int = 0
    waiting: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    more: bool = False

    def with_receipts(self, receipts: tuple[Receipt, ...], unread: int) -> Pulled:
        """The same with these answers too."""
        conflicts = sum(receipt.conflict for receipt in receipts)
        new = sum(receipt.new for receipt in receipts)
        return replace(
            self,
            new=self.new + new,
            again=self.again + len(receipts) - new - conflicts,
            conflicts=self.conflicts + conflicts,
            unread=self.unread + unread,
        )

    def then(self, later: Pulled) -> Pulled:
        """This pass and one after it."""
        return replace(
            later,
            new=self.new + later.new,
            again=self.again + later.again,
            conflicts=self.conflicts + later.conflicts,
            unread=self.unread + later.unread,
            read=self.read + later.read,
        )

    @property
    def happened(self) -> bool:
        """Something came of it."""
        return bool(self.new or self.conflicts or self.unread or self.read)


@dataclass(slots=True)
class Files:
    """Reads the files of a drop: each once, and again when it or the map changes; nothing half-written.

    Which were read is noted in the store, so that a restart reads only what is new. Where a note is lost,
    or a file comes again under another name, its rows have the ids that they had.
    """

    tools: Tools
    name: str
    drop: Drop
    by: Map
    stopped: Callable[[], bool] = lambda: False
    _read: dict[str, tuple[str, str]] = field(default_factory=dict)
    _unfinished: dict[str, str] = field(default_factory=dict)

    def pull(self, again: bool = False) -> Pulled:
        """One pass. `again`: over everything, whatever was read before. Raises Unreachable."""
        pulled = Pulled()
        for found in self.drop.found():
            if self.stopped() or suffix_of(found.name) not in KINDS:
                continue
            stamp = self._stamp(found)
            if self._unfinished.get(found.name) == stamp and not again:
                pulled = replace(pulled, waiting=(*pulled.waiting, found.name))
            elif again or self._known(found.name)[0] != stamp:
                pulled = self._file(found, stamp, pulled)
            elif bad := self._known(found.name)[1]:
                pulled = replace(pulled, bad=(*pulled.bad, bad))
        return pulled

    def close(self) -> None:
        """Nothing is held between two passes."""

    def _file(self, found: Found, stamp: str, pulled: Pulled) -> Pulled:
        if not found.settled:
            return replace(pulled, waiting=(*pulled.waiting, found.name), more=True)
        try:
            with self.drop.opened(found) as file:
                rows = Rows(file, found.name, found.size)
                source = source_of(self.name)
                made = (_of_row(row, self.by, Origin(source, f"{found.name}:{row.line}")) for row in rows)
                for chunk in _chunks(made):
                    if not self.drop.still(found) or self.stopped():
                        return replace(pulled, waiting=(*pulled.waiting, found.name), more=True)
                    receipts = take(self.tools, chunk, source, self.tools.clock.now())
                    pulled = pulled.with_receipts(receipts, sum(bool(each.flaws) for each in chunk))
        except NotFound:  # it was taken away again
            return pulled
        except BadRows as error:
            self._note(found.name, stamp, str(error))
            return replace(pulled, bad=(*pulled.bad, str(error)))
        if rows.unfinished:
            self._unfinished[found.name] = stamp
            return replace(pulled, waiting=(*pulled.waiting, found.name))
        self._unfinished.pop(found.name, None)
        self._note(found.name, stamp)
        return replace(pulled, read=pulled.read + 1)

    def _stamp(self, found: Found) -> str:
        return f"{found.size} {found.stamp} {_map_digest(self.by)[:16]}"

    def _known(self, name: str) -> tuple[str, str]:
        """With what stamp it was read, and what was wrong with it then."""
        if name not in self._read:
            stamp, _, bad = (self.tools.store.log.note(self._key(name)) or "").partition("\n")
            self._read[name] = (stamp, bad)
        return self._read[name]

    def _note(self, name: str, stamp: str, bad: str = "") -> None:
        note = f"{stamp}\n{bad}" if bad else stamp
        self.tools.store.log.append(Commit(notes={self._key(name): note}), self.tools.clock.now())
        self._read[name] = (stamp, bad)

    def _key(self, name: str) -> str:
        return f"source/{self.name}/{digest_of(name.encode())[:32]}"


@dataclass(slots=True)
class Messages:
    """Takes messages from a topic; it hears that they are safe only after they are."""

    tools: Tools
    name: str
    topic: Topic
    by: Map
    stopped: Callable[[], bool] = lambda: False

    def pull(self, again: bool = False) -> Pulled:
        """One pass: what has come up to now, or a share of it. Raises Unreachable."""
        pulled, source = Pulled(), source_of(self.name)
        for _ in range(ROUNDS):
            messages = self.topic.take(TOGETHER, PATIENCE)
            if not messages:
                return pulled
            deliveries = [
                of_bytes(
                    message.value,
                    self.by,
                    Origin(
                        source,
                        message.place,
                        definitions=self._definitions(message.schema),
                        key=message.key or None,
                    ),
                )
                for message in messages
            ]
            receipts = take(self.tools, deliveries, source, self.tools.clock.now())
            pulled = pulled.with_receipts(receipts, sum(bool(each.flaws) for each in deliveries))
            self.topic.done(messages)
            if self.stopped():
                break
        return replace(pulled, more=True)

    def close(self) -> None:
        """Let go of the topic; what is not safe yet comes again when it is opened the next time."""
        self.topic.close()

    def _definitions(self, schema: int | None) -> Digest | None:
        return None if schema is None else schema_digest(self.name, schema)


def schema_digest(name: str, schema: int) -> Digest:
    """The definitions that a schema id of a source's registry stands for."""
    return definitions_of(f"{source_of(name)}/schema/{schema}")


def reread(tools: Tools, name: str, by: Map) -> Pulled:
    """Try once more, with the map as it is now, what could not be read of what a source has called."""
    source, pulled = source_of(name), Pulled()

    def again() -> Iterator[Delivery]:
        for link in tools.store.evidence.links():
            if link.source != source or link.kind != DeliveryUnread.kind:
                continue
            if link.raw is not None and link.body is not None and json.loads(link.body)["where"] == CALLED:
                yield of_bytes(link.raw, by, Origin(source, CALLED))

    for chunk in _chunks(again()):
        receipts = take(tools, chunk, source, tools.clock.now())
        pulled = pulled.with_receipts(receipts, sum(bool(each.flaws) for each in chunk))
    return pulled


#: Where a delivery came from that a source called with.
CALLED = "webhook"


def _of_row(row: Row, by: Map, origin: Origin) -> Delivery:
    safe = kept(row.raw, by)
    return unread(safe, row.flaws, origin) if row.flaws else of_value(row.value, safe, by, origin)


def _chunks(made: Iterable[Delivery]) -> Iterator[list[Delivery]]:
    chunk: list[Delivery] = []
    size = 0
    for each in made:
        chunk.append(each)
        size += each.size
        if len(chunk) == TOGETHER or size >= BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _map_digest(by: Map) -> Digest:
    return digest_of(canonical(asdict(by)))


def told(pulled: Pulled) -> dict[str, Any]:
    """A pass as plain values."""
    return asdict(pulled)
