"""The contract in force: a new file is taken up when it is whole, and refused with its mistakes when not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from flyball.core.facts import (
    AlertCleared,
    AlertRaised,
    ContractLoaded,
    ContractRefused,
    DefinitionsApproved,
    Fact,
)
from flyball.core.ids import START, Digest, Instant, Position, digest_of
from flyball.core.labels.contract import Approval, Contract
from flyball.core.labels.contract_history import Lapse, effective, lapses, other_meaning
from flyball.errors import BadFile, Problem
from flyball.ports import Log
from flyball.work.contract_parked import reconsider
from flyball.work.tools import Tools

ALERT = "contract"
_BOM = "\ufeff".encode()
_WORDS = {
    "backward": "compatible backward only",
    "forward": "compatible forward only",
    "none": "not compatible",
}
#: Makes a contract of a file's bytes and its name, or raises BadFile.
Read = Callable[[bytes, str], Contract]
_KINDS = (ContractLoaded.kind, DefinitionsApproved.kind)


class ContractFile(Protocol):
    """The loop's contract file, wherever it is kept."""

    def read(self) -> tuple[bytes, str]:
        """Its bytes and its name as they are now. Raises OSError."""


@dataclass(slots=True)
class Known:
    """What a log says of contracts: all that were in force, oldest first, and what people let in."""

    read: Read
    loaded: list[Contract] = field(default_factory=list)
    approved: list[Approval] = field(default_factory=list)
    seen: Position = START
    _effective: Contract | None = None

    def catch_up(self, log: Log) -> None:
        """Take in what was not seen yet. A contract that this Flyball does not read is passed over."""
        for recorded in log.read(self.seen, kinds=_KINDS):
            self.seen, self._effective = recorded.seq, None
            match recorded.fact:
                case ContractLoaded(name=name, text=text):
                    try:
                        self.loaded.append(self.read(text.encode(), name))
                    except BadFile:
                        continue
                case DefinitionsApproved(definitions=definitions, labels=labels, by=by, because=because):
                    self.approved.append(Approval(definitions, labels, by, because))
                case _:
                    pass

    def contract(self) -> Contract | None:
        """The contract that was loaded last, with what the loop knows; None where there never was one."""
        if self._effective is None and self.loaded:
            self._effective = effective(self.loaded[-1], self.loaded[:-1], self.approved)
        return self._effective


@dataclass(slots=True)
class ContractBook:
    """The contract of one loop, its file and its past."""

    file: ContractFile
    read: Read
    known: Known
    refused: str = ""

    @classmethod
    def of(cls, file: ContractFile, read: Read) -> ContractBook:
        """A book that has read nothing yet."""
        return cls(file, read, Known(read))


def wake(tools: Tools, now: Instant) -> None:
    """Take up the contract that was in force, then the file as it is now.

    Raises BadFile where the file has mistakes and there was no contract before it.
    """
    book = tools.contracts
    if book is None:
        return
    book.known.catch_up(tools.store.log)
    if not book.known.loaded and (there := _there(book)) is not None:
        _checked(tools, book, *there)
    reload(tools, now)


def reload(tools: Tools, now: Instant) -> None:
    """Take the contract file as it is now, if it is whole and new; keep what there is if it is not.

    Where several processes share a store, the one that leads reads the file, and the others the log.
    """
    book = tools.contracts
    if book is None:
        return
    with tools.lock:
        book.known.catch_up(tools.store.log)
        if not tools.store.shared or tools.store.leads():
            _reload(tools, book, now)


def in_force(tools: Tools) -> Contract:
    """The contract in force, with what the loop learned about definitions; without one, what is implied."""
    book = tools.contracts
    return (book and book.known.contract()) or Contract.implied(tools.classes)


def listed(tools: Tools) -> bool:
    """Whether a contract lists the labels there are."""
    return tools.contracts is not None and tools.contracts.known.contract() is not None


def known_of(log: Log, read: Read) -> Known:
    """What a log says of contracts."""
    known = Known(read)
    known.catch_up(log)
    return known


