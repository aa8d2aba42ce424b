"""Let answers in that were given under definitions nobody knew: who, why, and what their labels are here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flyball.core.facts import ContractLoaded, DefinitionsApproved
from flyball.core.ids import Instant
from flyball.core.labels.contract import Contract
from flyball.core.labels.contract_fields import plain
from flyball.core.rules.words import near
from flyball.errors import BadUsage, NotFound
from flyball.ports import Commit, Draft, Log, NewJob
from flyball.work.contract import in_force
from flyball.work.contract_parked import Unknown, given, quiet, unknown
from flyball.work.deadletters import TOGETHER, requeue
from flyball.work.tools import Tools


def chosen(those: Sequence[Unknown], contract: Contract, digest: str) -> Unknown:
    """The one that a person named by its digest or by the beginning of it. Raises BadUsage, NotFound.

    Definitions that were let in before can be named too: what their labels are is said anew from now on.
    """
    before = [Unknown(each.definitions, ()) for each in contract.approved]
    known = {each.definitions: each for each in (*before, *those)}
    found = [each for each in known.values() if digest and each.definitions.startswith(digest.lower())]
    if len(found) == 1:
        return found[0]
    if found:
        many = ", ".join(each.definitions[:16] for each in found)
        raise BadUsage(f"{digest} is the beginning of several: {many}; name more of it")
    there = ", ".join(each.definitions[:16] for each in those)
    raise NotFound(
        f"no answer is parked for definitions {digest!r}; "
        + (f"those that wait: {there}" if there else "no answer waits for any")
    )


def mapped(contract: Contract, those: Unknown, labels: Mapping[str, str]) -> dict[str, str]:
    """What each label of these answers is in the contract, by id, where a person says that it is another.

    Raises BadUsage with every label that has no meaning here.
    """
    names = [name for label in contract.labels for name in label.names]
    found: dict[str, str] = {}
    wrong: list[str] = []
    for said, meant in labels.items():
        id = contract.label_of(meant)
        if id is None:
            wrong.append(f"the contract has no label `{meant}`{near(meant, names)}")
        else:
            found[said] = id
    told = {plain(said) for said in labels}
    for said, count in sorted(those.labels.items()):
        if said and plain(said) not in told and contract.label_of(said) is None:
            wrong.append(
                f"{_counted(count)} `{said}`, which the contract has not; say what with --map {said}=…"
            )
    if wrong:
        raise BadUsage("\n".join(wrong))
    return found


def approve(
    tools: Tools, digest: str, labels: Mapping[str, str], by: str, because: str, now: Instant
) -> dict[str, Any]:
    """Let the answers in that were given under these definitions: they, and no others, are merged now.

    `labels` says what a label of theirs is called in the contract. Raises BadUsage, NotFound.
    """
    if not because.strip():
        raise BadUsage('say with --because "…" how you know what these labels mean; it is kept')
    with tools.lock:
        contract = in_force(tools)
        those = chosen(unknown(tools.store), contract, digest)
        meant = mapped(contract, those, labels)
        first, rest = those.answers[:TOGETHER], those.answers[TOGETHER:]
        fact = DefinitionsApproved(those.definitions, by, because, tuple(each.seq for each in first), meant)
        jobs = [NewJob("merge", given(each).item, 0, now, cause=each.seq) for each in first]
        tools.write(Commit([Draft(fact)], jobs), now)
        quiet(tools, those.definitions, now)
        if tools.contracts is not None:
            tools.contracts.known.catch_up(tools.store.log)
    if rest:  # nobody waits for his turn until all of them have gone; what stops here is approved again
        requeue(tools, {each.seq for each in rest}, by, because, now)
    return approval(those, meant, by, because)


def approval(those: Unknown, labels: Mapping[str, str], by: str, because: str) -> dict[str, Any]:
    """What an approval does, as plain values."""
    return {
        "definitions": those.definitions,
        "answers": [each.seq for each in those.answers],
        "labels": dict(labels),
        "by": by,
        "because": because,
    }


def loaded(log: Log) -> list[tuple[Instant, ContractLoaded]]:
    """Every contract that came in force, in order, and when."""
    return [
        (recorded.at, recorded.fact)
        for recorded in log.read(kinds=[ContractLoaded.kind])
        if isinstance(recorded.fact, ContractLoaded)
    ]


def _counted(count: int) -> str:
    return "1 answer says" if count == 1 else f"{count:,} answers say"
