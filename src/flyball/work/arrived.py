"""Answers that came before their items: looked at again, by themselves, once their items arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flyball.core.facts import AnswerParked, LetterRequeued
from flyball.core.ids import Instant, ItemId
from flyball.core.labels.merge import never
from flyball.errors import StaleItems
from flyball.ports import Commit, Draft, NewJob, Unless
from flyball.work.contract_parked import given
from flyball.work.deadletters import KIND, general
from flyball.work.tools import Tools

#: How often it is looked anew for answers that were parked in this very moment.
TRIES = 10
BY, BECAUSE = "flyball", "the item arrived"


def arrive(tools: Tools, commit: Commit, items: Sequence[ItemId], now: Instant) -> None:
    """Write down that items arrived, and send answers on their way again that were parked for want of them.

    Both happen in one transaction, in which no answer may have been parked since it was looked for them;
    a merge in its turn parks none for want of an item that has arrived. Costs one count where no answer is
    parked. Raises what `Log.append` raises.
    """
    for attempt in range(TRIES):
        read_at = tools.store.log.head().seq
        try:
            tools.write(_with_answers(tools, commit, items, Unless(read_at, kinds=[AnswerParked.kind])), now)
            return
        except StaleItems:
            if attempt == TRIES - 1:
                raise


def _with_answers(tools: Tools, commit: Commit, items: Sequence[ItemId], unless: Unless) -> Commit:
    store = tools.store
    if not items or not store.items.count_standing("parked"):
        return replace(commit, unless=unless)
    said = [each for those in store.items.answers_to(items).values() for each in those]
    standing = store.items.standing([each.seq for each in said])
    drafts, jobs = list(commit.facts), list(commit.jobs)
    for answer in said:
        if standing.get(answer.seq) == "parked":
            told = given(answer)
            why = never(told.item)
            jobs.append(NewJob(KIND, told.item, len(drafts), cause=answer.seq))
            drafts.append(Draft(LetterRequeued(answer.seq, general(why, told), why, 1, BY, BECAUSE)))
    return replace(commit, facts=drafts, jobs=jobs, unless=unless)