def _reload(tools: Tools, book: ContractBook, now: Instant) -> None:
    standing = book.known.loaded[-1] if book.known.loaded else None
    there = _there(book)
    if there is None:
        book.refused = ""
        if standing is None:
            tools.clear(now, ALERT)
        else:
            gone = f"the contract {tools.settings.loop.contract} cannot be read"
            tools.alert(now, ALERT, f"{gone}. The contract before it stays in force.")
        return
    content, name = there
    digest = digest_of(content)
    if standing is not None and digest == standing.digest:
        book.refused = ""
        tools.clear(now, ALERT)
    elif digest != book.refused:
        try:
            _take(tools, book, _checked(tools, book, content, name), now)
        except BadFile as error:
            _refuse(tools, book, digest, name, error, now)


def _there(book: ContractBook) -> tuple[bytes, str] | None:
    """The file without the mark that some editors put before it."""
    try:
        content, name = book.file.read()
    except OSError:
        return None
    return content.removeprefix(_BOM), name


def _checked(tools: Tools, book: ContractBook, content: bytes, name: str) -> Contract:
    """A file's contract, if it can follow those before it. Raises BadFile."""
    contract = book.read(content, name)
    if problems := breaks(contract, book.known.loaded, tools.classes, name):
        raise BadFile(problems)
    return contract


def breaks(
    contract: Contract, earlier: Sequence[Contract], classes: Sequence[str], file: str
) -> list[Problem]:
    """Why a contract cannot follow those that were in force before it; nothing where it can.

    `classes` are those of the stream. What becomes known by itself has their names, and would be another
    class than what annotators say.
    """
    ids = {label.id for label in contract.labels}
    if strange := [name for name in classes if name not in ids]:
        listed = ", ".join(f"`{name}`" for name in strange[:5])
        told = f"the stream has the classes {listed}, and no label has such an id. Make it the id, and what"
        return [Problem("C403", f"{told} people call it the name", file)]
    if other_meaning(contract, earlier) is not None:
        free = 1 + max(each.version for each in earlier)
        told = (
            f"version {contract.version} of `{contract.name}` stood for other definitions in this loop."
            f" Give this one `version: {free}`, with an entry in `history`"
        )
        return [Problem("C401", told, file)]
    return [Problem("C402", _lapsed(lapse), file) for lapse in lapses(contract, earlier)]


def _lapsed(lapse: Lapse) -> str:
    changes = "; ".join(change.sentence for change in lapse.changes)
    return (
        f"with version {lapse.version} it is {_WORDS[lapse.reads]}, and `compatibility: {lapse.asked}` is"
        f" asked for. {changes}. Where that is meant, say `compatibility: {lapse.reads}`"
    )


def _refuse(
    tools: Tools, book: ContractBook, digest: Digest, name: str, error: BadFile, now: Instant
) -> None:
    told = tuple(str(problem) for problem in error.problems)
    count = f"{len(told)} mistake{'s' * (len(told) > 1)}"
    stays = "the contract before it stays in force" if book.known.loaded else "there is no contract in force"
    book.refused = digest
    message = f"{name} has {count}; {stays}. {told[0]}"
    standing = tools.state.alerts.get(ALERT)
    if standing is None or getattr(standing.fact, "message", "") != message:
        tools.tell(now, ContractRefused(digest, name, told), AlertRaised(ALERT, "warn", message))


def _take(tools: Tools, book: ContractBook, contract: Contract, now: Instant) -> None:
    """Write down at once that the contract is in force."""
    made = contract.history[-1] if contract.history else None
    facts: list[Fact] = [
        ContractLoaded(
            digest=contract.digest,
            definitions=contract.definitions,
            name=contract.name,
            version=contract.version,
            text=contract.text,
            by=made.by if made else "",
            because=made.because if made else "",
        )
    ]
    if ALERT in tools.state.alerts:
        facts.append(AlertCleared(ALERT))
    tools.tell(now, *facts)
    book.refused = ""
    book.known.catch_up(tools.store.log)
    reconsider(tools, in_force(tools), now)
