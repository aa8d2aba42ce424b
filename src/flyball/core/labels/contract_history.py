"""A contract as it holds in a loop that had others before it: what was learned stays known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flyball.core.ids import Digest
from flyball.core.labels.contract import Approval, Contract
from flyball.core.labels.contract_diff import Change, allows, both, changes, readable, together


def effective(contract: Contract, earlier: Sequence[Contract], approved: Sequence[Approval]) -> Contract:
    """A contract with what its loop knows: earlier names of a label are aliases, earlier definitions that
    mean the same are let in, and so is what a person let in.

    A name that another label has today, or that two labels had, is no alias: it would be one word for
    two things.
    """
    taken = {name for label in contract.labels for name in label.names}
    meant: dict[str, set[str]] = {}
    for each in earlier:
        for label in each.labels:
            for name in label.names:
                meant.setdefault(name, set()).add(label.id)
    former = {name: ids.pop() for name, ids in meant.items() if name not in taken and len(ids) == 1}
    labels = tuple(
        replace(label, aliases=(*label.aliases, *(n for n, id in former.items() if id == label.id)))
        for label in contract.labels
    )
    known = _still_read(contract, earlier, {each.definitions for each in approved})
    return replace(contract, labels=labels, approved=(*contract.approved, *known, *approved))


@dataclass(frozen=True, slots=True)
class Lapse:
    """An earlier version with which a contract is less compatible than was asked for, and by what."""

    version: int
    asked: str
    reads: str
    changes: tuple[Change, ...]


def lapses(contract: Contract, earlier: Sequence[Contract]) -> list[Lapse]:
    """Everything in the past that a contract is not compatible enough with, the newest first.

    All versions count, and not only the last. What one of them said that it may break stays broken for
    those after it: behind a version with `compatibility: backward`, backward is enough.
    """
    asked: str = contract.compatibility
    found: list[Lapse] = []
    for old in reversed(earlier):
        differs = changes(old, contract)
        reads = together(differs)
        if not allows(asked, reads):
            wrong = tuple(each for each in differs if not allows(asked, each.reads))
            found.append(Lapse(old.version, asked, reads, wrong))
        asked = both(asked, old.compatibility)
    return found


def other_meaning(contract: Contract, earlier: Sequence[Contract]) -> Contract | None:
    """An earlier contract of the same name and version that meant something else, where there is one."""
    return next(
        (
            each
            for each in reversed(earlier)
            if (each.name, each.version) == (contract.name, contract.version)
            and each.definitions != contract.definitions
        ),
        None,
    )


def _still_read(contract: Contract, earlier: Sequence[Contract], told: set[Digest]) -> list[Approval]:
    """Earlier definitions whose answers can be read as they are, each once.

    Those of which a person has said what they mean are left to that.
    """
    others = {each.definitions: each for each in earlier if each.definitions != contract.definitions}
    return [
        Approval(definitions, by="flyball", because="compatible with the contract in force")
        for definitions, each in others.items()
        if definitions not in told and readable(each, contract)
    ]
