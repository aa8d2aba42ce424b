"""Clocks of annotators that run ahead of ours: noted, and never a reason to drop an answer."""

from __future__ import annotations

from collections.abc import Sequence

from flyball.core.facts import AnswerGiven, Recorded
from flyball.core.ids import Instant
from flyball.core.labels.contract import Contract
from flyball.work.tools import Tools


def note_clocks(tools: Tools, answers: Sequence[Recorded], contract: Contract, now: Instant) -> int:
    """Raise an alert for each annotator whose newest answer was said in our future, beyond the grace.

    The next answer with a good time takes it back. Gives how many of these answers were.
    """
    count, newest = 0, dict[str, bool]()
    for recorded in answers:
        told = recorded.fact
        if isinstance(told, AnswerGiven) and told.said_at is not None:
            ahead = contract.noted(told.said_at, recorded.at) is not None
            newest[told.annotator] = ahead
            count += ahead
    for annotator, ahead in newest.items():
        key = f"clock@{annotator}"
        if ahead:
            grace = f"{contract.grace / 60:g} minutes"
            message = (
                f"the clock of {annotator} is ahead of ours by more than {grace}; its times stay as told"
            )
            tools.alert(now, key, message)
        else:
            tools.clear(now, key)
    return count
