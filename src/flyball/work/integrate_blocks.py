"""Classes whose share moved and nothing explains why: held back until a person lets them in again."""

from __future__ import annotations

from typing import Any

from flyball.core.facts import (
    ActionAsked,
    ActionRefused,
    AlertCleared,
    AlertRaised,
    AnswerGiven,
    BatchReleased,
    ClassAllowed,
    ClassBlocked,
    Fact,
)
from flyball.core.ids import Instant, Position
from flyball.core.labels.merge import BLOCKED
from flyball.core.labels.shares import RUNS, THRESHOLD, Gold, Shares, moved
from flyball.core.loop_parts import BLOCK
from flyball.errors import BadUsage, NotFound
from flyball.ports import Commit, Draft, NewJob, Store
from flyball.work.deadletters import TOGETHER, parked, requeue
from flyball.work.tools import Tools

ALERT = "class-blocked-{label}"
BY = "flyball"


def look(tools: Tools, now: Instant, closed: bool, gold: Gold | None = None) -> list[str]:
    """Hold back the classes that drifted, after a batch was closed or where a rule asks for it.

    Where a rule asks, its own threshold counts, and it is told what there is to say against it. While a
    class is held back the shares of all others are another matter, and nothing is looked at.
    """
    asked = tools.state.merging.asked
    if not closed and asked is None:
        return []
    catch_up(tools.shares, tools.store)
    if tools.state.merging.blocked:
        _refuse(tools, "a class is held back already", now)
        return []
    found = moved(list(tools.shares.runs), threshold=0.0 if asked else THRESHOLD, gold=gold)
    held = [each for each in found if each.blocks]
    facts: list[Fact] = []
    by = asked.fact.by if asked and isinstance(asked.fact, ActionAsked) else BY
    for each in held:
        message = f"{each}. No answer is settled as {each.label} until `flyball integrate allow {each.label}`"
        facts.append(ClassBlocked(each.label, by, str(each), each.shares))
        facts.append(AlertRaised(ALERT.format(label=each.label), "page", message))
    if facts:
        tools.tell(now, *facts)
    else:
        explained = "; ".join(str(each) for each in found)
        _refuse(tools, explained or f"no class moved further than chance explains within {RUNS} runs", now)
    return [each.label for each in held]


def catch_up(shares: Shares, store: Store) -> None:
    """Take in what was not seen yet; at the first time, from where the runs begin that are needed."""
    start = shares.seq
    if not start:
        released = [each.seq for each in store.log.read(kinds=[BatchReleased.kind])]
        # More than are needed, as some of them are out, or out of time with nothing to show.
        start = Position(released[-4 * RUNS :][0] - 1) if released else start
    for recorded in store.log.read(start, kinds=Shares.KINDS):
        shares.observe(recorded)


def allow(tools: Tools, label: str, by: str, because: str, now: Instant) -> dict[str, Any]:
    """Let a class in again, and the answers that were parked for it. Raises BadUsage, NotFound.

    Where there are many of them, a thousand go with it and the others after it: allow it again where that
    was cut short.
    """
    with tools.lock:
        answers = allowed(tools.store, tools.state.merging.blocked, label, because)
        items = [each.item for _, each in answers[:TOGETHER]]
        seqs = tuple(seq for seq, _ in answers[:TOGETHER])
        facts: list[Fact] = [ClassAllowed(label, by, because, seqs)]
        key = ALERT.format(label=label)
        facts += [AlertCleared(key)] if key in tools.state.alerts else []
        jobs = [NewJob("merge", item, 0, now, cause=seq) for item, seq in zip(items, seqs, strict=True)]
        tools.write(Commit([Draft(fact) for fact in facts], jobs), now)
    if rest := {seq for seq, _ in answers[TOGETHER:]}:
        requeue(tools, rest, by, because, now)
    return {"label": label, "answers": [seq for seq, _ in answers], "by": by, "because": because}


def allowed(store: Store, blocked: set[str], label: str, because: str) -> list[tuple[Position, AnswerGiven]]:
    """The answers that come back when a class is let in again. Raises BadUsage, NotFound."""
    if not because.strip():
        raise BadUsage('say why with --because "…"; whoever looks at these labels will want to know')
    those = parked(store, BLOCKED)
    found = [(each.answer.seq, each.given) for each in those if each.reason.startswith(f"label {label} ")]
    if label not in blocked and not found:
        held = f"held back: {', '.join(sorted(blocked))}" if blocked else "no class is held back"
        raise NotFound(f"label {label} is not held back; {held}")
    return found


def _refuse(tools: Tools, because: str, now: Instant) -> None:
    if tools.state.merging.asked is not None:
        tools.tell(now, ActionRefused(BLOCK, because))
